"""A chain of three with a wire between them that fails."""

import asyncio
import time
from contextlib import AsyncExitStack

from benchmarks.faults.load import Load, until
from benchmarks.faults.replicas import Replica
from benchmarks.faults.report import Finding
from benchmarks.faults.service import IDEMPOTENT, NAMESPACE
from collector_mesh import Collector
from collector_mesh.testing import FaultyProxy


class Chain:
    """front - wire - hub - far, where far has the methods and the hub passes calls on."""

    def __init__(self, opened: AsyncExitStack) -> None:
        self._opened = opened

    async def open(self) -> None:
        """Start all of it, and wait until a call gets through."""
        enter = self._opened.enter_async_context
        hub = await enter(Replica("hub", settings="relay = true", serves=False))
        await enter(Replica("far", peers=(hub.address,)))
        self.wire = await enter(FaultyProxy(hub.address))
        self.front = await enter(Collector("front", listen="127.0.0.1:0", namespaces=[NAMESPACE]))
        await self.front.connect(self.wire.address, timeout=10.0)
        self.load = Load(self.front, timeout=2.0)
        await until(lambda: bool(self.front.explain(NAMESPACE, "Worker", IDEMPOTENT).fit), 10.0)

    def state(self) -> str:
        """How the hub is, as the front sees it."""
        return next(iter(peer.state for peer in self.front.snapshot().connections), "gone")

    async def heals(self) -> float:
        """Heal the wire; seconds until a call gets through."""
        self.wire.heal()
        begin = time.monotonic()
        while time.monotonic() - begin < 20.0:
            if (await self.load.call(IDEMPOTENT)).code == 200:
                return time.monotonic() - begin
            await asyncio.sleep(0.05)
        return float("inf")


async def partition() -> list[Finding]:
    """The wire is silent, slow, half closed."""
    findings = []
    async with AsyncExitStack() as opened:
        chain = Chain(opened)
        await chain.open()
        findings += await _silent(chain, dropped=True)
        findings += await _silent(chain, dropped=False)
        findings.append(await _timed_out(chain))
        findings.append(await _slow(chain))
        findings.append(await _half_closed(chain))
    return findings


async def _silent(chain: Chain, *, dropped: bool) -> list[Finding]:
    what = "drops everything" if dropped else "passes nothing on"
    scenario = f"A - hub - B, the wire to the hub {what}"
    if dropped:
        chain.wire.drop()
    else:
        chain.wire.stall()
    begin = time.monotonic()
    await until(lambda: chain.state() != "live", 30.0)
    suspect = time.monotonic() - begin
    await until(lambda: chain.state() in ("reconnecting", "dead"), 30.0)
    dead = time.monotonic() - begin
    healed = await chain.heals()
    return [
        Finding(scenario, "suspect within 12 s", f"{suspect:.1f} s", suspect <= 12.0),
        Finding(scenario, "dead within 17 s", f"{dead:.1f} s", dead <= 17.0),
        Finding(scenario, "healed within 5 s", f"{healed:.2f} s", healed <= 5.0),
    ]


async def _timed_out(chain: Chain) -> Finding:
    chain.wire.stall()
    begin = time.monotonic()
    done = await chain.load.call(IDEMPOTENT)
    timed_out = time.monotonic() - begin
    after = await until(lambda: chain.state() == "suspect", 10.0)
    await chain.heals()
    return Finding(
        "A - hub - B, a call times out on a silent wire",
        "suspect at once: a probe gets 1 s",
        f"{done.code} after {timed_out:.2f} s, suspect {after:.2f} s later",
        after <= 1.5,
    )


async def _slow(chain: Chain) -> Finding:
    chain.wire.delay = 0.3
    calls = [await chain.load.call(IDEMPOTENT) for _ in range(5)]
    state = chain.state()
    chain.wire.delay = 0.0
    return Finding(
        "A - hub - B, the wire takes 0.3 s each way",
        "calls get through, and the hub stays live",
        f"{[done.code for done in calls]}, {state}, {max(done.took for done in calls):.2f} s at most",
        state == "live" and {done.code for done in calls} == {200},
    )


async def _half_closed(chain: Chain) -> Finding:
    chain.wire.half_close("from_target")
    begin = time.monotonic()
    await until(lambda: chain.state() != "live", 5.0)
    gone = time.monotonic() - begin
    healed = await chain.heals()
    return Finding(
        "A - hub - B, the wire is half closed",
        "noticed at once, healed within 5 s",
        f"noticed after {gone:.2f} s, calls get through {healed:.2f} s later",
        healed <= 5.0,
    )
