"""Replicas in processes of their own, which can be killed, stopped and started again."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
_START_SECONDS = 30.0


class Replica:
    """One of them; it is started when it is entered, and killed when it is left."""

    def __init__(
        self,
        collector_id: str,
        *,
        seconds: float = 0.01,
        log: Path | None = None,
        settings: str = "",
        namespaces: tuple[str, ...] = (),
        sick: float | None = None,
        serves: bool = True,
        peers: tuple[str, ...] = (),
    ) -> None:
        self.collector_id = collector_id
        self.address = ""
        self._environment = {"FAULTS_SECONDS": str(seconds), "FAULTS_LOG": str(log) if log else ""}
        self._settings = settings
        self._namespaces = namespaces
        self._sick = sick
        self._serves = serves
        self._peers = peers
        self._process: subprocess.Popen[str] | None = None
        self._folder = tempfile.TemporaryDirectory()

    async def __aenter__(self) -> Self:
        """Start it."""
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Kill it."""
        self.kill()
        self._folder.cleanup()

    async def start(self) -> None:
        """Start it, at the address that it had before if it had one."""
        self._process = subprocess.Popen(
            [sys.executable, *self._command()],
            cwd=ROOT,
            env={**os.environ, **self._environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None  # for the type checker: it is a pipe
        async with asyncio.timeout(_START_SECONDS):
            line = await asyncio.to_thread(self._process.stdout.readline)
        if " ready on " not in line:
            raise RuntimeError(f"{self.collector_id} has not started: {line!r}")
        self.address = line.rpartition(" ")[2].strip()

    def _command(self) -> list[str]:
        if self._sick is not None:
            return ["-m", "benchmarks.faults.sick", self.collector_id, str(self._sick)]
        config = Path(self._folder.name) / "config.toml"
        config.write_text(f"[settings]\n{self._settings}\n", encoding="utf-8")
        command = ["-m", "collector_mesh", "serve", "--id", self.collector_id, "--config", str(config)]
        command += ["--listen", self.address or "127.0.0.1:0"]
        for peer in self._peers:
            command += ["--peer", peer]
        for namespace in self._namespaces or ("work",):
            command += ["--namespace", namespace]
            if self._serves:
                command += ["--service", f"benchmarks.faults.service:{namespace}"]
        return command

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        if self._process is not None:
            # One that was stopped dies too.
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def stop(self) -> None:
        """Stop it with SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on with SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    @property
    def resident_bytes(self) -> int:
        """The memory that it holds."""
        assert self._process is not None  # for the type checker: it runs
        return resident_bytes(self._process.pid)


def resident_bytes(pid: int | None = None) -> int:
    """The memory that a process holds, by default this one."""
    pages = int(Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Runs:
    """How often each call was run, by what the replicas have written down."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def counts(self) -> Counter[bytes]:
        """By the number of the call."""
        return Counter(self.path.read_bytes().split()) if self.path.exists() else Counter()


@asynccontextmanager
async def replicas(count: int, *, seconds: float = 0.01) -> AsyncIterator[tuple[list[Replica], Runs]]:
    """So many replicas, alike, and what they have run."""
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(Path(folder) / "runs")
        async with contextlib.AsyncExitStack() as opened:
            yield (
                [
                    await opened.enter_async_context(
                        Replica(f"replica-{number}", seconds=seconds, log=runs.path)
                    )
                    for number in range(1, count + 1)
                ],
                runs,
            )
