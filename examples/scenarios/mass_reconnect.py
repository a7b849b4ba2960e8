"""A hub crashes, and up to two hundred collectors connect to it again at once."""

import random

from examples.scenarios.shop import Customers, all_is_well, orders

from collector_mesh.simulation import Sim

COUNTS = (20, 40, 80, 200)


async def scenario(sim: Sim) -> None:
    """Everybody is back within half a minute, and is served."""
    sim.collector("shop", services=orders)
    count = random.choice(COUNTS)
    fronts = [sim.collector(f"front-{n}", namespaces=["orders"], peers=["shop"]) for n in range(count)]
    await sim.settled()
    await sim.crash("shop")
    await sim.sleep(2)
    await sim.restart("shop", fresh=True)
    await sim.calm()
    customers = Customers(sim, fronts, timeout=10.0)
    customers.come(20, until=sim.now + 0.5)
    await customers.gone()
    assert set(customers.codes) == {200}, f"not everybody is served: {customers.codes}"
    await all_is_well(sim, fronts[:5])
