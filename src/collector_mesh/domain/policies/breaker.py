"""When a peer gets no calls in a namespace for a while, and when it is tried again."""

from math import inf, sqrt

import attrs
from attrs.validators import ge, gt, le

from collector_mesh.domain.policies.history import SECONDS
from collector_mesh.domain.ports.randomness import Randomness

_DEVIATIONS = 2.0
"""By how many standard deviations failures have to exceed what is allowed: of 20 calls to a peer that fails
every tenth time, 5 fail every twenty-fifth time."""


@attrs.frozen
class BreakerRules:
    """When breakers open, and for how long.

    Attributes:
        is_on: whether they open at all.
        failures: number of failures in a row that open it.
        quiet: least time without a success before they do, in seconds: 5 in a row happen by chance at 10,000 calls/s.
        success_share: share of successes below which it opens too.
        min_calls: least number of calls for which that share counts.
        window: seconds over which it is counted, at most 30.
        first: for how long it is open the first time, in seconds, jittered by a fifth; each next time doubles it.
        cap: longest time that it is open, in seconds.
    """

    is_on: bool = True
    failures: int = attrs.field(default=5, validator=ge(1))
    quiet: float = attrs.field(default=0.25, validator=ge(0))
    success_share: float = attrs.field(default=0.8, validator=[ge(0), le(1)])
    min_calls: int = attrs.field(default=20, validator=ge(1))
    window: int = attrs.field(default=SECONDS, validator=[ge(1), le(SECONDS)])
    first: float = attrs.field(default=1.0, validator=gt(0))
    cap: float = attrs.field(default=60.0, validator=gt(0))

    def are_too_many(self, failures: int, calls: int) -> bool:
        """Whether this number of failures among the calls is more than chance may bring."""
        if calls < self.min_calls:
            return False
        allowed = 1.0 - self.success_share
        chance = _DEVIATIONS * sqrt(allowed * (1.0 - allowed) * calls)
        return failures > allowed * calls + chance


class Breaker:
    """The breaker of one peer in one namespace. Who asks is told; it changes only when it is told what came.

    While it is open nobody is let through until its time is up; then one real call is the probe, and what
    comes of that one closes it or opens it for longer.
    """

    __slots__ = ("_openings", "_shut_since", "is_open", "probes_at", "rules")

    def __init__(self, rules: BreakerRules) -> None:
        self.rules = rules
        self._openings = 0
        self._shut_since = -inf
        self.is_open = False
        self.probes_at = 0.0
        """When a probe may go, while it is open."""

    def lets(self, now: float) -> bool:
        """Whether a call may go: it is shut, or it is time for a probe."""
        return not self.is_open or now >= self.probes_at

    def open(self, now: float, dice: Randomness | None) -> None:
        """Let nobody through for a while; without dice there is no jitter."""
        if not self.is_open and now - self._shut_since > self._length(self._openings):
            # It was well for longer than it had been out.
            self._openings = 0
        self.is_open = True
        self._openings += 1
        jitter = 1.0 if dice is None else dice.uniform(0.8, 1.2)
        self.probes_at = now + self._length(self._openings) * jitter

    def probe(self, now: float) -> None:
        """A probe goes; nobody else does until it is known what has come of it, or a while has passed."""
        self.probes_at = now + self._length(self._openings)

    def relent(self, now: float) -> None:
        """The link to the peer has come back, or the probe did not get there: the next call is the probe."""
        self.probes_at = min(self.probes_at, now)

    def put_off(self, now: float) -> None:
        """Nobody waits for the probe anymore, and nobody knows whether it took too long: another one goes in a while.

        Not at once, or a peer that hangs would be sent one probe after the other by callers in a hurry.
        """
        self.probes_at = min(self.probes_at, now + self.rules.first)

    def shut(self, now: float) -> None:
        """The probe has succeeded."""
        self.is_open = False
        self._shut_since = now

    def _length(self, openings: int) -> float:
        # An unbounded power overflows a float.
        rules = self.rules
        return min(rules.cap, rules.first * 2.0 ** min(openings - 1, 64)) if openings else 0.0
