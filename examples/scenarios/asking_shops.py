"""Shops ask a stock for each order, in async and in plain handlers; shops and stock crash, and start again, meanwhile."""

import asyncio
import random
from collections import Counter

from examples.scenarios.shop import NAMESPACE, orders

from collector_mesh import CallContext, Payload, Service, Settings
from collector_mesh.simulation import Sim

SHOP = (NAMESPACE, "AskingService")
FIND = (NAMESPACE, "OrderService", "FindOrder")
SECONDS = 10.0
TIMEOUT = 1.0


def asking() -> list[Service]:
    """A shop that has nothing itself."""
    service = Service(*SHOP)

    @service.method("Order")
    async def order(request: Payload, context: CallContext) -> Payload:
        return await context.call(*FIND, request)

    @service.method("PlainOrder")
    def plain_order(request: Payload, context: CallContext) -> Payload:
        found = context.blocking.call(*FIND, request)
        return context.blocking.call(*FIND, found)

    return [service]


async def scenario(sim: Sim) -> None:
    """Few threads are enough, since those that wait are not counted; what fails is told as what it is."""
    few = Settings(max_threads=2, max_waiting=2)
    sim.collector("stock", services=lambda: orders(random.choice((0.005, 0.2))))
    for shop in ("shop-1", "shop-2"):
        sim.collector(shop, services=asking, peers=["stock"], settings=few)
    front = sim.collector("front", namespaces=[NAMESPACE], peers=["shop-1", "shop-2"])
    await sim.settled()
    codes: Counter[tuple[int, str]] = Counter()

    async def buy() -> None:
        method = random.choice(("Order", "PlainOrder"))
        reply = await front.dispatch(*SHOP, method, Payload("order", b"7"), timeout=TIMEOUT)
        codes[reply.status.code, reply.status.details.get("nested_code", "")] += 1

    async def trouble() -> None:
        while sim.now < SECONDS:
            await sim.sleep(random.uniform(0.2, 2.0))
            unlucky = random.choice(("stock", "shop-1", "shop-2"))
            await sim.crash(unlucky)
            await sim.sleep(random.uniform(0.0, 1.0))
            await sim.restart(unlucky, fresh=True)

    troubles, calls = asyncio.create_task(trouble()), []
    while sim.now < SECONDS:
        calls.append(asyncio.create_task(buy()))
        await sim.sleep(random.uniform(0.0, 0.05))
    await asyncio.gather(troubles, *calls)
    # A 404 would be one of the shop's own: what the stock says is told as a call that has failed.
    assert codes[200, ""] > 0, codes
    assert {code for code, _ in codes} <= {200, 500, 502, 503, 504}, codes
    assert all(bool(nested) == (code == 500) for code, nested in codes), codes
    await sim.calm()
    await sim.sleep(3)
    for method in ("Order", "PlainOrder") * 3:
        reply = await front.dispatch(*SHOP, method, Payload("order", b"7"), timeout=10.0)
        assert reply.status.code == 200, f"{method}: {reply.status} after all faults have ended"
