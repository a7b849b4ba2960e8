"""Single values: how each of Python's types travels, exactly, and what is wrong with one that cannot."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import attrs

from collector_mesh.domain.model.errors import is_a, kind_of
from collector_mesh.domain.registry.schema import FieldType

MIN_INT, MAX_INT = -(1 << 63), (1 << 63) - 1
"""Of an int64."""

MAX_DURATION = 315_576_000_000
"""Seconds of the longest duration, 10,000 years (google/protobuf/duration.proto)."""

MAX_DECIMAL = 65_536
"""Characters of a Decimal."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = -62_135_596_800
_LAST = 253_402_300_799
"""Seconds of the first and the last moment that a Timestamp may be: the years 1 to 9999 (google/protobuf/timestamp.proto)."""

_DECIMAL = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d+)?|Infinity|s?NaN\d*)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)


class FlawError(Exception):
    """A value cannot travel, or what has come is none; the text says why, and nothing of the value."""


def wrong(value: object, expected: str) -> FlawError:
    """The error for a value of another type."""
    return FlawError(f"got {'None' if value is None else kind_of(value)}, expected {expected}")


@attrs.frozen(eq=False)
class Scalar:
    """A type of single values.

    Attributes:
        name: as errors name it.
        kind: the type.
        type: in protobuf.
        type_name: of its message there.
        write: turns a value into what a message takes, a mapping of its fields for one of a message; raises FlawError.
        read: turns that back, for a message the message itself; raises FlawError.
        is_plain: whether both are the same for values of the very type, but for what a message itself refuses.
    """

    name: str
    kind: type
    type: FieldType
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    type_name: str = ""
    is_plain: bool = False


def _same(value: Any) -> Any:
    return value


def _int(value: Any) -> int:
    if not is_a(value, int) or type(value) is bool:
        raise wrong(value, "int")
    # Not by what a subclass makes of itself.
    number = int.__add__(value, 0)
    if not MIN_INT <= number <= MAX_INT:
        raise FlawError("is out of range: an int travels as int64, from -2^63 to 2^63 - 1")
    return number


def _float(value: Any) -> float:
    if is_a(value, float):
        return float.__pos__(value)  # also of a subclass, whatever it makes of itself
    if not is_a(value, int) or type(value) is bool:
        raise wrong(value, "float")
    whole = int.__add__(value, 0)
    try:
        number = float(whole)
    except OverflowError:
        number = 0.0
    if number != whole:
        raise FlawError("is an int that no float is equal to")
    return number


def _bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise wrong(value, "bool")


def _str(value: Any) -> str:
    if not is_a(value, str):
        raise wrong(value, "str")
    text = str.__str__(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FlawError("has a lone surrogate, which cannot be sent") from None
    return text


def _bytes(value: Any) -> bytes:
    if not is_a(value, bytes):
        raise wrong(value, "bytes")
    return value if type(value) is bytes else bytes.__getitem__(value, slice(None))


def _write_moment(value: Any) -> dict[str, int]:
    if not is_a(value, datetime):
        raise wrong(value, "datetime")
    try:
        since = datetime.__sub__(value, _EPOCH)
    except TypeError:
        raise FlawError("has no time zone, expected a datetime with one") from None
    except Exception:  # noqa: BLE001  # a time zone may be anybody's
        raise FlawError("has a time zone that cannot be asked for its offset") from None
    seconds = since.days * 86_400 + since.seconds
    if not _FIRST <= seconds <= _LAST:
        raise FlawError("is not in the years 1 to 9999 of UTC")
    return {"f1": seconds, "f2": since.microseconds * 1_000}


def _read_moment(message: Any) -> datetime:
    seconds, nanos = message.f1, message.f2
    if not (_FIRST <= seconds <= _LAST and 0 <= nanos < 1_000_000_000):
        raise FlawError("is no Timestamp of the years 1 to 9999")
    return _EPOCH + timedelta(0, seconds, nanos // 1_000)


def _write_duration(value: Any) -> dict[str, int]:
    if not is_a(value, timedelta):
        raise wrong(value, "timedelta")
    seconds, micros = value.days * 86_400 + value.seconds, value.microseconds
    if seconds < 0 and micros:
        # Both have one sign in protobuf.
        seconds, micros = seconds + 1, micros - 1_000_000
    if not -MAX_DURATION <= seconds <= MAX_DURATION or (abs(seconds) == MAX_DURATION and micros):
        raise FlawError("is longer than 10,000 years, as no Duration is")
    return {"f1": seconds, "f2": micros * 1_000}


def _read_duration(message: Any) -> timedelta:
    seconds, nanos = message.f1, message.f2
    if not (-MAX_DURATION <= seconds <= MAX_DURATION and -1_000_000_000 < nanos < 1_000_000_000):
        raise FlawError("is no Duration of at most 10,000 years")
    if (seconds < 0 < nanos) or (nanos < 0 < seconds):
        raise FlawError("is no Duration: its seconds and its nanoseconds have different signs")
    return timedelta(0, seconds, nanos // 1_000 if nanos >= 0 else -(-nanos // 1_000))


def _write_date(value: Any) -> str:
    if not is_a(value, date) or is_a(value, datetime):
        raise wrong(value, "date")
    return date.isoformat(value)


def _read_date(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _unreadable(text, "a date as YYYY-MM-DD")


def _write_decimal(value: Any) -> str:
    if not is_a(value, Decimal):
        raise wrong(value, "Decimal")
    text = Decimal.__str__(value)
    if len(text) > MAX_DECIMAL:
        raise FlawError(f"has more than {MAX_DECIMAL} characters")
    return text


def _read_decimal(text: str) -> Decimal:
    if len(text) > MAX_DECIMAL:
        raise FlawError(f"has more than {MAX_DECIMAL} characters")
    try:
        if _DECIMAL.fullmatch(text):
            return Decimal(text)
    except InvalidOperation:
        pass
    raise _unreadable(text, "a decimal number")


def _write_uuid(value: Any) -> str:
    if not is_a(value, UUID):
        raise wrong(value, "UUID")
    return UUID.__str__(value)


def _read_uuid(text: str) -> UUID:
    if _UUID.fullmatch(text):
        return UUID(int=int(text.replace("-", ""), 16))
    raise _unreadable(text, "a UUID")


def _unreadable(text: str, expected: str) -> FlawError:
    return FlawError(f"is not {expected}" if text else "is missing")


INT = Scalar("int", int, "int64", _int, _same, is_plain=True)
STR = Scalar("str", str, "string", _str, _same, is_plain=True)
BOOL = Scalar("bool", bool, "bool", _bool, _same)

SCALARS = {
    scalar.kind: scalar
    for scalar in (
        INT,
        STR,
        BOOL,
        Scalar("float", float, "double", _float, _same, is_plain=True),
        Scalar("bytes", bytes, "bytes", _bytes, _same, is_plain=True),
        Scalar("datetime", datetime, "message", _write_moment, _read_moment, "google.protobuf.Timestamp"),
        Scalar(
            "timedelta", timedelta, "message", _write_duration, _read_duration, "google.protobuf.Duration"
        ),
        Scalar("date", date, "string", _write_date, _read_date),
        Scalar("Decimal", Decimal, "string", _write_decimal, _read_decimal),
        Scalar("UUID", UUID, "string", _write_uuid, _read_uuid),
    )
}
"""The types of single values, by the types."""

KEYS = {int: INT, str: STR, bool: BOOL}
"""Those that the keys of a dict may have."""
