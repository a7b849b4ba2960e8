"""Orders that are so large that they travel in chunks, several at a time, beside small ones."""

import random

from examples.scenarios.shop import Customers, all_is_well, front_of

from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """Each is answered in time, and whole, over a network that is not fast."""
    front = await front_of(sim, ["shop-1", "shop-2"])
    sim.network.latency("front", "*", median=0.01, p99=0.03)
    sim.network.bandwidth("front", "*", random.uniform(5e6, 50e6))
    large = Customers(sim, [front], timeout=10.0, length=random.randrange(10_000, 40_000))
    large.come(4, until=sim.now + 2)
    small = Customers(sim, [front])
    small.come(2, until=sim.now + 2)
    await large.gone()
    await small.gone()
    assert set(large.codes) == {200}, f"large calls have failed: {dict(large.codes)}"
    assert set(small.codes) == {200}, f"small calls have failed: {dict(small.codes)}"
    await all_is_well(sim, [front])
