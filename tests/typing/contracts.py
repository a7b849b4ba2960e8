"""A program of the public names of contracts, for type checkers: mypy and pyright must agree on every line of it.

Nothing runs it. A line that is wrong says so to both of them; where one of them no longer finds it wrong, that is an error
too (`warn_unused_ignores`, `reportUnnecessaryTypeIgnoreComment`).
"""

# mypy: disable-error-code="empty-body"

from dataclasses import dataclass
from typing import Unpack, assert_type

from collector_mesh import (
    BlockingClient,
    CallContext,
    CallOptions,
    Collector,
    Contract,
    MeshClient,
    Payload,
    SyncMeshClient,
    contract_of,
    implements,
    method,
)
from collector_mesh.testing import FakeCalls


@dataclass
class Order:
    item: str
    count: int = 1


@dataclass
class Receipt:
    total: int


class Shop(Contract, namespace="shop"):
    @method
    async def create_order(self, order: Order) -> Receipt: ...

    @method("Cancel", idempotent=True)
    async def cancel(self, order: Order, why: str = "", *, urgent: bool = False) -> None: ...

    @method(idempotent=True)
    async def size(self) -> int: ...

    @method
    def price(self, item: str, count: int) -> float: ...

    async def plain(self, order: Order) -> Receipt: ...

    async def with_its_options(self, order: Order, **options: Unpack[CallOptions]) -> Receipt: ...

    @method
    async def with_both(self, order: Order, **options: Unpack[CallOptions]) -> Receipt: ...


@implements(Shop)
class MyShop:
    def __init__(self, first: int) -> None:
        self.first = first

    async def create_order(self, order: Order, context: CallContext) -> Receipt:
        shop = Shop.client(context)
        return await shop.create_order(order, timeout=context.time_remaining())

    async def cancel(self, order: Order, why: str, *, urgent: bool) -> None: ...

    def size(self) -> int:
        return self.first

    def price(self, context: CallContext, item: str, count: int) -> float:
        shop = Shop.client(context.blocking)
        return assert_type(shop.price(item, count, timeout=2), float)

    async def plain(self, order: Order) -> Receipt:
        return Receipt(order.count)

    async def with_its_options(self, order: Order) -> Receipt:
        return Receipt(order.count)

    async def with_both(self, order: Order) -> Receipt:
        return Receipt(order.count)


class Marked:
    """No contract: here `@method` changes nothing."""

    namespace, service = "a", "A"

    @method
    async def one(self, request: Payload) -> Payload:
        return request

    @method("Two", idempotent=True)
    def two(self, request: dict[str, int]) -> int:
        return len(request)


async def serves() -> None:
    """A class that implements a contract stays the class that it is."""
    assert_type(MyShop(3), MyShop)
    Collector("a", services=[MyShop(3), MyShop, lambda: MyShop(4)])
    assert_type(await Marked().one(Payload()), Payload)
    assert_type(Marked().two({}), int)
    MyShop("3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def awaits(collector: Collector, client: MeshClient, context: CallContext) -> None:
    """Clients that are awaited."""
    order = Order("tea")
    shop = assert_type(Shop.client(collector, timeout=5), Shop)
    assert_type(Shop.client(client), Shop)
    assert_type(Shop.client(context), Shop)
    assert_type(Shop.client(FakeCalls()), Shop)
    assert_type(await shop.create_order(order), Receipt)
    assert_type(await shop.create_order(order=order), Receipt)
    assert_type(await shop.create_order(order, timeout=2), Receipt)
    assert_type(
        await shop.create_order(order, timeout=None, target="a", idempotent=True, hints={}, metadata=()),
        Receipt,
    )
    assert_type(await shop.cancel(order), None)
    assert_type(await shop.cancel(order, "late", urgent=True), None)
    assert_type(await shop.cancel(order, timeout=2), None)
    assert_type(await shop.cancel(order, "late", timeout=2), None)
    assert_type(await shop.size(), int)
    assert_type(await shop.size(timeout=2), int)
    assert_type(await shop.price("tea", 3), float)
    assert_type(await shop.price(item="tea", count=3), float)
    assert_type(await shop.price("tea", 3, timeout=2), float)
    assert_type(await shop.plain(order), Receipt)
    assert_type(await shop.with_its_options(order=order, timeout=2), Receipt)
    assert_type(await shop.with_both(order=order, timeout=2), Receipt)
    patient = assert_type(shop.with_options(timeout=9, target="a"), Shop)
    assert_type(await patient.cancel(order=order, urgent=True), None)


def waits(client: SyncMeshClient, collector: Collector, context: CallContext) -> None:
    """Clients that are not awaited."""
    order = Order("tea")
    shop = Shop.client(client, timeout=5)
    assert_type(shop.create_order(order), Receipt)
    assert_type(shop.create_order(order=order), Receipt)
    assert_type(shop.create_order(order, timeout=2), Receipt)
    assert_type(shop.cancel(order, "late", urgent=True), None)
    assert_type(shop.size(timeout=2), int)
    assert_type(shop.with_both(order=order, timeout=2), Receipt)
    assert_type(shop.with_options(timeout=9).price(item="tea", count=3), float)
    for each in (Shop.client(collector.blocking), Shop.client(context.blocking)):
        checks_out(each)


def checks_out(shop: BlockingClient[Shop]) -> None:
    """The type of a client that is not awaited has a name."""
    assert_type(shop.price("tea", 1, timeout=2), float)


class Odd(Contract, nmespace="shop"):  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue, reportGeneralTypeIssues]
    async def f(self) -> None: ...


implements("Shop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
implements(MyShop)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def mistakes(collector: Collector, context: CallContext) -> None:
    """What both of them have to find in clients that are awaited."""
    order = Order("tea")
    shop = Shop.client(collector)
    await shop.create_order("tea")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await shop.create_order()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await shop.create_order(timeout=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await shop.create_order(order, order)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await shop.create_order("tea", timeout=2)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await shop.create_order(order, timeout="2")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await shop.create_order(order, tiemout=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await shop.cancel(order, 3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await shop.price("tea")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await shop.price("tea", timeout=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await shop.plain("tea")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await shop.create_ordr(order)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    _size: str = await shop.size()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    _total: str = (await shop.create_order(order, timeout=2)).total  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    _later: Receipt = shop.create_order(order)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    Shop.client(order)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    Shop.client(collector, tiemout=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    shop.with_options(tiemout=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def mistakes_of_threads(client: SyncMeshClient, collector: Collector) -> None:
    """What both of them have to find in clients that are not awaited."""
    order = Order("tea")
    shop = Shop.client(client)
    await shop.create_order(order)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    shop.create_order("tea")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    shop.create_order(order, timeout="2")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    shop.create_ordr(order)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    shop.create_order(order).later  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018
    _size: str = shop.size(timeout=2)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    checks_out(Shop.client(collector))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def generated(collector: Collector, module: object) -> int:
    """Messages of generated code have whatever types their stubs say: the contract says none."""
    users = contract_of(module, "UserService", namespace="users").client(collector, timeout=2)
    number: int = (await users.with_options(target="a").get_user(id=7)).id
    return number
