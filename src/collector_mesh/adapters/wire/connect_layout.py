"""The two layouts of ConnectRequest.

The description has id, address and namespaces as fields 1 to 3; the Go original sends address,
namespaces and a metadata map, with the id in it. Both are told apart by their bytes (WIRE §1).
"""

from collections.abc import Iterable, Iterator

import attrs

from collector_mesh.adapters.wire.weighing import TooManyFieldsError, count_fields
from collector_mesh.domain.link.sizes import MAX_CONNECT_BYTES

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES = 10
_MAX_FIELDS = 4096
_ID_KEY = "collector_id"


class MalformedRequestError(ValueError):
    """Bytes that are no ConnectRequest in either layout."""


class TooLargeRequestError(MalformedRequestError):
    """A ConnectRequest that is larger than it may be; the text says how large."""


@attrs.frozen
class ConnectFields:
    """What a ConnectRequest says, whatever its layout."""

    collector_id: str
    address: str
    namespaces: tuple[str, ...]


def read_connect(data: bytes) -> ConnectFields:
    """Read a ConnectRequest of either layout.

    Raises:
        MalformedRequestError: the bytes are no protobuf message, a text is not UTF-8, or it is too large.
    """
    if len(data) > MAX_CONNECT_BYTES:
        raise TooLargeRequestError(f"a Connect of {len(data)} bytes, at most {MAX_CONNECT_BYTES} are taken")
    try:
        count_fields(data, {}, _MAX_FIELDS)
    except TooManyFieldsError as error:
        raise TooLargeRequestError(f"a Connect of more than {_MAX_FIELDS} fields") from error
    first = ""
    second: list[str] = []
    third: list[bytes] = []
    for number, value in _fields(data):
        if number == 1:
            first = _text(value)
        elif number == 2:
            second.append(_text(value))
        elif number == 3:
            third.append(value)
    if ":" in first or (not first and all(map(_is_map_entry, third))):
        collector_id = dict(map(_map_entry, third)).get(_ID_KEY, "")
        if not collector_id and first:
            collector_id = "unknown-" + first.replace(":", "-")
        return ConnectFields(collector_id, first, tuple(second))
    return ConnectFields(first, second[-1] if second else "", tuple(map(_text, third)))


def write_original(collector_id: str, address: str, namespaces: Iterable[str]) -> bytes:
    """A ConnectRequest in the layout of the Go original, which is who has no links (WIRE §1)."""
    entry = _field(1, _ID_KEY.encode()) + _field(2, collector_id.encode())
    return b"".join(
        (_field(1, address.encode()), *(_field(2, name.encode()) for name in namespaces), _field(3, entry))
    )


def _field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | _BYTES,)) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """A whole number, from 0 on, as protobuf writes it."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _is_map_entry(data: bytes) -> bool:
    """Whether it can be nothing but an entry of a map of texts, as every encoder writes one."""
    try:
        found = list(_fields(data, only=(1, 2)))
        for _, value in found:
            _text(value)
    except MalformedRequestError:
        return False
    return len(found) == len(dict(found))


def _map_entry(data: bytes) -> tuple[str, str]:
    """The key and the value of an entry that is known to be one: read as leniently as any message."""
    parts = {number: _text(value) for number, value in _fields(data) if number in (1, 2)}
    return parts.get(1, ""), parts.get(2, "")


def _fields(data: bytes, only: tuple[int, ...] = ()) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message; others are skipped, or refused if `only` is given."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 1 << 29 or (only and (number not in only or kind != _BYTES)):
            raise MalformedRequestError(f"unexpected field {number} of kind {kind}")
        if kind == _VARINT:
            _, position = _varint(data, position)
            continue
        if kind == _BYTES:
            size, start = _varint(data, position)
        elif kind in _FIXED_SIZES:
            size, start = _FIXED_SIZES[kind], position
        else:
            raise MalformedRequestError(f"field {number} is of the unknown kind {kind}")
        position = start + size
        if position > len(data):
            raise MalformedRequestError(f"field {number} is cut short")
        if kind == _BYTES:
            yield number, data[start:position]


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(_MAX_VARINT_BYTES):
        if position + index >= len(data):
            raise MalformedRequestError("a number is cut short")
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise MalformedRequestError("a number is too long")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequestError("a text is not UTF-8") from error
