"""What travels: each type, exactly, as protobuf's own classes would have it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, NamedTuple, NewType
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pytest
from tests.unit.app.contracts.types.echo import codec_of, there_and_back

Sku = NewType("Sku", str)


class Color(Enum):
    RED = "r"
    GREEN = "g"


class Size(IntEnum):
    UNSPECIFIED = 7
    SMALL = 1


class Mood(StrEnum):
    GOOD = "good"


@dataclass
class Line:
    sku: Sku
    price: Decimal = Decimal(0)


@dataclass
class Tree:
    name: str
    left: "Tree | None" = None
    children: list["Tree"] = field(default_factory=list)
    named: dict[str, "Tree"] = field(default_factory=dict)


@attrs.define
class Account:
    _secret: bytes
    owner: str = attrs.field(alias="held_by", kw_only=True)
    visits: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    log: list[str] = attrs.field(factory=list)
    at: datetime = attrs.field(
        default=attrs.Factory(lambda self: datetime(2020, 1, self.visits, tzinfo=UTC), takes_self=True)
    )


class Point(NamedTuple):
    x: float
    y: float = 2.0


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, 0),
        (int, (1 << 63) - 1),
        (int, -(1 << 63)),
        (float, math.inf),
        (float, 5e-324),
        (str, ""),
        (str, "\x00 ä 🎉"),
        (bytes, bytes(range(256))),
        (bool, True),
        (bool, False),
        (datetime, datetime(1, 1, 1, tzinfo=UTC)),
        (datetime, datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        (datetime, datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        (datetime, datetime(2024, 5, 1, 12, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=5, minutes=45)))),
        (timedelta, timedelta(0)),
        (timedelta, -timedelta(microseconds=1)),
        (timedelta, -timedelta(days=3, seconds=5, microseconds=7)),
        (timedelta, timedelta(seconds=315_576_000_000)),
        (timedelta, -timedelta(seconds=315_576_000_000)),
        (date, date(1, 1, 1)),
        (date, date(9999, 12, 31)),
        (Decimal, Decimal("0E-30")),
        (Decimal, Decimal("-1.10")),
        (Decimal, Decimal("1E+999")),
        (Decimal, Decimal("Infinity")),
        (UUID, UUID(int=(1 << 128) - 1)),
        (Color, Color.GREEN),
        (Size, Size.UNSPECIFIED),
        (Size, Size.SMALL),
        (Mood, Mood.GOOD),
        (Sku, Sku("a")),
        (Annotated[int, "remark"], 3),
        (int | None, None),
        (int | None, 0),
        (str | None, ""),
        (Color | None, None),
        (list[int], []),
        (list[int], [1, -1, 0]),
        (list[bool], [True, False]),
        (list[Color], [Color.GREEN, Color.RED]),
        (list[datetime], [datetime(2024, 1, 1, tzinfo=UTC)]),
        (tuple[str, ...], ("a", "")),
        (tuple[Line, ...], (Line(Sku("a")), Line(Sku("b"), Decimal("2.50")))),
        (Sequence[bytes], [b"", b"a"]),
        (dict[str, int], {"": 0, "b": -5}),
        (dict[int, str], {-(1 << 63): "a", (1 << 63) - 1: ""}),
        (dict[bool, Line], {True: Line(Sku("x")), False: Line(Sku(""))}),
        (dict[str, datetime], {"a": datetime(2000, 1, 1, tzinfo=UTC)}),
        (dict[str, Color], {"a": Color.RED}),
        (Line | None, None),
        (Line | None, Line(Sku(""))),
        (Tree, Tree("a", Tree("b"), [Tree("c", None, [Tree("")])], {"k": Tree("d")})),
        (Account, Account(b"\x00", held_by="me", visits=3, log=["x"])),
        (Point, Point(-0.5)),
        (list[Point], [Point(1.0, 0.0)]),
    ],
)
def test_a_value_comes_back_as_it_was(hint: Any, value: Any) -> None:
    codec = codec_of(hint)

    (taken,) = codec.read_request(codec.write_request((value,), {}))
    given = codec.read_result(codec.write_result(value))

    assert taken == given == value
    assert type(taken) is type(given) is type(value)


def test_a_negative_zero_keeps_its_sign() -> None:
    assert math.copysign(1, there_and_back(float, -0.0)) == -1


@pytest.mark.parametrize("text", ["NaN", "-NaN", "sNaN123", "-0", "-Infinity", "1E-999999"])
def test_a_decimal_keeps_all_that_it_is(text: str) -> None:
    codec = codec_of(Decimal)

    (found,) = codec.read_request(codec.write_request((Decimal(text),), {}))

    assert found.as_tuple() == Decimal(text).as_tuple()


def test_what_is_not_a_number_stays_so() -> None:
    assert math.isnan(there_and_back(float, math.nan))


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_comes_twice_is_the_one_that_was_meant(fold: int) -> None:
    value = datetime(2024, 10, 27, 2, 30, fold=fold, tzinfo=ZoneInfo("Europe/Berlin"))

    found = there_and_back(datetime, value)

    assert found.timestamp() == value.timestamp()
    assert found.tzinfo is UTC


def test_four_mebibytes_travel() -> None:
    value = bytes(4 << 20)

    assert there_and_back(bytes, value) == value


def test_an_int_travels_as_a_float_where_one_is_equal() -> None:
    found = there_and_back(float, 3)

    assert type(found) is float
    assert found == 3.0
