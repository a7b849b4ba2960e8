"""A namespace moves from one collector to another while customers call; a stranger never gets in."""

from examples.scenarios.shop import Customers, all_is_well, orders

from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """The new place serves before the old one leaves, so that no call fails."""
    old = sim.collector("old")
    new = sim.collector("new")
    old.add_service(orders()[0])
    front = sim.collector("front", namespaces=["orders"], peers=["old", "new"])
    stranger = sim.collector("stranger", namespaces=["goods"], peers=["old", "new"])
    await sim.settled()
    sim.network.latency("*", "*", median=0.01, p99=0.05)
    customers = Customers(sim, [front])
    customers.come(4, until=sim.now + 4, pause=0.1)
    await sim.sleep(1)
    new.add_service(orders()[0])
    await sim.sleep(1)
    old.remove_namespace("orders")
    for _ in range(5):
        code = await Customers(sim, [stranger]).once(stranger)
        assert code == 404, f"a stranger to the namespace gets {code}"
        await sim.sleep(0.2)
    await customers.gone()
    assert set(customers.codes) <= {200}, f"calls have failed: {customers.codes}"
    await all_is_well(sim, [front])
