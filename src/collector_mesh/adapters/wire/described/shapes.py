"""What JSON and the messages of protobuf have in common: paths, names of fields, and the forms of some messages."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from collector_mesh.domain.model.texts import visible

MAX_DEPTH = 100
"""Messages in messages, as protobuf itself allows; `Any` and `Struct` count too, which could go on without end."""

WRAPPERS = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Bool", "Bytes", "Double", "Float", "Int32", "Int64", "String", "UInt32", "UInt64")
)
ANY = "google.protobuf.Any"
DURATION = "google.protobuf.Duration"
FIELD_MASK = "google.protobuf.FieldMask"
LIST = "google.protobuf.ListValue"
STRUCT = "google.protobuf.Struct"
TIMESTAMP = "google.protobuf.Timestamp"
VALUE = "google.protobuf.Value"

TYPE_KEY = "@type"
"""Of an `Any`: the type URL of what is in it."""

VALUE_KEY = "value"
"""Of an `Any`: what is in it, where that has a form of its own in JSON and so no fields."""

RAW_KEY = "@base64"
"""Of an `Any` whose type is not known: the bytes of what is in it."""

MAX_DURATION_SECONDS = 315_576_000_000
"""Ten thousand years, as `google.protobuf.Duration` says."""

_MAX_LISTED = 12
_MAX_COMPARED = 5000
_MAX_PATH = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ShapeError(ValueError):
    """A value does not fit its message.

    Args:
        path: where in the request it is, empty for the whole of it.
        problem: what is wrong and what is allowed.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path[:_MAX_PATH] or 'the request'}: {problem}")


class UnknownTypeError(ShapeError):
    """The type of what is in an `Any` is not known.

    Args:
        path: where the `Any` is.
        name: the full name of the type.
    """

    def __init__(self, path: str, name: str) -> None:
        super().__init__(path, f"the type {visible(name)} is not known: --protoset FILE may give it")
        self.name = name


def below(path: str, key: str) -> str:
    """The path of a field or of a key of an object."""
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{quoted(key)}]"
    return f"{path}.{key}" if path else key


def quoted(text: str) -> str:
    """A text as an error shows it, as JSON has it and cut."""
    return f'"{visible(text, 60)}"'


def fields_by_name(message: Descriptor) -> Mapping[str, FieldDescriptor]:
    """The fields of a message by their names in JSON, and by those in the proto file."""
    # The name in JSON of one field may be that of another in the file: the first counts in JSON.
    return {field.name: field for field in message.fields} | {
        field.json_name: field for field in message.fields
    }


def json_names(message: Descriptor) -> Mapping[str, str]:
    """The names of fields in JSON by those in the proto file; of two with one name there the first has it."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for field in message.fields:
        name = field.name if field.json_name in taken else field.json_name
        taken.add(name)
        names[field.name] = name
    return names


def alternatives(wrong: str, allowed: list[str], what: str) -> str:
    """What may have been meant in the place of a name, to follow an error."""
    # To compare takes its time, and servers may have names without end.
    allowed = allowed[:_MAX_COMPARED]
    near = get_close_matches(wrong[:_MAX_PATH], allowed, n=3, cutoff=0.7)
    if not near and wrong:
        near = [name for name in allowed if name.lower() == wrong.lower()]
    if near:
        return f"; did you mean {' or '.join(map(visible, near))}?"
    if not allowed:
        return f"; there are no {what}"
    more = f" and {len(allowed) - _MAX_LISTED} more" if len(allowed) > _MAX_LISTED else ""
    return f"; {what}: {', '.join(map(visible, allowed[:_MAX_LISTED]))}{more}"


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map."""
    kind = field.message_type
    return kind is not None and field.is_repeated and bool(kind.has_options) and kind.GetOptions().map_entry


def type_of(url: str) -> str:
    """The full name in a type URL."""
    return url.rpartition("/")[2]


def read_timestamp(text: str) -> tuple[int, int] | None:
    """Seconds and nanoseconds of a time as RFC 3339 has it; None if it is none."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    day, time, fraction, sign, hours, minutes = match.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{time}+00:00")
    except ValueError:
        return None
    seconds = (at - _EPOCH) // timedelta(seconds=1)
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            return None
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds -= offset if sign == "+" else -offset
    return (seconds, int((fraction or "").ljust(9, "0"))) if is_time(seconds) else None


def is_time(seconds: int) -> bool:
    """Whether it is in the years 1 to 9999."""
    return -62_135_596_800 <= seconds <= 253_402_300_799


def write_timestamp(seconds: int, nanos: int) -> str | None:
    """A time as RFC 3339 has it; None if it is out of range."""
    if not is_time(seconds) or not 0 <= nanos < 10**9:
        return None
    at = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None)
    return f"{at.isoformat()}{_fraction(nanos)}Z"


def read_duration(text: str) -> tuple[int, int] | None:
    """Seconds and nanoseconds of a duration such as `1.5s`; None if it is none."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    sign, seconds, fraction = match.groups()
    whole, nanos = int(seconds), int((fraction or "").ljust(9, "0"))
    if whole > MAX_DURATION_SECONDS or (whole == MAX_DURATION_SECONDS and nanos):
        return None
    return (-whole, -nanos) if sign else (whole, nanos)


def write_duration(seconds: int, nanos: int) -> str | None:
    """A duration such as `1.5s`; None if it is out of range."""
    if abs(seconds) > MAX_DURATION_SECONDS or abs(nanos) >= 10**9 or seconds * nanos < 0:
        return None
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _fraction(nanos: int) -> str:
    """As protobuf writes it: nothing, or three, six or nine digits."""
    if not nanos:
        return ""
    digits = f"{nanos:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}"


def read_mask(text: str) -> list[str] | None:
    """The paths of a field mask such as `user.displayName,photo`; None if it is none."""
    if "_" in text:
        return None
    paths = [re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", path) for path in text.split(",")]
    return [] if text == "" else None if "" in paths else paths


def write_mask(paths: list[str]) -> str | None:
    """A field mask as JSON has it; None if a path is not the same when it is read again."""
    written = ",".join(re.sub("_([a-z])", lambda pair: pair[1].upper(), path) for path in paths)
    return written if read_mask(written) == paths else None
