"""What a call carries: bytes and the name of their type."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import attrs

from collector_mesh.domain.model.errors import (
    InvalidCallError,
    is_a,
    is_unicode,
    kind_of,
    quoted,
    text_of,
)
from collector_mesh.domain.model.plain import LIST, PLAIN, STRUCT, VALUE, encoded
from collector_mesh.domain.model.plain_reading import decoded
from collector_mesh.domain.model.shapes import MismatchError, Shape, shape_of

TYPE_PREFIX = "type.googleapis.com/"
"""What `google.protobuf.Any` puts before the full name of a message."""

WHATEVER_FITS = TYPE_PREFIX
"""The type URL of bytes whose type is not known here, as those of a foreign client: whatever the reader takes."""


class Message(Protocol):
    """What the mesh needs of a protobuf message; every generated class has it."""

    DESCRIPTOR: Any

    def SerializeToString(self) -> bytes:  # noqa: N802  # protobuf's own name
        """Give the message as bytes."""
        ...


Plain = dict[str, Any] | list[Any] | str | int | float
"""Plain data; what dicts and lists hold is plain data or None. True and False are ints to a type checker."""

M = TypeVar("M", bound=Message | dict[Any, Any] | list[Any] | str | int | float)
"""What results may be read as: a message, or plain data."""


@attrs.frozen
class Payload:
    """Bytes and the type URL that says what they are; immutable, so nobody needs a copy.

    Attributes:
        type_url: `type.googleapis.com/` and the full name of a protobuf message. Without a name it says that the value
            is what the method takes, or gives. Anything else is carried as it is, and only a handler that takes raw
            payloads gets to see it.
        value: the serialized message.
    """

    type_url: str = ""
    value: bytes = b""

    @classmethod
    def pack(cls, message: "Message | Plain") -> "Payload":
        """Wrap a protobuf message, or plain data.

        Raises:
            InvalidCallError: the message lacks required fields or cannot be serialized, or plain data holds something
                that cannot travel; the text says where.
            TypeError: it is neither.
        """
        name = None if isinstance(message, type) else _name_of(message)
        if name is not None:
            return _packed(name, message)  # type: ignore[arg-type]  # just looked
        if is_plain(message):
            return plain_payload(message)
        raise TypeError(f"expected a protobuf message or plain data, got {kind_of(message)}")

    def unpack(self, returns: type[M]) -> M:
        """Read the payload as a message of a class, or as plain data: `dict`, `list[int]`, `str` and the like.

        Raises:
            InvalidCallError: it is of another type, or its bytes are not such a message.
            TypeError: `returns` is no such type.
        """
        return reader_of(returns)(self)


def reader_of(returns: type[M]) -> Callable[[Payload], M]:
    """A function that reads payloads as messages of a class, or as plain data; see `Payload.unpack`.

    Raises:
        TypeError: it is neither such a class nor a type of plain data.
    """
    if (shape := shape_of(returns)) is not None:
        return plain_reader(shape)
    check_readable("returns", returns)
    message: Any = returns
    name: str = message.DESCRIPTOR.full_name
    expected = TYPE_PREFIX + name
    parse: Callable[[bytes], M] = message.FromString

    def read(payload: Payload) -> M:
        url = payload.type_url
        if url != expected and not is_type(url, name):
            raise wrong_type(url, expected)
        try:
            return parse(payload.value)
        except Exception as error:
            raise InvalidCallError(f"payload cannot be read as {name}") from error

    return read


def is_type(type_url: str, name: str) -> bool:
    """Whether a type URL may stand for the message of a full name; nothing stands for `google.protobuf.Empty`."""
    return (
        type_url.rpartition("/")[2] == name
        or type_url == WHATEVER_FITS
        or (not type_url and name == EMPTY_NAME)
    )


def wrong_type(type_url: str, expected: str) -> InvalidCallError:
    """The error for a payload of a type URL where one of another is expected."""
    found = f"is a {quoted(type_url)}" if type_url else "is missing"
    return InvalidCallError(f"payload {found}, expected {expected!r}")


def writer_of(message: type[Message]) -> Callable[[Any, int], Payload]:
    """A function that makes payloads of messages of a class; it raises InvalidCallError for one that cannot be serialized.

    How large one may be is looked at by whoever sends it.
    """
    name = message.DESCRIPTOR.full_name
    return lambda value, _most: _packed(name, value)


EMPTY_NAME = "google.protobuf.Empty"
"""The full name of the message that stands for nothing."""

EMPTY = Payload(TYPE_PREFIX + EMPTY_NAME)
"""What stands for nothing: no request, no result."""


MAX_PAYLOAD_BYTES = 1 << 30
"""Bytes of the largest payload that any setting allows."""


def payload_of(value: object, most: int = MAX_PAYLOAD_BYTES) -> Payload:
    """The payload for a request or a result: a protobuf message, a payload, plain data, or None.

    Args:
        value: the request or result.
        most: bytes that plain data may take: it is written no further than that.

    Raises:
        TypeError: it is none of these, or what a payload holds is not what it should be.
        InvalidCallError: the message cannot be serialized, or plain data holds something that cannot travel.
        PayloadTooLargeError: plain data takes more bytes than it may.
    """
    if value is None:
        return EMPTY
    if type(value) in PLAIN:
        return plain_payload(value, most)
    # Not `isinstance`, which believes what an object says of its class.
    if issubclass(type(value), Payload):
        payload: Payload = value  # type: ignore[assignment]  # just looked
    elif not isinstance(value, type) and (name := _name_of(value)) is not None:
        payload = _packed(name, value)  # type: ignore[arg-type]  # just looked
    elif is_plain(value):
        return plain_payload(value, most)
    else:
        raise TypeError(
            f"expected a protobuf message, a Payload or None, got {kind_of(value)}; plain data is dict, list, str, int,"
            " float or bool"
        )
    if (flaw := flaw_of(payload)) is not None:
        raise TypeError(flaw)
    return payload if type(payload) is Payload else Payload(payload.type_url, payload.value)


def flaw_of(payload: Payload) -> str | None:
    """Why a payload cannot travel: its type URL is no text of valid Unicode, or its value no bytes."""
    if type(payload.value) is not bytes:
        return f"the value of a Payload must be bytes, got {kind_of(payload.value)}"
    # Not of a subclass, which may hash and compare as it likes: links number type URLs.
    if type(payload.type_url) is not str:
        return f"the type URL of a Payload must be a str, got {kind_of(payload.type_url)}"
    if not payload.type_url.isascii() and not is_unicode(payload.type_url):
        return f"the type URL of a Payload must be valid Unicode, got {quoted(payload.type_url)}"
    return None


def is_message(value: object) -> bool:
    """Whether something is a protobuf message, or a class of them."""
    return _name_of(value) is not None


def _name_of(value: object) -> str | None:
    """The full name of a protobuf message or of a class of them, None for anything else."""
    try:
        name = value.DESCRIPTOR.full_name  # type: ignore[attr-defined]  # it is asked whether it has one
        serialize = value.SerializeToString  # type: ignore[attr-defined]  # the same
    except Exception:  # noqa: BLE001  # a stranger's attributes may do anything
        return None
    return name if type(name) is str and callable(serialize) else None


def _packed(name: str, message: Message) -> Payload:
    try:
        value = message.SerializeToString()
    except Exception as error:
        raise InvalidCallError(f"{name} cannot be serialized: {text_of(error)}") from error
    return Payload(TYPE_PREFIX + name, value)


def is_plain(value: object) -> bool:
    """Whether something is plain data, whatever it holds."""
    return is_a(value, *PLAIN)


def plain_payload(value: object, most: int = MAX_PAYLOAD_BYTES) -> Payload:
    """The payload for plain data; see `payload_of`."""
    name, data = encoded(value, most)
    return Payload(TYPE_PREFIX + name, data)


def takes_plain(shape: Shape, type_url: str) -> bool:
    """Whether payloads of a type URL may be plain data of a shape."""
    name = type_url.rpartition("/")[2]
    if name == STRUCT:
        return dict in shape.kinds
    if name == LIST:
        return list in shape.kinds
    if not type_url or name == EMPTY_NAME:
        return type(None) in shape.kinds
    return name == VALUE


def _name_for(shape: Shape, data: bytes) -> str:
    """Which message of plain data bytes are whose type is not known, for whoever takes data of a shape.

    A Value never begins as a Struct or a ListValue does, and is never empty; those two look alike.

    Raises:
        InvalidCallError: that cannot be told.
    """
    if data and data[0] != _ENTRY_TAG:
        return VALUE
    fitting = [name for name, kind in ((STRUCT, dict), (LIST, list)) if kind in shape.kinds]
    if len(fitting) == 2:
        raise InvalidCallError(
            f"payload has no type, and may be a {STRUCT} or a {LIST}: the method takes both, so name the type"
        )
    if not fitting and data:
        raise InvalidCallError(f"payload has no type, and is no {VALUE}, expected {shape.name} as plain data")
    return fitting[0] if fitting else EMPTY_NAME


def plain_reader(shape: Shape) -> Callable[[Payload], Any]:
    """A function that reads payloads as plain data of a shape, or raises InvalidCallError."""
    checked = shape.checked

    def read(payload: Payload) -> Any:
        url = payload.type_url
        name = url.rpartition("/")[2]
        if not name and url == WHATEVER_FITS:
            name = _name_for(shape, payload.value)
            url = TYPE_PREFIX + name
        value: object = None
        if name in PLAIN_NAMES:
            value = decoded(name, payload.value)
        elif not takes_plain(shape, url):
            found = f"is a {quoted(url)}" if url else "is missing"
            raise InvalidCallError(f"payload {found}, expected {shape.name} as plain data")
        try:
            return checked(value)
        except MismatchError as error:
            raise InvalidCallError(f"payload: {error}" if error.path else f"payload {error}") from None

    return read


_ENTRY_TAG = 0x0A
"""What the one field of a Struct or a ListValue begins with; no field of a Value has that tag."""

PLAIN_NAMES = frozenset({STRUCT, LIST, VALUE})
"""The full names of the messages in which plain data travels."""


def check_readable(name: str, value: object) -> None:
    """See that something is a class of protobuf messages, or a type of plain data.

    Raises:
        TypeError: it is something else.
    """
    if (not isinstance(value, type) or not is_message(value)) and shape_of(value) is None:
        raise TypeError(
            f"{name} must be a class of protobuf messages, a type of plain data (dict, list[int], str, ...) or None,"
            f" got {kind_of(value)}"
        )
