"""Every replica is stopped and started again in its turn, and no customer notices."""

from examples.scenarios.shop import Customers, all_is_well, front_of

from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """No call may fail: who is stopped says so first, and ends what it has begun."""
    shops = ["shop-1", "shop-2", "shop-3"]
    front = await front_of(sim, shops, seconds=0.05)
    sim.network.latency("front", "*", median=0.005, p99=0.02)
    customers = Customers(sim, [front])
    customers.come(4, until=sim.now + 6, pause=0.1)
    for shop in shops:
        await sim.sleep(1)
        await sim.stop(shop)
        await sim.sleep(0.3)
        await sim.restart(shop, fresh=True)
        await sim.settled()
    await customers.gone()
    assert set(customers.codes) == {200}, f"calls have failed: {dict(customers.codes)}"
    await all_is_well(sim, [front])
