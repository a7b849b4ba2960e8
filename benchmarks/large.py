"""Large payloads over a link and by bare unary calls, and small calls beside them."""

import asyncio

from benchmarks.conditions import MIB, Conditions
from benchmarks.measure import (
    PAYLOAD,
    Figure,
    at_least,
    at_most,
    calls_per_second,
    compare,
    latencies,
    percentile,
)
from benchmarks.sides import Side, bare_unary, link

IN_FLIGHT = 4
ROUNDS = 5
SMALL_CALLERS = 4
NAMES = ("dispatch to a peer", "bare grpc.aio unary call")


async def measured(side: Side, conditions: Conditions) -> tuple[float, float, float, int]:
    """Megabytes per second; p50 and p99 in ms of small calls beside that load, and how many there were."""
    async with side(conditions) as calls:
        large, small = calls(b"x" * MIB), calls(PAYLOAD)
        await calls_per_second(large, conditions.seconds / 4, IN_FLIGHT)
        rate = await calls_per_second(large, conditions.seconds, IN_FLIGHT)
        load = asyncio.ensure_future(calls_per_second(large, conditions.seconds, IN_FLIGHT))
        several = await asyncio.gather(*(latencies(small, conditions.seconds) for _ in range(SMALL_CALLERS)))
        await load
    taken = sorted(one for some in several for one in some)
    return rate * MIB / 1e6, percentile(taken, 0.5) * 1e3, percentile(taken, 0.99) * 1e3, len(taken)


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce("Large payloads, echoed (each counted once)", in_flight=IN_FLIGHT, size=f"{MIB:,}")
    pairs = [
        (await measured(link, conditions), await measured(bare_unary, conditions)) for _ in range(ROUNDS)
    ]
    ours, bare = (tuple(zip(*rounds, strict=True)) for rounds in zip(*pairs, strict=True))
    compare(
        f"1 MiB, {IN_FLIGHT} in flight",
        NAMES,
        Figure(ours[0], " MB/s"),
        Figure(bare[0], " MB/s"),
        at_least(0.8),
    )
    beside = f"{len(PAYLOAD)} B calls beside it, {SMALL_CALLERS} in flight"
    compare(f"p50 of {beside}", NAMES, Figure(ours[1], " ms"), Figure(bare[1], " ms"), None)
    compare(f"p99 of {beside}", NAMES, Figure(ours[2], " ms"), Figure(bare[2], " ms"), at_most(1))
    print(f"    small calls: {sum(ours[3]):,} over the link, {sum(bare[3]):,} bare")
