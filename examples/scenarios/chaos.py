"""Whatever a seed can think of, with settings that it draws too."""

from examples.scenarios.shop import Customers, all_is_well, orders

from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """Nothing is promised of single calls but what always holds; afterwards everything works again."""
    sim.chaos(rate=0.7)
    for n in (1, 2, 3):
        sim.collector(f"shop-{n}", services=orders, peers=["shop-1", "shop-2"][: n - 1])
    fronts = [
        sim.collector(f"front-{n}", namespaces=["orders"], peers=["shop-1", "shop-2", "shop-3"])
        for n in (1, 2)
    ]
    customers = Customers(sim, fronts)
    customers.come(3, until=sim.now + 20)
    await customers.gone()
    await all_is_well(sim, fronts)
