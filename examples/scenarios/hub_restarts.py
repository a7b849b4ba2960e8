"""The hub that everybody calls through is stopped or crashes, and starts again, empty."""

import random

from examples.scenarios.shop import FIND, NAMESPACE, Customers, all_is_well, orders

from collector_mesh import Settings
from collector_mesh.simulation import Sim

HUBS = ["hub-1", "hub-2"]
SPOKES = [f"spoke-{number}" for number in range(6)]
BACK_SECONDS = 5.0
"""Dials are at most two seconds apart, and the news of a way takes two hops."""


async def scenario(sim: Sim) -> None:
    """Every spoke is back soon after, under its own name, and every way is known again."""
    relaying = Settings(relay=True)
    for hub in HUBS:
        sim.collector(hub, namespaces=[NAMESPACE], peers=HUBS[: HUBS.index(hub)], settings=relaying)
    for number, spoke in enumerate(SPOKES):
        services = orders if number % 3 == 0 else ()
        sim.collector(spoke, namespaces=[NAMESPACE], services=services, peers=[HUBS[number % 2]])
    await sim.settled()
    fronts = [sim.find(spoke) for spoke in SPOKES]
    customers = Customers(sim, fronts)
    customers.come(6, until=sim.now + 14, pause=0.15)
    for _ in range(3):
        await sim.sleep(random.uniform(0.2, 1.5))
        hub = random.choice(HUBS)
        await (sim.crash if random.random() < 0.5 else sim.stop)(hub)
        await sim.sleep(random.choice((0.0, random.uniform(0.01, 2.5))))
        await sim.restart(hub, fresh=True)
        await sim.sleep(BACK_SECONDS)
        for spoke in SPOKES:
            code = await customers.once(sim.find(spoke), FIND)
            assert code == 200, f"{spoke} gets {code} {BACK_SECONDS:g} s after {hub} was started again"
    await customers.gone()
    await all_is_well(sim, fronts)
