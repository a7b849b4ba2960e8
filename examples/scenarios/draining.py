"""Replicas are stopped in their turn while calls take long and nothing is tried twice."""

import asyncio
import random

from examples.scenarios.shop import CREATE, FIND, NAMESPACE, Customers, all_is_well, orders

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
        calls = [asyncio.create_task(customers.once(front, random.choice((CREATE, FIND)))) for _ in range(10)]
        await sim.sleep(random.uniform(0.05, 0.3))
        stopping = asyncio.create_task(sim.stop(shop))
        for _ in range(20):
            # Some cross the news that the shop ends: they are not run there, and go elsewhere.
            calls.append(asyncio.create_task(customers.once(front, random.choice((CREATE, FIND)))))
            await sim.sleep(0.0002)
        customers.come(4, until=sim.now + 1.5, pause=0.1)
        for task in calls:
            await task
        await stopping
        await customers.gone()
        assert set(customers.codes) == {200}, f"calls have failed: {dict(customers.codes)}"
        await sim.restart(shop, fresh=True)
        await sim.settled()
    await all_is_well(sim, [front])
