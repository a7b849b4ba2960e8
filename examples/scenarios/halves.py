"""A full mesh falls into two halves, each of which goes on by itself, and comes together again."""

import random

from examples.scenarios.shop import Customers, all_is_well, orders

from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """A half may have no shop at all; everything works again when it has come back."""
    names = [f"shop-{n}" for n in range(3)] + [f"front-{n}" for n in range(3)]
    mesh = {}
    for index, name in enumerate(names):
        services = orders if name.startswith("shop") else ()
        mesh[name] = sim.collector(name, namespaces=["orders"], services=services, peers=names[:index])
    await sim.settled()
    fronts = [mesh[name] for name in names if name.startswith("front")]
    customers = Customers(sim, fronts)
    customers.come(8, until=sim.now + 20)
    await sim.sleep(random.uniform(0.5, 2))
    random.shuffle(names)
    sim.network.partition(names[:3], names[3:])
    await sim.sleep(random.uniform(1, 16))
    sim.network.heal()
    await customers.gone()
    await all_is_well(sim, fronts)
