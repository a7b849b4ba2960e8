"""Plain data read from the bytes of protobuf's `Struct`, `ListValue` and `Value`; see `plain`."""

from collections.abc import Iterator
from itertools import repeat
from struct import Struct as Layout
from types import MappingProxyType

from collector_mesh.domain.model.errors import InvalidCallError, PayloadTooLargeError
from collector_mesh.domain.model.plain import LIST, STRUCT
from collector_mesh.domain.model.plain_flaws import DEPTH, LARGEST, MOST_VALUES, TOO_MANY

_unpack = Layout("<d").unpack_from

# What stands before each kind of a value, and before what a struct and a list hold.
_NULL_TAG, _NUMBER_TAG, _TEXT_TAG, _BOOL_TAG, _STRUCT_TAG, _LIST_TAG = 0x08, 0x11, 0x1A, 0x20, 0x2A, 0x32
_ITEM_TAG, _KEY_TAG, _VALUE_TAG = 0x0A, 0x0A, 0x12


class _FlawError(Exception):
    """There is something that is no plain data."""


class _ManyError(Exception):
    """There are more values than are read."""


_Left = Iterator[None]
"""The steps that are left: each loop over parts takes one of them for each part, however deep it is."""

_STEPS = 4
"""Steps that a value takes at most as `plain` writes it: one each for it, for the end of what it holds, and, where
it is long, for its kind and the end of that."""


class _MalformedError(Exception):
    """The bytes are no such message."""


def decoded(name: str, data: bytes) -> object:
    """The plain data in the bytes of a Struct, ListValue or Value.

    Numbers without a fraction are ints, from -2^53 to 2^53; all others floats.

    Raises:
        InvalidCallError: they are no such message, or hold what is no plain data.
        PayloadTooLargeError: there are more than `MOST_VALUES` values.
    """
    left = repeat(None, _STEPS * MOST_VALUES)
    try:
        if name == STRUCT:
            return _read_struct(data, 0, len(data), DEPTH, left)
        if name == LIST:
            return _read_list(data, 0, len(data), DEPTH, left)
        return _read_value(data, 0, len(data), DEPTH, left)
    except (_MalformedError, IndexError, UnicodeDecodeError):
        raise InvalidCallError(f"payload cannot be read as {name}") from None
    except _FlawError as error:
        raise InvalidCallError(f"payload is no plain data: {error}") from None
    except _ManyError:
        raise PayloadTooLargeError(TOO_MANY) from None


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


def _read_struct(data: bytes, at: int, end: int, depth: int, left: _Left) -> dict[str, object]:
    if not depth:
        raise _FlawError(f"it is deeper than {DEPTH} levels")
    found: dict[str, object] = {}
    for _ in left:
        if at >= end:
            break
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
                    found[data[begin:middle].decode()] = _read_short(data, first, stop, depth - 1, left)
                    at = stop
                    continue
        key, inner = _read_entry(data, at, stop, left)
        found[key] = _read_value(inner, 0, len(inner), depth - 1, left)
        at = stop
    else:
        raise _ManyError
    return found


def _read_short(data: bytes, at: int, end: int, depth: int, left: _Left) -> object:
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
            return _READERS[tag](data, at + 2, end, depth, left)
        if size == 2 and second < 2 and tag in {_BOOL_TAG, _NULL_TAG}:
            return None if tag == _NULL_TAG else second == 1
    return _read_value(data, at, end, depth, left)


def _read_entry(data: bytes, at: int, end: int, left: _Left) -> tuple[str, bytes]:
    """One entry of a map in any form: parts may be missing, come twice or in another order."""
    key, halves = b"", []
    for _ in left:
        if at >= end:
            break
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
    else:
        raise _ManyError
    return key.decode(), b"".join(halves)


def _read_list(data: bytes, at: int, end: int, depth: int, left: _Left) -> list[object]:
    if not depth:
        raise _FlawError(f"it is deeper than {DEPTH} levels")
    found: list[object] = []
    for _ in left:
        if at >= end:
            break
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
            found.append(_read_short(data, at, stop, depth - 1, left))
        else:
            found.append(_read_value(data, at, stop, depth - 1, left))
        at = stop
    else:
        raise _ManyError
    return found


def _read_value(data: bytes, at: int, end: int, depth: int, left: _Left) -> object:  # noqa: C901, PLR0912  # a branch for each kind
    """A Value; of several kinds in it the last one counts, and one that says nothing is None."""
    found: object = None
    last = 0
    halves: list[bytes] = []
    for _ in left:
        if at >= end:
            break
        tag = data[at]
        if tag in _READERS:
            at, stop = _length(data, at + 1, end)
            if stop == end and last != tag:
                return _READERS[tag](data, at, end, depth, left)
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
    else:
        raise _ManyError
    if at > end:
        raise _MalformedError
    if last:
        # Parts of a message are one, as if they were written behind each other.
        whole = b"".join(halves)
        return _READERS[last](whole, 0, len(whole), depth, left)
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
