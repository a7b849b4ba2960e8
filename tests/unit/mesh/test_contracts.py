"""Contracts in a mesh: served and called with typed values, by whatever makes calls."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import pytest

from collector_mesh import (
    CallContext,
    Collector,
    ConflictError,
    Contract,
    Executed,
    HandlerError,
    InvalidCallError,
    LoopbackNetwork,
    MeshClient,
    NotFoundError,
    Payload,
    Service,
    SyncMeshClient,
    implements,
    method,
)
from collector_mesh.testing import FakeCalls, call_context

pytestmark = pytest.mark.asyncio


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Line:
    sku: str
    count: int = 1
    size: Size = Size.SMALL


@dataclass
class Order:
    lines: list[Line]
    notes: dict[str, str] = field(default_factory=dict)
    at: datetime | None = None
    raw: bytes = b""


@dataclass
class Receipt:
    number: int
    order: Order


class Shop(Contract, namespace="shop", service="acme.shop.v1.Shop"):
    @method
    async def create_order(self, order: Order) -> Receipt: ...  # type: ignore[empty-body]
    @method("Total", idempotent=True)
    def total(self, prices: list[float], discount: float = 0.0) -> float: ...  # type: ignore[empty-body]
    async def forget(self) -> None: ...
    async def order_twice(self, order: Order) -> Receipt: ...  # type: ignore[empty-body]
    async def order_twice_in_a_thread(self, order: Order) -> Receipt: ...  # type: ignore[empty-body]
    async def order_badly(self) -> Receipt: ...  # type: ignore[empty-body]
    async def order_badly_in_a_thread(self) -> Receipt: ...  # type: ignore[empty-body]
    async def raises(self, code: int) -> None: ...
    async def gives_something_else(self) -> Receipt: ...  # type: ignore[empty-body]


@implements(Shop)
class MyShop:
    def __init__(self, first: int = 1) -> None:
        self.number = first - 1
        self.threads: list[int] = []

    async def create_order(self, order: Order) -> Receipt:
        self.number += 1
        return Receipt(self.number, order)

    def total(self, prices: list[float], discount: float) -> float:
        return sum(prices) - discount

    async def forget(self) -> None:
        self.number = 0

    async def order_twice(self, order: Order, context: CallContext) -> Receipt:
        shop = Shop.client(context)
        await shop.create_order(order)
        return await shop.create_order(order, timeout=5)

    def order_twice_in_a_thread(self, context: CallContext, order: Order) -> Receipt:
        shop = Shop.client(context.blocking)
        shop.create_order(order)
        return shop.create_order(order, timeout=5)

    async def order_badly(self, *, context: CallContext) -> Receipt:
        order: Any = 7
        return await Shop.client(context).create_order(order)

    def order_badly_in_a_thread(self, context: CallContext) -> Receipt:
        order: Any = 7
        return Shop.client(context.blocking).create_order(order)

    async def raises(self, code: int) -> None:
        if code == 409:
            raise ConflictError("there is one")
        raise KeyError(code)

    async def gives_something_else(self) -> Receipt:
        return 7  # type: ignore[return-value]  # what is tested


ORDER = Order(
    [Line("a", 2, Size.LARGE), Line("b")],
    {"to": "Ada"},
    datetime(2026, 11, 29, 12, 30, 1, 250, UTC),
    b"\x00\xff",
)


@contextlib.asynccontextmanager
async def shop_mesh(*services: Any) -> AsyncIterator[tuple[Collector, LoopbackNetwork]]:
    """A collector that serves the shop, and one that calls it."""
    network = LoopbackNetwork()
    async with (
        Collector("shop-1", services=services or [MyShop], transport=network),
        Collector("front", namespaces=["shop"], peers=["shop-1"], transport=network) as front,
    ):
        await front.wait_for()
        yield front, network


async def test_values_travel_from_a_collector_to_a_peer_and_back() -> None:
    async with shop_mesh() as (front, _):
        shop = Shop.client(front)

        assert await shop.create_order(ORDER) == Receipt(1, ORDER)
        assert await shop.create_order(order=ORDER) == Receipt(2, ORDER)
        assert await shop.total([1.5, 2.5]) == 4.0
        assert await shop.total([1.5, 2.5], discount=1.0) == 3.0
        await shop.forget()
        assert (await shop.create_order(ORDER, timeout=2, target="shop-1")).number == 1


async def test_a_client_outside_the_mesh_calls_too() -> None:
    async with shop_mesh() as (_, network), MeshClient("shop-1", transport=network) as client:
        shop = Shop.client(client, timeout=2)

        assert await shop.create_order(ORDER, metadata={"a": "b"}) == Receipt(1, ORDER)
        assert await shop.with_options(timeout=math.inf).total([1.0], discount=0.5) == 0.5


async def test_code_that_does_not_await_calls_too() -> None:
    async with shop_mesh() as (front, _):

        def work() -> tuple[Receipt, float, str]:
            shop = Shop.client(front.blocking, timeout=5)
            with pytest.raises(InvalidCallError, match=r"order"):
                shop.create_order(7, timeout=3)  # type: ignore[call-overload]  # what is tested
            receipt = shop.create_order(ORDER, timeout=2)
            return receipt, shop.with_options(timeout=9).total(prices=[1.0]), repr(shop)

        assert await asyncio.to_thread(work) == (
            Receipt(1, ORDER),
            1.0,
            f"<client of Shop by {front!r}.blocking>",
        )


async def test_a_client_for_threads_calls_too() -> None:
    async with Collector("shop-1", listen="127.0.0.1:0", services=[MyShop]) as collector:

        def work() -> Receipt:
            with SyncMeshClient(collector.address) as client:
                return Shop.client(client).create_order(ORDER, timeout=5)

        assert await asyncio.to_thread(work) == Receipt(1, ORDER)


@pytest.mark.parametrize("name", ["order_twice", "order_twice_in_a_thread"])
async def test_a_handler_calls_by_its_context(name: str) -> None:
    async with shop_mesh() as (front, _):
        assert await getattr(Shop.client(front), name)(ORDER, timeout=9) == Receipt(2, ORDER)


async def test_wrong_arguments_are_all_named_before_anything_is_sent() -> None:
    calls = FakeCalls()
    order: Any = Order([Line("a", "many"), Line(3)], at=datetime(2026, 1, 1))  # type: ignore[arg-type]  # noqa: DTZ001  # wrong

    with pytest.raises(InvalidCallError) as caught:
        await Shop.client(calls).create_order(order)

    assert caught.value.code == 400
    for field_name in ("lines[0].count", "lines[1].sku", "at"):
        assert field_name in str(caught.value)
    assert calls.made == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda shop: shop.create_order(), "create_order.*missing.*order"),
        (lambda shop: shop.create_order(ORDER, 3), "create_order.*2"),
        (lambda shop: shop.create_order(ORDER, tiemout=3), "create_order.*tiemout"),
    ],
)
async def test_a_call_with_other_parameters_is_a_type_error(call: Any, said: str) -> None:
    calls = FakeCalls()

    with pytest.raises(TypeError, match=said):
        await call(Shop.client(calls))

    assert calls.made == []


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"lines": []}, "payload is a '.*Struct', expected '.*Order'"),
        (Payload("type.googleapis.com/acme.shop.v1.Order", b"\xff"), "acme.shop.v1.Order"),
    ],
)
async def test_a_request_that_is_none_is_a_400_and_runs_no_handler(request_: Any, said: str) -> None:
    shop = MyShop()
    async with shop_mesh(shop) as (front, _):
        with pytest.raises(InvalidCallError, match=said) as caught:
            await front.call("shop", "acme.shop.v1.Shop", "create_order", request_)

    assert caught.value.executed is Executed.NO
    assert shop.number == 0


async def test_errors_of_a_handler_are_those_of_every_handler() -> None:
    async with shop_mesh() as (front, _):
        shop = Shop.client(front)

        with pytest.raises(ConflictError, match=r"there is one"):
            await shop.raises(409)
        with pytest.raises(HandlerError, match=r"KeyError: 7") as caught:
            await shop.raises(7)
        with pytest.raises(HandlerError, match=r"cannot send the result: .*int"):
            await shop.gives_something_else()
        with pytest.raises(NotFoundError):
            await shop.with_options(target="nobody").forget()

    assert caught.value.handled_by == "shop-1"


@pytest.mark.parametrize("name", ["order_badly", "order_badly_in_a_thread"])
async def test_a_wrong_call_that_a_handler_makes_is_no_wrong_call_of_it(name: str) -> None:
    async with shop_mesh() as (front, _):
        with pytest.raises(
            HandlerError,
            match=r"call of shop/acme.shop.v1.Shop/create_order failed: 400 at shop-1: order: got int",
        ):
            await getattr(Shop.client(front), name)()


async def test_a_result_of_another_type_says_so() -> None:
    calls = FakeCalls({"shop/acme.shop.v1.Shop/create_order": {"a": 1}})

    with pytest.raises(
        InvalidCallError, match=r"result of shop/.*create_order: payload is a '.*Struct', expected"
    ) as caught:
        await Shop.client(calls).create_order(ORDER)

    assert caught.value.executed is Executed.YES


async def test_a_handler_is_tested_as_the_function_that_it_is() -> None:
    answers = {"shop/acme.shop.v1.Shop/create_order": ConflictError("no more")}

    with pytest.raises(ConflictError, match=r"no more"):
        await MyShop().order_twice(ORDER, call_context(answers))


async def test_a_fake_of_a_contract_answers_the_calls_of_a_handler_that_is_tested() -> None:
    calls = FakeCalls(services=[MyShop(40)])

    assert (await MyShop().order_twice(ORDER, call_context(calls))).number == 41
    assert MyShop().order_twice_in_a_thread(call_context(calls), ORDER).number == 43
    assert [each.method for each in calls.made] == ["shop/acme.shop.v1.Shop/create_order"] * 4
    with pytest.raises(HandlerError, match="KeyError: 7"):
        await Shop.client(calls).raises(7)
    reply = await calls.dispatch("shop", "acme.shop.v1.Shop", "create_order", {"a": 1})
    assert (reply.status.code, reply.executed) == (400, Executed.NO)


async def test_a_contract_has_a_descriptor_while_it_is_served() -> None:
    async with Collector("a", transport=LoopbackNetwork()) as collector:
        descriptors = collector.container.descriptors()
        collector.add_service(MyShop)
        found = descriptors.find("shop", "acme.shop.v1.Shop")
        assert found is not None
        assert [each.name for each in found.methods][:2] == ["create_order", "Total"]
        assert found.methods_by_name["Total"].GetOptions().idempotency_level == 2

        collector.remove_service(MyShop)
        assert descriptors.find("shop", "acme.shop.v1.Shop") is None


async def test_a_descriptor_goes_when_all_methods_are_replaced() -> None:
    class Small(Contract, namespace="shop"):
        def size(self) -> int: ...  # type: ignore[empty-body]

    @implements(Small)
    class MySmall:
        def size(self) -> int:
            return 1

    other = Service("shop", "Small")
    other.add("size", lambda: 2)
    async with Collector("a", services=[MySmall], transport=LoopbackNetwork()) as collector:
        collector.add_service(other, replace=True)
        descriptor = collector.container.descriptors().find("shop", "Small")
        size = await collector.call("shop", "Small", "size", returns=int)

    assert (size, descriptor) == (2, None)


async def test_a_lifespan_of_a_contract_is_open_while_it_is_served() -> None:
    class Numbers(Contract, namespace="numbers"):
        @method(idempotent=True)
        def next(self) -> int: ...  # type: ignore[empty-body]

    told: list[str] = []

    @implements(Numbers)
    class MyNumbers:
        @contextlib.asynccontextmanager
        async def lifespan(self) -> AsyncIterator[int]:
            told.append("open")
            yield 41
            told.append("closed")

        async def next(self, context: CallContext) -> int:
            state: int = context.state
            return state + 1

    async with Collector("a", transport=LoopbackNetwork()) as collector:
        await collector.add_service(MyNumbers)
        assert collector.container.descriptors().find("numbers", "Numbers") is not None
        assert await Numbers.client(collector).next(timeout=2) == 42

    assert told == ["open", "closed"]


async def test_explain_says_where_a_call_of_a_contract_goes() -> None:
    async with shop_mesh() as (front, _):
        explained = front.explain("shop", "acme.shop.v1.Shop", "create_order")

    assert [each.collector_id for each in explained.candidates if each.fit] == ["shop-1"]
