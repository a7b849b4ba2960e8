"""Plain data in the bytes of protobuf's `Struct`, `ListValue` and `Value`."""

import collections
import datetime as dt
import decimal
import enum
import math
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.model.errors import InvalidCallError, PayloadTooLargeError
from collector_mesh.domain.model.payload import EMPTY, TYPE_PREFIX, Payload, payload_of
from collector_mesh.domain.model.plain_reading import decoded
from collector_mesh.domain.model.shapes import shape_of

LARGEST = 2**53
KINDS: dict[str, Any] = {
    "google.protobuf.Struct": Struct,
    "google.protobuf.ListValue": ListValue,
    "google.protobuf.Value": Value,
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)
plain = values.filter(lambda value: value is not None)


def read(payload: Payload) -> object:
    return decoded(payload.type_url.removeprefix(TYPE_PREFIX), payload.value)


def message_of(payload: Payload) -> Any:
    return KINDS[payload.type_url.removeprefix(TYPE_PREFIX)].FromString(payload.value)


@given(plain)
def test_whatever_is_written_is_read_as_it_was(value: object) -> None:
    assert read(payload_of(value)) == value


@given(plain)
def test_protobuf_reads_what_is_written_and_writes_what_is_read(value: object) -> None:
    payload = payload_of(value)
    message = message_of(payload)

    assert json_format.MessageToDict(message) == value
    assert read(Payload(payload.type_url, message.SerializeToString())) == value


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=40))
def test_bytes_of_a_stranger_are_read_as_protobuf_reads_them_or_refused(name: str, data: bytes) -> None:
    try:
        message = KINDS[name].FromString(data)
        size = message.ByteSize()
        message.DiscardUnknownFields()
        # An entry of a map with anything unknown in it is nothing to protobuf for Python, and is an entry to others.
        wanted = json_format.MessageToDict(message) if message.ByteSize() == size else None
    except (DecodeError, ValueError):
        wanted = None

    try:
        found = decoded(name, data)
    except InvalidCallError:
        return

    # What says nothing is None here, and an error in protobuf's JSON.
    assert wanted is None or found == wanted


@pytest.mark.parametrize(
    ("value", "name"),
    [({}, "Struct"), ([], "ListValue"), ("", "Value"), (0, "Value"), (0.5, "Value"), (False, "Value")],
)
def test_a_dict_travels_as_a_struct_a_list_as_a_list_and_all_else_as_a_value(
    value: object, name: str
) -> None:
    payload = payload_of(value)

    assert payload.type_url == f"{TYPE_PREFIX}google.protobuf.{name}"
    assert read(payload) == value
    assert type(read(payload)) is type(value)


def test_none_alone_is_no_payload_and_in_a_dict_it_is_null() -> None:
    assert payload_of(None) is EMPTY
    assert read(payload_of({"a": None})) == {"a": None}


@pytest.mark.parametrize(
    ("number", "found"),
    [(1.0, int), (1, int), (-0.0, int), (1.5, float), (2.0**53, int), (2.0**53 + 2, float), (1e300, float)],
)
def test_numbers_without_a_fraction_come_back_as_ints_where_an_int_is_exact(
    number: float, found: type
) -> None:
    back = read(payload_of([number]))

    assert back == [number]
    assert [type(each) for each in back] == [found]


class Color(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    """A text that says that it is another one."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another"

    def encode(self, *_: object) -> bytes:
        return b"another"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (collections.OrderedDict(a=1), {"a": 1}),
        ({"a": collections.Counter("x")}, {"a": {"x": 1}}),
        ([Color.RED, Level.HIGH], ["red", 3]),
        ({Text("k"): Text("v")}, {"k": "v"}),
    ],
)
def test_what_is_of_a_subclass_travels_as_what_it_is_of(value: object, found: object) -> None:
    assert read(payload_of(value)) == found


def cycle() -> dict[str, Any]:
    outer: dict[str, Any] = {}
    outer["b"] = [outer]
    return outer


def nested(levels: int, value: object = 1) -> Any:
    for _ in range(levels):
        value = {"d": value}
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"a": {"b": [1, 2, 3, b"x"]}},
            "a.b[3]: bytes is no plain data, allowed are dict with str keys, list, str",
        ),
        ([{"a b": {1, 2}}], "[0]['a b']: set is no plain data"),
        ({"a": (1,)}, "a: tuple is no plain data"),
        ({"a": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, "a: datetime is no plain data"),
        ({"a": decimal.Decimal(1)}, "a: Decimal is no plain data"),
        ({"a": object}, "a: the class object is no plain data"),
        ({"a": StringValue()}, "a: StringValue is no plain data"),
        ({"a": 2**53 + 1}, "a: the int is beyond 2^53 (9007199254740992)"),
        ([-(2**53) - 1], "[0]: the int is beyond 2^53"),
        ({"a": 10**5000}, "a: the int is beyond 2^53"),
        (2**60, "the int is beyond 2^53"),
        ({"a": math.nan}, "a: nan is no number that JSON has"),
        ([math.inf], "[0]: inf is no number that JSON has"),
        (-math.inf, "-inf is no number that JSON has"),
        ({1: 2}, "a key is int, only str is allowed"),
        ({"a": {None: 1}}, "a: a key is NoneType, only str is allowed"),
        ({"a": "\ud800"}, "a: the text has a lone surrogate"),
        ({"\ud800": 1}, r"['\ud800']: the key has a lone surrogate"),
        ({"x\n\x1b[2J": b""}, r"['x\n\x1b[2J']: bytes is no plain data"),
        (cycle(), "b[0]: the dict contains itself"),
        (nested(33), ".".join(["d"] * 32) + ": plain data may be 32 levels deep"),
    ],
)
def test_what_cannot_travel_is_named_by_its_path(value: object, text: str) -> None:
    with pytest.raises(InvalidCallError) as raised:
        payload_of(value)

    assert raised.value.code == 400
    assert str(raised.value).startswith(text)
    assert str(raised.value).isprintable()


def test_however_long_keys_are_the_error_is_short() -> None:
    value = {"k" * 1_000_000: nested(30, b"")}

    with pytest.raises(InvalidCallError) as raised:
        payload_of(value)

    assert len(str(raised.value)) < 400


def test_dicts_may_be_as_deep_as_protobuf_reads_them() -> None:
    payload = payload_of(nested(32))

    assert len(Struct.FromString(payload.value).SerializeToString()) == len(payload.value)
    assert read(payload) == nested(32)


def test_what_a_stranger_has_nested_too_deep_is_refused() -> None:
    value = b"\x08\x00"
    for _ in range(10_000):
        # A list in a value, each of a length that fits into so many bytes.
        value = b"\x0a" + length_of(value) + value
        value = b"\x32" + length_of(value) + value

    with pytest.raises(InvalidCallError, match="deeper than 32 levels"):
        decoded("google.protobuf.Value", value)


def length_of(data: bytes) -> bytes:
    number, out = len(data), bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))


@pytest.mark.parametrize(
    "part", [b"\x2a\x04\x0a\x02\x0a\x00", b"\x32\x02\x0a\x00", b"\x2a\x00\x32\x00", b"\x20\x01", b"\x18\x00"]
)
def test_what_a_stranger_sends_in_many_parts_takes_no_longer_than_it_is_long(part: bytes) -> None:
    # Read again with each part it would take hours.
    data = part * (200_000 // len(part))

    assert decoded("google.protobuf.Value", data) in ({"": None}, [None] * (len(data) // 4), [], True, None)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Value", b"\x32\x02\x0a\x00"),
        pytest.param("Value", b"\x2a\x00\x32\x00", marks=pytest.mark.large),
        pytest.param("Value", b"\x18\x00", marks=pytest.mark.large),
        ("Struct", b"\x20\x01"),
        ("ListValue", b"\x32\x02\x0a\x00"),
    ],
)
def test_more_parts_than_values_may_have_are_not_read(name: str, part: bytes) -> None:
    if name != "Value":
        part = b"\x0a" + length_of(part) + part

    with pytest.raises(PayloadTooLargeError, match=r"^plain data has more than 100000 values"):
        decoded(f"google.protobuf.{name}", part * 600_000)


@pytest.mark.large
@pytest.mark.parametrize("inner", [None, [[]], {"k" * 200: "x" * 200}])
def test_as_many_values_as_may_be_written_can_be_read(inner: object) -> None:
    for value in ([inner] * 33_333, {str(number): inner for number in range(33_333)}):
        sent = payload_of(value, 1 << 30)

        assert sent.unpack(type(value)) == value


@pytest.mark.parametrize(
    "value", [[0] * 100_001, dict.fromkeys(map(str, range(100_001))), [[0] * 50_000, {"a": [0] * 50_000}]]
)
def test_more_values_than_may_travel_are_not_written(value: object) -> None:
    with pytest.raises(PayloadTooLargeError, match=r"^plain data has more than 100000 values"):
        payload_of(value, 1 << 30)


def laughs() -> list[Any]:
    """One list that would take up more than there is."""
    inner: list[Any] = []
    for _ in range(30):
        inner = [inner] * 10
    return inner


@pytest.mark.parametrize("value", [laughs(), dict.fromkeys(map(str, range(1_000_000))), "x" * 100_001])
def test_what_is_too_large_is_written_no_further_than_it_may_be(value: object) -> None:
    with pytest.raises(
        PayloadTooLargeError, match=r"^payload of .* bytes is over the limit of 100000 bytes$"
    ):
        payload_of(value, 100_000)


def test_a_payload_may_have_exactly_the_bytes_of_the_limit() -> None:
    size = len(payload_of({"a": "x"}).value)

    assert len(payload_of({"a": "x"}, size).value) == size
    with pytest.raises(PayloadTooLargeError):
        payload_of({"a": "x"}, size - 1)


@pytest.mark.parametrize(
    ("payload", "returns", "found"),
    [
        (Payload.pack({"a": [1]}), dict, {"a": [1]}),
        (Payload.pack([1, 2]), list[float], [1.0, 2.0]),
        (Payload.pack({"a": {"b": 1}}), dict[str, dict[str, float]], {"a": {"b": 1.0}}),
        (Payload.pack("x"), str, "x"),
        (Payload.pack("x"), str | int, "x"),
        (Payload.pack(2), int | float, 2),
        (Payload.pack(2), float, 2.0),
        (Payload.pack(True), bool, True),
        (Payload.pack({"a": None}), dict[str, int | None], {"a": None}),
        (EMPTY, dict | None, None),
        (Payload(), dict | None, None),
        (Payload(TYPE_PREFIX + "google.protobuf.Value", payload_of([{}]).value[2:]), dict, {}),
    ],
)
def test_plain_data_is_read_as_what_is_asked_for(payload: Payload, returns: Any, found: object) -> None:
    back = payload.unpack(returns)

    assert back == found
    assert repr(back) == repr(found)


@pytest.mark.parametrize(
    ("payload", "returns", "text"),
    [
        (Payload.pack([1]), dict, "payload is list, expected dict"),
        (Payload.pack(True), int, "payload is bool, expected int"),
        (Payload.pack(1), bool, "payload is int, expected bool"),
        (Payload.pack(1.5), int, "payload is float, expected int"),
        (Payload.pack("1"), float, "payload is str, expected float"),
        (Payload.pack(["x"]), list[int], r"payload: \[0\] is str, expected int"),
        (
            Payload.pack({"a": {"b": [1, None]}}),
            dict[str, dict[str, list[int]]],
            r"payload: a\.b\[1\] is None, expected int",
        ),
        (Payload.pack({"a": 1}), list | str, r"payload is dict, expected list \| str"),
        (
            EMPTY,
            dict,
            "payload is a 'type.googleapis.com/google.protobuf.Empty', expected dict as plain data",
        ),
        (
            Payload.pack(StringValue()),
            str,
            "payload is a 'type.googleapis.com/google.protobuf.StringValue', expected str",
        ),
        (Payload(), str, "payload is missing, expected str"),
        (
            Payload(TYPE_PREFIX + "google.protobuf.Struct", b"\xff"),
            dict,
            "payload cannot be read as google.protobuf.Struct",
        ),
        (
            Payload(TYPE_PREFIX + "google.protobuf.Value", Value(number_value=math.nan).SerializeToString()),
            float,
            "payload is no plain data: nan is no number that JSON has",
        ),
    ],
)
def test_what_is_something_else_is_a_400_that_says_what(payload: Payload, returns: Any, text: str) -> None:
    with pytest.raises(InvalidCallError, match=f"^{text}"):
        payload.unpack(returns)


@pytest.mark.parametrize(
    "returns", [set, bytes, object, dict[int, str], tuple[int], list[bytes], 7, "dict", [dict]]
)
def test_what_is_no_type_of_plain_data_is_a_type_error(returns: Any) -> None:
    with pytest.raises(TypeError, match="returns must be a class of protobuf messages, a type of plain data"):
        payload_of({}).unpack(returns)


def test_reading_as_another_type_changes_nothing_of_what_was_given() -> None:
    value = {"a": [1]}
    shape = shape_of(dict[str, list[float]])

    assert shape is not None
    assert repr(shape.checked(value)) == "{'a': [1.0]}"
    assert repr(value) == "{'a': [1]}"
