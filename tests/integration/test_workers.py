"""`serve --workers N`: several collectors as one command, which are started again and end together."""

import asyncio
import os
import random
import re
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from tests.integration.services.processes import eventually, free_port, serving
from tests.limits import LIMIT_SECONDS

from collector_mesh import MeshClient
from collector_mesh.app.cli.local_sockets import running

pytestmark = pytest.mark.asyncio


def workers_of(process_id: int) -> list[int]:
    """The processes that a supervisor has started, and that have not ended."""
    found = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(number) for number in found.split()]


def is_running(process_id: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def test_a_worker_that_is_killed_under_load_comes_back_and_no_call_is_lost(tmp_path: Path) -> None:
    port = free_port()
    addresses = [f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}"]
    options = ("--workers", "2", "--service", "things:texts")
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    async with serving("w", *options, listen=addresses[0], environment=environment) as supervisor:
        rest: list[str] = []
        codes: list[int] = []
        assert supervisor.process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            while not (rest and rest[-1].startswith("w ready")):
                rest.append((await supervisor.process.stdout.readline()).decode())
            async with MeshClient(",".join(addresses)) as client:
                killed = random.choice(workers_of(supervisor.process.pid))
                while "worker_back" not in supervisor.stderr:
                    if len(codes) == 50:
                        os.kill(killed, signal.SIGKILL)
                    reply = await client.dispatch(
                        "texts", "Texts", "Echo", timeout=LIMIT_SECONDS, idempotent=True
                    )
                    codes.append(reply.status.code)
                    await asyncio.sleep(0.002)
            for address in addresses:
                async with MeshClient(address) as client:
                    codes.append((await client.dispatch("texts", "Texts", "Echo")).status.code)
        looked_at = running(environment)
        left = workers_of(supervisor.process.pid)
        supervisor.send(signal.SIGTERM)
        ended = await supervisor.end()

    ready = sorted([supervisor.ready, *rest[:-1]])
    assert ready == [f"w.{number} ready on {address}\n" for number, address in enumerate(addresses)]
    assert rest[-1] == "w ready: 2 workers\n"
    assert set(codes) == {200}
    assert list(looked_at) == ["w.0", "w.1"]
    assert re.search(r"worker_ended worker=w\.[01] how=SIGKILL pause=0\.[12]", ended.stderr)
    assert ended.status == 0
    assert len(left) == 2
    assert not any(map(is_running, left))
    assert ended.stderr.count(" stopped collector_id=w.") == 2


async def test_a_reload_reaches_workers_and_none_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text("workers = 1\n[settings]\nmax_running = 100\n")
    async with serving("w", "--config", str(file)) as supervisor:
        assert supervisor.process.stdout is not None
        await supervisor.process.stdout.readline()
        (worker,) = workers_of(supervisor.process.pid)
        file.write_text("workers = 1\n[settings]\nmax_running = many\n")
        supervisor.send(signal.SIGHUP)
        await supervisor.logged("workers_not_reloaded workers=w.0")
        file.write_text("workers = 1\n[settings]\nmax_running = 200\n")
        supervisor.send(signal.SIGHUP)
        await supervisor.logged("workers_reloaded workers=1")
        supervisor.send(signal.SIGKILL)
        await eventually(lambda: not is_running(worker))
        ended = await supervisor.end()

    assert re.search(r"configuration_reloaded collector_id=w.0 .*max_running", ended.stderr)
    assert ended.stderr.count(" stopped collector_id=w.0") == 1
