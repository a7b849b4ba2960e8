"""Has a service manager hear how far a collector is, and that its event loop is not stuck."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from collector_mesh.adapters.systemd.notifier import Notifier
from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.cli.phases import Phases
from collector_mesh.app.cli.workers.words import ADDRESS, REFUSED
from collector_mesh.domain.model.texts import visible

_RETRY_SECONDS = 0.1
_MOST_PROBLEM = 512


class Notifying:
    """Tells a service manager each phase; signs of life come from the event loop, at half the time that it allows.

    Args:
        notifier: the way to it.
        collector_id: who is told about.
        address: gives where calls are taken.
    """

    def __init__(self, notifier: Notifier, collector_id: str, address: Callable[[], str]) -> None:
        self._notifier = notifier
        self._id = collector_id
        self._address = address
        self._is_ready = False
        self._beating: asyncio.TimerHandle | None = None
        self._retrying: asyncio.TimerHandle | None = None

    def begin(self, phases: Phases) -> None:
        """The event loop runs from now on."""
        phases.on_announced.append(self._ready)
        phases.on_reloading.append(self._reloading)
        phases.on_reloaded.append(self._reloaded)
        phases.on_drain.append(self._drain)
        if self._notifier.watchdog is not None:
            self._beat(self._notifier.watchdog / 2)

    def end(self) -> None:
        """It does not run much longer."""
        for timer in (self._beating, self._retrying):
            if timer is not None:
                timer.cancel()
        self._notifier.flush()

    def _ready(self) -> None:
        self._is_ready = True
        address = self._address()
        self._notifier.ready(f"{self._id} takes calls on {address}", f"{ADDRESS}={address}")
        self._retry()

    def _reloading(self) -> None:
        if self._is_ready:
            self._notifier.reloading()
            self._retry()

    def _reloaded(self, problem: str) -> None:
        if not self._is_ready:
            return
        said, more = f"takes calls on {self._address()}", ""
        if problem:
            more = f"{REFUSED}={visible(problem, _MOST_PROBLEM)}"
            said = f"keeps its configuration: {problem}"
        self._notifier.ready(f"{self._id} {said}", *([more] if more else []))
        self._retry()

    def _drain(self) -> None:
        self._notifier.stopping(f"{self._id} drains")
        self._retry()

    def _beat(self, pause: float) -> None:
        self._notifier.alive()
        self._beating = asyncio.get_running_loop().call_later(pause, self._beat, pause)

    def _retry(self) -> None:
        """Send later what there was no room for."""
        if self._retrying is not None:
            self._retrying.cancel()
            self._retrying = None
        self._notifier.flush()
        if self._notifier.is_behind:
            self._retrying = asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._retry)


@contextmanager
def notified(
    notifier: Notifier, collector_id: str, address: Callable[[], str], phases: Phases
) -> Iterator[None]:
    """Tell a service manager while the context is open; see `Notifying`."""
    notifying = Notifying(notifier, collector_id, address)
    notifying.begin(phases)
    try:
        yield
    finally:
        notifying.end()


def log_failure(reason: str) -> None:
    """Log that the service manager hears nothing."""
    log(logging.WARNING, "notify_failed", {"reason": reason})
