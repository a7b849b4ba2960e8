"""What links cost that nobody uses: processor time and memory at both ends."""

import asyncio
import sys
import time

import attrs

from benchmarks.conditions import KIB, Conditions
from benchmarks.measure import Target
from benchmarks.processes import Server, ServerFailedError, started

COUNT = 100
WATCH = 12.0
"""Seconds, at least: more than two heartbeats."""
SETTLE = 2.0
CPU = Target(2, " %", below=True)
MEMORY = Target(100, " KiB", below=True)


@attrs.frozen
class Cost:
    """What one end of so many links costs.

    Attributes:
        percent: of one core, by all links.
        kib: resident memory of each.
        files: open files, sockets above all, by all links.
    """

    percent: float
    kib: float
    files: int


async def measured(conditions: Conditions, hub_role: str, dialer_role: str) -> tuple[Cost, Cost]:
    """The costs at the end that listens and at the one that has dialed.

    The first link is there before anything is counted, so that what is loaded and allocated once
    for all links is not.

    Raises:
        ServerFailedError: one of the processes cannot do what it is for.
    """
    async with (
        started(conditions, hub_role) as (hub, address),
        started(conditions, dialer_role, address, str(COUNT)) as (dialer, _),
    ):
        ends = (hub, dialer)
        await asyncio.sleep(SETTLE)
        before = [(end.resident_bytes, end.open_files) for end in ends]
        await dialer.told("go")
        await asyncio.sleep(SETTLE)
        begin, spent = time.perf_counter(), [end.cpu_seconds for end in ends]
        await asyncio.sleep(max(WATCH, conditions.seconds))
        took = time.perf_counter() - begin

        def cost(end: Server, cpu: float, memory: int, files: int) -> Cost:
            return Cost(
                (end.cpu_seconds - cpu) / took * 100,
                (end.resident_bytes - memory) / KIB / COUNT,
                end.open_files - files,
            )

        costs = [cost(end, cpu, *held) for end, cpu, held in zip(ends, spent, before, strict=True)]
    return costs[0], costs[1]


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce(
        f"Idle: {COUNT} peers in one process, each with a link to one collector in another, for"
        f" {max(WATCH, conditions.seconds):g} s",
        in_flight="nothing",
        size="-",
    )
    if sys.platform != "linux":
        print("  not measured: this system has no /proc")
        return
    try:
        links = await measured(conditions, "collector", "dialers")
    except ServerFailedError as error:
        print(f"  not measured, the peers could not connect: {error}")
        print("  peers that do not listen can connect over links only")
        return
    streams = await measured(conditions, "bare", "bare-dialers")
    for end, ours, bare in zip(("listening", "dialing"), links, streams, strict=True):
        print(f"  the end that is {end}")
        print(f"    processor of {COUNT} links          {CPU.judge(ours.percent)}")
        print(f"    processor of {COUNT} bare streams   {bare.percent:9.2f} %")
        print(f"    memory of a link               {MEMORY.judge(ours.kib)}")
        print(f"    memory of a bare stream        {bare.kib:9.2f} KiB")
        memory = f"{ours.kib / bare.kib:.2f} x" if bare.kib > 0 else "without meaning"
        print(f"    ratio of memory                {memory:>11s}, open files +{ours.files} and +{bare.files}")
