"""Customers behind a hub give up, and others wait for a replica that does not answer."""

import asyncio
import random

from examples.scenarios.shop import CREATE, FIND, NAMESPACE, Customers, all_is_well

from collector_mesh import CallContext, Payload, Service, Settings
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2"]
TIMEOUT = 2.0
LEEWAY = 0.05
"""What a few frames take, in seconds."""


async def scenario(sim: Sim) -> None:
    """What nobody waits for anymore is ended where it runs; a second try has only the time that is left."""
    too_long: list[float] = []

    def shop() -> list[Service]:
        service = Service(NAMESPACE, "OrderService")

        @service.method("CreateOrder")
        async def create_order(request: Payload, context: CallContext) -> Payload:
            await asyncio.sleep(TIMEOUT * 0.9)
            return Payload("order", request.value + b" at " + context.collector_id.encode())

        @service.method("FindOrder", idempotent=True)
        async def find_order(request: Payload, context: CallContext) -> Payload:
            # At the second shop that is asked: by the first one half of the time was lost.
            if context.collector_id == "shop-2" and sim.now > asked_at + LEEWAY:
                too_long.append(context.time_remaining() - (asked_at + TIMEOUT - sim.now))
            return Payload("order", request.value + b" at " + context.collector_id.encode())

        return [service]

    for name in SHOPS:
        sim.collector(name, services=shop)
    sim.collector("hub", namespaces=[NAMESPACE], peers=SHOPS, settings=Settings(relay=True))
    front = sim.collector("front", namespaces=[NAMESPACE], peers=["hub"])
    await sim.settled()
    customers = Customers(sim, [front], timeout=TIMEOUT)
    waiting = [asyncio.create_task(customers.once(front, CREATE)) for _ in range(10)]
    await sim.sleep(random.uniform(0.1, 1.0))
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await sim.sleep(LEEWAY)
    running = sum(sim.find(name).snapshot().running for name in ("hub", *SHOPS))
    assert not running, f"{running} calls run that nobody waits for"
    sim.network.clog("hub", "shop-1")
    asked_at = sim.now
    await asyncio.gather(*(customers.once(front, FIND) for _ in range(10)))
    assert set(customers.codes) == {200}, f"calls have failed: {dict(customers.codes)}"
    assert max(too_long, default=0.0) < LEEWAY, f"a second try has {max(too_long):.3f} s too much"
    await all_is_well(sim, [front])
