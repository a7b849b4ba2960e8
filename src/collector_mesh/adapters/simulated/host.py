"""A machine in the simulation: what runs on it, and whether it runs."""

import asyncio
import contextvars
from typing import Any


class Host:
    """One start of one collector.

    Args:
        host_id: the id of the collector.
    """

    def __init__(self, host_id: str) -> None:
        self.host_id = host_id
        self.is_down = False
        self.is_paused = False
        self.skew = 0.0
        """What its wall clock is ahead, in seconds."""
        self.rate = 1.0
        """How fast its monotonic clock goes."""
        self.rated_at = 0.0
        """Loop time when the rate was set, and what its clock showed then."""
        self.rated_now = 0.0
        self.slowness = 0.0
        """What each handler takes longer, in seconds."""
        self.resumed_at = 0.0
        """Loop time when it went on after it had been paused."""
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """Those that have not ended."""
        self.left: list[str] = []
        """What links that have ended here have not given back."""
        self.outcomes: dict[asyncio.Future[Any], None] = {}
        """What others wait for that happens here."""
        self._parked: list[Any] = []
        """Handles of what would have run."""

    def context(self) -> contextvars.Context:
        """A new context in which everything belongs to this host."""
        context = contextvars.Context()
        context.run(HOST.set, self)
        return context

    def forget(self, task: asyncio.Task[Any]) -> None:
        """A task has ended."""
        self.tasks.pop(task, None)

    def keeps(self, handle: Any) -> bool:
        """Whether a callback does not run now: it runs later if the host is paused, and never if it is down."""
        if self.is_paused and not self.is_down:
            self._parked.append(handle)
        return self.is_paused or self.is_down

    def resume(self, loop_time: float) -> list[Any]:
        """Go on; gives what was parked, in its order."""
        self.is_paused = False
        self.resumed_at = loop_time
        parked, self._parked = self._parked, []
        return parked

    def now(self, loop_time: float) -> float:
        """What its monotonic clock shows."""
        return self.rated_now + (loop_time - self.rated_at) * self.rate

    def set_rate(self, rate: float, loop_time: float) -> None:
        """Let its monotonic clock go faster or slower from now on."""
        self.rated_now = self.now(loop_time)
        self.rated_at = loop_time
        self.rate = rate


HOST: contextvars.ContextVar[Host | None] = contextvars.ContextVar("collector_mesh_host", default=None)
"""The host that the running code belongs to; None for the scenario."""
