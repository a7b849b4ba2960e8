"""How late the event loop is."""

from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Task, Tasks
from collector_mesh.domain.watching.numbers import Numbers

_SECONDS = 0.25


class LoopLag:
    """Sees, while the collector is open, how late it is woken.

    Args:
        numbers: take it down.
        tasks: runs it.
        clock: wakes it.
    """

    def __init__(self, numbers: Numbers, *, tasks: Tasks, clock: Clock) -> None:
        self._numbers = numbers
        self._tasks = tasks
        self._clock = clock
        self._task: Task | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = self._tasks.start(self._look(), "see how late the event loop is")

    async def close(self) -> None:
        """Look no longer."""
        if self._task is not None:
            await self._task.stop()

    async def _look(self) -> None:
        alarm, now = self._clock.alarm(), self._clock.now
        while True:
            due = now() + _SECONDS
            await alarm.wait(_SECONDS)
            self._numbers.late(max(0.0, now() - due))
