"""What a field is when it is absent, as far as its file says: the text of the descriptor, read as the type of the field."""

import re
import struct
from collections.abc import Mapping

from collector_mesh.domain.registry.schema import Enum, Field

Value = str | bytes | int | float
"""A default; a bool is 0 or 1, of an enum it is the number."""

MAX_DEFAULT = 1 << 16
"""Characters of the text of a default."""

_INTEGER = re.compile(r"-?[0-9]{1,20}")
_FLOAT = re.compile(r"[+-]?([0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})([eE][+-]?[0-9]{1,5})?|-?inf|-?nan")
_ESCAPE = re.compile(
    rb"""\\(?:([abfnrtv\\'"?])|([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2}))|([^\\]+)|(\\)""", re.DOTALL
)
_ESCAPED = dict(zip(b"abfnrtv\\'\"?", b"\a\b\f\n\r\t\v\\'\"?", strict=True))

_SIGNED_32, _SIGNED_64 = (-(1 << 31), (1 << 31) - 1), (-(1 << 63), (1 << 63) - 1)
_UNSIGNED_32, _UNSIGNED_64 = (0, (1 << 32) - 1), (0, (1 << 64) - 1)
_RANGES: Mapping[str, tuple[int, int]] = {
    "int32": _SIGNED_32,
    "sint32": _SIGNED_32,
    "sfixed32": _SIGNED_32,
    "int64": _SIGNED_64,
    "sint64": _SIGNED_64,
    "sfixed64": _SIGNED_64,
    "uint32": _UNSIGNED_32,
    "fixed32": _UNSIGNED_32,
    "uint64": _UNSIGNED_64,
    "fixed64": _UNSIGNED_64,
}


def can_have_default(field: Field) -> bool:
    """Whether a field has a default at all."""
    return field.cardinality not in {"repeated", "map"} and field.type not in {"message", "group"}


def default_of(field: Field, enum: Enum | None) -> Value:
    """What a field is when it is absent.

    Args:
        field: one that can have a default.
        enum: its type, if that is an enum.

    Raises:
        ValueError: the default is no value of its type; the text says what would be one.
    """
    text = field.default
    if len(text) > MAX_DEFAULT:
        raise ValueError(f"at most {MAX_DEFAULT} characters long")
    if field.type == "enum":
        return _of_enum(text, enum)
    if field.type == "string":
        return text
    if field.type == "bytes":
        return _of_bytes(text)
    if field.type == "bool":
        if text not in {"", "true", "false"}:
            raise ValueError("true or false")
        return int(text == "true")
    if field.type in {"float", "double"}:
        return _of_float(text, is_single=field.type == "float")
    first, last = _RANGES[field.type]
    if text and not _INTEGER.fullmatch(text):
        raise ValueError(f"a whole number from {first} to {last}")
    value = int(text or 0)
    if not first <= value <= last:
        raise ValueError(f"a whole number from {first} to {last}")
    return value


def same(one: Value, other: Value, *, is_single: bool) -> bool:
    """Whether two defaults are the same, also of different types.

    Args:
        one: the one.
        other: the other.
        is_single: whether one of them is a `float`: then as much is compared as that can hold.
    """
    if isinstance(one, str | bytes) or isinstance(other, str | bytes):
        return _as_bytes(one) == _as_bytes(other)
    if one != one or other != other:  # noqa: PLR0124  # only NaN is not itself
        return one != one and other != other  # noqa: PLR0124
    if is_single and isinstance(one, float) and isinstance(other, float):
        return _single(one) == _single(other)
    return one == other


def _as_bytes(value: Value) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value if isinstance(value, bytes) else None


def _of_enum(text: str, enum: Enum | None) -> int:
    values = enum.values if enum is not None else ()
    if not text:
        return values[0].number if values else 0
    for value in values:
        if value.name == text:
            return value.number
    raise ValueError("one of its values")


def _of_bytes(text: str) -> bytes:
    found = bytearray()
    for simple, octal, hexadecimal, plain, lone in _ESCAPE.findall(text.encode("utf-8", "surrogatepass")):
        if lone:
            raise ValueError("bytes with C escapes")
        if simple:
            found.append(_ESCAPED[simple[0]])
        elif octal or hexadecimal:
            found.append((int(octal, 8) if octal else int(hexadecimal, 16)) & 0xFF)
        else:
            found += plain
    return bytes(found)


def _of_float(text: str, *, is_single: bool) -> float:
    if text and not _FLOAT.fullmatch(text):
        raise ValueError("a number, inf, -inf or nan")
    value = float(text or 0)
    return _single(value) if is_single else value


def _single(value: float) -> float:
    try:
        single: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return single
