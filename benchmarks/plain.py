"""A dict as request and result over a link, beside the same bytes as a message that nobody looks into."""

import statistics
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.conditions import Conditions
from benchmarks.measure import ROUNDS, Figure, at_most, calls_per_second, compare, latencies
from benchmarks.processes import running
from collector_mesh import Collector, Payload

NAMES = ("a dict, to a handler of dicts", "the same bytes, to a handler of bytes")
MANY = 64

ORDER: dict[str, Any] = {
    "id": "order-2026-000017",
    "customer": "c-8812",
    "name": "Ada Lovelace",
    "street": "12 St James's Square",
    "city": "London",
    "country": "GB",
    "currency": "GBP",
    "total": 129.5,
    "tax": 21.58,
    "discount": 0,
    "lines": [{"sku": "a-1", "count": 2, "price": 49.75}, {"sku": "b-7", "count": 1, "price": 30}],
    "paid": True,
    "shipped": False,
    "note": None,
    "created": "2026-11-29T10:00:00Z",
    "weight": 3.25,
    "parcels": 1,
    "warehouse": "lhr-2",
    "channel": "web",
    "tags": ["gift", "express"],
}
"""A usual one: 20 fields."""


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    request = Payload.pack(ORDER)
    conditions.announce(
        f"Plain data: a dict of {len(ORDER)} fields there and back over a link",
        in_flight=f"1 and {MANY}",
        size=len(request.value),
    )
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(running(conditions, "collector"))
        caller = await stack.enter_async_context(
            Collector("caller", listen="127.0.0.1:0", namespaces=["bench"])
        )
        await caller.connect(address)

        async def with_dict() -> None:
            assert len(await caller.call("bench", "Bench", "Plain", ORDER, returns=dict)) == len(ORDER)

        async def with_bytes() -> None:
            assert len((await caller.call("bench", "Bench", "Echo", request)).value) == len(request.value)

        rounds = []
        for _ in range(ROUNDS):
            ours, yardstick = await _measured(with_dict, conditions), await _measured(with_bytes, conditions)
            rounds.append((*ours, *yardstick))
    alone, many, bare_alone, bare_many = zip(*rounds, strict=True)
    compare("p50, 1 in flight", NAMES, Figure(alone, " us"), Figure(bare_alone, " us"), at_most(3))
    compare(f"time a call, {MANY} in flight", NAMES, Figure(many, " us"), Figure(bare_many, " us"), None)


async def _measured(call: Callable[[], Awaitable[None]], conditions: Conditions) -> tuple[float, float]:
    """Microseconds (p50) of one call at a time, and for each of many in flight."""
    await calls_per_second(call, conditions.seconds / 4)
    alone = await latencies(call, conditions.seconds / 2)
    rate = await calls_per_second(call, conditions.seconds / 2, MANY)
    return statistics.median(alone) * 1e6, 1e6 / rate
