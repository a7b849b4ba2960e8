"""Contracts beside their lock files."""

from pathlib import Path

import attrs
import pytest
from tests.unit.app.contracts.locks.files import KEY, SHAPE, SHOP, TEXT

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.locks.lock import Shape
from collector_mesh.app.contracts.locks.states import Lockable, states_of
from collector_mesh.app.contracts.numbers import Numbers
from collector_mesh.domain.registry.schema import Field, Message


def compatible(_old: Shape, _new: Shape) -> tuple[str, ...]:
    return ()


def lockable(path: Path | str, key: str = KEY, shape: Shape = SHAPE) -> Lockable:
    return Lockable("Shop", "shop_api", key, str(path), lambda _numbers: shape)


def test_a_contract_that_was_never_locked_has_no_lock_file(tmp_path: Path) -> None:
    (state,) = states_of([lockable(tmp_path / "shop_api.lock.json")], compatible)

    assert (state.is_missing, state.is_current) == (True, False)
    assert state.new_data.decode() == TEXT


def test_a_contract_that_is_as_it_was_is_current(tmp_path: Path) -> None:
    path = tmp_path / "shop_api.lock.json"
    path.write_text(TEXT)

    (state,) = states_of([lockable(path)], compatible)

    assert state.is_current
    assert state.new_data == path.read_bytes()


def test_a_new_member_gets_a_number_that_was_never_used(tmp_path: Path) -> None:
    path = tmp_path / "shop_api.lock.json"
    path.write_text(TEXT)

    def describe(numbers: Numbers) -> Shape:
        order = numbers.of_message("acme.shop.Order", ["item", "gift"])
        fields = tuple(Field(name, number, "string") for name, number in order.numbers.items())
        return Shape(attrs.evolve(SHOP, messages=(Message("acme.shop.Order", fields, order.reserved),)))

    (state,) = states_of([Lockable("Shop", "shop_api", KEY, str(path), describe)], compatible)

    (order,) = state.locking.lock.contracts[KEY].file.messages
    assert [(field.name, field.number) for field in order.fields] == [("item", 1), ("gift", 9)]
    assert order.reserved.ranges == ((2, 8),)
    assert order.reserved.names == ("as_is", "at", "note", "others", "size", "stock", "unit_count")


def test_contracts_of_one_lock_file_are_locked_together(tmp_path: Path) -> None:
    one, other = tmp_path / "one.lock.json", tmp_path / "other.lock.json"

    states = states_of([lockable(one), lockable(other), lockable(one, "shop/Other")], compatible)

    assert [(state.path, sorted(state.locking.lock.contracts)) for state in states] == [
        (str(one), ["shop/Other", KEY]),
        (str(other), [KEY]),
    ]


def test_a_lock_file_that_would_be_too_large_to_be_read_is_an_error(tmp_path: Path) -> None:
    fields = tuple(
        Field(f"a_field_with_a_name_{number:0220}", number, "string") for number in range(1, 20_000)
    )
    shape = Shape(attrs.evolve(SHOP, messages=(Message("acme.shop.Large", fields),)))
    (state,) = states_of([lockable(tmp_path / "large.lock.json", shape=shape)], compatible)

    with pytest.raises(ContractError, match=r"would have \d+ bytes, and at most 4194304 are read"):
        assert state.new_data


def test_two_contracts_of_one_service_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"Shop and Shop are both shop/acme\.shop\.Shop"):
        states_of([lockable(tmp_path / "a"), lockable(tmp_path / "a")], compatible)


def test_a_contract_of_a_module_in_no_file_cannot_be_locked() -> None:
    with pytest.raises(ContractError, match="the module shop_api is in no file, so it has no lock file"):
        states_of([lockable("")], compatible)
