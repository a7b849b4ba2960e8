"""The servers, each in a process of its own, and what these processes use."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from benchmarks.conditions import Conditions

START_TIMEOUT = 60.0


class ServerFailedError(Exception):
    """A server has ended, or has said why it cannot do what it is for."""


@attrs.frozen
class Server:
    """A running server."""

    role: str
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def heard(self) -> str:
        """Wait for the next line that the server says; what follows its first word.

        Raises:
            ServerFailedError: it has ended, or says that it has failed, or says nothing.
        """
        try:
            async with asyncio.timeout(START_TIMEOUT):
                line = await asyncio.to_thread(self.process.stdout.readline) if self.process.stdout else ""
        except TimeoutError:
            raise ServerFailedError(
                f"the server {self.role!r} has said nothing for {START_TIMEOUT:g} s"
            ) from None
        word, _, rest = line.strip().partition(" ")
        if word != "ready":
            raise ServerFailedError(rest or f"the server {self.role!r} has ended, see above")
        return rest

    async def told(self, word: str) -> None:
        """Have the server go on, and wait until it has."""
        if self.process.stdin is not None:
            self.process.stdin.write(f"{word}\n")
            self.process.stdin.flush()
        await self.heard()

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def cpu_seconds(self) -> float:
        """What it has computed until now, system time included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_bytes(self) -> int:
        """The memory that it holds now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def open_files(self) -> int:
        """Its open files, sockets included."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


@asynccontextmanager
async def started(conditions: Conditions, role: str, *arguments: str) -> AsyncIterator[tuple[Server, str]]:
    """Run a server of `benchmarks.servers`; killed on leaving. With what it has said when it was ready.

    Its input is a pipe whose end it takes for the end of this process, however that came.
    """
    server = Server(role, _start((*(("--uvloop",) if conditions.uvloop else ()), role, *arguments)))
    try:
        yield server, await server.heard()
    finally:
        server.end()


def _start(arguments: Sequence[str]) -> "subprocess.Popen[str]":
    # Not asyncio's subprocesses: uvloop forks in a way that gRPC, in this process, complains about.
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.servers", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@asynccontextmanager
async def running(conditions: Conditions, role: str, *arguments: str) -> AsyncIterator[str]:
    """Run a server that listens; its address."""
    async with started(conditions, role, *arguments) as (_, address):
        yield address
