"""One replica is slow for a while, another one crashes under calls; both are well again."""

import random

from examples.scenarios.shop import Customers, all_is_well, front_of

from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2", "shop-3"]
PATIENCE = 5.0
"""Seconds within which a breaker is probed that has been opened for the second time, or for the first."""


async def scenario(sim: Sim) -> None:
    """Who is well again gets its share of the calls again."""
    front = await front_of(sim, SHOPS, seconds=0.05)
    slow, crashed = random.sample(SHOPS, 2)
    seconds = random.uniform(1, 2)
    crowd = Customers(sim, [front], timeout=0.5)
    crowd.come(16, until=sim.now + seconds, pause=0.1)
    await sim.sleep(0.2)
    sim.slow(slow, 1.0)
    await sim.sleep(0.6)
    await sim.crash(crashed)
    await crowd.gone()
    sim.slow(slow, 0.0)
    await sim.restart(crashed, fresh=True)
    few = Customers(sim, [front])
    few.come(3, until=sim.now + PATIENCE)
    await few.gone()
    after = Customers(sim, [front])
    after.come(8, until=sim.now + 1.5, pause=0.1)
    await after.gone()
    least = min(after.served[shop] for shop in SHOPS)
    assert least > 0.1 * after.served.total(), f"somebody is hardly asked: {dict(after.served)}"
    await all_is_well(sim, [front])
