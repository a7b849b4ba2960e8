"""Closed-loop load and medians."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

import attrs

IN_FLIGHT = 64
PAYLOAD = b"x" * 100
ROUNDS = 5


@attrs.frozen
class Rate:
    """Calls per second in each of several rounds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        return f"{self.median:9,.0f}/s  (rounds {', '.join(f'{rate:,.0f}' for rate in self.rounds)})"


async def calls_per_second(call: Callable[[], Awaitable[object]], seconds: float) -> float:
    """Rate of a call made again and again by `IN_FLIGHT` workers."""
    done = 0
    stop = time.perf_counter() + seconds

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < stop:
            await call()
            done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return done / (time.perf_counter() - begin)


async def alternate(calls: Sequence[Callable[[], Awaitable[object]]], seconds: float) -> list[Rate]:
    """The rates of several calls, measured in turns, so that a slow moment of the machine hits all."""
    for call in calls:
        await calls_per_second(call, seconds / 4)
    rounds = [[await calls_per_second(call, seconds) for call in calls] for _ in range(ROUNDS)]
    return [Rate(tuple(rates)) for rates in zip(*rounds, strict=True)]


def ratio(ours: Rate, theirs: Rate) -> float:
    """The median of the ratios of rounds that were measured side by side."""
    return statistics.median(our / their for our, their in zip(ours.rounds, theirs.rounds, strict=True))
