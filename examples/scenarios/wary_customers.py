"""Customers who do not want a call to run twice, and a replica that does not say that it may, while others crash."""

import asyncio
import random

from examples.scenarios.shop import CREATE, FIND, NAMESPACE, Customers, all_is_well, orders

from collector_mesh import CallContext, Payload, Service
from collector_mesh.simulation import Sim


def old_orders(seconds: float) -> list[Service]:
    """A shop of an earlier version, which does not say that finding an order twice is no mistake."""
    service = Service(NAMESPACE, "OrderService")

    @service.method("FindOrder")
    async def find_order(request: Payload, context: CallContext) -> Payload:
        await asyncio.sleep(seconds)
        return Payload("order", request.value + b" at " + context.collector_id.encode())

    return [service]


async def scenario(sim: Sim) -> None:
    """Whether a call may run twice is said by the customer; else by who may have run it and who is next."""
    for shop in ("shop-1", "shop-2"):
        sim.collector(shop, services=lambda: orders(0.2))
    sim.collector("old-shop", services=lambda: old_orders(0.2))
    front = sim.collector("front", namespaces=[NAMESPACE], peers=["shop-1", "shop-2", "old-shop"])
    await sim.settled()
    customers = Customers(sim, [front])
    for _ in range(3):
        calls = [customers.once(front, FIND, idempotent=random.choice((None, False))) for _ in range(12)]
        tasks = [asyncio.create_task(call) for call in (*calls, customers.once(front, CREATE))]
        await sim.sleep(random.uniform(0.01, 0.15))
        shop = random.choice(("shop-1", "shop-2"))
        await sim.crash(shop)
        for task in tasks:
            await task
        await sim.restart(shop, fresh=True)
        await sim.settled()
    assert set(customers.codes) <= {200, 502}, f"calls have failed otherwise: {dict(customers.codes)}"
    await all_is_well(sim, [front])
