"""How long calls to one method take, over all who have it."""

from math import inf

from collector_mesh.domain.policies.latency import Histogram

_ENOUGH = 16
"""Durations after which a percentile means something."""

_PLENTY = 64
"""Durations after which one in four is counted, and old ones weigh less."""

_ROLL_SECONDS = 1.0
_AGE_SECONDS = 10.0


class MethodTimes:
    """The 99th percentile of a method; under 1 KiB."""

    __slots__ = ("_age_at", "_count", "_histogram", "_roll_at", "_seen", "p99")

    def __init__(self) -> None:
        self.p99 = inf
        """What 99 of 100 calls take at most, in seconds; `inf` until it is known."""
        self._histogram = Histogram()
        self._count = 0
        self._seen = 0
        self._roll_at = 0.0
        self._age_at = 0.0

    def took(self, seconds: float, now: float) -> None:
        """Count a call that took so long, or that was given up after so long."""
        # On the way of every call that leaves.
        self._seen += 1
        if self._seen & 3 and self._count >= _PLENTY:
            return
        self._histogram.add(seconds)
        self._count += 1
        if now >= self._roll_at:
            self._roll(now)

    def _roll(self, now: float) -> None:
        if self._count < _ENOUGH:
            return
        self._roll_at = now + _ROLL_SECONDS
        self.p99 = self._histogram.quantile(0.99)
        if now >= self._age_at:
            self._age_at = now + _AGE_SECONDS
            if self._count >= 2 * _PLENTY:
                self._histogram.age()
                self._count >>= 1
