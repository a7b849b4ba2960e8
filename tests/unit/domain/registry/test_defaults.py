import math
import struct

import pytest

from collector_mesh.domain.registry.defaults import MAX_DEFAULT, can_have_default, default_of, same
from collector_mesh.domain.registry.schema import Enum, EnumValue, Field, FieldType

ENUM = Enum("E", (EnumValue("TWO", 2), EnumValue("ONE", 1)), is_closed=True)
SINGLE = struct.unpack("<f", struct.pack("<f", 0.1))[0]


def of(kind: FieldType, text: str) -> object:
    return default_of(Field("f", 1, kind, cardinality="optional", default=text), ENUM)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "a\\n", "a\\n"),
        ("bytes", r"a\n\001\x41\"\\", b'a\n\x01A"\\'),
        ("bytes", "é", "é".encode()),
        ("bytes", r"\777", b"\xff"),
        ("bool", "", 0),
        ("bool", "true", 1),
        ("int32", "-2147483648", -(1 << 31)),
        ("uint64", "18446744073709551615", (1 << 64) - 1),
        ("sfixed64", "", 0),
        ("double", "1e3", 1000.0),
        ("double", "-inf", -math.inf),
        ("float", "0.1", SINGLE),
        ("float", "1e300", math.inf),
        ("float", "-1e300", -math.inf),
        ("enum", "", 2),
        ("enum", "ONE", 1),
    ],
)
def test_a_default_is_read_as_the_type_of_its_field(kind: FieldType, text: str, value: object) -> None:
    assert of(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "allowed"),
    [
        ("bool", "True", "true or false"),
        ("int32", "2147483648", "-2147483648 to 2147483647"),
        ("int32", "0x10", "a whole number"),
        ("int32", "9" * 5000, "a whole number"),
        ("uint32", "-1", "0 to 4294967295"),
        ("double", "1_0", "a number"),
        ("double", "infinity", "a number"),
        ("double", " 1", "a number"),
        ("enum", "THREE", "one of its values"),
        ("bytes", "a\\", "C escapes"),
        ("bytes", r"\q", "C escapes"),
        ("string", "a" * (MAX_DEFAULT + 1), "at most"),
    ],
)
def test_what_is_no_value_of_the_type_is_told_with_what_is_one(
    kind: FieldType, text: str, allowed: str
) -> None:
    with pytest.raises(ValueError, match=allowed):
        of(kind, text)


def test_a_number_that_is_none_is_the_same_as_itself() -> None:
    nan = of("double", "nan")

    assert isinstance(nan, float)
    assert same(nan, nan, is_single=False)
    assert not same(nan, 0.0, is_single=False)


@pytest.mark.parametrize(
    ("one", "other", "is_single", "is_same"),
    [
        (1, 1.0, False, True),
        ((1 << 64) - 1, float((1 << 64) - 1), False, False),
        (SINGLE, 0.1, True, True),
        (SINGLE, 0.1, False, False),
        ("a", b"a", False, True),
        ("1", 1, False, False),
        (0, "", False, False),
    ],
)
def test_defaults_of_other_types_are_the_same_where_they_mean_the_same(
    one: str | bytes | float, other: str | bytes | float, is_single: bool, is_same: bool
) -> None:
    assert same(one, other, is_single=is_single) is is_same
    assert same(other, one, is_single=is_single) is is_same


def test_lists_and_messages_have_no_default() -> None:
    assert not can_have_default(Field("f", 1, "string", cardinality="repeated"))
    assert not can_have_default(Field("f", 1, "message", "M", "optional"))
    assert can_have_default(Field("f", 1, "enum", "E", "optional"))


def test_an_enum_that_is_not_known_begins_with_0() -> None:
    assert default_of(Field("f", 1, "enum", "E"), None) == 0
