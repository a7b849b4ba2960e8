"""Replicas that fail, are slow, or flap."""

import asyncio
import time
from contextlib import AsyncExitStack

from benchmarks.faults.load import BOTH, Load, codes, front, share_at
from benchmarks.faults.replicas import Replica
from benchmarks.faults.report import Finding
from benchmarks.faults.service import IDEMPOTENT
from collector_mesh.testing import FaultyProxy


async def _beside(bad: Replica, seconds: float, settle: float) -> tuple[float, Load, int]:
    """Load on a bad replica and two good ones: its share of the attempts once it is known, and its ejections."""
    async with AsyncExitStack() as opened:
        replicas = [await opened.enter_async_context(Replica(f"good-{number}")) for number in (1, 2)]
        replicas.append(await opened.enter_async_context(bad))
        collector = await opened.enter_async_context(front(*(replica.address for replica in replicas)))
        load = Load(collector)
        async with load.closed(*BOTH):
            begin = time.monotonic()
            await asyncio.sleep(seconds)
        settled = [done for done in load.done if done.began > begin + settle]
        ejected = collector.snapshot().counts.get("breakers_opened", 0)
        return share_at(settled, bad.collector_id), load, ejected


async def fails(seconds: float = 15.0) -> list[Finding]:
    """One of three answers everything with 503."""
    share, load, _ = await _beside(Replica("bad", sick=1.0), seconds, 5.0)
    return [
        _little("one of three answers 503, fast", share, 0.02),
        _no_failures(load, "one of three answers 503, fast"),
    ]


async def fails_seldom(seconds: float = 30.0) -> list[Finding]:
    """One of three answers every tenth call with 503."""
    share, load, ejected = await _beside(Replica("bad", sick=0.1), seconds, 5.0)
    scenario = f"one of three fails every tenth call, for {seconds:g} s"
    told = f"{ejected} ejections, {share * 100:.1f} % of the attempts went there"
    return [Finding(scenario, "it is not ejected", told, ejected == 0), _no_failures(load, scenario)]


async def slow(seconds: float = 12.0) -> list[Finding]:
    """One of three is 20 times slower."""
    share, _, _ = await _beside(Replica("bad", seconds=0.2), seconds, 2.0)
    return [_little("one of three is 20 x slower", share, 0.1)]


async def drops_links(seconds: float = 15.0) -> list[Finding]:
    """The links of one of three are cut all the time."""
    scenario = "the links of one of three are cut every 50 ms"
    async with AsyncExitStack() as opened:
        replicas = [await opened.enter_async_context(Replica(f"good-{number}")) for number in (1, 2)]
        bad = await opened.enter_async_context(Replica("bad"))
        wire = await opened.enter_async_context(FaultyProxy(bad.address))
        addresses = [*(replica.address for replica in replicas), wire.address]
        collector = await opened.enter_async_context(front(*addresses))
        load = Load(collector)
        async with load.closed(*BOTH):
            begin = time.monotonic()
            while time.monotonic() - begin < seconds:
                wire.cut()
                await asyncio.sleep(0.05)
        settled = [done for done in load.done if done.began > begin + 5.0]
    return [_little(scenario, share_at(settled, "bad"), 0.02), _no_failures(load, scenario)]


async def flaps(seconds: float = 30.0) -> list[Finding]:
    """One of three comes and goes every second."""
    scenario = f"one of three flaps every second for {seconds:g} s"
    async with AsyncExitStack() as opened:
        replicas = [await opened.enter_async_context(Replica(f"replica-{number}")) for number in (1, 2, 3)]
        wire = await opened.enter_async_context(FaultyProxy(replicas[2].address))
        addresses = [replicas[0].address, replicas[1].address, wire.address]
        collector = await opened.enter_async_context(front(*addresses))
        load = Load(collector)
        async with load.closed(IDEMPOTENT):
            begin = time.monotonic()
            while time.monotonic() - begin < seconds:
                wire.refuse()
                await asyncio.sleep(1.0)
                wire.heal()
                await asyncio.sleep(1.0)
        good = codes(load.done)[200] / len(load.done)
        counts = collector.snapshot().counts
    told = f"{good * 100:.3f} % of {len(load.done):,}, {counts.get('retries', 0)} retries"
    return [Finding(scenario, "idempotent: at least 99.9 % succeed", told, good >= 0.999)]


def _little(scenario: str, share: float, most: float) -> Finding:
    wanted = f"it gets under {most * 100:g} % of the traffic" + (" after 5 s" if most < 0.1 else "")
    return Finding(scenario, wanted, f"{share * 100:.2f} %", share < most)


def _no_failures(load: Load, scenario: str) -> Finding:
    failed = [done for done in load.done if done.code != 200]
    idempotent = sum(done.method == IDEMPOTENT for done in failed)
    told = f"{dict(codes(failed)) or 'none'} of {len(load.done):,} calls, {idempotent} of them idempotent"
    return Finding(scenario, "how many calls fail", told)
