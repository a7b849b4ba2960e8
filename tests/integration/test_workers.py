"""`serve --workers N`: several collectors as one command, which are started again and end together."""

import asyncio
import os
import random
import re
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from tests.integration.services.processes import LOOPBACK, eventually, free_port, run, serving
from tests.limits import LIMIT_SECONDS

from collector_mesh import MeshClient

pytestmark = pytest.mark.asyncio


def workers_of(process_id: int) -> list[int]:
    """The processes that a supervisor has started, and that have not ended."""
    found = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(number) for number in found.split()]


def is_running(process_id: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def test_a_worker_that_is_killed_under_load_comes_back_and_no_call_is_lost() -> None:
    port = free_port()
    addresses = [f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}"]
    options = ("--workers", "2", "--service", "things:texts")
    async with serving("w", *options, listen=addresses[0]) as supervisor:
        rest: list[str] = []
        assert supervisor.process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            while not (rest and rest[-1].startswith("w ready")):
                rest.append((await supervisor.process.stdout.readline()).decode())
            async with MeshClient(",".join(addresses)) as client:
                codes: list[int] = []
                killed = random.choice(workers_of(supervisor.process.pid))
                while supervisor.stderr.count("worker_back") < 1:
                    if len(codes) == 50:
                        os.kill(killed, signal.SIGKILL)
                    reply = await client.dispatch(
                        "texts", "Texts", "Echo", timeout=LIMIT_SECONDS, idempotent=True
                    )
                    codes.append(reply.status.code)
            for address in addresses:
                async with MeshClient(address) as client:
                    codes.append((await client.dispatch("texts", "Texts", "Echo")).status.code)
        looked_at = await asyncio.to_thread(run, "topology", "--local", "w.1")
        left = workers_of(supervisor.process.pid)
        supervisor.send(signal.SIGTERM)
        ended = await supervisor.end()

    ready = sorted([supervisor.ready, *rest[:-1]])
    assert ready == [f"w.{number} ready on {address}\n" for number, address in enumerate(addresses)]
    assert rest[-1] == "w ready: 2 workers\n"
    assert set(codes) == {200}
    assert looked_at.status == 0
    assert looked_at.stdout.startswith(f"w.1 at {addresses[1]}")
    assert re.search(r"worker_ended worker=w\.[01] how=SIGKILL pause=0\.[12]", ended.stderr)
    assert ended.status == 0
    assert len(left) == 2
    assert not any(map(is_running, left))
    assert ended.stderr.count(" stopped collector_id=w.") == 2


async def test_systemd_hears_of_all_workers_one_that_is_stuck_is_replaced_and_none_is_left_behind(
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        heard: list[str] = []

        async def until(text: str) -> None:
            async with asyncio.timeout(LIMIT_SECONDS):
                while not (heard and heard[-1].startswith(text)):
                    heard.append((await asyncio.get_running_loop().sock_recv(listening, 4096)).decode())

        environment = {"NOTIFY_SOCKET": listening.getsockname(), "WATCHDOG_USEC": "1000000"}
        async with serving("w", "--workers", "1", environment=environment) as supervisor:
            await until("READY=1")
            await until("WATCHDOG=1")
            (stuck,) = workers_of(supervisor.process.pid)
            os.kill(stuck, signal.SIGSTOP)
            await until("STATUS=w: 0 of 1 workers")
            await until("STATUS=w: 1 of 1 workers")
            (again,) = workers_of(supervisor.process.pid)
            supervisor.send(signal.SIGKILL)
            await eventually(lambda: not is_running(again))
            log = supervisor.stderr

    assert "READY=1\nSTATUS=w: 1 of 1 workers take calls" in heard
    assert "worker_killed worker=w.0 reason=" in log
    # It has kept its port, though any would do.
    assert len(set(re.findall(r"started collector_id=w.0 address=(\S+)", log))) == 1
    assert "draining collector_id=w.0" in log


async def test_what_is_wrong_with_the_configuration_is_told_once() -> None:
    ended = await asyncio.to_thread(
        run, "serve", "--id", "w", "--listen", LOOPBACK, "--workers", "2", "--service", "nowhere:nothing"
    )

    assert ended.status == 2
    assert ended.stderr.count("collector-mesh: error: ") == 1
    assert "nowhere" in ended.stderr
    assert ended.stdout == ""
