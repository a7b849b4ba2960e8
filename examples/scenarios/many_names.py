"""Thousands of methods, types and callers' inventions: names come, are used once, and go."""

import asyncio
import random

from examples.scenarios.shop import NAMESPACE, all_is_well, orders

from collector_mesh import Payload, Service, Settings
from collector_mesh.simulation import Sim

METHODS = 1000
CALLS = 200


async def scenario(sim: Sim) -> None:
    """Every call is answered for what it asks, through a hub too, and no link ends for it."""
    sim.collector("shop", services=orders)
    sim.collector("hub", namespaces=[NAMESPACE], peers=["shop"], settings=Settings(relay=True))
    fronts = [
        sim.collector("near", namespaces=[NAMESPACE], peers=["shop"]),
        sim.collector("far", namespaces=[NAMESPACE], peers=["hub"]),
    ]
    await sim.settled()
    shop = sim.find("shop")
    names = [f"Method{number}{'x' * random.randrange(200)}" for number in range(METHODS)]
    catalog = Service(NAMESPACE, "CatalogService")
    for name in names:
        catalog.add(name, _same, idempotent=True)
    shop.add_service(catalog)
    await sim.settled()
    made: list[asyncio.Task[None]] = []

    async def ask(number: int) -> None:
        front = random.choice(fronts)
        kind, value = f"type-{number}-{random.random()}", b"%d" % number
        reply = await front.dispatch(
            NAMESPACE, "CatalogService", random.choice(names), Payload(kind, value), timeout=10.0
        )
        assert reply.status.code == 200, f"call {number}: {reply.status}"
        assert (reply.payload.type_url, reply.payload.value) == (kind, value)
        lost = await front.dispatch(NAMESPACE, f"Nobody{number}", f"Invented{number}", timeout=10.0)
        assert lost.status.code == 404, f"an invention is answered by {lost.status}"

    for number in range(CALLS):
        made.append(asyncio.create_task(ask(number)))
        await sim.sleep(0.002)
    await asyncio.gather(*made)
    shop.remove_service(catalog)
    await sim.settled()
    for front in fronts:
        gone = await front.dispatch(NAMESPACE, "CatalogService", names[0], timeout=10.0)
        assert gone.status.code == 404, f"what was removed is answered by {gone.status}"
    ended = [end.reason for name in ("shop", "hub") for end in sim.find(name).snapshot().ended]
    assert not ended, f"links have ended: {ended}"
    await all_is_well(sim, fronts)


async def _same(request: Payload) -> Payload:
    return request
