"""Plain data written as it travels: what JSON has, in the bytes of protobuf's `Struct`, `ListValue` and `Value`.

Written by hand: through protobuf's own classes a dict costs five times as much.
"""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct as Layout
from typing import Any

from collector_mesh.domain.model.errors import PayloadTooLargeError, is_a
from collector_mesh.domain.model.plain_flaws import DEPTH, LARGEST, MOST_VALUES, TOO_MANY, flaw_in

STRUCT = "google.protobuf.Struct"
LIST = "google.protobuf.ListValue"
VALUE = "google.protobuf.Value"

PLAIN = frozenset({dict, list, str, int, float, bool})
"""The types of plain data, besides None."""

_pack = Layout("<d").pack

# What stands before each kind of a value, and before what a struct and a list hold.
_NULL = b"\x08\x00"
_TRUE = b"\x20\x01"
_FALSE = b"\x20\x00"

_SHORT = tuple(bytes((number,)) for number in range(128))
"""Lengths of one byte: nearly all are."""

_ITEM = tuple(b"\x0a" + length for length in _SHORT)
"""What stands before an item of such a length."""

_TEXT = tuple(bytes((length + 2, 0x1A, length)) for length in range(126))
"""What stands before a text of such a length that is the value of an entry."""

_LONGEST_KEPT = 100
"""Bytes of the longest key that is kept."""


class _FlawError(Exception):
    """There is something that cannot travel; where it is, is found out afterwards."""


class _LongError(Exception):
    """A key is long."""


class _FullError(Exception):
    """There is more than may travel."""


class _ManyError(Exception):
    """There are more values than may travel."""


def encoded(value: Any, most: int) -> tuple[str, bytes]:
    """The name of the message that plain data travels as, and its bytes: a dict as Struct, a list as ListValue.

    Args:
        value: a dict, list, str, int, float or bool, or of a class of that.
        most: how many bytes there may be.

    Raises:
        PlainDataError: something in it cannot travel; the text says where it is.
        PayloadTooLargeError: there are more bytes, or more than `MOST_VALUES` values.
    """
    left = [MOST_VALUES]
    try:
        if is_a(value, dict):
            data, name = _struct(value, most, DEPTH, left), STRUCT
        elif is_a(value, list):
            data, name = _list(value, most, DEPTH, left), LIST
        else:
            data, name = _value(value, most, DEPTH, left), VALUE
    except _FullError:
        raise PayloadTooLargeError(
            f"payload of more than {most} bytes is over the limit of {most} bytes"
        ) from None
    except _ManyError:
        raise PayloadTooLargeError(TOO_MANY) from None
    except (_FlawError, UnicodeEncodeError, RuntimeError, RecursionError) as error:
        raise flaw_in(value, error) from None
    if len(data) > most:
        raise PayloadTooLargeError.of(len(data), most)
    return name, data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


@lru_cache(1024)
def _short_key(key: str) -> bytes:
    """What stands in an entry before its value: programs use the same few keys again and again.

    Raises:
        _LongError: it is not to be kept.
    """
    name = key.encode()
    if len(name) > _LONGEST_KEPT:
        raise _LongError
    return b"\x0a" + _SHORT[len(name)] + name + b"\x12"


def _struct(value: dict[object, object], most: int, depth: int, left: list[int]) -> bytes:  # noqa: C901, PLR0912  # see below
    # Written out for what is most usual: a function more for each field is seen in the benchmark.
    if not depth:
        raise _FlawError
    parts = []
    size = 0
    for key, inner in dict.items(value):
        if type(key) is not str:
            if not is_a(key, str):
                raise _FlawError
            key = str.__str__(key)  # noqa: PLW2901  # not of a subclass
        try:
            before = _short_key(key)
        except _LongError:
            name = key.encode()
            before = b"\x0a" + _varint(len(name)) + name + b"\x12"
        kind = type(inner)
        if kind is str:
            data = inner.encode()  # type: ignore[attr-defined]  # just looked
            length = len(data)
            if length < 126:
                data = _TEXT[length] + data
            else:
                data = b"\x1a" + _varint(length) + data
                data = _varint(len(data)) + data
        elif kind is int:
            if not -LARGEST <= inner <= LARGEST:  # type: ignore[operator]  # just looked
                raise _FlawError
            data = b"\x09\x11" + _pack(inner)
        else:
            data = _value(inner, most, depth - 1, left)
            length = len(data)
            data = (_SHORT[length] if length < 128 else _varint(length)) + data
        length = len(before) + len(data)
        if length < 128:
            parts.append(_ITEM[length] + before + data)
        else:
            parts.append(b"\x0a" + _varint(length) + before + data)
        size += length + 2
        if size > most:
            raise _FullError
    left[0] -= len(parts)
    if left[0] < 0:
        raise _ManyError
    return b"".join(parts)


def _list(value: list[object], most: int, depth: int, left: list[int]) -> bytes:
    if not depth:
        raise _FlawError
    parts = []
    size = 0
    for inner in list.__iter__(value):
        data = _value(inner, most, depth - 1, left)
        length = len(data)
        parts.append((_ITEM[length] if length < 128 else b"\x0a" + _varint(length)) + data)
        size += length + 2
        if size > most:
            raise _FullError
    left[0] -= len(parts)
    if left[0] < 0:
        raise _ManyError
    return b"".join(parts)


def _value(value: Any, most: int, depth: int, left: list[int]) -> bytes:
    kind = type(value)
    if kind is str:
        data: bytes = value.encode()
        length = len(data)
        return b"\x1a" + (_SHORT[length] if length < 128 else _varint(length)) + data
    if kind is int:
        if not -LARGEST <= value <= LARGEST:
            raise _FlawError
        return b"\x11" + _pack(value)
    if value is None:
        return _NULL
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is float:
        # Of an infinity and of what is no number it is not 0.
        if value - value != 0.0:
            raise _FlawError
        return b"\x11" + _pack(value)
    if kind is dict:
        data = _struct(value, most, depth, left)
        return b"\x2a" + _varint(len(data)) + data
    if kind is list:
        data = _list(value, most, depth, left)
        return b"\x32" + _varint(len(data)) + data
    return _value(_as_base(value), most, depth, left)


def _as_base(value: object) -> object:
    """What something of a subclass is without it: its own methods may do anything."""
    for kind, plainly in _BASES:
        if is_a(value, kind):
            return plainly(value)
    raise _FlawError


_BASES: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (str, str.__str__),
    (int, lambda value: int.__add__(value, 0)),
    (float, lambda value: float.__add__(value, 0.0)),
    (dict, lambda value: dict(dict.items(value))),
    (list, lambda value: list(list.__iter__(value))),
)
