"""How many fields a message has, before protobuf makes objects of them.

Reading a message costs by its fields, not by its bytes: 4 MiB can be two million empty fields, and the entries of a
map are slower still. What must be counted is counted here, up to a limit, where a message is large enough to matter.
"""

from collections.abc import Mapping
from types import MappingProxyType

Inner = Mapping[int, "Inner"]
"""Which fields of a message are messages whose fields are counted too."""

_VARINT, _BYTES = 0, 2
_FIXED_SIZES: Mapping[int, int] = MappingProxyType({1: 8, 5: 4})


class TooManyFieldsError(ValueError):
    """There are more fields than allowed."""


def count_fields(data: bytes, inner: Inner, most: int) -> int:
    """How many fields a message and those in `inner` have; what is malformed is not counted.

    Raises:
        TooManyFieldsError: they are more than `most`.
    """
    try:
        return most - _count(data, 0, len(data), inner, most)
    except IndexError:
        return 0  # cut short: protobuf says so too, and does it soon


def _count(data: bytes, at: int, end: int, inner: Inner, left: int) -> int:
    """What is left of a number once the fields in a part of a message are counted."""
    while at < end:
        left -= 1
        if left < 0:
            raise TooManyFieldsError
        tag = data[at]
        at += 1
        if tag >= 0x80:
            tag, at = _varint(data, at - 1)
        kind = tag & 7
        if kind == _BYTES:
            size = data[at]
            at += 1
            if size >= 0x80:
                size, at = _varint(data, at - 1)
            below = inner.get(tag >> 3)
            if below is not None:
                left = _count_below(data, at, min(end, at + size), below, left)
            at += size
        elif kind == _VARINT:
            # Hardly ever longer than a byte; one that never ends would be read byte by byte.
            if data[at] >= 0x80:
                _, at = _varint(data, at)
            else:
                at += 1
        else:
            at += _FIXED_SIZES.get(kind, 0)
    return left


def _count_below(data: bytes, at: int, end: int, inner: Inner, left: int) -> int:
    try:
        return _count(data, at, end, inner, left)
    except IndexError:
        # It is no message: protobuf says so and stops here, or, if it is inside a group, skips it and goes on.
        return left


def bytes_of_field(data: bytes, number: int) -> int:
    """How many bytes of a message are in one of its fields; to be asked of what has few fields."""
    found = at = 0
    try:
        while at < len(data):
            begin = at
            tag, at = _varint(data, at)
            at = _after(data, at, tag & 7)
            if tag >> 3 == number:
                found += min(at, len(data)) - begin
    except IndexError:
        return found  # cut short: protobuf says so too
    return found


def _after(data: bytes, at: int, kind: int) -> int:
    """Where a field ends."""
    if kind == _BYTES:
        size, at = _varint(data, at)
        return at + size
    if kind == _VARINT:
        return _varint(data, at)[1]
    return at + _FIXED_SIZES.get(kind, 0)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError
