"""Commands in processes of their own, as a user starts them; none outlives its test."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from functools import cache
from pathlib import Path

import attrs
from tests.limits import LIMIT_SECONDS

SERVICES = Path(__file__).parent
COMMAND = (sys.executable, "-m", "collector_mesh")
LOOPBACK = "127.0.0.1:0"
_RUNTIME = tempfile.TemporaryDirectory(prefix="mesh-")
"""Where the collectors of this process of tests have their sockets: others run collectors of the same ids."""

_OUR_PORTS = (15_000, 32_000)
"""Under those that systems give out by themselves: 32,768 or 49,152 and more."""


@attrs.frozen
class Ended:
    """What a command has come to."""

    status: int
    stdout: str
    stderr: str


def run(*arguments: str, environment: Mapping[str, str] | None = None, cwd: Path = SERVICES) -> Ended:
    """Run a command to its end."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment_of(environment),
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def refused(*arguments: str, cwd: Path = SERVICES) -> Ended:
    """Run a command that is refused at once, without an interpreter of its own; see `refusing.py`."""
    process = _refusing()
    assert process.stdin is not None
    assert process.stdout is not None
    with tempfile.NamedTemporaryFile("r+") as stdout, tempfile.NamedTemporaryFile("r+") as stderr:
        asked = {
            "arguments": arguments,
            "folder": str(cwd),
            "environment": environment_of(None),
            "stdout": stdout.name,
            "stderr": stderr.name,
        }
        process.stdin.write(f"{json.dumps(asked)}\n")
        process.stdin.flush()
        return Ended(int(process.stdout.readline()), stdout.read(), stderr.read())


@cache
def _refusing() -> subprocess.Popen[str]:
    """The process that they are forks of; it ends with this one."""
    return subprocess.Popen(
        [sys.executable, SERVICES / "refusing.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def environment_of(more: Mapping[str, str] | None) -> dict[str, str]:
    """The variables that a command is run with."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_MESH_")}
    return {**own, "XDG_RUNTIME_DIR": _RUNTIME.name, **(more or {})}


class Serving:
    """A collector in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, ready: str) -> None:
        self.process = process
        self.ready = ready
        self.address = ready.rpartition(" ")[2].strip()
        self.stderr = ""
        self._reader = asyncio.create_task(self._read())

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        # Not by the process itself, which would see meanwhile whether it has ended, and keep that from whoever waits for it.
        os.kill(self.process.pid, number)

    async def logged(self, word: str) -> None:
        """Wait until it has logged something."""
        await eventually(lambda: word in self.stderr)

    async def end(self) -> Ended:
        """Wait for its end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            rest = await self.process.stdout.read()
            await self._reader
            status = await self.process.wait()
        return Ended(status, self.ready + rest.decode(), self.stderr)

    async def kill(self) -> None:
        """End it at once, in whatever state it is."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while data := await self.process.stderr.readline():
            self.stderr += data.decode()


@asynccontextmanager
async def serving(
    collector_id: str = "c-1",
    *arguments: str,
    listen: str = LOOPBACK,
    environment: Mapping[str, str] | None = None,
    first: str = "",
    verb: str = "serve",
) -> AsyncIterator[Serving]:
    """A collector that takes calls; `first` is what a shell does before it becomes that."""
    shell = ("/bin/sh", "-c", f'{first}; exec "$@"', "sh") if first else ()
    process = await asyncio.create_subprocess_exec(
        *shell,
        *COMMAND,
        *(verb, "--id", collector_id, "--listen", listen, *arguments),
        cwd=SERVICES,
        env=environment_of(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            ready = (await process.stdout.readline()).decode()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    collector = Serving(process, ready)
    if not ready:
        ended = await collector.end()
        raise AssertionError(f"it has ended with {ended.status} before it was ready: {ended.stderr}")
    try:
        yield collector
    finally:
        await collector.kill()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something holds; fail if it does not within the limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def free_port() -> int:
    """A port that nobody listens on, for a collector that comes later or never.

    None of those that the system gives to whoever asks for any: until it is listened on, and while whoever listens is
    restarted, another test would be given it.
    """
    while True:
        port = random.randrange(*_OUR_PORTS)
        with closing(socket.socket()) as taken, suppress(OSError):
            taken.bind(("127.0.0.1", port))
            return port
