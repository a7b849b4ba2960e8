"""More calls than can be run."""

import asyncio
import time

from benchmarks.faults.load import Load, Tally, codes, front, quantile
from benchmarks.faults.replicas import Replica
from benchmarks.faults.report import Finding
from benchmarks.faults.service import NAMESPACE, ONCE, OTHER

SECONDS, LIMIT = 0.05, 64
CAPACITY = LIMIT / SECONDS
OFFERED = 10 * CAPACITY
MIB = 1 << 20


async def overload(seconds: float = 30.0) -> list[Finding]:
    """Ten times what a replica can run, and then less than that again."""
    scenario = f"10 x overload: {OFFERED:,.0f} calls/s for {seconds:g} s, limit {LIMIT}, handlers of {SECONDS * 1000:g} ms"
    replica = Replica("replica-1", seconds=SECONDS, settings=f"max_running = {LIMIT}")
    async with replica, front(replica.address) as collector:
        load = Load(collector)
        async with load.closed(ONCE, in_flight=LIMIT):
            begin = time.monotonic()
            await asyncio.sleep(5.0)
        best = codes(load.between(begin + 1, begin + 5))[200] / 4
        await load.open(OFFERED, 2.0)
        before = replica.resident_bytes
        tally = await load.open(OFFERED, seconds)
        after = replica.resident_bytes
        afterwards = await load.open(0.8 * CAPACITY, 6.0)
        return [
            *_under_load(scenario, tally, best),
            Finding(
                scenario,
                "memory is flat",
                f"the replica has {before / MIB:.0f} MiB before and {after / MIB:.0f} MiB after",
                after - before < 16 * MIB,
            ),
            _afterwards(scenario, afterwards),
        ]


def _under_load(scenario: str, tally: Tally, best: float) -> list[Finding]:
    counts = tally.codes()
    goodput = counts[200] / tally.seconds
    offered = sum(counts.values()) / tally.seconds
    shed = tally.took(429)
    others = {code: count for code, count in counts.items() if code not in (200, 429)}
    p99 = quantile(shed, 0.99)
    return [
        Finding(
            scenario,
            "goodput at least 0.8 of the best",
            f"{goodput:,.0f}/s of {best:,.0f}/s ({goodput / best:.2f}), {offered:,.0f}/s offered",
            goodput >= 0.8 * best,
        ),
        Finding(
            scenario,
            "the rest gets 429 in under 50 ms (p99)",
            f"p50 {quantile(shed, 0.5) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms; other outcomes: {others or 'none'}",
            p99 < 0.05 and not others,
        ),
    ]


def _afterwards(scenario: str, tally: Tally) -> Finding:
    counts = tally.codes(since=2.0)
    good = counts[200] / max(1, sum(counts.values()))
    p99 = quantile(tally.took(200), 0.99)
    return Finding(
        scenario,
        "normal within 2 s afterwards, at 0.8 of capacity",
        f"{good * 100:.2f} % succeed, p99 {p99 * 1000:.0f} ms",
        good >= 0.99 and p99 < 3 * SECONDS,
    )


async def fair(seconds: float = 10.0) -> list[Finding]:
    """One namespace is overloaded, another one is called now and then."""
    scenario = "one namespace is offered 10 x what fits, another one 20 calls/s"
    replica = Replica(
        "replica-1", seconds=SECONDS, settings=f"max_running = {LIMIT}", namespaces=(NAMESPACE, OTHER)
    )
    async with replica, front(replica.address, namespaces=(NAMESPACE, OTHER)) as collector:
        load = Load(collector)
        hog, trickle = await asyncio.gather(
            load.open(OFFERED, seconds), load.open(20.0, seconds, namespace=OTHER)
        )
    counts = trickle.codes(since=1.0)
    good = counts[200] / sum(counts.values())
    goodput = hog.codes()[200] / seconds
    return [
        Finding(
            scenario, "the other one is not starved", f"{good * 100:.1f} % of its calls succeed", good >= 0.99
        ),
        Finding(scenario, "what the busy one gets", f"{goodput:,.0f}/s of {CAPACITY:,.0f}/s"),
    ]
