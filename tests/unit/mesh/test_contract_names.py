# mypy: disable-error-code="empty-body"
"""Names that a contract gives to classes which would have the same name otherwise."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

import pytest

from collector_mesh import Collector, Contract, ContractError, LoopbackNetwork, implements
from collector_mesh.app.contracts.declaration import declaration_of

T = TypeVar("T")


class Parcel:
    class Status(Enum):
        PACKED = 1


@dataclass
class Order:
    class Status(Enum):
        NEW = 1

    @dataclass
    class Line:
        item: str

    status: Status
    line: Line


@dataclass
class Shipment:
    @dataclass
    class Line:
        weight: float

    status: Parcel.Status
    line: Line


@dataclass
class Page(Generic[T]):
    items: list[T]


class Store(
    Contract,
    namespace="shop",
    service="acme.v1.Store",
    names={Parcel.Status: "ParcelStatus", Shipment.Line: "Parcel", Page[Shipment.Line]: "PageOfParcel"},
):
    async def send(self, order: Order) -> Shipment: ...

    async def lines(self, order: Page[Order.Line]) -> Page[Shipment.Line]: ...


class Later(Store, service="acme.v1.Later", names={Order.Line: "OrderLine"}):
    async def status(self) -> Parcel.Status: ...


def types_of(contract: type[Contract]) -> set[str]:
    file: Any = declaration_of(contract).described().file
    return {one.name for one in (*file.messages, *file.enums)}


@pytest.mark.asyncio
async def test_classes_of_one_name_have_those_that_the_contract_gives_them() -> None:
    @implements(Store)
    class MyStore:
        async def send(self, order: Order) -> Shipment:
            return Shipment(Parcel.Status.PACKED, Shipment.Line(len(order.line.item)))

        async def lines(self, order: Page[Order.Line]) -> Page[Shipment.Line]:
            return Page([Shipment.Line(len(line.item)) for line in order.items])

    async with Collector("a", services=[MyStore], transport=LoopbackNetwork()) as collector:
        store = Store.client(collector)

        sent = await store.send(Order(Order.Status.NEW, Order.Line("tea")))
        lines = await store.lines(Page([Order.Line("milk")]))

    assert sent == Shipment(Parcel.Status.PACKED, Shipment.Line(3))
    assert lines == Page([Shipment.Line(4)])
    assert types_of(Store) >= {
        f"acme.v1.{name}" for name in ("Status", "ParcelStatus", "Line", "Parcel", "PageOfParcel")
    }


def test_the_names_of_a_base_count_too() -> None:
    assert types_of(Later) >= {
        f"acme.v1.{name}" for name in ("Status", "ParcelStatus", "OrderLine", "Parcel")
    }


def test_an_error_about_two_classes_of_one_name_says_how_to_name_one() -> None:
    class Wrong(Contract, namespace="shop"):
        async def send(self, order: Order) -> Shipment: ...

    with pytest.raises(ContractError, match=r"would both be 'Status': .* names=\{\.\.\.\} of the contract"):
        declaration_of(Wrong).described()


@pytest.mark.parametrize("names", ["Status", {Order.Line: 3}, [Order.Line]])
def test_names_that_are_none_are_refused(names: Any) -> None:
    with pytest.raises(ContractError, match="names must be a dict of classes"):

        class Wrong(Contract, namespace="shop", names=names):
            async def send(self, order: Order) -> Shipment: ...


def test_a_name_that_protobuf_does_not_take_is_refused() -> None:
    class Wrong(Contract, namespace="shop", names={Parcel.Status: "a-b"}):
        async def send(self, status: Parcel.Status) -> None: ...

    with pytest.raises(ContractError, match="'a-b' is no name in protobuf"):
        declaration_of(Wrong).described()
