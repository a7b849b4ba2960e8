"""The numbers of members: a number stays with its member, and is never given to another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.numbers import Numbered, Numbers
from collector_mesh.domain.registry.schema import Reserved

NAMES = st.lists(st.sampled_from("abcdefghij"), unique=True)


def of(known: Numbered, *names: str) -> Numbered:
    return Numbers(messages={"shop.Order": known}).of_message("shop.Order", names)


def test_without_a_lock_fields_are_numbered_in_the_order_of_definition() -> None:
    assert Numbers.none().of_message("shop.Order", ["item", "count"]) == Numbered({"item": 1, "count": 2})


def test_the_first_value_of_an_enum_has_zero() -> None:
    assert Numbers.none().of_enum("shop.Size", ["UNSPECIFIED", "SMALL"]).numbers == {
        "UNSPECIFIED": 0,
        "SMALL": 1,
    }


@pytest.mark.parametrize(
    "known",
    [
        Numbered({"OTHER": 0, "SMALL": 1}),
        Numbered({"UNSPECIFIED": 4, "SMALL": 1, "OTHER": 0}),
        Numbered({"SMALL": 1}, Reserved(((-2, 0), (2, 3)), ("UNSPECIFIED",))),
    ],
)
def test_the_first_value_has_zero_whatever_was_written_by_hand(known: Numbered) -> None:
    found = Numbers(enums={"Size": known}).of_enum("Size", ["UNSPECIFIED", "SMALL"])

    assert found.numbers == {"UNSPECIFIED": 0, "SMALL": 1}
    assert not found.reserved.has_number(0)


def test_a_field_that_is_known_keeps_its_number_wherever_it_stands() -> None:
    found = of(Numbered({"item": 1, "count": 2}), "note", "count", "item")

    assert found.numbers == {"note": 3, "count": 2, "item": 1}


def test_a_field_that_has_gone_leaves_its_number_and_its_name_reserved() -> None:
    found = of(Numbered({"item": 1, "count": 2}), "item", "note")

    assert found == Numbered({"item": 1, "note": 3}, Reserved(((2, 2),), ("count",)))


def test_a_name_that_is_used_again_gets_another_number() -> None:
    found = of(Numbered({"item": 1}, Reserved(((2, 2),), ("count",))), "item", "count")

    assert found == Numbered({"item": 1, "count": 3}, Reserved(((2, 2),)))


def test_no_field_gets_a_number_that_protobuf_keeps_for_itself() -> None:
    found = of(Numbered({"old": 18_999}, Reserved(((1, 18_998),))), "old", "new")

    assert found.numbers["new"] == 20_000


def test_where_all_numbers_are_reserved_the_error_names_the_field() -> None:
    with pytest.raises(ContractError, match=r"shop\.Order\.'item' cannot have a number: all up to 536870911"):
        of(Numbered({}, Reserved(((1, 536_870_911),))), "item")


def test_what_is_not_known_of_another_message_changes_nothing() -> None:
    numbers = Numbers(messages={"shop.Other": Numbered({"item": 7})})

    assert numbers.of_message("shop.Order", ["item"]).numbers == {"item": 1}


@given(st.lists(NAMES, min_size=1, max_size=6))
def test_over_any_number_of_edits_no_number_is_used_for_two_fields(edits: list[list[str]]) -> None:
    known, used = Numbered(), dict[int, set[str]]()
    for names in edits:
        known = of(known, *names)
        for name, number in known.numbers.items():
            used.setdefault(number, set()).add(name)

        assert list(known.numbers) == names
        assert len(set(known.numbers.values())) == len(names)
        assert not any(map(known.reserved.has_number, known.numbers.values()))
        assert not {*known.reserved.names} & {*names}
    assert all(len(names) == 1 for names in used.values())


@given(NAMES, NAMES)
def test_to_look_twice_changes_nothing(before: list[str], after: list[str]) -> None:
    once = of(of(Numbered(), *before), *after)

    assert of(once, *after) == once
