"""Collectors as child processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

READY_SECONDS = 20.0
STOP_SECONDS = 30.0
_LAST_LINES = 5


class ProcessError(Exception):
    """A collector did not start, or did not end as it should; the text has the end of its log."""


@attrs.define
class ServedCollector:
    """A collector in a process of its own.

    Attributes:
        collector_id: its id.
        process: the process.
        log: the file that its stderr goes to.
        address: where it takes calls.
    """

    collector_id: str
    process: asyncio.subprocess.Process
    log: Path
    address: str = ""

    def failed(self, what: str) -> ProcessError:
        """The error that says what is wrong with it, with the end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        return ProcessError(f"{self.collector_id} {what}: {' | '.join(lines) or 'its log is empty'}")

    async def drain(self) -> None:
        """Ask it to end and wait until it has.

        Raises:
            ProcessError: it did not end in time, or not with exit status 0.
        """
        self.process.terminate()
        try:
            status = await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            raise self.failed("did not drain") from None
        if status != 0:
            raise self.failed(f"ended with exit status {status}")


@asynccontextmanager
async def served(
    collector_id: str,
    arguments: Sequence[str],
    *,
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
) -> AsyncIterator[ServedCollector]:
    """Run `collector-mesh serve` on a free port of 127.0.0.1; on leaving it is gone, however that is.

    Args:
        collector_id: its id.
        arguments: more arguments of `serve`.
        folder: where it runs, and what it can import from.
        log: the file for its stderr.
        environment: more environment variables.

    Raises:
        ProcessError: it has not become ready.
    """
    command = [sys.executable, "-m", "collector_mesh", "serve", "--id", collector_id]
    command += ["--listen", "127.0.0.1:0", *arguments]
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            # A Ctrl-C in the terminal is for whoever has started it, who then ends it in order.
            start_new_session=True,
        )
    collector = ServedCollector(collector_id, process, log)
    try:
        collector.address = await _address(collector)
        yield collector
    finally:
        await _end(process)


async def _address(collector: ServedCollector) -> str:
    output = collector.process.stdout
    try:
        line = await asyncio.wait_for(output.readline(), READY_SECONDS) if output else b""
    except TimeoutError:
        raise collector.failed("is not ready in time") from None
    _, ready, address = line.decode().strip().partition(" ready on ")
    if not ready:
        await collector.process.wait()
        raise collector.failed("did not start")
    return address


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 3)
    except (TimeoutError, asyncio.CancelledError):
        process.kill()
        await process.wait()
        raise
