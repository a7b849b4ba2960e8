"""Dispatch from a collector to one in another process, beside a bare unary call between two processes."""

import statistics

from benchmarks.conditions import Conditions
from benchmarks.measure import (
    PAYLOAD,
    ROUNDS,
    Figure,
    at_least,
    at_most,
    calls_per_second,
    compare,
    latencies,
)
from benchmarks.sides import Side, bare_unary, link

NAMES = ("dispatch to a peer", "bare grpc.aio unary call")
MANY, MOST = 64, 256


async def measured(side: Side, conditions: Conditions) -> tuple[float, float, float, float]:
    """Microseconds (p50) and rate of one call at a time, and the rates of many in flight."""
    seconds = conditions.seconds
    async with side(conditions) as calls:
        call = calls(PAYLOAD)
        await calls_per_second(call, seconds / 2)
        alone = await latencies(call, seconds)
        return (
            statistics.median(alone) * 1e6,
            len(alone) / sum(alone),
            await calls_per_second(call, seconds, MANY),
            await calls_per_second(call, seconds, MOST),
        )


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce(
        "Link: collector.dispatch to a collector in another process",
        in_flight=f"1, {MANY} and {MOST}",
        size=len(PAYLOAD),
    )
    pairs = [
        (await measured(link, conditions), await measured(bare_unary, conditions)) for _ in range(ROUNDS)
    ]
    ours, bare = (tuple(zip(*rounds, strict=True)) for rounds in zip(*pairs, strict=True))
    compare("p50, 1 in flight", NAMES, Figure(ours[0], " us"), Figure(bare[0], " us"), at_most(0.75))
    compare("calls, 1 in flight", NAMES, Figure(ours[1]), Figure(bare[1]), None)
    compare(f"calls, {MANY} in flight", NAMES, Figure(ours[2]), Figure(bare[2]), at_least(10))
    compare(f"calls, {MOST} in flight", NAMES, Figure(ours[3]), Figure(bare[3]), at_least(15))
