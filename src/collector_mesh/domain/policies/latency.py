"""How long calls to a peer take, by share: a histogram that forgets."""

from array import array
from math import frexp, inf

_STEPS = 4
"""Buckets for each doubling, so that a quantile is at most a quarter too large."""

_LOWEST = -16
"""Everything under 2^-17 s (8 µs) is in the first bucket."""

_BUCKETS = 96
"""Up to 2^7 s."""


class Histogram:
    """Counts of durations in buckets that grow geometrically; 400 bytes."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = array("I", bytes(4 * _BUCKETS))

    def add(self, seconds: float) -> None:
        """Count a duration."""
        mantissa, exponent = frexp(seconds)
        bucket = (exponent - _LOWEST) * _STEPS + int(mantissa * 8) - _STEPS
        self._counts[0 if bucket < 0 else bucket if bucket < _BUCKETS else _BUCKETS - 1] += 1

    def quantile(self, share: float) -> float:
        """The duration that this share of all does not exceed, rounded up; `inf` where nothing is known."""
        counts = self._counts
        # 1 - 0.9 is a little less than a tenth.
        beyond = sum(counts) * (1.0 - share) + 1e-9
        seen = 0
        for bucket in range(_BUCKETS - 1, -1, -1):
            seen += counts[bucket]
            if seen > beyond:
                octave, step = divmod(bucket, _STEPS)
                return float((step + _STEPS + 1) / (2 * _STEPS) * 2.0 ** (octave + _LOWEST))
        return inf

    def age(self) -> None:
        """Let what was counted so far weigh half as much as what comes."""
        for bucket, count in enumerate(self._counts):
            if count:
                self._counts[bucket] = count >> 1

    def clear(self) -> None:
        """Forget everything."""
        self._counts = array("I", bytes(4 * _BUCKETS))
