"""More customers than the shop can serve: what is refused is refused at once, and retries stay few."""

from examples.scenarios.shop import Customers, all_is_well, front_of

from collector_mesh import Settings
from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """Retries are at most what the budget gives, and all is well when the crowd has gone."""
    shops = ["shop-1", "shop-2"]
    front = await front_of(sim, shops, seconds=0.1, settings=Settings(max_running=4))
    seconds = 2.0
    customers = Customers(sim, [front])
    customers.come(40, until=sim.now + seconds, pause=0.1)
    await customers.gone()
    assert customers.codes[200] > 40, f"hardly anybody was served: {customers.codes}"
    counts = front.snapshot().counts
    # The budget: a fifth of the attempts, and ten a second of each shop, over its window of ten seconds.
    allowed = 0.2 * counts["attempts"] + 10 * len(shops) * 10
    assert counts["retries"] <= allowed, f"{counts['retries']} retries of {customers.codes.total()} calls"
    await all_is_well(sim, [front])
