"""Payloads whose type nobody has told, as those of foreign clients: they are what the method takes."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.model import payload as model
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload, payload_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def reader_of(returns: Any) -> Callable[[Payload], Any]:
    """The reader for a type, which may be a union, as that of a handler's argument."""
    return model.reader_of(returns)


def nameless(value: bytes) -> Payload:
    return Payload(TYPE_PREFIX, value)


def test_a_reader_of_messages_takes_it_for_its_own() -> None:
    read = reader_of(StringValue)

    assert read(nameless(StringValue(value="x").SerializeToString())).value == "x"
    assert read(nameless(b"")).value == ""
    with pytest.raises(InvalidCallError, match=r"payload cannot be read as google\.protobuf\.StringValue"):
        read(nameless(b"\xff\xff"))


@pytest.mark.parametrize(
    "type_url", ["", "type.googleapis.com", "/", "other.example/", " type.googleapis.com/"]
)
def test_any_other_type_url_without_a_name_is_the_wrong_one(type_url: str) -> None:
    with pytest.raises(InvalidCallError, match=r"payload is .*, expected 'type\.googleapis\.com/google"):
        reader_of(StringValue)(Payload(type_url, b""))
    with pytest.raises(InvalidCallError):
        reader_of(dict[str, int])(Payload(type_url, b""))


@given(JSON)
def test_plain_data_is_read_as_what_it_was_written_as(value: Any) -> None:
    written = payload_of(value)
    shapes: dict[type, Any] = {dict: dict[str, Any], list: list[Any]}
    shape = shapes.get(type(value), str | int | float | bool | None)

    assert reader_of(shape)(nameless(written.value)) == value


@given(JSON)
def test_a_value_of_protobuf_is_read_whatever_is_in_it(value: Any) -> None:
    message = json_format.ParseDict(value, Value())

    assert reader_of(dict[str, Any] | list[Any] | str | int | bool | None)(
        nameless(message.SerializeToString())
    ) == (value)


def test_a_struct_and_a_list_look_alike_so_whoever_takes_both_refuses_them() -> None:
    either: Any = dict[str, Any] | list[Any]
    for message in (Struct(), ListValue(), Struct(fields={"a": Value(null_value=0)})):  # type: ignore[arg-type]  # an enum
        with pytest.raises(InvalidCallError, match=r"takes both, so name the type"):
            reader_of(either)(nameless(message.SerializeToString()))


def test_nothing_is_none_where_that_is_taken_and_else_refused() -> None:
    assert reader_of(str | None)(nameless(b"")) is None
    with pytest.raises(
        InvalidCallError, match=r"is a 'type\.googleapis\.com/google\.protobuf\.Empty', expected str"
    ):
        reader_of(str)(nameless(b""))


@given(st.binary(max_size=60))
def test_bytes_of_a_stranger_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    for shape in (dict[str, Any], list[Any], str, dict[str, Any] | list[Any], int | None):
        with suppress(InvalidCallError):
            reader_of(shape)(nameless(data))
