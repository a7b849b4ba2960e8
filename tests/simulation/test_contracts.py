"""Contracts in a simulation: served and called on virtual time, through crashes, and the same for the same seed."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from collector_mesh import CallContext, Collector, Contract, MeshError, implements, method
from collector_mesh.simulation import Sim, Simulation


@dataclass
class Order:
    item: str
    count: int = 1


class Stock(Contract, namespace="stock"):
    @method
    async def reserve(self, order: Order) -> int: ...  # type: ignore[empty-body]


class Shop(Contract, namespace="shop"):
    @method
    async def order(self, order: Order) -> list[int]: ...  # type: ignore[empty-body]
    @method
    def order_in_a_thread(self, order: Order) -> int: ...  # type: ignore[empty-body]


@implements(Stock)
class MyStock:
    def __init__(self) -> None:
        self.left = 100

    async def reserve(self, order: Order) -> int:
        await asyncio.sleep(0.01)
        self.left -= order.count
        return self.left


@implements(Shop)
class MyShop:
    async def order(self, order: Order, context: CallContext) -> list[int]:
        stock = Stock.client(context)
        return [await stock.reserve(order), await stock.reserve(order, timeout=1)]

    def order_in_a_thread(self, order: Order, context: CallContext) -> int:
        return Stock.client(context.blocking).reserve(order, timeout=1)


@pytest.mark.parametrize("seed", range(2))
def test_contracts_work_on_virtual_time_and_through_a_crash(seed: int) -> None:
    async def scenario(sim: Sim) -> list[Any]:
        sim.collector("stock-1", services=[MyStock])
        sim.collector("shop-1", services=[MyShop], namespaces=["stock"], peers=["stock-1"])
        front: Collector = sim.collector("front", namespaces=["shop"], peers=["shop-1"])
        await sim.settled()
        shop = Shop.client(front, timeout=5)
        found: list[Any] = [await shop.order(Order("tea", 2))]
        async with sim.client("customer", "shop-1") as client:
            found.append(await Shop.client(client).order_in_a_thread(Order("tea")))
        await sim.crash("stock-1")
        try:
            await shop.order(Order("tea"))
        except MeshError as error:
            found.append(error.code)
        await sim.restart("stock-1", fresh=True)
        await sim.settled()
        return [*found, await shop.order(Order("tea"))]

    first, second = (Simulation(seed).run(scenario, until=60.0).value for _ in range(2))

    assert first == second
    assert isinstance(first, list)
    assert (first[:2], first[-1]) == ([[98, 96], 95], [99, 98])
