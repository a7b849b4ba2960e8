"""Relays that know each other have many ways to a shop; shops come and go, and so do ways."""

import random

from examples.scenarios.shop import Customers, all_is_well, orders

from collector_mesh import Settings
from collector_mesh.simulation import Sim

HUBS = [f"hub-{n}" for n in range(1, 7)]


async def scenario(sim: Sim) -> None:
    """No call goes around in circles, not even while the news of a shop that has gone is under way."""
    relaying = Settings(relay=True)
    is_ring = random.random() < 0.5
    for index, hub in enumerate(HUBS):
        # In a ring there are two ways to everybody, else a way through each of the others.
        neighbours = [HUBS[index - 1]] if is_ring else HUBS[:index]
        sim.collector(hub, namespaces=["orders"], peers=neighbours, settings=relaying)
    places = random.sample(HUBS, 2)
    for shop, place in zip(("shop-1", "shop-2"), places, strict=True):
        sim.collector(shop, services=orders, peers=[place])
    ways = (places[:1], random.sample(HUBS, 2))
    fronts = [
        sim.collector(f"front-{n}", namespaces=["orders"], peers=peers) for n, peers in enumerate(ways, 1)
    ]
    await sim.settled()
    for index, hub in enumerate(HUBS):
        for other in HUBS[:index]:
            # News takes a while, so that some hubs believe in ways that are no more.
            sim.network.latency(hub, other, median=0.1, p99=0.3)
    customers = Customers(sim, fronts)
    customers.come(8, until=sim.now + 4, pause=0.1)
    for shop in ("shop-1", "shop-2", "shop-1"):
        await sim.sleep(random.uniform(0.5, 1))
        await sim.crash(shop)
        await sim.sleep(random.uniform(0.1, 0.5))
        await sim.restart(shop, fresh=True)
    await customers.gone()
    assert customers.codes[200] > 0.7 * customers.codes.total(), f"too many have failed: {customers.codes}"
    await all_is_well(sim, fronts)
