"""What becomes of a lock file when its contracts are locked again."""

from typing import Any

import attrs
import pytest
from tests.unit.app.contracts.locks.files import ITEM, KEY, ORDER, SHAPE, SHOP, STOCK_ENTRY

from collector_mesh.app.contracts.locks.changes import changes
from collector_mesh.app.contracts.locks.lock import Lock, Shape, canonical
from collector_mesh.app.contracts.locks.locking import Locking, locking
from collector_mesh.domain.registry.schema import (
    Field,
    Message,
    Service,
)


def compatible(_old: Shape, _new: Shape) -> tuple[str, ...]:
    return ()


def incompatible(_old: Shape, _new: Shape) -> tuple[str, ...]:
    return ("acme.shop.Item.name: was string, is int64",)


def shape(**changed: Any) -> Shape:
    return attrs.evolve(SHAPE, file=attrs.evolve(SHOP, **changed))


def with_item(item: Message) -> Shape:
    return shape(messages=(ORDER, item, STOCK_ENTRY))


LARGER = with_item(attrs.evolve(ITEM, fields=(*ITEM.fields, Field("note", 2, "string"))))


def test_a_first_lock_has_the_contract() -> None:
    assert locking(None, {KEY: SHAPE}, incompatible) == Locking(
        Lock({KEY: SHAPE}), (f"{KEY}: the contract is new",)
    )


def test_what_has_not_changed_is_locked_as_it_was() -> None:
    assert locking(
        Lock({KEY: shape(messages=canonical(SHOP).messages)}), {KEY: SHAPE}, compatible
    ) == Locking(Lock({KEY: SHAPE}))


def test_a_compatible_change_is_told() -> None:
    found = locking(Lock({KEY: SHAPE}), {KEY: LARGER}, compatible)

    assert (found.changes, found.differences) == (
        (f"{KEY}: acme.shop.Item: field note (2) was added",),
        (),
    )


def test_an_incompatible_change_is_told_with_what_differs() -> None:
    found = locking(Lock({KEY: SHAPE}), {KEY: LARGER}, incompatible)

    assert found.differences == (f"{KEY}: acme.shop.Item.name: was string, is int64",)


def test_a_contract_that_has_gone_breaks_those_who_call_it() -> None:
    found = locking(Lock({KEY: SHAPE}), {"shop/Other": SHAPE}, compatible)

    assert found.differences == (f"{KEY}: the contract is gone",)
    assert found.changes == (f"{KEY}: the contract is gone", "shop/Other: the contract is new")


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (with_item(Message("acme.shop.Item")), "acme.shop.Item: field name (1) was removed"),
        (shape(enums=()), "enum acme.shop.Size was removed"),
        (shape(imports=()), "import google/protobuf/timestamp.proto was removed"),
        (shape(name="shop.proto"), "the file acme/shop/shop.proto is now shop.proto"),
        (Shape(SHOP, SHAPE.required - {"acme.shop.Order.at"}), "acme.shop.Order.at may be absent now"),
        (
            Shape(SHOP, SHAPE.required | {"acme.shop.Order.others"}),
            "acme.shop.Order.others must be there now",
        ),
    ],
)
def test_each_kind_of_change_is_told(new: Shape, told: str) -> None:
    assert changes(SHAPE, new) == (told,)


def test_the_order_of_definition_is_no_change() -> None:
    turned = shape(
        messages=tuple(attrs.evolve(one, fields=one.fields[::-1]) for one in SHOP.messages[::-1]),
        services=(Service("acme.shop.Shop", SHOP.services[0].methods[::-1]),),
    )

    assert changes(SHAPE, turned) == ()
