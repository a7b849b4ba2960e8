"""The whole shop in one process, without sockets."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

import web
from collector_mesh import Collector, MeshError
from collector_mesh.testing import Mesh
from notifications import letters, notifications
from orders import orders
from stock import stock
from users import users

TEA = {"order_id": "7", "name": "ada", "item": "tea", "number": 2}


@pytest_asyncio.fixture
async def shop(mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    monkeypatch.setenv("SHOP_DATA", str(tmp_path))
    letters.clear()
    async with mesh:
        await mesh.collector("people", services=[users, notifications])
        await mesh.collector("stock", services=[stock])
        yield await mesh.collector(
            "orders",
            services=[orders],
            namespaces=["users", "stock", "notifications"],
            peers=["people", "stock"],
        )


@pytest.mark.asyncio
async def test_an_order_takes_from_the_stock_and_writes_a_letter(shop: Collector) -> None:
    answer = await shop.call("orders", "Orders", "Create", TEA, returns=dict)
    left = await shop.call("stock", "Stock", "Left", "tea", returns=int)

    assert answer == {"order_id": "7", "is_new": True}
    assert left == 8
    assert letters == ["to ada@example.org: thank you for your order 7"]


@pytest.mark.asyncio
async def test_an_order_that_is_sent_twice_is_one_order(shop: Collector) -> None:
    answers = [await shop.call("orders", "Orders", "Create", TEA, returns=dict) for _ in range(2)]
    count = await shop.call("orders", "Orders", "Count", returns=int)

    assert [answer["is_new"] for answer in answers] == [True, False]
    assert count == 1


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [({"name": "eve"}, 404, "no user 'eve'"), ({"number": 11}, 409, "fewer than 11 of 'tea' are left")],
)
@pytest.mark.asyncio
async def test_what_the_customer_got_wrong_is_said(
    shop: Collector, change: dict[str, object], code: int, text: str
) -> None:
    with pytest.raises(MeshError, match=text) as caught:
        await shop.call("orders", "Orders", "Create", TEA | change)

    assert (caught.value.code, caught.value.handled_by) == (code, "orders")


@pytest.mark.asyncio
async def test_the_web_application_sends_an_order(shop: Collector, mesh: Mesh) -> None:
    web.app.state.mesh = await mesh.client("orders")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(web.app), base_url="http://shop") as browser:
        answer = await browser.put("/orders/7", json={"name": "ada", "item": "cup", "number": 1})
        stock_left = await browser.get("/stock")
        nobody = await browser.put("/orders/8", json={"name": "eve", "item": "cup", "number": 1})

    assert (answer.status_code, answer.json()) == (200, {"order_id": "7", "is_new": True})
    assert stock_left.json() == {"tea": 10, "cup": 9}
    assert (nobody.status_code, "no user 'eve'" in nobody.json()["error"]) == (404, True)
