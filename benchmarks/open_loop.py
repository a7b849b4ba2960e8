"""Latency of calls that are offered at a fixed rate, over a link and by bare unary calls."""

import asyncio
import random
import sys
from collections import Counter

from benchmarks.alarm import LoopTimer, TimerFd
from benchmarks.conditions import Conditions
from benchmarks.measure import PAYLOAD, Figure, ratio
from benchmarks.offering import Offering, Outcome, even, poisson
from benchmarks.sides import Side, bare_unary, link

ROUNDS = 3
RATE, HIGH_RATES = 4_000, (20_000, 50_000)
PAUSE = 0.2
BEHIND = 0.05
"""Seconds of the rate that may be under way when the last call has been made."""
SPACINGS = {"evenly": even, "by Poisson": poisson}
LINK, BARE = "link", "bare unary"
RUNS: tuple[tuple[str, Side, tuple[int, ...]], ...] = (
    (LINK, link, (RATE, *HIGH_RATES)),
    (BARE, bare_unary, (RATE,)),
)
Key = tuple[str, int]


async def measured(
    side: Side, rates: tuple[int, ...], seed: int, conditions: Conditions
) -> dict[Key, Outcome]:
    """A run with each spacing and rate, each after a short one that warms up."""
    outcomes: dict[Key, Outcome] = {}
    async with side(conditions) as calls:
        call = calls(PAYLOAD)
        for spacing, timetable in SPACINGS.items():
            for rate in rates:
                for seconds in (conditions.seconds / 4, conditions.seconds):
                    moments = timetable(rate, seconds, random.Random(seed))
                    outcomes[spacing, rate] = await Offering(call, moments).run()
                    await asyncio.sleep(PAUSE)
    return outcomes


def figures(outcomes: list[Outcome]) -> tuple[Figure, Figure]:
    """p50 and p99 of the rounds, in milliseconds."""
    p50s, p99s = (tuple(values) for values in zip(*((one.p50, one.p99) for one in outcomes), strict=True))
    return Figure(tuple(p50 * 1e3 for p50 in p50s), " ms"), Figure(tuple(p99 * 1e3 for p99 in p99s), " ms")


def show(name: str, rate: int, outcomes: list[Outcome]) -> None:
    """Print what became of the rounds of one side."""
    p50, p99 = figures(outcomes)
    failures = sum((outcome.failures for outcome in outcomes), Counter())
    offered, answered = sum(one.offered for one in outcomes), sum(len(one.latencies) for one in outcomes)
    told = ", ".join(f"{count:,} x {what}" for what, count in sorted(failures.items())) or "none"
    print(f"    {name:10s} {rate:6,}/s  p50 {p50}")
    print(f"    {'':10s} {'':6}    p99 {p99}")
    print(f"    {'':10s} {'':6}    offered {offered:,}, answered {answered:,}, failures {told}")
    for outcome in outcomes:
        if outcome.was_stopped:
            what = "stopped: this machine cannot keep up with that rate"
        elif outcome.left > rate * BEHIND:
            what = "it fell behind, latencies are those of a queue"
        else:
            continue
        print(f"    {'':10s} {'':6}    {outcome.left:,} under way after {outcome.offered:,}: {what}")


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    note = (TimerFd if sys.platform == "linux" else LoopTimer).note
    conditions.announce(
        f"Open loop, latency from the moment a call was due; a task per call, {note}",
        in_flight="whatever is",
        size=len(PAYLOAD),
    )
    found: dict[tuple[str, Key], list[Outcome]] = {}
    for seed in range(ROUNDS):
        for name, side, rates in RUNS:
            for key, outcome in (await measured(side, rates, seed, conditions)).items():
                found.setdefault((name, key), []).append(outcome)
    for spacing in SPACINGS:
        print(f"  spaced {spacing}")
        for name, _, rates in RUNS:
            for rate in rates:
                show(name, rate, found[name, (spacing, rate)])
        ours, bare = figures(found[LINK, (spacing, RATE)]), figures(found[BARE, (spacing, RATE)])
        p50, p99 = (ratio(our, their) for our, their in zip(ours, bare, strict=True))
        print(f"    link / bare unary at {RATE:,}/s: p50 {p50:.2f} x, p99 {p99:.2f} x (no target)")
