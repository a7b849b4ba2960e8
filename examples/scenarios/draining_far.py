"""Replicas far away are stopped in their turn, while every call has one try."""

import random

from examples.scenarios.shop import NAMESPACE, Customers, all_is_well, orders, stopped_and_back

from collector_mesh import Settings
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2"]
ONE_WAY = 0.15


async def scenario(sim: Sim) -> None:
    """Who is stopped says so first: what crosses that goes elsewhere, at nobody's expense, so that no call fails."""
    for shop in SHOPS:
        sim.collector(shop, services=lambda: orders(random.uniform(0.01, 0.5)))
    once = Settings(max_attempts=1)
    front = sim.collector("front", namespaces=[NAMESPACE], peers=SHOPS, settings=once)
    await sim.settled()
    sim.network.latency("front", "*", median=ONE_WAY, p99=ONE_WAY * 1.3)
    customers = Customers(sim, [front], timeout=10.0)
    for shop in SHOPS:
        customers.come(8, until=sim.now + 4, pause=0.1)
        await sim.sleep(random.uniform(0.5, 1.5))
        await stopped_and_back(sim, shop, front, customers, calls=100, pause=0.01)
    await all_is_well(sim, [front])
