"""Ranges of numbers, of which there may be very many: a question does not go through all of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""The first and the last number, both of them included."""


class Ranges:
    """Ranges of numbers, put together where they touch.

    Args:
        ranges: in any order; they may overlap.
    """

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(ranges):
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(self._lasts[-1], last)
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    def __iter__(self) -> Iterator[Range]:
        """The ranges in order; none of them touches another one."""
        return zip(self._firsts, self._lasts, strict=True)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def missing(self, first: int, last: int) -> Iterator[Range]:
        """The parts of another range that are in none of these."""
        at = bisect_left(self._lasts, first)
        while first <= last:
            if at == len(self._firsts) or self._firsts[at] > last:
                yield first, last
                return
            if first < self._firsts[at]:
                yield first, self._firsts[at] - 1
            first = self._lasts[at] + 1
            at += 1


def overlap(ranges: Iterable[Range]) -> Range | None:
    """The first range that begins within another one; None where there is none."""
    end: int | None = None
    for first, last in sorted(ranges):
        if end is not None and first <= end:
            return first, last
        end = last
    return None
