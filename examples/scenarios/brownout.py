"""Every shop is too slow for a while, so that every breaker opens."""

import random

from examples.scenarios.shop import Customers, all_is_well, front_of

from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """Calls go on being tried, and all is well soon after the shops are fast again."""
    shops = ["shop-1", "shop-2"]
    front = await front_of(sim, shops)
    customers = Customers(sim, [front], timeout=0.5)
    customers.come(10, until=sim.now + 8)
    await sim.sleep(1)
    for shop in shops:
        sim.slow(shop, random.uniform(1, 3))
    await sim.sleep(random.uniform(2, 5))
    await customers.gone()
    await all_is_well(sim, [front])
