"""Two hubs pass calls on; one of them is cut off."""

import random

from examples.scenarios.shop import Customers, all_is_well, orders

from collector_mesh import Settings
from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """Calls go through the other hub, and through both when it is back."""
    relaying = Settings(relay=True)
    hubs = ["hub-1", "hub-2"]
    sim.collector("hub-1", namespaces=["orders"], settings=relaying)
    sim.collector("hub-2", namespaces=["orders"], peers=["hub-1"], settings=relaying)
    for shop in ("shop-1", "shop-2"):
        sim.collector(shop, services=orders, peers=hubs)
    fronts = [sim.collector(f"front-{n}", namespaces=["orders"], peers=hubs) for n in (1, 2)]
    await sim.settled()
    customers = Customers(sim, fronts)
    customers.come(3, until=sim.now + 25)
    await sim.sleep(1)
    cut = random.choice(hubs)
    others = [*hubs, "shop-1", "shop-2", "front-1", "front-2"]
    others.remove(cut)
    sim.network.partition({cut}, others)
    await sim.sleep(random.uniform(5, 20))
    sim.network.heal()
    await sim.crash(random.choice(["shop-1", "shop-2"]))
    await customers.gone()
    await all_is_well(sim, fronts)
