"""What a method takes and gives: from its descriptor, where it has one, else from its handler."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from collector_mesh.adapters.servicers.offered import kind
from collector_mesh.domain.model.errors import (
    HandlerError,
    InvalidCallError,
    attribute_of,
    is_a,
    kind_of,
    text_of,
)
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload, is_message
from collector_mesh.domain.model.typed_payload import value_of


def descriptor_of(service: str, handlers: Mapping[str, Any]) -> ServiceDescriptor | None:
    """The descriptor of a service, from the pool that its messages are of; None where there is none that fits.

    Args:
        service: its full name.
        handlers: by the names of their methods.
    """
    for pool in _pools(handlers):
        try:
            found: ServiceDescriptor = pool.FindServiceByName(service)
        except KeyError:
            continue
        if all(_fits(found.methods_by_name.get(method), handler) for method, handler in handlers.items()):
            return found
    return None


def _pools(handlers: Mapping[str, Any]) -> Iterator[Any]:
    pools = [
        message.DESCRIPTOR.file.pool
        for handler in handlers.values()
        if (message := _message_of(handler)) is not None
    ]
    seen: list[Any] = []
    for pool in (*pools, descriptor_pool.Default()):
        if not any(pool is other for other in seen):
            seen.append(pool)
            yield pool


def _fits(method: MethodDescriptor | None, handler: Any) -> bool:
    """Whether a handler is what a descriptor says."""
    if method is None:
        return False
    name = input_of(handler)
    return (name is None or name == method.input_type.full_name) and kind(handler) == kind(_Flags(method))


class _Flags:
    """The kind of a method, as a handler says it."""

    def __init__(self, method: MethodDescriptor) -> None:
        self.request_streaming = method.client_streaming
        self.response_streaming = method.server_streaming


def input_of(handler: Any) -> str | None:
    """The full name of the messages that a handler reads by the method of their class; None where it has another one."""
    message = _message_of(handler)
    return None if message is None else str(message.DESCRIPTOR.full_name)


def _message_of(handler: Any) -> Any:
    """The class of the messages that a handler reads by the method of that class; None where it does not."""
    read = handler.request_deserializer
    owner = attribute_of(read, "__self__")
    if owner is None and attribute_of(read, "__name__") == "FromString":
        # The protobuf that is written in Python: its method does not say whose it is.
        try:
            owner = type(read(b""))
        except Exception:  # noqa: BLE001  # it may be anybody's
            return None
    return owner if is_a(owner, type) and is_message(owner) else None


def parsed(value: bytes, handler: Any, expected: str | None) -> Any:
    """The request, as the handler reads it.

    Raises:
        InvalidCallError: it cannot be read; the text says nothing of what the reader has said.
    """
    read = handler.request_deserializer
    if read is None:
        return value
    try:
        return read(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # Whatever it wants to end, it is one request that it cannot read.
        raise InvalidCallError(f"payload cannot be read as {expected or 'what the method takes'}") from error


def reader(handler: Any, expected: str | None) -> Callable[[Payload], Any]:
    """A function that reads requests for a handler."""
    return lambda payload: parsed(value_of(payload, expected), handler, expected)


def writer(handler: Any, expected: str | None) -> Callable[[Any], Payload]:
    """A function that makes the payloads for responses of a handler.

    It raises HandlerError for one that is of another type, or cannot be serialized.
    """
    write = handler.response_serializer
    url = TYPE_PREFIX + (expected or "")
    fitting: Any = None

    def written(response: Any) -> Payload:
        nonlocal fitting
        if type(response) is fitting:
            # Nearly all are, and need no second look.
            try:
                return Payload(url, write(response))
            except Exception:  # noqa: BLE001  # it is said below
                return _written(response, handler, expected)
        payload = _written(response, handler, expected)
        if expected is not None and write is not None and _name_of(response) == expected:
            fitting = type(response)
        return payload

    return written


def _written(response: Any, handler: Any, expected: str | None) -> Payload:
    name = _name_of(response)
    if expected is not None and name != expected and (name is not None or response is None):
        found = name or "None"
        raise HandlerError(f"cannot send the result: the servicer has returned {found}, expected {expected}")
    write = handler.response_serializer
    try:
        value = response if write is None else write(response)
    except Exception as error:
        # Its own error speaks of descriptors.
        is_other = name is None and attribute_of(write, "__name__") == "SerializeToString"
        why = f"the servicer has returned {kind_of(response)}, expected {expected or 'a message'}"
        raise HandlerError(f"cannot send the result: {why if is_other else text_of(error)}") from error
    if type(value) is not bytes:
        if not is_a(value, bytes, bytearray, memoryview):
            by = "the servicer has returned" if write is None else "its serializer has given"
            raise HandlerError(f"cannot send the result: {by} {kind_of(value)}, expected bytes")
        value = bytes(value)
    return Payload(TYPE_PREFIX + (expected or name or ""), value)


def _name_of(response: Any) -> str | None:
    """The full name of a message; None for anything else."""
    if response is None or not is_message(response) or is_a(response, type):
        return None
    name: str = response.DESCRIPTOR.full_name
    return name
