"""Closed-loop load, medians, and a figure printed beside its yardstick."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

import attrs

IN_FLIGHT = 64
PAYLOAD = b"x" * 100
ROUNDS = 5


@attrs.frozen
class Figure:
    """What was measured in each of several rounds."""

    rounds: tuple[float, ...]
    unit: str = "/s"

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        digits = 0 if self.median >= 100 else 2
        rounds = ", ".join(f"{value:,.{digits}f}" for value in self.rounds)
        return f"{self.median:9,.{digits}f}{self.unit:5s} (rounds {rounds})"


@attrs.frozen
class Target:
    """What a figure, or its ratio to the yardstick, should reach."""

    limit: float
    unit: str = " x"
    at_least: bool = False
    below: bool = False

    def judge(self, value: float) -> str:
        """The value beside the target."""
        word = ">=" if self.at_least else "<" if self.below else "<="
        kept = (
            value >= self.limit
            if self.at_least
            else value < self.limit
            if self.below
            else value <= self.limit
        )
        return f"{value:9.2f}{self.unit:5s} (target {word} {self.limit:g}{self.unit}: {'met' if kept else 'missed'})"


def at_least(limit: float) -> Target:
    """A ratio that should not be lower."""
    return Target(limit, at_least=True)


def at_most(limit: float) -> Target:
    """A ratio that should not be higher."""
    return Target(limit)


async def calls_per_second(
    call: Callable[[], Awaitable[object]], seconds: float, in_flight: int = IN_FLIGHT
) -> float:
    """Rate of a call made again and again by so many workers."""
    done = 0
    stop = time.perf_counter() + seconds

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < stop:
            await call()
            done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return done / (time.perf_counter() - begin)


async def latencies(call: Callable[[], Awaitable[object]], seconds: float) -> list[float]:
    """What a call takes that is made again and again, one at a time: seconds, sorted."""
    taken, clock = [], time.perf_counter
    stop = clock() + seconds
    while (begin := clock()) < stop:
        await call()
        taken.append(clock() - begin)
    return sorted(taken)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of sorted values lies; infinity of none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


async def alternate(calls: Sequence[Callable[[], Awaitable[object]]], seconds: float) -> list[Figure]:
    """The rates of several calls, measured in turns, so that a slow moment of the machine hits all."""
    for call in calls:
        await calls_per_second(call, seconds / 4)
    rounds = [[await calls_per_second(call, seconds) for call in calls] for _ in range(ROUNDS)]
    return [Figure(tuple(rates)) for rates in zip(*rounds, strict=True)]


def ratio(ours: Figure, theirs: Figure) -> float:
    """The median of the ratios of rounds that were measured side by side."""
    return statistics.median(our / their for our, their in zip(ours.rounds, theirs.rounds, strict=True))


def compare(title: str, names: tuple[str, str], ours: Figure, theirs: Figure, target: Target | None) -> None:
    """Print a figure, its yardstick, and the ratio beside its target, if there is one."""
    print(f"  {title}")
    for name, figure in zip(names, (ours, theirs), strict=True):
        print(f"    {name:34s} {figure}")
    value = ratio(ours, theirs)
    print(f"    {'ratio':34s} {target.judge(value) if target else f'{value:9.2f} x'}")
