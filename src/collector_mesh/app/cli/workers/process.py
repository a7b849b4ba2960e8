"""One worker, as what supervises it sees it: a process that is started, ends, and is started again."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import attrs

from collector_mesh.app.cli.workers.words import END, MOST_BYTES, VARIABLE, Assignment, worker_id
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.randomness import Randomness

HEALTHY_SECONDS = 10.0
"""How long a worker takes calls before an end of it counts as the first one."""

_LEAST_PAUSE = 0.1
_BACKOFF = Backoff(first=0.2, factor=2.0, cap=10.0)


@attrs.define(eq=False)
class WorkerProcess:
    """A worker.

    Attributes:
        collector_id: of all workers together.
        index: which one, from 0.
        watchdog: seconds of silence after which it is stuck, None for no limit.
        process: that of now, or the last one.
        is_running: whether there is one.
        is_ready: whether it takes calls.
        was_ready: whether it ever did.
        port: where it listened last.
        failures: ends in a row of starts that were healthy for no long time.
        restart_at: when it is to be started, on the monotonic clock; None if it is running.
        heard_at: when it was heard last; None if it was not since its start.
        error: what it has said of the configuration.
        refused: why it keeps its old configuration, since the last reload.
        is_reloading: whether it was told to look at its configuration again, and has not answered.
        is_stale: whether all were told so while it was starting.
    """

    collector_id: str
    index: int
    watchdog: float | None = None
    process: "subprocess.Popen[bytes] | None" = None
    is_running: bool = False
    is_ready: bool = False
    was_ready: bool = False
    port: int = 0
    failures: int = 0
    restart_at: float | None = 0.0
    heard_at: float | None = None
    error: str = ""
    refused: str = ""
    is_reloading: bool = False
    is_stale: bool = False
    link: socket.socket | None = None
    _ready_at: float = 0.0
    _data: bytes = b""

    @property
    def id(self) -> str:
        """The id of its collector."""
        return worker_id(self.collector_id, self.index)

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it.

        Raises:
            OSError: there can be no more processes or descriptors.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            assignment = Assignment(self.collector_id, self.index, theirs.fileno(), self.port, self.watchdog)
            try:
                self.process = subprocess.Popen(  # noqa: S603  # this command itself
                    command,
                    env={**environment, VARIABLE: assignment.text()},
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    # An interrupt that a terminal sends to all is for what supervises it.
                    process_group=0,
                )
            except BaseException:
                ours.close()
                raise
        self.link, self._data = ours, b""
        self.restart_at = self.heard_at = None
        self.is_running, self.is_ready = True, False
        self.error = self.refused = ""

    def messages(self) -> Iterator[Mapping[str, str]]:
        """What it has said since; nothing more once it is gone."""
        if self.link is None:
            return
        try:
            data = self.link.recv(MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(self._data) > MOST_BYTES:
            self.close()
            return
        *whole, self._data = (self._data + data).split(END)
        for message in whole:
            lines = message.decode(errors="replace").split("\n")
            yield dict(line.partition("=")[::2] for line in lines)

    def ready(self, now: float, address: str) -> None:
        """It takes calls."""
        port = address.rpartition(":")[2]
        self.port = int(port) if port.isdigit() else 0
        self._ready_at = now
        self.is_ready = self.was_ready = True

    def ended(self, now: float, dice: Randomness) -> float:
        """It has ended, and is to be started again; gives after how many seconds."""
        self.close()
        if self.is_ready and now - self._ready_at >= HEALTHY_SECONDS:
            self.failures = 0
        if not self.is_ready:
            # Somebody else may have the port meanwhile.
            self.port = 0
        self.failures += 1
        self.is_running = self.is_ready = self.is_reloading = self.is_stale = False
        pause = max(_LEAST_PAUSE, _BACKOFF.pause(self.failures, dice=dice))
        self.restart_at = now + pause
        return pause

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is running."""
        if self.is_running and self.process is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def close(self) -> None:
        """Hear nothing of it anymore."""
        if self.link is not None:
            self.link.close()
            self.link = None
