"""Replicas are stopped in their turn while calls take long and nothing is tried twice."""

import random

from examples.scenarios.shop import NAMESPACE, Customers, all_is_well, orders, stopped_and_back

from collector_mesh import Settings
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2"]


async def scenario(sim: Sim) -> None:
    """Who ends says so first: it finishes what runs, and is asked for nothing more, so that no call fails."""
    for shop in SHOPS:
        sim.collector(shop, services=lambda: orders(1.0))
    settings = Settings(max_attempts=1)
    front = sim.collector("front", namespaces=[NAMESPACE], peers=SHOPS, settings=settings)
    await sim.settled()
    customers = Customers(sim, [front], timeout=5.0)
    for shop in SHOPS:
        for _ in range(10):
            customers.begin(front)
        await sim.sleep(random.uniform(0.05, 0.3))
        customers.come(4, until=sim.now + 1.5, pause=0.1)
        await stopped_and_back(sim, shop, front, customers, calls=20, pause=0.0002)
    await all_is_well(sim, [front])
