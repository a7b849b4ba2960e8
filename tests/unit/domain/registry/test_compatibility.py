"""Which changes break programs of the other version, and what is told of them; buf's verdicts are held against these elsewhere."""

from collections.abc import Sequence

import attrs
import pytest

from collector_mesh.domain.registry.compatibility import differences
from collector_mesh.domain.registry.rules import MAX_DIFFERENCES, MORE, RULES, Difference, Level
from collector_mesh.domain.registry.schema import (
    Enum,
    EnumValue,
    Extension,
    Field,
    File,
    Message,
    Method,
    Reserved,
    Schema,
    Service,
)

FIELD = Field("note", 2, "string", json_name="note")
NONE = Reserved()
COLOR = Enum("acme.Color", (EnumValue("NONE", 0), EnumValue("RED", 1)))


def with_field(field: Field, *others: Field, reserved: Reserved = NONE) -> Schema:
    message = Message("acme.Order", (field, *others), reserved)
    return Schema((File("shop.proto", "acme", messages=(message, Message("acme.Other")), enums=(COLOR,)),))


def with_enum(enum: Enum) -> Schema:
    return Schema((File("shop.proto", "acme", enums=(enum,)),))


def with_method(method: Method) -> Schema:
    return Schema((File("shop.proto", "acme", services=(Service("acme.Shop", (method,)),)),))


def rules(old: Schema, new: Schema, level: Level = "wire_json") -> list[str]:
    return [difference.rule for difference in differences(old, new, level=level)]


def test_nothing_differs_from_itself() -> None:
    schema = with_field(FIELD)

    assert differences(schema, schema) == ()
    assert differences(schema, with_field(attrs.evolve(FIELD))) == ()


def test_what_is_added_breaks_nothing() -> None:
    old = Schema((File("shop.proto", "acme", messages=(Message("acme.Order", (FIELD,)),)),))
    file = attrs.evolve(old.files[0], services=(Service("acme.Shop"),), enums=(COLOR,))
    new = attrs.evolve(file, messages=(Message("acme.Order", (FIELD, Field("more", 3, "bool"))),))

    assert differences(old, Schema((new,))) == ()


@pytest.mark.parametrize(
    ("now", "wire_json", "wire"),
    [
        (attrs.evolve(FIELD, name="text"), ["field_renamed"], []),
        (attrs.evolve(FIELD, json_name="text"), ["field_json_name_changed"], []),
        (attrs.evolve(FIELD, type="bytes"), ["field_type_changed"], []),
        (attrs.evolve(FIELD, type="int32"), ["field_type_changed"], ["field_type_changed"]),
        (attrs.evolve(FIELD, cardinality="optional"), [], []),
        (
            attrs.evolve(FIELD, cardinality="repeated"),
            ["field_cardinality_changed"],
            ["field_cardinality_changed"],
        ),
        (
            attrs.evolve(FIELD, cardinality="required"),
            ["field_cardinality_changed"],
            ["field_cardinality_changed"],
        ),
        (
            attrs.evolve(FIELD, cardinality="optional", oneof="pay"),
            ["field_oneof_changed"],
            ["field_oneof_changed"],
        ),
        (
            attrs.evolve(FIELD, cardinality="optional", default="x"),
            ["field_default_changed"],
            ["field_default_changed"],
        ),
    ],
)
def test_a_field_that_changes_breaks_what_it_breaks_at_each_level(
    now: Field, wire_json: Sequence[str], wire: Sequence[str]
) -> None:
    assert rules(with_field(FIELD), with_field(now)) == wire_json
    assert rules(with_field(FIELD), with_field(now), "wire") == wire


@pytest.mark.parametrize(
    ("one", "other", "wire_json", "wire"),
    [
        ("int32", "uint32", [], []),
        ("int32", "int64", ["field_type_changed"], []),
        ("int64", "uint64", [], []),
        ("bool", "int32", ["field_type_changed"], []),
        ("sint32", "sint64", ["field_type_changed"], []),
        ("int32", "sint32", ["field_type_changed"], ["field_type_changed"]),
        ("fixed64", "sfixed64", [], []),
        ("float", "double", ["field_type_changed"], ["field_type_changed"]),
        ("bytes", "string", ["field_type_changed"], ["field_type_changed"]),
        ("enum", "int32", ["field_type_changed"], ["field_type_changed"]),
        ("message", "bytes", ["field_type_changed"], ["field_type_changed"]),
    ],
)
def test_types_that_are_written_alike_can_be_changed(
    one: str, other: str, wire_json: Sequence[str], wire: Sequence[str]
) -> None:
    names = {"enum": "acme.Color", "message": "acme.Other"}
    before, after = (
        with_field(Field("f", 1, kind, names.get(kind, "")))  # type: ignore[arg-type]  # parametrized
        for kind in (one, other)
    )

    assert rules(before, after) == wire_json
    assert rules(before, after, "wire") == wire


@pytest.mark.parametrize(
    ("reserved", "wire_json", "wire"),
    [
        (Reserved(), ["field_removed", "field_name_not_reserved"], ["field_removed"]),
        (Reserved(((2, 2),)), ["field_name_not_reserved"], []),
        (Reserved((), ("note",)), ["field_removed"], ["field_removed"]),
        (Reserved(((1, 1), (2, 9)), ("note",)), [], []),
    ],
)
def test_a_field_is_removed_when_its_number_and_its_name_are_reserved(
    reserved: Reserved, wire_json: Sequence[str], wire: Sequence[str]
) -> None:
    old, new = with_field(FIELD), with_field(Field("id", 3, "string"), reserved=reserved)

    assert rules(old, new) == wire_json
    assert rules(old, new, "wire") == wire


def test_required_fields_are_neither_added_nor_removed() -> None:
    required = Field("id", 1, "string", cardinality="required")
    reserved = Reserved(((1, 1),), ("id",))

    assert rules(with_field(FIELD), with_field(FIELD, required)) == ["required_field_added"]
    assert rules(with_field(FIELD, required), with_field(FIELD, reserved=reserved)) == [
        "required_field_removed"
    ]


def test_what_is_reserved_stays_reserved() -> None:
    old = with_field(FIELD, reserved=Reserved(((10, 19), (30, 30)), ("old", "older")))
    new = with_field(FIELD, reserved=Reserved(((12, 14), (16, 40)), ("older",)))

    assert [difference.text for difference in differences(old, new, level="wire")] == [
        "'shop.proto': the message 'acme.Order' reserved 10 to 19, and no longer reserves 10 to 11, 15",
        "'shop.proto': the message 'acme.Order' reserved the name 'old', and no longer does",
    ]


def test_very_many_ranges_take_no_time_and_no_room() -> None:
    # A hostile file: each of these would be missing in half a million pieces.
    old = with_field(FIELD, reserved=Reserved(((1000, 4_000_000),) * 500))
    new = with_field(FIELD, reserved=Reserved(tuple((at, at) for at in range(1000, 1_000_000, 4))))

    found = differences(old, new)

    assert len(found) == 500
    assert found[0].text.endswith(
        "1001 to 1003, 1005 to 1007, 1009 to 1011, 1013 to 1015, 1017 to 1019 and more"
    )


@pytest.mark.parametrize(
    ("now", "wire_json", "wire"),
    [
        (
            attrs.evolve(COLOR, values=COLOR.values[:1]),
            ["enum_value_removed", "enum_value_name_not_reserved"],
            ["enum_value_removed"],
        ),
        (attrs.evolve(COLOR, values=COLOR.values[:1], reserved=Reserved(((1, 5),), ("RED",))), [], []),
        (attrs.evolve(COLOR, values=(COLOR.values[0], EnumValue("CRIMSON", 1))), ["enum_value_renamed"], []),
        (attrs.evolve(COLOR, values=(*COLOR.values, EnumValue("CRIMSON", 1)), allows_alias=True), [], []),
        (attrs.evolve(COLOR, values=(*COLOR.values, EnumValue("BLUE", 2))), [], []),
        (attrs.evolve(COLOR, is_json=False), ["json_form_lost"], []),
    ],
)
def test_an_enum_that_changes_breaks_what_it_breaks_at_each_level(
    now: Enum, wire_json: Sequence[str], wire: Sequence[str]
) -> None:
    assert rules(with_enum(COLOR), with_enum(now)) == wire_json
    assert rules(with_enum(COLOR), with_enum(now), "wire") == wire


BUY = Method("Buy", "acme.Order", "acme.Receipt")


@pytest.mark.parametrize(
    ("now", "rule", "text"),
    [
        (
            attrs.evolve(BUY, takes="acme.X"),
            "request_type_changed",
            "what it takes from 'acme.Order' to 'acme.X'",
        ),
        (
            attrs.evolve(BUY, gives="acme.X"),
            "response_type_changed",
            "what it gives from 'acme.Receipt' to 'acme.X'",
        ),
        (
            attrs.evolve(BUY, client_streaming=True),
            "client_streaming_changed",
            "what it takes from one message to a stream",
        ),
        (
            attrs.evolve(BUY, server_streaming=True),
            "server_streaming_changed",
            "what it gives from one message to a stream",
        ),
        (
            attrs.evolve(BUY, idempotency="idempotent"),
            "idempotency_changed",
            "its idempotency level from unknown to idempotent",
        ),
        (attrs.evolve(BUY, name="Sell"), "method_removed", "the method 'Buy' of 'acme.Shop' was removed"),
    ],
)
def test_a_method_that_changes_is_told_with_both_values(now: Method, rule: str, text: str) -> None:
    found = differences(with_method(BUY), with_method(now), level="wire")

    assert [(one.rule, one.where) for one in found] == [(rule, "acme.Shop.Buy")]
    assert found[0].text.startswith("'shop.proto': the method 'Buy' of 'acme.Shop' ")
    assert found[0].text.endswith(text)


def test_a_service_and_a_package_stay_where_they_are() -> None:
    old = with_method(BUY)

    assert rules(old, Schema((File("shop.proto", "other"),))) == ["package_changed", "service_removed"]


def test_an_enum_that_has_moved_is_the_same_where_it_has_all_values() -> None:
    old = with_field(Field("color", 1, "enum", "acme.Color"))
    moved = Enum("acme.Other.Color", (*COLOR.values, EnumValue("BLUE", 2)))
    file = with_field(Field("color", 1, "enum", "acme.Other.Color")).files[0]
    fewer = attrs.evolve(moved, values=moved.values[:1])

    assert rules(old, Schema((attrs.evolve(file, enums=(moved,)),))) == []
    assert rules(old, Schema((attrs.evolve(file, enums=(fewer,)),))) == ["field_type_changed"]


def test_extensions_are_compared_as_fields_are() -> None:
    def extended(field: Field) -> Schema:
        return Schema((File("shop.proto", extensions=(Extension("acme.Order", field),)),))

    old = extended(Field("acme.tag", 100, "string", cardinality="optional"))

    assert rules(old, extended(Field("acme.tag", 100, "int32", cardinality="optional"))) == [
        "field_type_changed"
    ]
    assert rules(old, Schema((File("shop.proto"),))) == []


def test_a_map_is_no_list_in_json() -> None:
    entry = Message("acme.Order.NoteEntry", is_map_entry=True)
    field = attrs.evolve(FIELD, type="message", type_name=entry.name, cardinality="map")

    old, new = with_field(field), with_field(attrs.evolve(field, cardinality="repeated"))

    assert rules(old, new) == ["field_cardinality_changed"]
    assert rules(old, new, "wire") == []


def test_the_list_ends_and_says_how_many_more_there_are() -> None:
    fields = tuple(Field(f"f{number}", number, "string") for number in range(1, 3001))
    old = Schema((File("shop.proto", messages=(Message("M", fields),)),))
    new = Schema((File("shop.proto", messages=(Message("M"),)),))

    found = differences(old, new, level="wire")

    assert len(found) == MAX_DIFFERENCES + 1
    assert found[-1] == Difference(MORE, "", "and 2000 more differences")


def test_foreign_names_do_not_steer_a_terminal() -> None:
    old = with_field(attrs.evolve(FIELD, name="a\x1b[2Jb"))

    assert not any("\x1b" in one.text for one in differences(old, with_field(FIELD)))


def test_each_rule_has_a_name_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_a_field_that_moves_to_another_oneof_is_told_with_both() -> None:
    one, other = (
        with_field(attrs.evolve(FIELD, cardinality="optional", oneof=name)) for name in ("pay", "ship")
    )

    (found,) = differences(one, other, level="wire")

    assert found.rule == "field_oneof_changed"
    assert found.text.endswith("moved from the oneof 'pay' to 'ship'")


ALIASED = Enum("acme.Color", (*COLOR.values, EnumValue("CRIMSON", 1)), allows_alias=True)


def test_all_names_of_a_removed_value_are_to_be_reserved() -> None:
    number = ((1, 1),)
    one = attrs.evolve(COLOR, values=COLOR.values[:1], reserved=Reserved(number, ("RED",)))
    both = attrs.evolve(one, reserved=Reserved(number, ("RED", "CRIMSON")))

    assert rules(with_enum(ALIASED), with_enum(one)) == ["enum_value_name_not_reserved"]
    assert rules(with_enum(ALIASED), with_enum(both)) == []


def test_a_value_of_several_names_keeps_all_of_them() -> None:
    assert rules(with_enum(ALIASED), with_enum(COLOR)) == ["enum_value_renamed"]
    assert rules(with_enum(COLOR), with_enum(ALIASED)) == []


def test_a_form_in_json_may_be_gained() -> None:
    old, new = (with_enum(attrs.evolve(COLOR, is_json=is_json)) for is_json in (False, True))

    assert rules(old, new) == []
    assert rules(new, old) == ["json_form_lost"]


def test_an_enum_that_has_moved_and_means_something_else_is_another_one() -> None:
    old = with_field(Field("color", 1, "enum", "acme.Color"))
    moved = Enum("acme.Other.Color", (EnumValue("NONE", 0), EnumValue("RED", 2)))
    file = with_field(Field("color", 1, "enum", "acme.Other.Color")).files[0]

    assert rules(old, Schema((attrs.evolve(file, enums=(moved,)),)), "wire") == ["field_type_changed"]
