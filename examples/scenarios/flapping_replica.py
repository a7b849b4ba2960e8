"""One of three replicas comes and goes, by crashes, pauses and cuts."""

import random

from examples.scenarios.shop import Customers, all_is_well, front_of

from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """Most calls succeed all the same, and all of them once it has come to rest."""
    shops = ["shop-1", "shop-2", "shop-3"]
    front = await front_of(sim, shops, seconds=0.05)
    customers = Customers(sim, [front])
    customers.come(3, until=sim.now + 15)
    for _ in range(4):
        await sim.sleep(random.uniform(0.2, 2))
        match random.randrange(3):
            case 0:
                await sim.crash("shop-1")
                await sim.sleep(random.uniform(0.1, 2))
                await sim.restart("shop-1", fresh=True)
            case 1:
                sim.pause("shop-1")
                await sim.sleep(random.uniform(0.1, 2))
                sim.resume("shop-1")
            case _:
                sim.network.clog("front", "shop-1")
                await sim.sleep(random.uniform(0.1, 2))
                sim.network.unclog("front", "shop-1")
    await customers.gone()
    assert customers.codes[200] > 0.7 * customers.codes.total(), f"too many have failed: {customers.codes}"
    await all_is_well(sim, [front])
