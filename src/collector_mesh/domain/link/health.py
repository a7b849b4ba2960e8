"""Whether the other end of a link is alive: heartbeats, and what to make of their absence."""

from enum import Enum

import attrs
from attrs.validators import gt


class Vital(Enum):
    """How the other end is."""

    LIVE = "live"
    SUSPECT = "suspect"
    """Not heard of for a while."""
    DEAD = "dead"
    """Not heard of for so long that the link ends."""


@attrs.frozen
class Heartbeats:
    """When to send a sign of life and what to make of none; all in seconds.

    Attributes:
        interval: of silence on this side after which it says something.
        suspect_after: intervals without a word from the other side after which it is suspect.
        dead_after: the same, after which it is dead; with the defaults after 16 s.
        probe: within which it has to answer once a call has timed out; else it is suspect at once.
    """

    interval: float = attrs.field(default=5.0, validator=gt(0))
    suspect_after: float = attrs.field(default=2.2, validator=gt(0))
    dead_after: float = attrs.field(default=3.2, validator=gt(0))
    probe: float = attrs.field(default=1.0, validator=gt(0))


_NEVER = float("inf")
_STALLS = 3
"""How many long stalls in a row are no fault of the other side."""


class Health:
    """Watches over the other end; every frame is a sign of life."""

    def __init__(self, times: Heartbeats, now: float) -> None:
        self._times = times
        self._heard = now
        self._silent_at = now + times.interval
        """When this side has been silent for long;"""
        self.ping_at = self._silent_at
        """when a ping has to go: then, or at once where this side wants to know."""
        self._is_asked = False
        self._ping_number = 0
        self._pinged = 0.0
        self._probed_until: float | None = None
        self._missed_probe = False
        self._lag = 0.0
        self._peer_lag = 0.0
        self._longest = 0.0
        """How long this side's loop stood still at most since something was heard;"""
        self._stalled = 0.0
        """and how long in all, where that was longer than an interval each time."""
        self.round_trip: float | None = None
        """Of the last ping that was answered, in seconds."""
        self.pongs = 0

    def heard(self, now: float) -> None:
        """A frame has come."""
        self._heard = now
        self._probed_until = None
        self._missed_probe = False
        if self._longest:
            self._longest = self._stalled = 0.0

    def wrote(self, now: float) -> None:
        """A frame has gone."""
        self._silent_at = silent_at = now + self._times.interval
        if not self._is_asked:
            self.ping_at = silent_at

    def was_late(self, seconds: float) -> None:
        """This side's loop was late: what has come meanwhile could not be read, so be patient for longer.

        But not each time: a loop that stands still a little for each call, again and again, would wait for ever. Between
        such stalls it reads what has come, and of those who live something comes in each interval.
        """
        self._longest = max(self._longest, seconds)
        if seconds > self._times.interval:
            self._stalled += seconds
        self._lag = max(self._lag, seconds)

    def peer_was_late(self, seconds: float) -> None:
        """The other side tells that its loop was late, and may be so again."""
        self._peer_lag = min(seconds, self._times.interval)

    def ask(self) -> None:
        """Have a ping sent."""
        self._is_asked = True
        self.ping_at = -_NEVER

    def probe(self, now: float) -> None:
        """A call has timed out: find out now whether the other side is well."""
        if self._probed_until is None:
            self._probed_until = now + self._times.probe
            self.ask()

    def ping(self, now: float) -> tuple[int, float]:
        """Number and lag for a ping that goes now."""
        self._is_asked = False
        self._ping_number += 1
        self._pinged = now
        self.ping_at = self._silent_at = now + self._times.interval
        lag, self._lag = self._lag, 0.0
        return self._ping_number, lag

    def ponged(self, number: int, now: float) -> bool:
        """A ping was answered; gives whether it was the latest one."""
        if number != self._ping_number:
            return False
        self.round_trip = now - self._pinged
        self.pongs += 1
        return True

    def look(self, now: float) -> Vital:
        """How the other end is."""
        # The same sums as in `next_look`: of two that are rounded otherwise, one would be missed.
        times, heard = self._times, self._silent_since
        if now >= heard + times.dead_after * times.interval:
            return Vital.DEAD
        if self._probed_until is not None and now >= self._probed_until + self._longest:
            self._missed_probe = True
        if self._missed_probe or now >= heard + times.suspect_after * times.interval:
            return Vital.SUSPECT
        return Vital.LIVE

    @property
    def _silent_since(self) -> float:
        """Since when the other side could have been heard, and was not."""
        return self._heard + self._peer_lag + min(self._stalled, _STALLS * self._longest)

    def silent_for(self, now: float) -> float:
        """Seconds since the last frame."""
        return now - self._heard

    def next_look(self, now: float) -> float:
        """When to look again, if nothing happens before."""
        times, heard = self._times, self._silent_since
        moments = [
            self._silent_at,
            heard + times.suspect_after * times.interval,
            heard + times.dead_after * times.interval,
        ]
        if self._probed_until is not None and not self._missed_probe:
            moments.append(self._probed_until + self._longest)
        later = [moment for moment in moments if moment > now]
        return min(later, default=now + times.interval)
