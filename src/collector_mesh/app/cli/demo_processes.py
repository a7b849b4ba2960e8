"""The collectors of the demo, as child processes that never outlive it."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from collector_mesh.app.cli.config import VARIABLES

READY_SECONDS = 20.0
DRAIN_SECONDS = 28.0
"""A collector itself gives up after 25 s."""
END_SECONDS = 3.0
_LAST_LINES = 5


class DemoError(Exception):
    """The demo did not go as it should.

    Args:
        text: what is wrong, in one line.
        log: the last lines of the log of the collector that it is about.
    """

    def __init__(self, text: str, log: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.log = tuple(log)


@attrs.frozen
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

    def failed(self, what: str) -> DemoError:
        """The error that says what is wrong with it, with the end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        return DemoError(f"{self.collector_id} {what}", [f"{self.collector_id}: {line}" for line in lines])

    async def wait(self) -> str:
        """Wait until it has ended, and tell how."""
        status = await self.process.wait()
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with exit status {status}"

    async def drain(self) -> None:
        """Ask it to end and wait until it has.

        Raises:
            DemoError: it did not end in time, or not with exit status 0.
        """
        _send(self.process, signal.SIGTERM)
        try:
            how = await asyncio.wait_for(self.wait(), DRAIN_SECONDS)
        except TimeoutError:
            raise self.failed(f"has not drained within {DRAIN_SECONDS:g} s") from None
        if self.process.returncode != 0:
            raise self.failed(f"{how} instead of draining")


class Collectors:
    """Starts collectors; on leaving its context they are gone, however that is.

    Args:
        code: the folder that they run in and import their services from.
        logs: the folder for their logs.
        environment: more environment variables for them.
    """

    def __init__(self, code: Path, logs: Path, environment: Mapping[str, str]) -> None:
        self._code = code
        self._logs = logs
        # What is meant for a collector of the user's is not for those of the demo.
        own = {name: value for name, value in os.environ.items() if not name.startswith(VARIABLES)}
        # The demo leaves nothing behind, not even the cache of the example's modules, or the folder for sockets.
        self._environment = {**own, "PYTHONDONTWRITEBYTECODE": "1", **environment}
        self._sockets = ""
        self._started: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Self:
        """Nothing is running yet."""
        self._sockets = tempfile.mkdtemp(prefix="mesh-demo-")
        self._environment["XDG_RUNTIME_DIR"] = self._sockets
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End whatever is still running: with SIGTERM, and those that do not heed it with SIGKILL."""
        try:
            await self._end()
        finally:
            shutil.rmtree(self._sockets, ignore_errors=True)

    async def _end(self) -> None:
        running = [process for process in self._started if process.returncode is None]
        if not running:
            return
        ends = [asyncio.ensure_future(process.wait()) for process in running]
        try:
            for process in running:
                _send(process, signal.SIGTERM)
            await asyncio.wait(ends, timeout=END_SECONDS)
        finally:
            for process in running:
                _send(process, signal.SIGKILL)
            await asyncio.gather(*ends)

    async def start(self, collector_id: str, *arguments: str) -> ServedCollector:
        """Run `collector-mesh serve` on a free port of 127.0.0.1 and wait until it takes calls.

        Args:
            collector_id: its id.
            arguments: more arguments of `serve`.

        Raises:
            DemoError: it has not become ready.
        """
        log = self._logs / f"{collector_id}.log"
        with log.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "collector_mesh", "serve", "--id", collector_id, "--listen", "127.0.0.1:0"),
                *arguments,
                cwd=self._code,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                # A Ctrl-C in the terminal is for the demo alone, which then ends its children in order.
                start_new_session=True,
            )
        self._started.append(process)
        collector = ServedCollector(collector_id, process, log)
        try:
            line = await asyncio.wait_for(_first_line(process), READY_SECONDS)
        except TimeoutError:
            raise collector.failed(f"is not ready after {READY_SECONDS:g} s") from None
        _, ready, address = line.partition(" ready on ")
        if not ready:
            raise collector.failed("has not started")
        return attrs.evolve(collector, address=address)


async def _first_line(process: asyncio.subprocess.Process) -> str:
    """What a process says first; nothing once it has ended without a word, its log complete."""
    if process.stdout is None:
        raise RuntimeError("the process has no stdout")
    line = (await process.stdout.readline()).decode(errors="replace").strip()
    if not line:
        await process.wait()
    return line


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)
