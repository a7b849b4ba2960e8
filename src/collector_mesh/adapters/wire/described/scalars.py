"""Numbers, texts, bytes and enums between JSON and the fields of messages."""

import base64
import binascii
import math
import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from collector_mesh.adapters.wire.described.shapes import ShapeError, alternatives, quoted

_RANGES: Mapping[int, tuple[int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}
_LONG = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})
_NOT_FINITE: Mapping[str, float] = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT_MAX = 3.4028234663852886e38
_FLOAT_ROUNDS_UP = 3.4028235677973366e38
"""From here on the nearest 32-bit number is infinite."""

_MOST_DIGITS = 400
"""Of a number in a text; the largest double has 309."""


def said(value: Any) -> str:
    """A value of JSON, as an error shows it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return quoted(value) if isinstance(value, str) else number_text(value)


def number_text(value: int | Decimal) -> str:
    """A number as an error shows it; one of very many digits is not written out."""
    if isinstance(value, int) and value.bit_length() > 256:
        return "a number of very many digits"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def scalar_of(field: FieldDescriptor, value: Any, path: str) -> Any:
    """What a field gets for a value of JSON.

    Raises:
        ShapeError: it does not fit.
    """
    kind = field.cpp_type
    if kind in _RANGES:
        return _whole(kind, value, path)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            raise ShapeError(path, f"expected true or false, got {said(value)}")
        return value
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return _enum(field, value, path)
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return bytes_of(value, path) if field.type == FieldDescriptor.TYPE_BYTES else text_of(value, path)
    return _real(value, path, is_short=kind == FieldDescriptor.CPPTYPE_FLOAT)


def key_of(field: FieldDescriptor, text: str, path: str) -> Any:
    """The key of a map, which is always a text in JSON."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if text not in {"true", "false"}:
            raise ShapeError(path, f'expected "true" or "false" for a key, got {quoted(text)}')
        return text == "true"
    return scalar_of(field, text, path)


def text_of(value: Any, path: str) -> str:
    """A text.

    Raises:
        ShapeError: it is none, or none that can be sent.
    """
    if not isinstance(value, str):
        raise ShapeError(path, f"expected a text, got {said(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ShapeError(path, "expected text that is valid Unicode, got half of a surrogate pair") from error
    return value


def bytes_of(value: Any, path: str) -> bytes:
    """Bytes, which JSON has in base64, of either alphabet, padded or not.

    Raises:
        ShapeError: it is none.
    """
    if isinstance(value, str):
        plain = value.rstrip("=")
        padding = len(value) - len(plain)
        try:
            if padding in {0, -len(plain) % 4}:
                translated = plain.replace("-", "+").replace("_", "/")
                return base64.b64decode(translated + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise ShapeError(path, f"expected bytes in base64, got {said(value)}")


def real_of(value: Any, path: str) -> float:
    """A number with a fraction, as 64 bits hold it.

    Raises:
        ShapeError: it is none, or too large.
    """
    return _real(value, path, is_short=False)


def json_of(field: FieldDescriptor, value: Any) -> Any:
    """What JSON has for the value of a field; an enum has its name, if it has one."""
    kind = field.cpp_type
    if kind in _LONG:
        return str(value)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return _enum_name(field, value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return base64.b64encode(value).decode()
    if kind in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return _real_json(value, is_short=kind == FieldDescriptor.CPPTYPE_FLOAT)
    return value


def json_key(field: FieldDescriptor, key: Any) -> str:
    """The key of a map in JSON."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return "true" if key else "false"
    return str(key)


def _number(value: Any, path: str) -> int | Decimal:
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and value == value.strip() and "_" not in value:
        try:
            number = Decimal(value)
        except ArithmeticError:
            number = Decimal("NaN")
        if number.is_finite() and value.isascii():
            return number
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ShapeError(path, f"expected a number, got {said(value)}")
    return value


def _whole(kind: int, value: Any, path: str) -> int:
    number = _number(value, path)
    low, high = _RANGES[kind]
    # Compared before anything is made of it: the exponent may be a million.
    if not low <= number <= high:
        raise ShapeError(path, f"expected a number from {low} to {high}, got {said(value)}")
    if number != int(number):
        raise ShapeError(path, f"expected a whole number, got {said(value)}")
    return int(number)


def _real(value: Any, path: str, *, is_short: bool) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    number = _number(value, path)
    try:
        real = float(number)
    except OverflowError:
        real = math.inf
    if math.isinf(real) or (is_short and abs(real) >= _FLOAT_ROUNDS_UP):
        bits = 32 if is_short else 64
        raise ShapeError(path, f"expected a number that {bits} bits can hold, got {said(value)}")
    return math.copysign(min(abs(real), _FLOAT_MAX), real) if is_short else real


def _real_json(value: float, *, is_short: bool) -> Any:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if is_short:
        value = _shortest(value)
    return (
        int(value)
        if value.is_integer() and abs(value) < 1 << 53 and (value or math.copysign(1, value) > 0)
        else value
    )


def _shortest(value: float) -> float:
    """The number with the fewest digits that is the same one in 32 bits."""
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if abs(short) < _FLOAT_ROUNDS_UP and struct.unpack("f", struct.pack("f", short))[0] == value:
            return short
    return float(f"{value:.9g}")


def _enum(field: FieldDescriptor, value: Any, path: str) -> int:
    kind = field.enum_type
    assert kind is not None  # it is of that type
    if value is None and kind.full_name == "google.protobuf.NullValue":
        return 0
    if isinstance(value, str):
        found = kind.values_by_name.get(value)
        if found is not None:
            return int(found.number)
        if not value.lstrip("-").isdecimal():
            names = [each.name for each in kind.values]
            raise ShapeError(
                path,
                f"{kind.full_name} has no value {quoted(value)}{alternatives(value, names, 'values')}",
            )
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ShapeError(path, f"expected the name of a {kind.full_name}, got {said(value)}")
    number = _whole(FieldDescriptor.CPPTYPE_INT32, value, path)
    if kind.is_closed and number not in kind.values_by_number:
        raise ShapeError(path, f"{kind.full_name} has no value {number}")
    return number


def _enum_name(field: FieldDescriptor, number: int) -> Any:
    kind = field.enum_type
    assert kind is not None  # it is of that type
    if kind.full_name == "google.protobuf.NullValue":
        return None
    found = kind.values_by_number.get(number)
    return number if found is None else found.name
