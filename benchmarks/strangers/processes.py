"""A collector in a process of its own, and what is seen of it from outside."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import attrs

_FOLDER = Path(__file__).parent
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int | str = "self") -> float:
    """How much memory a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * _PAGE / (1 << 20)


@attrs.define
class Attacked:
    """A collector that takes calls, and its log."""

    process: asyncio.subprocess.Process
    address: str
    log: list[str] = attrs.field(factory=list)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.returncode is None

    @property
    def mib(self) -> float:
        """Its memory."""
        return resident_mib(self.process.pid)

    @property
    def descriptors(self) -> int:
        """How many it has open."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    @property
    def processor_seconds(self) -> float:
        """What it has used so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / _TICKS


@asynccontextmanager
async def attacked(*arguments: str) -> AsyncIterator[Attacked]:
    """Start one, with the echo service; it is ended at the end."""
    command = ("serve", "--id", "attacked", "--listen", "127.0.0.1:0", "--service", "echo:service")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "collector_mesh", *command, *arguments),
        cwd=_FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            ready = (await process.stdout.readline()).decode()
        found = Attacked(process, ready.rpartition(" ")[2].strip())
        reading = asyncio.create_task(_read(process.stderr, found.log))
        yield found
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(60):
            await process.wait()
            await reading
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _read(stream: asyncio.StreamReader, log: list[str]) -> None:
    while line := await stream.readline():
        log.append(line.decode("utf-8", "replace"))


async def beside(*command: str) -> asyncio.subprocess.Process:
    """Another program of this package, which tells its result on stdout."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"benchmarks.strangers.{command[0]}", *command[1:]),
        stdout=asyncio.subprocess.PIPE,
    )
