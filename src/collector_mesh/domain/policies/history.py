"""What came of the calls of the last half minute, second by second."""

from array import array

SECONDS = 30
"""How far back it goes."""


class History:
    """Calls, failures and retries of each of the last seconds; 600 bytes."""

    __slots__ = ("_calls", "_failures", "_last", "_retries")

    def __init__(self) -> None:
        self._last = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._calls = array("I", bytes(4 * SECONDS))
        self._failures = array("I", bytes(4 * SECONDS))
        self._retries = array("I", bytes(4 * SECONDS))

    def add(self, now: float, *, calls: int = 0, failures: int = 0, retries: int = 0) -> None:
        """Count what has happened now, or since the last time at most a second ago."""
        self._advance(now)
        place = self._last % SECONDS
        self._calls[place] += calls
        self._failures[place] += failures
        self._retries[place] += retries

    def calls(self, now: float, seconds: int) -> int:
        """Calls of the last seconds, at most 30."""
        return self._sum(self._calls, now, seconds)

    def failures(self, now: float, seconds: int) -> int:
        """Failures of the last seconds, at most 30."""
        return self._sum(self._failures, now, seconds)

    def retries(self, now: float, seconds: int) -> int:
        """Retries of the last seconds, at most 30."""
        return self._sum(self._retries, now, seconds)

    def _sum(self, counts: "array[int]", now: float, seconds: int) -> int:
        self._advance(now)
        if seconds >= SECONDS:
            return sum(counts)
        end = self._last % SECONDS + 1
        begin = end - seconds
        return sum(counts[begin:end]) if begin >= 0 else sum(counts[:end]) + sum(counts[begin:])

    def _advance(self, now: float) -> None:
        second = int(now)
        gone = second - self._last
        if gone <= 0:
            return
        for old in range(self._last + 1, self._last + 1 + min(gone, SECONDS)):
            place = old % SECONDS
            self._calls[place] = self._failures[place] = self._retries[place] = 0
        self._last = second
