"""What a scrape costs a collector with 300 peers and 20 methods: processor time, and how late its event loop is meanwhile."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.conditions import Conditions
from benchmarks.measure import ROUNDS, Figure, Target
from collector_mesh import Collector, LoopbackNetwork, Payload, Service

_PEERS = 300
_METHODS = 20
_MOST_MILLISECONDS = 200.0
_MOST_LATE = 20.0
_TURN = 0.002
_LOOK = 0.2
_ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce(
        f"Scrape of a collector with {_PEERS} peers and {_METHODS} methods", in_flight=1, size=0
    )
    service = Service("bench", "Bench")
    for number in range(_METHODS):
        service.add(f"Method{number}", _echo)
    network = LoopbackNetwork()
    async with AsyncExitStack() as opened:
        hub = Collector("hub", services=[service], transport=network, metrics="127.0.0.1:0")
        await opened.enter_async_context(hub)
        for number in range(_PEERS):
            peer = Collector(f"peer-{number}", namespaces=["bench"], peers=["hub"], transport=network)
            await opened.enter_async_context(peer)
        await hub.wait_for(peers=_PEERS, timeout=120)
        for number in range(_METHODS):
            await hub.dispatch("bench", "Bench", f"Method{number}", Payload("t", b""))
        for encoding, name in (("", "plain"), ("gzip", "gzip")):
            scrapes = [await _scrape(hub, encoding) for _ in range(ROUNDS)]
            sizes, series, spent, late, before = zip(*scrapes, strict=True)
            print(f"    {name + ': bytes':34s} {sizes[0]:9,d}")
            if not encoding:
                print(f"    {'series':34s} {series[0]:9,d}")
            for what, values, most in (
                ("processor time of a scrape", spent, _MOST_MILLISECONDS),
                ("the event loop is late by at most", late, _MOST_LATE),
            ):
                figure = Figure(values, " ms")
                print(f"    {what:34s} {figure}")
                print(f"    {'':34s} {Target(most, ' ms').judge(figure.median)}")
            print(f"    {'and without a scrape':34s} {Figure(before, ' ms')}")


async def _echo(request: Payload) -> Payload:
    return request


async def _scrape(hub: Collector, encoding: str) -> tuple[int, int, float, float, float]:
    """Bytes and series of one, milliseconds of processor time without those that the mesh takes anyway, how late the loop was, and before."""
    before, begin = time.process_time(), time.perf_counter()
    late_before = await _late_during(asyncio.sleep(_LOOK))
    idle = (time.process_time() - before) / (time.perf_counter() - begin)
    host, _, port = hub.metrics_address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET /metrics HTTP/1.1\r\nAccept: {_ACCEPT}\r\nAccept-Encoding: {encoding}\r\n\r\n"
    whole = b""

    async def scrape() -> None:
        nonlocal whole
        writer.write(head.encode())
        whole = await reader.read()

    begin, spent = time.perf_counter(), time.process_time()
    late = await _late_during(scrape())
    took, spent = time.perf_counter() - begin, time.process_time() - spent
    writer.close()
    body = whole.partition(b"\r\n\r\n")[2]
    series = sum(not line.startswith(b"#") for line in body.splitlines())
    return len(body), series, max(0.0, spent - idle * took) * 1000, late, late_before


async def _late_during(work: Coroutine[Any, Any, None]) -> float:
    """How late the event loop is at most, in milliseconds, while something is done."""
    worst, is_over = 0.0, False

    async def look() -> None:
        nonlocal worst
        while not is_over:
            due = time.perf_counter() + _TURN
            await asyncio.sleep(_TURN)
            worst = max(worst, time.perf_counter() - due)

    looking = asyncio.ensure_future(look())
    await work
    is_over = True
    await looking
    return worst * 1000
