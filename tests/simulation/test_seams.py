"""What a scenario and its handlers see of the world."""

import _thread
import asyncio
import datetime as dt
import importlib
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from os import system, urandom
from pathlib import Path
from socket import create_connection
from subprocess import Popen
from time import monotonic, perf_counter, sleep
from time import time as wall
from typing import Any
from uuid import uuid4

import pytest

from collector_mesh import Collector, MeshClient, Service
from collector_mesh.simulation import Sim, Simulation, SimulationError

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def seen_by_a_handler(look: Callable[[], object], *, seed: int = 8) -> Any:
    """What a handler sees 100 virtual seconds after the clock of its host has jumped by an hour."""

    async def scenario(sim: Sim) -> object:
        seen: list[object] = []
        service = Service("things", "Things")

        @service.method("Look")
        def look_around() -> None:
            seen.append(look())

        sim.collector("shop", services=[service])
        front = sim.collector("front", namespaces=["things"], peers=["shop"])
        await sim.settled()
        sim.clock_skew("shop", 3600.0)
        await sim.sleep(100.0 - sim.now)
        assert (await front.dispatch("things", "Things", "Look")).status.code == 200
        return seen[0]

    return Simulation(seed).run(scenario, until=200.0).value


@pytest.mark.parametrize("look", [time.monotonic, lambda: monotonic(), lambda: perf_counter()])  # noqa: PLW0108  # looked up when they are called
def test_what_counts_seconds_is_virtual(look: Callable[[], float]) -> None:
    before = time.monotonic()

    seen = seen_by_a_handler(look if look is not time.monotonic else lambda: time.monotonic())  # noqa: PLW0108  # the same

    assert 100 < seen < 101
    assert time.monotonic() - before < 60


@pytest.mark.parametrize(
    "look",
    [
        lambda: datetime.fromtimestamp(time.time(), dt.UTC),
        lambda: datetime.fromtimestamp(wall(), dt.UTC),
        lambda: datetime.now(dt.UTC),
        lambda: datetime.now().astimezone(),  # what a user may write
    ],
)
def test_the_time_of_day_is_virtual(look: Callable[[], datetime]) -> None:
    seen: datetime = seen_by_a_handler(look)

    assert 3700 < (seen - BEGIN).total_seconds() < 3701
    assert datetime.now(dt.UTC) > BEGIN + dt.timedelta(days=30)


@pytest.mark.parametrize(
    "look",
    [
        random.random,
        lambda: random.Random().random(),
        lambda: str(uuid.uuid4()),
        lambda: str(uuid4()),
        secrets.token_hex,
        lambda: os.urandom(8),
    ],
)
def test_chance_comes_from_the_seed(look: Callable[[], object]) -> None:
    state = random.getstate()

    first, second, other = (seen_by_a_handler(look, seed=seed) for seed in (1, 1, 2))

    assert first == second != other
    assert random.getstate() == state
    assert look() != first


@pytest.mark.parametrize(
    "look", [lambda: sleep(3600.0), lambda: time.sleep(3600.0)]
)  # looked up when they are called
def test_a_plain_handler_that_sleeps_takes_no_time(look: Callable[[], None]) -> None:
    before = time.monotonic()

    seen_by_a_handler(look)

    assert time.monotonic() - before < 60


def test_executors_run_what_they_are_given_at_once() -> None:
    async def scenario(sim: Sim) -> tuple[object, ...]:
        begin = sim.now
        with ThreadPoolExecutor() as pool:
            one = pool.submit(max, 1, 2).result()
            more = list(pool.map(abs, [-1, -2]))
            wrong = pool.submit(int, "none").exception()
            awaited = await asyncio.get_running_loop().run_in_executor(pool, max, 3, 4)
        return one, more, str(wrong), awaited, await asyncio.to_thread(max, 5, 6), sim.now - begin

    value: Any = Simulation(seed=8).run(scenario, until=60.0).value

    assert value == (2, [1, 2], "invalid literal for int() with base 10: 'none'", 4, 6, 0.0)


def test_a_module_that_is_imported_meanwhile_has_the_real_time_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_late.py").write_text("from time import monotonic, sleep\nat = monotonic()\n")
    monkeypatch.syspath_prepend(tmp_path)

    async def scenario(sim: Sim) -> float:
        await sim.sleep(7.0)
        at: float = importlib.import_module("imported_late").at
        return at

    at = Simulation(seed=8).run(scenario, until=60.0).value
    late = sys.modules.pop("imported_late")

    assert at == 7.0
    assert (late.monotonic, late.sleep) == (time.monotonic, time.sleep)


def test_other_threads_of_the_process_go_on_in_the_real_world() -> None:
    begun, ended, seen = threading.Event(), threading.Event(), list[tuple[float, float]]()

    def outside() -> None:
        begun.wait(20)
        seen.append((time.monotonic(), time.time()))
        time.sleep(0.01)
        seen.append((time.monotonic(), time.time()))
        ended.set()

    thread = threading.Thread(target=outside)
    thread.start()

    async def scenario(_sim: Sim) -> None:
        begun.set()
        assert ended.wait(20)

    before = time.monotonic(), time.time()
    Simulation(seed=8).run(scenario, until=60.0)
    thread.join()

    assert 0 <= seen[0][0] - before[0] < 20
    assert 0 <= seen[0][1] - before[1] < 20
    assert seen[1][0] - seen[0][0] >= 0.009


def nothing() -> None:
    """Would be done by another process."""


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (socket.socket, "a socket was attempted: a simulation has none"),
        (socket.socketpair, "a socket was attempted"),
        (lambda: create_connection(("127.0.0.1", 1)), "a socket was attempted"),
        (
            lambda: asyncio.new_event_loop().close(),
            "an event loop of its own was attempted: a simulation has none",
        ),
        (lambda: asyncio.Runner().get_loop(), "an event loop of its own was attempted"),
        (lambda: subprocess.run(["true"], check=True), "a subprocess was attempted"),
        (lambda: Popen(["true"]), "a subprocess was attempted"),
        (lambda: system("true"), "a subprocess was attempted"),
        (lambda: os.system("true"), "a subprocess was attempted"),
        (lambda: socket.gethostbyname("localhost"), "a socket was attempted"),
        (lambda: _thread.start_new_thread(nothing, ()), "a thread was attempted"),
        (
            lambda: asyncio.get_running_loop().add_reader(0, nothing),
            "a file that is waited for was attempted",
        ),
        (lambda: asyncio.get_running_loop().add_signal_handler(2, nothing), "a signal handler was attempted"),
        (lambda: get_context("spawn").Process(target=nothing).start(), "a subprocess was attempted"),
        (lambda: threading.Thread(target=nothing).start(), "a thread was attempted"),
        (lambda: threading.Timer(1.0, nothing).start(), "a thread was attempted"),
    ],
)
def test_a_way_out_of_the_simulation_is_refused(attempt: Callable[[], object], said: str) -> None:
    async def scenario(_sim: Sim) -> None:
        attempt()

    with pytest.raises(SimulationError, match=said):
        Simulation(seed=9).run(scenario, until=60.0)


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda: asyncio.open_connection("127.0.0.1", 1), "a socket was attempted"),
        (
            lambda: asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0),
            "a socket was attempted",
        ),
        (lambda: asyncio.create_subprocess_exec("true"), "a subprocess was attempted"),
        (
            lambda: asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, None),
            "a pipe was attempted",
        ),
        (lambda: Collector("other", listen="127.0.0.1:0").__aenter__(), "a socket was attempted"),
        (lambda: MeshClient("127.0.0.1:1").__aenter__(), "a socket was attempted"),
    ],
)
def test_a_way_out_by_asyncio_is_refused(attempt: Callable[[], Any], said: str) -> None:
    async def scenario(_sim: Sim) -> None:
        await attempt()

    with pytest.raises(SimulationError, match=said):
        Simulation(seed=9).run(scenario, until=60.0)


def test_what_a_module_has_taken_by_name_is_decided_by_the_seed_too() -> None:
    first, again, other = (seen_by_a_handler(lambda: urandom(8), seed=seed) for seed in (1, 1, 2))

    assert first == again != other
