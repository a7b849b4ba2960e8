"""What handlers see of the world in a simulation: virtual time, seeded chance, and no way out."""

import _socket
import _thread
import asyncio
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Container, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from types import BuiltinFunctionType, ModuleType
from typing import Any, NoReturn

import time_machine

from collector_mesh.adapters.simulated.host import HOST
from collector_mesh.adapters.simulated.loop import SimulatedLoop, refused

Seam = tuple[Any, str, Any]
"""Where something is found, its name there, and what takes its place."""

EPOCH = 1_767_225_600.0
"""The time of day at which every simulation begins: 2026-01-01."""

_REAL_ALL_TASKS, _REAL_AS_COMPLETED = asyncio.all_tasks, asyncio.as_completed


@contextmanager
def virtual_world(loop: SimulatedLoop, seed: str) -> Iterator[None]:
    """While it is open time and chance are virtual, and sockets, subprocesses and threads are refused.

    The time of day is virtual however code has come by it, and in UTC. Of other functions (`monotonic`, `sleep`,
    `urandom`, `system`) also those that a module outside of the standard library has taken by name; not those that are
    kept elsewhere, as in a default of a parameter.
    """
    state = random.getstate()
    inside = loop.threads.idents
    inside.add(threading.get_ident())
    clocks = {name: _only_in(inside, clock, getattr(time, name)) for name, clock in _clocks(loop).items()}
    seams: list[Seam] = [
        (owner, name, _only_in(inside, value, getattr(owner, name)))
        for owner, name, value in [*_chance(seed), *_ways_out(), *_sets_of_tasks()]
    ]
    seams += [(time, name, clock) for name, clock in clocks.items()]
    virtual = {
        real: value
        for owner, name, value in seams
        if isinstance(owner, ModuleType) and type(real := getattr(owner, name)) is BuiltinFunctionType
    }
    seams += _taken_by_name(virtual)
    known = set(sys.modules)
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in seams]
    real = {value: real for real, value in virtual.items()}
    # The destination is where the time zone comes from; the time itself is asked for below.
    travel = time_machine.travel(datetime.fromtimestamp(EPOCH, UTC), tick=False)

    def wall_ns() -> int:
        if threading.get_ident() not in inside:
            return time_machine.escape_hatch.time.time_ns()
        host = HOST.get()
        return round((EPOCH + loop.time() + (0.0 if host is None else host.skew)) * 1e9)

    with travel as traveller:
        traveller.time_ns = wall_ns  # type: ignore[method-assign]  # each host has its own
        for owner, name, value in seams:
            setattr(owner, name, value)
        random.seed(f"{seed}/random")
        try:
            yield
        finally:
            for owner, name, value in originals:
                setattr(owner, name, value)
            _give_back(real, known)
            random.setstate(state)


def _only_in(
    inside: Container[int], virtual: Callable[..., Any], real: Callable[..., Any]
) -> Callable[..., Any]:
    """What is virtual for the threads of the simulation, and real for the others of the process: they are not simulated."""
    this = threading.get_ident

    def seam(*arguments: Any, **options: Any) -> Any:
        return (virtual if this() in inside else real)(*arguments, **options)

    return seam


def _clocks(loop: SimulatedLoop) -> dict[str, Callable[..., Any]]:
    """Functions of the module `time` that know no time of day, and what they are on virtual time."""

    def monotonic() -> float:
        host = HOST.get()
        return loop.time() if host is None else host.now(loop.time())

    def monotonic_ns() -> int:
        return round(monotonic() * 1e9)

    def sleep(_seconds: float) -> None:
        """What a plain function does takes no virtual time."""

    return {
        "monotonic": monotonic,
        "monotonic_ns": monotonic_ns,
        "perf_counter": monotonic,
        "perf_counter_ns": monotonic_ns,
        "sleep": sleep,
    }


def _sets_of_tasks() -> list[Seam]:
    """Where asyncio walks through sets whose order is not that of the tasks."""
    return [
        (module, name, value)
        for module in (asyncio, asyncio.tasks)
        for name, value in (("all_tasks", _all_tasks), ("as_completed", _as_completed))
    ]


def _as_completed(work: Any, **more: Any) -> Any:
    if not (asyncio.isfuture(work) or asyncio.iscoroutine(work)):
        # Coroutines stand in its set by their address.
        work = [asyncio.ensure_future(each) for each in work]
    return _REAL_AS_COMPLETED(work, **more)


def _all_tasks(loop: asyncio.AbstractEventLoop | None = None) -> set[asyncio.Task[Any]]:
    """Those of the same host, as in a process of its own; in the same order each time."""
    found = _REAL_ALL_TASKS(loop)
    host = HOST.get()
    if host is not None:
        found &= {*host.tasks, asyncio.current_task(loop)}
    return set(sorted(found, key=hash))  # noqa: C414  # a set that is filled in another order may be walked in another


def _chance(seed: str) -> list[Seam]:
    dice = random.Random(f"{seed}/handlers")  # noqa: S311  # to be foreseen is what it is for
    original = random.Random.seed

    def seed_with(generator: random.Random, a: Any = None, version: int = 2) -> None:
        original(generator, dice.getrandbits(128) if a is None else a, version)

    return [
        # `uuid4`, `secrets` and whatever else wants to be unforeseen ask the system.
        (os, "urandom", dice.randbytes),
        (random, "_urandom", dice.randbytes),
        *(
            [(os, "getrandom", lambda size, _flags=0: dice.randbytes(size))]
            if hasattr(os, "getrandom")
            else []
        ),
        (random.Random, "seed", seed_with),
    ]


def _ways_out() -> list[Seam]:
    def submit(
        _pool: ThreadPoolExecutor, function: Callable[..., Any], /, *arguments: Any, **options: Any
    ) -> Future[Any]:
        """An executor runs what it is given at once, in no virtual time."""
        outcome: Future[Any] = Future()
        try:
            outcome.set_result(function(*arguments, **options))
        except Exception as error:  # noqa: BLE001  # it goes to whoever asks for the result
            outcome.set_exception(error)
        return outcome

    import grpc  # only where it can be used: it takes long
    import grpc.aio

    from collector_mesh.adapters.grpc.transport import GrpcTransport

    thread, process, connection = map(_refusing, ("a thread", "a subprocess", "a socket"))
    # Before a loop has no sockets: what is left of one that is half made tells of it at the terminal.
    other_loop = _refusing("an event loop of its own")
    # The classes stay what they are, for whoever has taken them by name, or asks whether something is one.
    return [
        (ThreadPoolExecutor, "submit", submit),
        (threading.Thread, "start", thread),
        (_thread, "start_new_thread", thread),
        (BaseProcess, "start", process),
        (subprocess.Popen, "__init__", process),
        *(
            (os, name, process)
            for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")
            if hasattr(os, name)
        ),
        (socket.socket, "__init__", connection),
        *((module, "new_event_loop", other_loop) for module in (asyncio, asyncio.events)),
        (_socket, "socketpair", connection),
        (_socket, "getaddrinfo", connection),
        *((socket, name, connection) for name in ("gethostbyname", "gethostbyaddr", "getnameinfo")),
        (GrpcTransport, "__init__", connection),
        # The sockets of grpc are made in C, and it crashes where there are none.
        *(
            (owner, name, connection)
            for owner in (grpc, grpc.aio)
            for name in ("server", "insecure_channel", "secure_channel")
        ),
    ]


def _refusing(what: str) -> Callable[..., NoReturn]:
    def refuse(*_arguments: object, **_options: object) -> NoReturn:
        raise refused(what)

    return refuse


def _taken_by_name(replacements: dict[Any, Any]) -> list[Seam]:
    """Where modules hold functions that they have taken from another one."""
    return [
        (module, name, replacements[value])
        for module_name, module in list(sys.modules.items())
        if module_name.partition(".")[0] not in sys.stdlib_module_names and isinstance(module, ModuleType)
        for name, value in list(vars(module).items())
        if type(value) is BuiltinFunctionType and value in replacements
    ]


def _give_back(real: dict[Any, Any], known: set[str]) -> None:
    """Have modules that were imported meanwhile hold the real functions in place of the virtual ones."""
    for module in [module for name, module in list(sys.modules.items()) if name not in known]:
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if callable(value) and getattr(value, "__module__", None) == __name__ and value in real:
                setattr(module, name, real[value])
