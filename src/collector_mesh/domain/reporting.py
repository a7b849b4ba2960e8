"""Tells the observer what has been counted, every now and then."""

from collections.abc import Mapping

from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.events import Counted
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Task, Tasks


class Reporting:
    """Reports counts while the collector is open, and once more at its end.

    Args:
        collector_id: of this collector.
        counts: what is counted.
        observer: who is told.
        tasks: runs it.
        clock: wakes it.
        interval: seconds between two reports; nothing is told while nothing has changed.
    """

    def __init__(
        self,
        collector_id: str,
        counts: Counts,
        *,
        observer: Observer,
        tasks: Tasks,
        clock: Clock,
        interval: float,
    ) -> None:
        self._collector_id = collector_id
        self._counts = counts
        self._observer = observer
        self._tasks = tasks
        self._clock = clock
        self._interval = interval
        self._told: Mapping[str, int] = {}
        self._task: Task | None = None

    def start(self) -> None:
        """Begin to report."""
        self._task = self._tasks.start(self._report(), "report counts")

    async def close(self) -> None:
        """Report for the last time."""
        if self._task is not None:
            await self._task.stop()
        self._tell()

    async def _report(self) -> None:
        alarm = self._clock.alarm()
        while True:
            await alarm.wait(self._interval)
            self._tell()

    def _tell(self) -> None:
        counts = self._counts.as_mapping()
        if counts != self._told:
            self._told = counts
            self._observer.tell(Counted(self._collector_id, counts))
