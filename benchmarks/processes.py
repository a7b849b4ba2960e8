"""The servers, each in a process of its own, and what these processes use."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
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
    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def heard(self) -> str:
        """Wait for the next line that the server says; what follows its first word.

        Raises:
            ServerFailedError: it has ended, or says that it has failed, or says nothing.
        """
        if self.process.stdout is None:
            raise ServerFailedError(f"the server {self.role!r} has no output")
        async with asyncio.timeout(START_TIMEOUT):
            line = (await self.process.stdout.readline()).decode().strip()
        word, _, rest = line.partition(" ")
        if word != "ready":
            raise ServerFailedError(rest or f"the server {self.role!r} has ended, see above")
        return rest

    async def told(self, word: str) -> None:
        """Have the server go on, and wait until it has."""
        if self.process.stdin is not None:
            self.process.stdin.write(f"{word}\n".encode())
        await self.heard()

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
    flags = ("--uvloop",) if conditions.uvloop else ()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.servers", *flags, role, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    server = Server(role, process)
    try:
        yield server, await server.heard()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def running(conditions: Conditions, role: str, *arguments: str) -> AsyncIterator[str]:
    """Run a server that listens; its address."""
    async with started(conditions, role, *arguments) as (_, address):
        yield address
