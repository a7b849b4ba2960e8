"""When one end of a link has to look at the time."""

from collector_mesh.domain.link.calls import LinkCalls
from collector_mesh.domain.link.closing import FAILING, Closing, Phase
from collector_mesh.domain.link.health import Health

SWEEP_SECONDS = 0.02
"""How soon after one look at the deadlines of calls there is another: one look for all that end meanwhile."""

HELLO_SECONDS = 5.0
"""How long a link that was opened may say nothing."""

_LATE_SECONDS = 0.25
"""Less is not told: every loop is a little late."""


class Deadlines:
    """Knows when the next look is due; what is looked at is the engine's business.

    A link with calls under way costs nothing until the time of one of them is up, however long that takes.

    Args:
        calls: what is under way.
        closing: the state of the link.
        health: of the other end.
        now: when the link was opened.
    """

    __slots__ = ("_calls", "_closing", "_health", "_next_check", "_next_sweep", "greeting_by")

    def __init__(self, calls: LinkCalls, closing: Closing, health: Health, now: float) -> None:
        self._calls = calls
        self._closing = closing
        self._health = health
        self.greeting_by = now + HELLO_SECONDS
        """When the other side must have said something."""
        self._next_check = self.greeting_by
        """When the other side has to be looked at."""
        self._next_sweep = now
        """When calls may be looked at again."""

    @property
    def next_tick(self) -> float:
        """When the next look is due."""
        if self._closing.state is FAILING:
            return min(self._next_check, self._closing.farewell_by)
        earliest = self._calls.earliest
        if earliest < self._next_check:
            return min(self._next_check, max(earliest, self._next_sweep))
        return self._next_check

    def opened(self, now: float) -> None:
        """It is time for heartbeats, which may be due before a hello would have been late."""
        self._next_check = min(self._next_check, self._health.next_look(now))

    def came(self, now: float) -> None:
        """It is looked at now: late, if this side's loop is late."""
        late = now - self._next_check
        if late > _LATE_SECONDS:
            self._health.was_late(late)

    def looked(self, now: float) -> None:
        """All was looked at; say when to look again."""
        self._next_sweep = now + SWEEP_SECONDS
        if self._closing.phase is Phase.OPEN:
            self._next_check = self._health.next_look(now)
        else:
            self._next_check = self.greeting_by if self.greeting_by > now else now + HELLO_SECONDS
