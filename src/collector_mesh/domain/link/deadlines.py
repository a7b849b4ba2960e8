"""When one end of a link has to look at the time."""

from collector_mesh.domain.link.calls import LinkCalls
from collector_mesh.domain.link.closing import FAILING, Closing, Phase
from collector_mesh.domain.link.health import Health

SWEEP_SECONDS = 0.02
"""How often deadlines are looked at: one look for all calls instead of a timer for each."""

HELLO_SECONDS = 5.0
"""How long a link that was opened may say nothing."""

_LATE_SECONDS = 0.25
"""Less is not told: every loop is a little late."""


class Deadlines:
    """Knows when the next look is due; what is looked at is the engine's business.

    Args:
        calls: what is under way.
        closing: the state of the link.
        health: of the other end.
        now: when the link was opened.
    """

    __slots__ = ("_calls", "_closing", "_health", "greeting_by", "next_tick")

    def __init__(self, calls: LinkCalls, closing: Closing, health: Health, now: float) -> None:
        self._calls = calls
        self._closing = closing
        self._health = health
        self.greeting_by = now + HELLO_SECONDS
        """When the other side must have said something."""
        self.next_tick = self.greeting_by

    @property
    def are_close(self) -> bool:
        """Whether calls, or a goodbye, have to be looked at every `SWEEP_SECONDS`."""
        return self._closing.state is FAILING or self._calls.have_deadlines

    def hurry(self, now: float) -> None:
        """Have the next look come soon, because a call has been sent."""
        self.next_tick = min(self.next_tick, now + SWEEP_SECONDS)

    def opened(self, now: float) -> None:
        """It is time for heartbeats, which may be due before a hello would have been late."""
        self.next_tick = min(self.next_tick, self._health.next_look(now))

    def came(self, now: float) -> None:
        """It is looked at now: late, if this side's loop is late."""
        late = now - self.next_tick
        if late > _LATE_SECONDS:
            self._health.was_late(late)

    def looked(self, now: float) -> None:
        """All was looked at; say when to look again."""
        if self.are_close:
            self.next_tick = now + SWEEP_SECONDS
        elif self._closing.phase is Phase.OPEN:
            self.next_tick = self._health.next_look(now)
        else:
            self.next_tick = self.greeting_by if self.greeting_by > now else now + HELLO_SECONDS
