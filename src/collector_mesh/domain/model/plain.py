"""Plain data as it travels: what JSON has, in the bytes of protobuf's `Struct`, `ListValue` and `Value`.

Written by hand: through protobuf's own classes a dict costs five times as much.
"""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct as Layout
from types import MappingProxyType
from typing import Any

from collector_mesh.domain.model.errors import InvalidCallError, is_a
from collector_mesh.domain.model.plain_flaws import DEPTH, LARGEST, flaw_in

STRUCT = "google.protobuf.Struct"
LIST = "google.protobuf.ListValue"
VALUE = "google.protobuf.Value"

PLAIN = frozenset({dict, list, str, int, float, bool})
"""The types of plain data, besides None."""

_pack = Layout("<d").pack
_unpack = Layout("<d").unpack_from

# What stands before each kind of a value, and before what a struct and a list hold.
_NULL = b"\x08\x00"
_TRUE = b"\x20\x01"
_FALSE = b"\x20\x00"
_NULL_TAG, _NUMBER_TAG, _TEXT_TAG, _BOOL_TAG, _STRUCT_TAG, _LIST_TAG = 0x08, 0x11, 0x1A, 0x20, 0x2A, 0x32
_ITEM_TAG, _KEY_TAG, _VALUE_TAG = 0x0A, 0x0A, 0x12

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


def encoded(value: Any, most: int) -> tuple[str, bytes]:
    """The name of the message that plain data travels as, and its bytes: a dict as Struct, a list as ListValue.

    Args:
        value: a dict, list, str, int, float or bool, or of a class of that.
        most: how many bytes there may be.

    Raises:
        PlainDataError: something in it cannot travel; the text says where it is.
        OverflowError: there are more bytes.
    """
    try:
        if is_a(value, dict):
            data, name = _struct(value, most, DEPTH), STRUCT
        elif is_a(value, list):
            data, name = _list(value, most, DEPTH), LIST
        else:
            data, name = _value(value, most, DEPTH), VALUE
    except _FullError:
        raise OverflowError(f"more than {most} bytes") from None
    except (_FlawError, UnicodeEncodeError, RuntimeError, RecursionError) as error:
        raise flaw_in(value, error) from None
    if len(data) > most:
        raise OverflowError(f"{len(data)} bytes")
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


def _struct(value: dict[object, object], most: int, depth: int) -> bytes:  # noqa: C901, PLR0912  # see below
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
            data = _value(inner, most, depth - 1)
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
    return b"".join(parts)


def _list(value: list[object], most: int, depth: int) -> bytes:
    if not depth:
        raise _FlawError
    parts = []
    size = 0
    for inner in list.__iter__(value):
        data = _value(inner, most, depth - 1)
        length = len(data)
        parts.append((_ITEM[length] if length < 128 else b"\x0a" + _varint(length)) + data)
        size += length + 2
        if size > most:
            raise _FullError
    return b"".join(parts)


def _value(value: Any, most: int, depth: int) -> bytes:
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
        data = _struct(value, most, depth)
        return b"\x2a" + _varint(len(data)) + data
    if kind is list:
        data = _list(value, most, depth)
        return b"\x32" + _varint(len(data)) + data
    return _value(_as_base(value), most, depth)


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


# ---- reading -----------------------------------------------------------------------------------------


class _MalformedError(Exception):
    """The bytes are no such message."""


def decoded(name: str, data: bytes) -> object:
    """The plain data in the bytes of a Struct, ListValue or Value.

    Numbers without a fraction are ints, from -2^53 to 2^53; all others floats.

    Raises:
        InvalidCallError: they are no such message, or hold what is no plain data.
    """
    try:
        if name == STRUCT:
            return _read_struct(data, 0, len(data), DEPTH)
        if name == LIST:
            return _read_list(data, 0, len(data), DEPTH)
        return _read_value(data, 0, len(data), DEPTH)
    except (_MalformedError, IndexError, UnicodeDecodeError):
        raise InvalidCallError(f"payload cannot be read as {name}") from None
    except _FlawError as error:
        raise InvalidCallError(f"payload is no plain data: {error}") from None


def _length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Where what follows a length begins, and where it ends."""
    length = data[at]
    at += 1
    if length > 127:
        length, at = _read_varint(data, at - 1)
    stop = at + length
    if stop > end:
        raise _MalformedError
    return at, stop


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise _MalformedError


def _read_struct(data: bytes, at: int, end: int, depth: int) -> dict[str, object]:
    if not depth:
        raise _FlawError(f"it is deeper than {DEPTH} levels")
    found: dict[str, object] = {}
    while at < end:
        if data[at] != _ITEM_TAG:
            at = _skip(data, at, end)
            continue
        length = data[at + 1]
        at += 2
        if length > 127:
            length, at = _read_varint(data, at - 1)
        stop = at + length
        if stop > end:
            raise _MalformedError
        # As nearly everybody writes it: a short key, and its value behind it.
        if length > 3 and data[at] == _KEY_TAG and (size := data[at + 1]) < 128:
            begin = at + 2
            middle = begin + size
            first = middle + 2
            if middle < stop and data[middle] == _VALUE_TAG:
                size = data[middle + 1]
                if 0 < size < 128 and first + size == stop:
                    found[data[begin:middle].decode()] = _read_short(data, first, stop, depth - 1)
                    at = stop
                    continue
        key, inner = _read_entry(data, at, stop)
        found[key] = _read_value(inner, 0, len(inner), depth - 1)
        at = stop
    return found


def _read_short(data: bytes, at: int, end: int, depth: int) -> object:
    """A Value of less than 128 bytes, and more than none; most hold one thing, as it is usually written."""
    tag = data[at]
    size = end - at
    if tag == _NUMBER_TAG and size == 9:
        number = _unpack(data, at + 1)[0]
        if number.is_integer() and -LARGEST <= number <= LARGEST:
            return int(number)
        return _number(number)
    if size > 1:
        second = data[at + 1]
        if tag == _TEXT_TAG and second == size - 2:
            return data[at + 2 : end].decode()
        if tag in _READERS and second == size - 2:
            return _READERS[tag](data, at + 2, end, depth)
        if size == 2 and second < 2 and tag in {_BOOL_TAG, _NULL_TAG}:
            return None if tag == _NULL_TAG else second == 1
    return _read_value(data, at, end, depth)


def _read_entry(data: bytes, at: int, end: int) -> tuple[str, bytes]:
    """One entry of a map in any form: parts may be missing, come twice or in another order."""
    key, halves = b"", []
    while at < end:
        tag = data[at]
        if tag == _KEY_TAG:
            at, stop = _length(data, at + 1, end)
            key = data[at:stop]
        elif tag == _VALUE_TAG:
            at, stop = _length(data, at + 1, end)
            halves.append(data[at:stop])
        else:
            stop = _skip(data, at, end)
        at = stop
    return key.decode(), b"".join(halves)


def _read_list(data: bytes, at: int, end: int, depth: int) -> list[object]:
    if not depth:
        raise _FlawError(f"it is deeper than {DEPTH} levels")
    found: list[object] = []
    while at < end:
        if data[at] != _ITEM_TAG:
            at = _skip(data, at, end)
            continue
        length = data[at + 1]
        at += 2
        if length > 127:
            length, at = _read_varint(data, at - 1)
        stop = at + length
        if stop > end:
            raise _MalformedError
        if 0 < length < 128:
            found.append(_read_short(data, at, stop, depth - 1))
        else:
            found.append(_read_value(data, at, stop, depth - 1))
        at = stop
    return found


def _read_value(data: bytes, at: int, end: int, depth: int) -> object:  # noqa: C901  # a branch for each kind
    """A Value; of several kinds in it the last one counts, and one that says nothing is None."""
    found: object = None
    last = 0
    halves: list[bytes] = []
    while at < end:
        tag = data[at]
        if tag in _READERS:
            at, stop = _length(data, at + 1, end)
            if stop == end and last != tag:
                return _READERS[tag](data, at, end, depth)
            if last != tag:
                last, halves = tag, []
            halves.append(data[at:stop])
            at = stop
            continue
        if tag == _TEXT_TAG:
            at, stop = _length(data, at + 1, end)
            found = data[at:stop].decode()
        elif tag == _NUMBER_TAG:
            stop = at + 9
            if stop > end:
                raise _MalformedError
            found = _number(_unpack(data, at + 1)[0])
        elif tag in {_BOOL_TAG, _NULL_TAG}:
            number, stop = _read_varint(data, at + 1)
            found = number != 0 if tag == _BOOL_TAG else None
        else:
            at = _skip(data, at, end)
            continue
        last, at = 0, stop
    if at > end:
        raise _MalformedError
    if last:
        # Parts of a message are one, as if they were written behind each other.
        whole = b"".join(halves)
        return _READERS[last](whole, 0, len(whole), depth)
    return found


_READERS = MappingProxyType({_STRUCT_TAG: _read_struct, _LIST_TAG: _read_list})


def _number(number: float) -> int | float:
    if number.is_integer() and -LARGEST <= number <= LARGEST:
        return int(number)
    if number - number != 0.0:
        raise _FlawError(f"{number} is no number that JSON has")
    return number


def _skip(data: bytes, at: int, end: int) -> int:
    """Where what follows a field begins that is not known here."""
    begin = at
    tag, at = _read_varint(data, at)
    if tag < 128 and at - begin > 1:
        # A known field may be written so, which nobody does: it must not be passed over.
        raise _MalformedError
    kind = tag & 7
    if kind == 0:
        at = _read_varint(data, at)[1]
    elif kind == 1:
        at += 8
    elif kind == 2:
        at = _length(data, at, end)[1]
    elif kind == 5:
        at += 4
    else:
        raise _MalformedError
    # Numbers of fields are from 1 to 2^29 - 1.
    if at > end or not 8 <= tag < 1 << 32:
        raise _MalformedError
    return at
