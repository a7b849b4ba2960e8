"""What a stub knows of a method: which one it is, how requests are written, and how responses are read."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import attrs

from collector_mesh.domain.model.call import checked_metadata
from collector_mesh.domain.model.errors import InvalidCallError, kind_of, quoted, text_of
from collector_mesh.domain.model.limits import MAX_ENTRIES
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload, is_message, reader_of
from collector_mesh.domain.model.routing_keys import routing_of
from collector_mesh.domain.model.status import Metadata

Serializer = Callable[[Any], bytes]
Deserializer = Callable[[bytes], Any]

SERIALIZING = "Exception serializing request!"
DESERIALIZING = "Exception deserializing response!"
"""What gRPC says; ours goes on with what was raised."""


class UnfitRequestError(Exception):
    """A request that has no bytes; the text says why."""


class UnfitResponseError(Exception):
    """A response that cannot be read; the text says why."""


def key_of(namespace: str, path: object) -> MethodKey:
    """The method that a path names, `/package.Service/Method`, as a text or as bytes.

    Raises:
        ValueError: it is of another form.
    """
    given = path.decode("utf-8", "backslashreplace") if isinstance(path, bytes) else path
    if isinstance(given, str):
        service, slash, method = given.removeprefix("/").partition("/")
        if service and slash and method and "/" not in method:
            return MethodKey(namespace, service, method)
    shown = quoted(given) if isinstance(given, str) else kind_of(given)
    raise ValueError(f"a method must be '/package.Service/Method', got {shown}")


def seconds_of(timeout: Any) -> float | None:
    """The time that a call has, as gRPC reads it: what is negative is over at once. None for the default of the mesh.

    Raises:
        TypeError: it is no number.
    """
    if timeout is None:
        return None
    kind = type(timeout)
    if kind is bool or not issubclass(kind, int | float):
        raise TypeError(f"timeout must be a number of seconds, got {kind_of(timeout)}")
    return 0.0 if timeout < 0 else timeout


def check_is_time(seconds: float) -> None:
    """See that a number of seconds is one: in a comparison NaN would be any.

    Raises:
        InvalidCallError: it is NaN.
    """
    if seconds != seconds:  # noqa: PLR0124  # an int may be more than `isnan` takes
        raise InvalidCallError(f"timeout must be at least 0 seconds, got {seconds!r}")


def _reader(deserialize: Deserializer | None) -> Callable[[Payload], Any]:
    """What reads responses: that of generated code also looks whether it is a message of that class."""
    if deserialize is None:
        return _bytes_of
    message = getattr(deserialize, "__self__", None)
    if (
        isinstance(message, type)
        and getattr(deserialize, "__name__", "") == "FromString"
        and is_message(message)
    ):
        return reader_of(message)
    return lambda payload: deserialize(payload.value)


def _bytes_of(payload: Payload) -> bytes:
    return payload.value


@attrs.frozen
class StubMethod:
    """A method, as the stub of a channel calls it.

    Attributes:
        key: which one.
        path: the same, as gRPC writes it.
        target: the only collector that may run it, or empty.
        serialize: makes bytes of a request; None where requests are bytes.
        deserialize: reads a response from bytes; None where responses are bytes.
    """

    key: MethodKey
    target: str
    serialize: Serializer | None
    deserialize: Deserializer | None
    _read: Callable[[Payload], Any] = attrs.field(init=False)
    _urls: dict[type, str] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_read", _reader(self.deserialize))

    @property
    def path(self) -> str:
        """The method, as gRPC writes it."""
        return f"/{self.key.service}/{self.key.method}"

    def payload(self, request: Any) -> Payload:
        """The payload for a request.

        Raises:
            UnfitRequestError: it cannot be serialized, or what comes of that is not bytes.
        """
        serialize = self.serialize
        try:
            value = request if serialize is None else serialize(request)
        except Exception as error:
            raise UnfitRequestError(
                f"{SERIALIZING} {self.path}: {type(error).__name__}: {text_of(error)}"
            ) from error
        if type(value) is not bytes:
            given = "a request without a serializer" if serialize is None else "what the serializer gives"
            raise UnfitRequestError(f"{SERIALIZING} {self.path}: {given} must be bytes, got {kind_of(value)}")
        kind = type(request)
        url = self._urls.get(kind)
        if url is None:
            url = self._urls[kind] = self._url_of(request)
        return Payload(url, value)

    def _url_of(self, request: Any) -> str:
        """The type URL of requests of a class; without a name it stands for what the method takes."""
        # Bytes that something else than the message itself has made need not be such a message.
        if getattr(self.serialize, "__name__", "") == "SerializeToString" and is_message(request):
            name: str = request.DESCRIPTOR.full_name
            return TYPE_PREFIX + name
        return TYPE_PREFIX

    def response(self, payload: Payload) -> Any:
        """What a payload holds.

        Raises:
            UnfitResponseError: it cannot be read, or is another message than the stub expects.
        """
        try:
            return self._read(payload)
        except Exception as error:
            raise UnfitResponseError(
                f"{DESERIALIZING} {self.path}: {type(error).__name__}: {text_of(error)}"
            ) from error

    def routed(self, metadata: Any) -> tuple[str, Metadata, str | None]:
        """The target of a call, what of its metadata goes to the handler, and its idempotency key.

        Args:
            metadata: a `grpc.aio.Metadata`, pairs, or a mapping.

        Raises:
            InvalidCallError: it cannot be metadata, or says that the call is for another namespace.
        """
        routing = routing_of(metadata_of(metadata))
        if routing.namespace and routing.namespace != self.key.namespace:
            raise InvalidCallError(
                f"the channel is for namespace {quoted(self.key.namespace)}, and metadata 'collector-namespace' says"
                f" {quoted(routing.namespace)}"
            )
        return routing.target or self.target, routing.metadata, routing.idempotency_key or None


def metadata_of(given: Any) -> Metadata:
    """What a user gives for metadata: a `grpc.aio.Metadata`, pairs, or a mapping; gRPC takes bytes for texts too.

    Raises:
        InvalidCallError: it cannot be metadata. With gRPC too whatever is wrong with it is the outcome of the call.
    """
    try:
        pairs = list(islice(given.items() if isinstance(given, Mapping) else given, MAX_ENTRIES + 1))
    except Exception as error:
        # A user's own, which may do anything, and have no end.
        text = f"metadata must be a mapping or pairs, got {kind_of(given)}: {text_of(error)}"
        raise InvalidCallError(text) from error
    try:
        return checked_metadata(
            (pair[0], _as_text(pair[0], pair[1])) if type(pair) in (tuple, list) and len(pair) == 2 else pair
            for pair in pairs
        )
    except TypeError as error:
        raise InvalidCallError(str(error)) from error


def _as_text(key: Any, value: Any) -> Any:
    if type(value) is bytes and isinstance(key, str) and not key.endswith("-bin") and value.isascii():
        return value.decode()
    return value
