"""What becomes of a lock file when its contracts are locked again."""

import attrs
import pytest
from tests.unit.app.contracts.locks.files import ITEM, KEY, ORDER, SHOP, STOCK_ENTRY

from collector_mesh.app.contracts.locks.changes import changes
from collector_mesh.app.contracts.locks.lock import Lock, canonical
from collector_mesh.app.contracts.locks.locking import Locking, locking
from collector_mesh.domain.registry.schema import (
    Field,
    File,
    Message,
    Service,
)


def compatible(_old: File, _new: File) -> tuple[str, ...]:
    return ()


def incompatible(_old: File, _new: File) -> tuple[str, ...]:
    return ("acme.shop.Item.name: was string, is int64",)


def with_item(item: Message) -> File:
    return attrs.evolve(SHOP, messages=(ORDER, item, STOCK_ENTRY))


LARGER = with_item(attrs.evolve(ITEM, fields=(*ITEM.fields, Field("note", 2, "string"))))


def test_a_first_lock_has_the_contract() -> None:
    assert locking(None, {KEY: SHOP}, incompatible) == Locking(
        Lock({KEY: SHOP}), (f"{KEY}: the contract is new",)
    )


def test_what_has_not_changed_is_locked_as_it_was() -> None:
    assert locking(Lock({KEY: canonical(SHOP)}), {KEY: SHOP}, compatible) == Locking(Lock({KEY: SHOP}))


def test_a_compatible_change_is_told() -> None:
    found = locking(Lock({KEY: SHOP}), {KEY: LARGER}, compatible)

    assert (found.changes, found.differences) == (
        (f"{KEY}: acme.shop.Item: field note (2) was added",),
        (),
    )


def test_an_incompatible_change_is_told_with_what_differs() -> None:
    found = locking(Lock({KEY: SHOP}), {KEY: LARGER}, incompatible)

    assert found.differences == (f"{KEY}: acme.shop.Item.name: was string, is int64",)


def test_a_contract_that_has_gone_breaks_those_who_call_it() -> None:
    found = locking(Lock({KEY: SHOP}), {"shop/Other": SHOP}, compatible)

    assert found.differences == (f"{KEY}: the contract is gone",)
    assert found.changes == (f"{KEY}: the contract is gone", "shop/Other: the contract is new")


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (with_item(Message("acme.shop.Item")), "acme.shop.Item: field name (1) was removed"),
        (attrs.evolve(SHOP, enums=()), "enum acme.shop.Size was removed"),
        (attrs.evolve(SHOP, imports=()), "import google/protobuf/timestamp.proto was removed"),
        (attrs.evolve(SHOP, name="shop.proto"), "the file acme/shop/shop.proto is now shop.proto"),
    ],
)
def test_each_kind_of_change_is_told(new: File, told: str) -> None:
    assert changes(SHOP, new) == (told,)


def test_the_order_of_definition_is_no_change() -> None:
    turned = attrs.evolve(
        SHOP,
        messages=tuple(attrs.evolve(one, fields=one.fields[::-1]) for one in SHOP.messages[::-1]),
        services=(Service("acme.shop.Shop", SHOP.services[0].methods[::-1]),),
    )

    assert changes(SHOP, turned) == ()
