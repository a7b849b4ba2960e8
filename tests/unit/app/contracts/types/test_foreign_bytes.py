"""Bytes of other programs: what is unknown is skipped, and what is wrong is named."""

import subprocess
import sys
from dataclasses import dataclass, field, make_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from tests.unit.app.contracts.types.echo import codec_of

from collector_mesh.domain.model.errors import InvalidCallError, PayloadTooLargeError


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Line:
    color: Color
    at: datetime
    price: Decimal = Decimal(1)


@dataclass
class Order:
    first: Line
    others: list[Line] = field(default_factory=list)
    by: dict[str, Line] = field(default_factory=dict)


@dataclass
class Flat:
    count: int = 5
    note: str | None = None


@dataclass
class Tree:
    children: list["Tree"] = field(default_factory=list)
    a: int = 0


LINE = b"\x08\x01\x12\x00"
"""A red line of 1970."""


def test_what_is_not_known_is_skipped() -> None:
    (found,) = codec_of(Flat).read_request(b"\x08\x07\xf2\x06\x03abc\xf8\x06\x01")

    assert found == Flat(7)


def test_what_is_absent_is_the_default_and_what_is_zero_is_not() -> None:
    codec = codec_of(Flat)

    assert codec.read_request(b"") == (Flat(5, None),)
    assert codec.read_request(b"\x08\x00\x12\x00") == (Flat(0, ""),)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "value.first: is missing"),
        (b"\x0a\x00", "value.first.color: is missing; value.first.at: is missing"),
        (b"\x0a\x04\x08\x07\x12\x00", "value.first.color: 7 is no number of Color"),
        (b"\x0a\x04" + LINE + b"\x12\x02\x08\x01", "value.others[0].at: is missing"),
        (b"\x0a\x04" + LINE + b"\x1a\x0a\x0a\x06secret\x12\x00", "value.by[...].color: is missing; value.by[...].at: is missing"),
        (b"\x0a\x07" + LINE + b"\x1a\x01x", "value.first.price: is not a decimal number"),
        (b"\x0a\x06" + LINE + b"\x1a\x00", "value.first.price: is missing"),
        (b"\x0a\x06\x08\x01\x12\x02\x10\xff", "payload cannot be read as test.v1.Order"),
        (b"\xff", "payload cannot be read as test.v1.Order"),
    ],
)  # fmt: skip
def test_the_error_names_what_is_wrong(data: bytes, text: str) -> None:
    codec = codec_of(Order)

    with pytest.raises(InvalidCallError) as request:
        codec.read_request(data)
    with pytest.raises(InvalidCallError) as result:
        codec.read_result(data)

    assert str(request.value) == text
    assert str(result.value) == text.replace("value", "result")


@pytest.mark.parametrize(
    ("hint", "data", "text"),
    [
        (datetime, b"\x0a\x02\x10\xff", "cannot be read"),
        (datetime, b"\x0a\x0b\x10" + b"\xff" * 9 + b"\x01", "value: is no Timestamp"),
        (datetime, b"\x0a\x06\x10\x80\x94\xeb\xdc\x03", "value: is no Timestamp"),
        (datetime, b"\x0a\x0a\x08\x80\x80\x80\x80\x80\x80\x80\x80\x40", "value: is no Timestamp"),
        (datetime, b"", "value: is missing"),
        (timedelta, b"\x0a\x0d\x08\x01\x10" + b"\xff" * 9 + b"\x01", "different signs"),
        (timedelta, b"\x0a\x0a\x08\x80\x80\x80\x80\x80\x80\x80\x80\x40", "value: is no Duration"),
        (date, b"\x0a\x0a2024-02-30", "value: is not a date as YYYY-MM-DD"),
        (date, b"\x0a\x0820240101", "value: is not a date as YYYY-MM-DD"),
        (date, b"", "value: is missing"),
        (Decimal, b"\x0a\x031_0", "value: is not a decimal number"),
        (Decimal, b"\x0a\x03 10", "value: is not a decimal number"),
        (Decimal, "\n\x02٣".encode(), "value: is not a decimal number"),
        (UUID, b"\x0a\x01a", "value: is not a UUID"),
        (str, b"\x0a\x02\xed\xa0", "cannot be read"),
        (Color, b"\x08\x00", "value: is missing"),
        (Color | None, b"\x08\x05", "value: 5 is no number of Color"),
        (list[Color], b"\x0a\x02\x01\x09", r"value\[1\]: 9 is no number of Color"),
    ],
)
def test_a_value_that_is_none_of_its_type_is_refused(hint: Any, data: bytes, text: str) -> None:
    with pytest.raises(InvalidCallError, match=text):
        codec_of(hint).read_request(data)


def test_what_is_finer_than_a_microsecond_is_cut_off() -> None:
    (moment,) = codec_of(datetime).read_request(b"\x0a\x03\x10\xcf\x0f")
    (before,) = codec_of(timedelta).read_request(b"\x0a\x0b\x10\xb1\xf0" + b"\xff" * 7 + b"\x01")

    assert moment.microsecond == 1
    assert before == timedelta(microseconds=-1)


def test_a_message_too_deep_to_be_read_is_refused() -> None:
    data = b""
    for _ in range(40):
        data = b"\x0a" + bytes([len(data)]) + data
    deep = data
    for _ in range(400):
        size = len(deep)
        deep = b"\x0a" + bytes([size & 0x7F | 0x80, size >> 7]) + deep

    assert codec_of(Tree).read_request(data)
    with pytest.raises(InvalidCallError, match="cannot be read as"):
        codec_of(Tree).read_request(deep)


def test_a_message_that_would_fill_the_memory_is_refused_before_it_is_read() -> None:
    wide = make_dataclass("Wide", [(f"f{at}", int) for at in range(1_000)])

    with pytest.raises(PayloadTooLargeError, match="20000 bytes hold more values than may be read"):
        codec_of(list[wide]).read_request(b"\x0a\x00" * 10_000)  # type: ignore[valid-type]  # made here


def test_protobuf_is_loaded_by_the_first_codec_and_pydantic_not_at_all() -> None:
    program = """
import sys, dataclasses
from collector_mesh.app.contracts.types.described import described
from collector_mesh.app.contracts.types.interface import MethodTypes, Parameter, ServiceTypes

Order = dataclasses.make_dataclass("Order", [("item", str)])
made = described(ServiceTypes("Shop", (MethodTypes("order", (Parameter("order", Order),)),)))
assert made.file.services
assert not [name for name in sys.modules if name.startswith(("google.protobuf", "grpc", "pydantic"))]
made.codec("order")
assert "google.protobuf" in sys.modules
assert "pydantic" not in sys.modules
"""

    subprocess.run([sys.executable, "-c", program], check=True)
