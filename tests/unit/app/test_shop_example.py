"""The services of the shop example, without a process or a socket."""

import csv
import sqlite3
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio

import orders_service
import users_service
from collector_mesh import Collector, LoopbackNetwork, MeshError
from database import Database
from shop_pb2 import GetOrderRequest, GetUserRequest, Order, OrderSummary, User

EXAMPLE = Path(orders_service.__file__).parent


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "shop"
    users = Database("users.db", users_service.prepare)
    orders = Database("orders.db", orders_service.prepare)
    monkeypatch.setenv("SHOP_DATA", str(folder))
    monkeypatch.setattr(users_service, "database", users)
    monkeypatch.setattr(orders_service, "database", orders)
    yield folder
    users.close()
    orders.close()


@pytest_asyncio.fixture
async def shop(data: Path) -> AsyncIterator[Collector]:
    """The users collector of a whole shop in memory."""
    network = LoopbackNetwork()
    async with (
        Collector(
            "orders-1",
            transport=network,
            services=[orders_service.orders],
            validator=orders_service.allowed,
        ) as orders,
        Collector(
            "users-1", transport=network, namespaces=["orders"], services=[users_service.users]
        ) as users,
    ):
        await users.connect(orders.address)
        yield users


def order(order_id: str = "o-1", quantity: int = 2) -> Order:
    return Order(
        order_id=order_id,
        user_id="u-001",
        product="Wool blanket",
        quantity=quantity,
        price_cents=8900,
        ordered_on="2026-08-03",
    )


def rows(name: str) -> list[dict[str, str]]:
    with (EXAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stored(data: Path) -> list[tuple[str, int]]:
    """What the file itself has, seen by somebody else."""
    orders_service.database.close()
    connection = sqlite3.connect(data / "orders.db")
    try:
        return connection.execute("SELECT order_id, quantity FROM orders ORDER BY order_id").fetchall()
    finally:
        connection.close()


def test_at_least_200_orders_are_shipped_each_once() -> None:
    ids = [row["order_id"] for row in rows("orders.csv")]

    assert len(ids) >= 200
    assert len(set(ids)) == len(ids)


def test_every_order_is_by_a_user_of_the_example() -> None:
    known = {row["user_id"] for row in rows("users.csv")}

    assert {row["user_id"] for row in rows("orders.csv")} <= known


@pytest.mark.usefixtures("data")
def test_a_user_is_found() -> None:
    user = users_service.get_user(GetUserRequest(user_id="u-001"))

    assert user == User(user_id="u-001", name="Amara Mansour", email="amara.mansour@example.org")


@pytest.mark.usefixtures("data")
def test_a_user_that_there_is_not_is_a_404() -> None:
    with pytest.raises(MeshError, match="there is no user 'u-999'") as caught:
        users_service.get_user(GetUserRequest(user_id="u-999"))

    assert caught.value.code == 404


@pytest.mark.usefixtures("data")
def test_an_order_is_found_as_it_was_created() -> None:
    orders_service.create_order(order())

    assert orders_service.get_order(GetOrderRequest(order_id="o-1")) == order()


@pytest.mark.usefixtures("data")
def test_an_order_that_there_is_not_is_a_404() -> None:
    with pytest.raises(MeshError, match="there is no order 'o-1'") as caught:
        orders_service.get_order(GetOrderRequest(order_id="o-1"))

    assert caught.value.code == 404


def test_the_same_order_again_is_still_one_order(data: Path) -> None:
    orders_service.create_order(order())
    orders_service.create_order(order())

    assert stored(data) == [("o-1", 2)]


def test_another_order_under_the_same_id_is_refused(data: Path) -> None:
    orders_service.create_order(order(quantity=2))

    with pytest.raises(MeshError, match="there is another order 'o-1'") as caught:
        orders_service.create_order(order(quantity=3))
    assert caught.value.code == 409
    assert stored(data) == [("o-1", 2)]


@pytest.mark.parametrize("quantity", [-1, 0, 101])
def test_a_quantity_out_of_range_is_refused_and_not_stored(data: Path, quantity: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 100 pieces, not {quantity}"):
        orders_service.create_order(order(quantity=quantity))

    assert orders_service.summary() == OrderSummary()
    assert stored(data) == []


def test_32_threads_write_every_order_exactly_once(data: Path) -> None:
    twice = [order(f"o-{number:03}") for number in range(200)] * 2

    with ThreadPoolExecutor(32) as threads:
        list(threads.map(orders_service.create_order, twice))

    assert orders_service.summary() == OrderSummary(orders=200, total_cents=200 * 2 * 8900)
    assert stored(data) == [(f"o-{number:03}", 2) for number in range(200)]


@pytest.mark.usefixtures("data")
def test_the_data_is_there_again_after_the_file_was_closed() -> None:
    orders_service.create_order(order())

    orders_service.database.close()

    assert orders_service.summary().orders == 1


@pytest.mark.asyncio
async def test_through_one_collector_each_service_answers_where_it_is(shop: Collector) -> None:
    user = await shop.dispatch("users", "UserService", "GetUser", GetUserRequest(user_id="u-001"))
    created = await shop.dispatch("orders", "OrderService", "CreateOrder", order())

    assert (user.status.code, user.handled_by) == (200, "users-1")
    assert (created.status.code, created.handled_by) == (200, "orders-1")
    assert created.unpack(Order) == order()


@pytest.mark.asyncio
async def test_the_allow_list_keeps_the_orders_from_being_deleted(shop: Collector) -> None:
    await shop.dispatch("orders", "OrderService", "CreateOrder", order())

    refused = await shop.dispatch("orders", "OrderService", "DeleteAllOrders")

    assert refused.status.code == 404
    assert "service not registered in registry: " in refused.status.message
    assert orders_service.summary().orders == 1
