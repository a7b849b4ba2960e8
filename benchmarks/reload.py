"""What it costs to reload: how long the event loop stands still, and calls that are lost, of which there are none."""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.conditions import Conditions
from benchmarks.measure import PAYLOAD, Target
from collector_mesh import Collector, Payload, Reloaded, Service, Settings, Tls
from collector_mesh.app.cli.configuration.origin import Origin
from collector_mesh.app.cli.issuing import Authority, Issued
from collector_mesh.app.cli.reloads import Reloads
from collector_mesh.app.cli.sources import read_config

OVERRIDES = 1_000
ROUNDS = 10
TIMES = 100
IN_FLIGHT = 64
LAG = Target(50, " ms")
LOST = Target(0, " calls")
QUIET = Settings(drain_timeout=5)
ECHO = ("echo", "Echo", "Echo")
LISTEN = "127.0.0.1:0"


class Lag:
    """The longest time for which the event loop has not come back to others."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        """Look at it until this is cancelled."""
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            self.longest, before = max(self.longest, now - before), now


async def lag_of(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds for which the loop stands still at most while something is done."""
    lag = Lag()
    watching = asyncio.create_task(lag.watch())
    try:
        await work()
    finally:
        watching.cancel()
    return lag.longest * 1000


def write(file: Path, number: int) -> None:
    """A configuration with other values for very many methods."""
    lines = ["[settings]", f"max_running = {1000 + number}"]
    for index in range(OVERRIDES):
        # A quarter each of namespaces, services and methods of them, so that wider ones are looked for.
        name = f"space-{index // 4}" + ("", "/Service", "/Service.One", "/Service.Two")[index % 4]
        lines += [
            f'[settings.overrides."{name}"]',
            f"default_timeout = {number + 1 + index % 7}.5",
            "max_attempts = 2",
        ]
    file.write_text("\n".join(lines))
    os.utime(file, (1, 1))


async def overrides(folder: Path) -> None:
    """Reload a file with very many overrides, beside a loop that has nothing else to do."""
    file = folder / "collector.toml"
    write(file, 0)
    origin = Origin(argparse.Namespace(config=str(file)), {})
    sourced = read_config(origin.arguments, {})
    idle, reloading, seconds = [], [], []
    async with (
        Collector("c-1", settings=sourced.config.settings) as collector,
        Reloads(collector, origin, sourced) as reloads,
    ):
        reloads.started()
        for number in range(1, ROUNDS + 1):
            write(file, number)
            begin = time.perf_counter()
            reports: list[object] = []

            async def reload(into: list[object] = reports) -> None:
                into.append(await reloads.reload())

            reloading.append(await lag_of(reload))
            seconds.append(time.perf_counter() - begin)
            idle.append(await lag_of(lambda: asyncio.sleep(seconds[-1])))
            changed = collector.container.policies().overrides["space-0"].timeout
            assert changed == number + 1.5, reports
    print(f"  the longest pause of the loop, {OVERRIDES:,} overrides, median of {ROUNDS} reloads")
    print(
        f"    while it reloads               {LAG.judge(statistics.median(reloading))}, at most {max(reloading):.1f}"
    )
    print(f"    while it does nothing          {statistics.median(idle):9.2f} ms")
    print(f"    until it is in force           {statistics.median(seconds) * 1000:9.2f} ms")


def _service() -> Service:
    service = Service("echo", "Echo")

    @service.method("Echo")
    async def echo(request: Payload) -> Payload:
        return request

    return service


class Load:
    """Calls of one collector, all the time, and what has come of them."""

    def __init__(self, caller: Collector) -> None:
        self.made = 0
        self.lost = 0
        self._caller = caller
        self._is_over = False

    async def _call(self) -> None:
        request = Payload("type.googleapis.com/bench.Bytes", PAYLOAD)
        while not self._is_over:
            reply = await self._caller.dispatch(*ECHO, request)
            self.made += 1
            self.lost += reply.status.code != 200

    async def run(self, work: Awaitable[None]) -> None:
        """Have calls made while something is done."""
        calls = [asyncio.create_task(self._call()) for _ in range(IN_FLIGHT)]
        try:
            await work
        finally:
            self._is_over = True
            await asyncio.gather(*calls)

    def __str__(self) -> str:
        return f"{LOST.judge(self.lost)} of {self.made:,}"


@asynccontextmanager
async def pair(
    first: Tls | None = None, second: Tls | None = None, *, caller_id: str = "a-1"
) -> AsyncIterator[tuple[Collector, Collector]]:
    """A collector that serves, and one that calls it over a link."""
    async with (
        Collector("m-1", listen=LISTEN, services=[_service()], tls=first, settings=QUIET) as served,
        Collector(
            caller_id, namespaces=["echo"], peers=[served.address], tls=second, settings=QUIET
        ) as caller,
    ):
        await caller.wait_for(peers="all")
        yield served, caller


async def reloads_under_load() -> None:
    """Other limits, overrides and policies at both ends, again and again."""
    async with pair() as (served, caller):
        load = Load(caller)

        async def work() -> None:
            for number in range(TIMES):
                overrides = {"echo": {"max_running": 500 + number, "default_timeout": 10.0 + number}}
                settings = Settings(
                    drain_timeout=5, max_running=1000 + number, relay=bool(number % 2), overrides=overrides
                )
                for collector in (served, caller):
                    told = await collector.reload(settings=settings)
                    assert "settings.overrides" in told.changed, told
                await asyncio.sleep(0.01)

        await load.run(work())
    print(f"  {TIMES} reloads at both ends, {IN_FLIGHT} in flight: lost {load}")


async def rotations_under_load(folder: Path, caller_id: str) -> None:
    """New certificates, in turn at the end that serves and at the one that calls, each until there is a new link."""
    authority, own = Authority.made("mesh.test")
    (folder / "ca.pem").write_bytes(own.cert)

    def issue(name: str) -> Tls:
        issued: Issued = authority.issue(
            name, uri=f"spiffe://mesh.test/collector/{name}", hosts=["localhost", "127.0.0.1"], days=1
        )
        cert, key = folder / f"{name}.pem", folder / f"{name}.key"
        cert.write_bytes(issued.cert)
        key.write_bytes(issued.key)
        return Tls(cert, key, folder / "ca.pem")

    def link(caller: Collector) -> str:
        return caller.snapshot().connections[0].connection_id

    async with pair(issue("m-1"), issue(caller_id), caller_id=caller_id) as (served, caller):
        load = Load(caller)
        links = {link(caller)}

        async def work() -> None:
            for number in range(TIMES):
                collector = (served, caller)[number % 2]
                before = link(caller)
                issue(collector.collector_id)
                told = await collector.reload()
                assert told == Reloaded(("certificates",)), told
                async with asyncio.timeout(60):
                    while link(caller) == before:
                        await asyncio.sleep(0.005)
                links.add(link(caller))

        await load.run(work())
    who = "lower" if caller_id < "m-1" else "higher"
    print(
        f"  {TIMES} rotations, {IN_FLIGHT} in flight, dialed by the {who} id: {len(links) - 1} new links, lost {load}"
    )


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce(
        "Reload: a collector goes by another configuration", in_flight=IN_FLIGHT, size=len(PAYLOAD)
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await overrides(folder)
        await reloads_under_load()
        for caller_id in ("a-1", "z-1"):
            await rotations_under_load(folder, caller_id)
