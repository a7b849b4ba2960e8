"""What the next call to a peer is thought to cost."""

from math import exp, inf, log

import attrs
from attrs.validators import ge, gt

_LEAST_LATENCY = 1e-6
_FRESH_SECONDS = 0.1
_FORGET_PENALTY = 20.0
"""Seconds after which what is left of a penalty is less than any call takes."""

_UNANSWERED = 4.0
"""How many times as long as it was waited for a call would have taken that was not answered: it hangs more likely than it is
about to end."""


@attrs.frozen
class LoadRules:
    """How load is measured.

    Attributes:
        latency_decay: seconds in which a peak of latency falls to a third.
        penalty: what a failure adds to the latency, in seconds.
        penalty_decay: seconds in which that falls to a third.
    """

    latency_decay: float = attrs.field(default=10.0, validator=gt(0))
    penalty: float = attrs.field(default=5.0, validator=ge(0))
    penalty_decay: float = attrs.field(default=1.0, validator=gt(0))


class Load:
    """What is looked at in every choice, and nothing else.

    Small, so that those of thousands of peers stay in the cache: each object that a choice has to fetch
    from memory costs as much as all the rest of it.

    Args:
        rules: how load is measured.
        now: the time.
        latency: what to begin with, in seconds.
    """

    __slots__ = ("_failed_at", "_latency_at", "hold", "in_flight", "latency", "rules")

    def __init__(self, rules: LoadRules, *, now: float, latency: float) -> None:
        self.rules = rules
        self._latency_at = now
        self._failed_at = -inf
        self.hold = 0.0
        """Until when the peer is not simply fit: busy; or `inf`, its breaker is open or it is not well."""
        self.in_flight = 0
        """Calls that were sent there and have no reply."""
        self.latency = latency
        """Peak-EWMA when it was last measured, in seconds: a mean that jumps to each peak and falls slowly."""

    def score(self, now: float) -> float:
        """(in flight + 1) x latency, in seconds; the latency falls while nothing is measured.

        Source: peak-EWMA as in Finagle's load balancer.
        """
        latency = self.latency
        age = now - self._latency_at
        if age > _FRESH_SECONDS:
            latency *= exp(-age / self.rules.latency_decay)
        latency = max(latency, _LEAST_LATENCY)
        failed = now - self._failed_at
        if failed < _FORGET_PENALTY:
            latency += self.rules.penalty * exp(-failed / self.rules.penalty_decay)
        return (self.in_flight + 1) * latency

    def measured(self, took: float, now: float) -> None:
        """A call has taken `took` seconds."""
        latency = self.latency
        if took < latency:
            took += (latency - took) * exp((self._latency_at - now) / self.rules.latency_decay)
        self.latency = took
        self._latency_at = now

    def took_at_least(self, seconds: float, now: float) -> None:
        """A call has gone on for some seconds without an answer, and nobody knows for how much longer.

        It fades as fast as a failure does, so that a peer that is well again is asked again.
        """
        rules, cost = self.rules, seconds * _UNANSWERED
        if cost > 0 and rules.penalty > 0:
            # As if a failure had happened just long enough ago that this is left of its penalty.
            self._failed_at = max(
                self._failed_at, now - rules.penalty_decay * max(0.0, log(rules.penalty / cost))
            )

    def failed(self, now: float) -> None:
        """A call has failed: fast failures must not attract traffic."""
        self._failed_at = now

    def forgive(self) -> None:
        """What has failed counts no more."""
        self._failed_at = -inf

    def restart(self, latency: float, now: float) -> None:
        """Begin anew, but for the calls in flight."""
        self.latency = latency
        self._latency_at = now
        self._failed_at = -inf
