"""Replicas that are killed, stopped, or all gone."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

from benchmarks.faults.load import BOTH, Done, Load, codes, front, quantile, share_at, until
from benchmarks.faults.replicas import Replica, Runs, replicas
from benchmarks.faults.report import Finding
from benchmarks.faults.service import IDEMPOTENT, NAMESPACE, ONCE, SERVICE
from collector_mesh import Collector
from collector_mesh.testing import FaultyProxy

KILLED = "kill -9 of one of three"
STOPPED = "SIGSTOP of one of three"
ALL_DOWN = "all replicas down"


async def kill(seconds: float = 4.0, before: float = 2.0) -> list[Finding]:
    """One of three replicas is killed under load, which goes on for a number of seconds before and after that."""
    async with replicas(3) as (group, runs), front(*(replica.address for replica in group)) as collector:
        load = Load(collector)
        async with load.closed(*BOTH):
            await asyncio.sleep(before)
            in_flight = sum(
                standing.in_flight
                for peer in collector.snapshot().connections
                for standing in peer.standings
                if peer.peer_id == group[0].collector_id
            )
            group[0].kill()
            killed = time.monotonic()
            await asyncio.sleep(seconds)
        return _after_kill(load, runs, killed, in_flight, group[0].collector_id)


def _after_kill(load: Load, runs: Runs, killed: float, in_flight: int, gone: str) -> list[Finding]:
    failed = [done for done in load.done if done.code != 200]
    once = [done for done in failed if done.method == ONCE]
    twice = _run_twice(load.done, runs)
    late = share_at((done for done in load.done if done.began > killed + 1.0), gone)
    total = len(load.done)
    idempotent = len(failed) - len(once)
    only_502 = set(codes(once)) <= {502}
    return [
        Finding(KILLED, "idempotent: no call fails", f"{idempotent} of {total:,}", idempotent == 0),
        Finding(
            KILLED,
            "otherwise: only calls in flight there fail, with 502",
            f"{dict(codes(once))}, {in_flight} were in flight there",
            only_502 and len(once) <= max(in_flight, 64),
        ),
        Finding(KILLED, "otherwise: none is run twice", f"{twice}", twice == 0),
        Finding(
            KILLED, "nothing goes there after 1 s", f"{late * 100:.2f} % of attempts", late == 0, is_time=True
        ),
    ]


def _run_twice(done: list[Done], runs: Runs) -> int:
    counts: Counter[bytes] = runs.counts()
    return sum(counts[call.number] > 1 for call in done if call.method == ONCE)


async def stop(seconds: float = 20.0, timeout: float = 2.0, before: float = 2.0) -> list[Finding]:
    """One of three replicas stands still for a number of seconds, under load that has begun before."""
    async with replicas(3) as (group, runs), front(*(replica.address for replica in group)) as collector:
        load = Load(collector, timeout=timeout)
        gone = group[0].collector_id
        async with load.closed(*BOTH):
            await asyncio.sleep(before)
            group[0].stop()
            stopped = time.monotonic()
            await asyncio.sleep(seconds)
            group[0].go_on()
            went_on = time.monotonic()

            def is_back() -> bool:
                now = time.monotonic()
                return share_at(load.between(now - 0.5, now), gone) >= 0.1

            back = await until(is_back, 30.0)
            await asyncio.sleep(1.0)
        settled = [done for done in load.done if stopped + timeout + 0.5 < done.began < went_on]
        away = share_at(settled, gone)
        failed = [done for done in load.done if done.code != 200]
        idempotent = [done for done in failed if done.method == IDEMPOTENT]
        over = max((done.took - timeout for done in load.done), default=0.0)
        twice = _run_twice(load.done, runs)
        scenario = f"{STOPPED} for {seconds:g} s"
        return [
            Finding(
                scenario,
                "after its first timeouts the rest goes elsewhere",
                f"{away * 100:.2f} % of {len(settled):,} attempts went there; failed: {dict(codes(failed))}",
                away < 0.01,
            ),
            Finding(scenario, "idempotent: how many fail", f"{len(idempotent)} of {len(load.done):,}"),
            Finding(
                scenario,
                "no call beyond its deadline + 100 ms",
                f"at most {over * 1000:+.0f} ms",
                over <= 0.1,
                is_time=True,
            ),
            Finding(scenario, "otherwise: none is run twice", f"{twice}", twice == 0),
            Finding(scenario, "back within 10 s of going on", f"{back:.1f} s", back <= 10.0, is_time=True),
        ]


async def all_down(seconds: float = 5.0, clients: int = 50) -> list[Finding]:
    """Both replicas are killed, and one of them comes back; many others wait for it too."""
    async with replicas(2) as (group, _), front(*(replica.address for replica in group)) as collector:
        load = Load(collector, timeout=10.0)
        for _ in range(20):
            await load.call(IDEMPOTENT)
        for replica in group:
            replica.kill()
        await until(lambda: all(peer.state != "live" for peer in collector.snapshot().connections), 10.0)
        refused: list[Done] = []
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            refused.append(await load.call(IDEMPOTENT))
            await asyncio.sleep(0.02)
        waiting = asyncio.create_task(_first_success(load))
        await group[0].start()
        returned = time.monotonic()
        served = await waiting - returned
    slowest = max(done.took for done in refused)
    findings = [
        Finding(
            ALL_DOWN,
            "callers hear 503",
            f"{dict(codes(refused))}",
            set(codes(refused)) == {503},
        ),
        Finding(
            ALL_DOWN,
            "within 100 ms",
            f"p99 {quantile((d.took for d in refused), 0.99) * 1000:.1f} ms, slowest {slowest * 1000:.1f} ms",
            slowest <= 0.1,
            is_time=True,
        ),
        Finding(
            ALL_DOWN,
            "served within 2 s of the first one's return",
            f"{max(0.0, served):.2f} s",
            served <= 2.0,
            is_time=True,
        ),
    ]
    return [*findings, await _herd(clients, seconds)] if clients else findings


async def _first_success(load: Load) -> float:
    while (await load.call(IDEMPOTENT)).code != 200:
        await asyncio.sleep(0.02)
    return time.monotonic()


async def _herd(clients: int, seconds: float) -> Finding:
    """Many collectors lose the same peer; when do they come back to it?"""
    async with AsyncExitStack() as opened:
        replica = await opened.enter_async_context(Replica("replica-1"))
        wire = await opened.enter_async_context(FaultyProxy(replica.address))
        collectors = [
            await opened.enter_async_context(Collector(f"client-{number}", namespaces=[NAMESPACE]))
            for number in range(clients)
        ]
        for collector in collectors:
            await collector.connect(wire.address, timeout=10.0)
        wire.refuse()
        await asyncio.sleep(seconds)
        wire.heal()
        healed = asyncio.get_running_loop().time()
        took = await until(
            lambda: all(c.explain(NAMESPACE, SERVICE, IDEMPOTENT).fit for c in collectors), 15.0
        )
        back = [at - healed for at in wire.accepted if at >= healed]
    bins = Counter(int(at / 0.1) for at in back)
    most = max(bins.values(), default=0)
    return Finding(
        ALL_DOWN,
        f"{clients} collectors that have lost it do not come back all at once",
        f"within {took:.1f} s; at most {most} of {len(back)} dials in any 100 ms",
        most <= clients / 2 and took < 15,
    )
