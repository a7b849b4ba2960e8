"""What supervises workers, with workers that do nothing but what a test wants."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh.app.cli.workers.starting import supervisor_command
from collector_mesh.app.cli.workers.words import Supervision

pytestmark = pytest.mark.asyncio

WORKER = """
import json, os, pathlib, signal, socket, sys, time
told = json.loads(os.environ["_COLLECTOR_MESH_WORKER"])
link = socket.socket(fileno=told["descriptor"])
def say(*lines):
    link.send("\\n".join(lines).encode() + b"\\0")
def ready(*more):
    say("READY=1", "STATUS=", "X_COLLECTOR_MESH_ADDRESS=127.0.0.1:%d" % (told["port"] or 4711), *more)
def wait():
    while True:
        time.sleep(0.05)
        say("WATCHDOG=1")
"""

GOOD = """
is_first = not pathlib.Path(sys.argv[1]).exists()
refused = ["X_COLLECTOR_MESH_REFUSED=half a file"] if told["index"] else []
signal.signal(signal.SIGHUP, lambda *_: ready(*refused))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ready()
say("WATCHDOG=1")
if told["index"] and is_first:
    pathlib.Path(sys.argv[1]).touch()
    time.sleep(3600)
wait()
"""

STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ready()
wait()
"""

WRONG = """
say("X_COLLECTOR_MESH_ERROR=--service nowhere:nothing: there is none")
sys.exit(2)
"""


async def started(
    worker: str, *arguments: str, end_seconds: float = LIMIT_SECONDS, **environment: str
) -> Process:
    """A supervisor of two."""
    script = (sys.executable, "-S", "-E", "-c", WORKER + worker, *arguments)
    command, variables = supervisor_command(Supervision("w", 2, end_seconds, "pretty", "info", script))
    return await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=PIPE, env={**os.environ, **variables, **environment}
    )


async def ready(process: Process) -> None:
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith(b"w ready: 2 workers")


def children_of(process_id: int) -> list[int]:
    return [
        int(number) for number in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    ]


async def ended(process: Process) -> tuple[int | None, str]:
    """Its exit status, and its log; all have ended who could write there."""
    _, log = await asyncio.wait_for(process.communicate(), LIMIT_SECONDS)
    return process.returncode, log.decode()


async def test_systemd_hears_of_all_workers_and_one_that_is_stuck_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        heard: list[str] = []

        async def until(text: str) -> None:
            async with asyncio.timeout(LIMIT_SECONDS):
                while not (heard and heard[-1].startswith(text)):
                    heard.append((await asyncio.get_running_loop().sock_recv(listening, 4096)).decode())

        process = await started(
            GOOD, str(tmp_path / "stuck"), NOTIFY_SOCKET=listening.getsockname(), WATCHDOG_USEC="400000"
        )
        await until("READY=1\nSTATUS=w: 2 of 2 workers take calls")
        await until("STATUS=w: 1 of 2 workers take calls")
        await until("STATUS=w: 2 of 2 workers take calls")
        process.send_signal(signal.SIGHUP)
        await until("RELOADING=1\nMONOTONIC_USEC=")
        await until("READY=1\nSTATUS=w: 2 of 2 workers take calls; w.1 keep their configuration")
        await until("WATCHDOG=1")
        # As a reload that one of them alone was asked for.
        os.kill(children_of(process.pid)[0], signal.SIGHUP)
        await until("STATUS=w: 2 of 2 workers take calls; w.1 keep their configuration")
        process.send_signal(signal.SIGTERM)
        await until("STOPPING=1")
        status, log = await ended(process)

    assert status == 0
    assert log.count("worker_back") == 1
    assert re.search(r"worker_killed worker=w\.1 reason=.*stuck", log)
    assert 'workers_not_reloaded workers=w.1 reason="half a file"' in log


async def test_what_cannot_be_started_ends_all_and_says_why_once() -> None:
    wrong, failing = await asyncio.gather(started(WRONG), started("sys.exit(3)"))
    (wrong_status, wrong_log), (status, log) = await asyncio.gather(ended(wrong), ended(failing))

    assert wrong_status == 2
    assert wrong_log.count("--service nowhere:nothing: there is none") == 1
    assert "collector-mesh: error: --service nowhere:nothing: there is none\n" in wrong_log
    assert status == 1
    assert re.search(
        r"^collector-mesh: error: w\.[01] has ended 5 times before it was ready, at last with exit status 3$",
        log,
        re.MULTILINE,
    )


async def test_a_second_signal_ends_all_at_once_and_so_does_the_end_of_patience() -> None:
    twice, late = await asyncio.gather(started(STUBBORN), started(STUBBORN, end_seconds=0.3))
    await asyncio.gather(ready(twice), ready(late))
    for process in (twice, late):
        process.send_signal(signal.SIGTERM)
    late_status, late_log = await ended(late)
    # Which is well after what counts as the same signal.
    twice.send_signal(signal.SIGINT)
    status, _ = await ended(twice)

    assert status == 130
    assert late_status == 1
    assert late_log.count("it has not drained") == 2
