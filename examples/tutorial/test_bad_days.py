"""Days on which collectors of the shop crash, on virtual time."""

from pathlib import Path

import pytest

from collector_mesh import MeshClient, MeshError
from collector_mesh.simulation import Sim, Simulation
from notifications import notifications
from orders import orders
from stock import stock
from users import users


async def order_until_it_is_clear(sim: Sim, customer: MeshClient, order_id: str) -> bool:
    """What a patient customer does: the same order again, until the answer is yes or no."""
    order = {"order_id": order_id, "name": "ada", "item": "tea", "number": 1}
    while True:
        try:
            await customer.call("orders", "Orders", "Create", order, timeout=5)
        except MeshError as error:
            if error.code == 409:
                return False
            await sim.sleep(1)
        else:
            return True


async def a_bad_day(sim: Sim) -> None:
    sim.collector("people", services=[users, notifications])
    sim.collector("stock", services=[stock])
    for replica in ("orders-1", "orders-2"):
        sim.collector(
            replica,
            services=[orders],
            namespaces=["users", "stock", "notifications"],
            peers=["people", "stock"],
        )
    sim.collector("front", namespaces=["orders", "stock"], peers=["orders-1", "orders-2", "stock"])
    await sim.settled()
    sim.network.latency("*", "*", median=0.05, p99=0.5)  # seconds
    sim.chaos(rate=1.0)  # faults a second

    async with sim.client("customer", "front") as customer:
        taken = []
        for number in range(12):
            taken.append(await order_until_it_is_clear(sim, customer, str(number)))
            await sim.sleep(2)
        await sim.calm()
        await sim.settled()
        count = await customer.call("orders", "Orders", "Count", returns=int)
        left = await customer.call("stock", "Stock", "Left", "tea", returns=int)

    assert (taken.count(True), count, left) == (10, 10, 0)


@pytest.mark.seeds(4)
def test_ten_teas_are_sold_ten_times_whatever_crashes(
    simulation: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DATA", str(tmp_path))
    simulation.run(a_bad_day, until=3600.0)
