"""What a call carries: bytes and the name of their type."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, is_unicode, kind_of, quoted, text_of

TYPE_PREFIX = "type.googleapis.com/"
"""What `google.protobuf.Any` puts before the full name of a message."""


class Message(Protocol):
    """What the mesh needs of a protobuf message; every generated class has it."""

    DESCRIPTOR: Any

    def SerializeToString(self) -> bytes:  # noqa: N802  # protobuf's own name
        """Give the message as bytes."""
        ...


M = TypeVar("M", bound=Message)


@attrs.frozen
class Payload:
    """Bytes and the type URL that says what they are; immutable, so nobody needs a copy.

    Attributes:
        type_url: `type.googleapis.com/` and the full name of a protobuf message; anything else is
            carried as it is, and only a handler that takes raw payloads gets to see it.
        value: the serialized message.
    """

    type_url: str = ""
    value: bytes = b""

    @classmethod
    def pack(cls, message: Message) -> "Payload":
        """Wrap a protobuf message.

        Raises:
            InvalidCallError: the message lacks required fields or cannot be serialized.
            TypeError: it is no message.
        """
        name = None if isinstance(message, type) else _name_of(message)
        if name is None:
            raise TypeError(f"expected a protobuf message, got {kind_of(message)}")
        return _packed(name, message)

    def unpack(self, message: type[M]) -> M:
        """Read the payload as a message of a class.

        Raises:
            InvalidCallError: it is of another type, or its bytes are not such a message.
        """
        return reader_of(message)(self)


def reader_of(message: type[M]) -> Callable[[Payload], M]:
    """A function that reads payloads as messages of a class; see `Payload.unpack`."""
    name: str = message.DESCRIPTOR.full_name
    expected = TYPE_PREFIX + name
    parse: Callable[[bytes], M] = message.FromString  # type: ignore[attr-defined]  # classmethod of protobuf
    fits_nothing = name == "google.protobuf.Empty"

    def read(payload: Payload) -> M:
        url = payload.type_url
        if url != expected and url.rpartition("/")[2] != name and not (fits_nothing and not url):
            found = f"is a {quoted(url)}" if url else "is missing"
            raise InvalidCallError(f"payload {found}, expected {expected!r}")
        try:
            return parse(payload.value)
        except Exception as error:
            raise InvalidCallError(f"payload cannot be read as {name}") from error

    return read


def writer_of(message: type[Message]) -> Callable[[Any], Payload]:
    """A function that makes payloads of messages of a class; it raises InvalidCallError for one that cannot be serialized."""
    return partial(_packed, message.DESCRIPTOR.full_name)


EMPTY = Payload(TYPE_PREFIX + "google.protobuf.Empty")
"""What stands for nothing: no request, no result."""


def payload_of(value: object) -> Payload:
    """The payload for a request or a result: a protobuf message, a payload, or None.

    Raises:
        TypeError: it is none of these, or what it holds is not what it should be.
        InvalidCallError: the message cannot be serialized.
    """
    if value is None:
        return EMPTY
    # Not `isinstance`, which believes what an object says of its class.
    if issubclass(type(value), Payload):
        payload: Payload = value  # type: ignore[assignment]  # just looked
    elif not isinstance(value, type) and (name := _name_of(value)) is not None:
        payload = _packed(name, value)  # type: ignore[arg-type]  # just looked
    else:
        raise TypeError(f"expected a protobuf message, a Payload or None, got {kind_of(value)}")
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


def check_message_class(name: str, value: object) -> None:
    """See that something is a class of protobuf messages.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, type) or not is_message(value):
        raise TypeError(f"{name} must be a class of protobuf messages or None, got {kind_of(value)}")
