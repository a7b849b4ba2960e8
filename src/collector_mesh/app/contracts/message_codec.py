"""Codec for methods whose request and result are generated messages."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto
from google.protobuf.message import Message

from collector_mesh.app.contracts.types.interface import MethodCodec
from collector_mesh.domain.model.errors import HandlerError, InvalidCallError, is_a, kind_of, text_of
from collector_mesh.domain.model.payload import EMPTY_NAME, MAX_PAYLOAD_BYTES, is_message


class MessageCodec:
    """Reads and writes messages of two classes.

    Args:
        request: the class of requests.
        result: the class of results.
    """

    def __init__(self, request: type[Message], result: type[Message]) -> None:
        self._request = request
        self._result = result
        self.takes: str = request.DESCRIPTOR.full_name
        self.gives: str = result.DESCRIPTOR.full_name

    def write_request(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        most: int = MAX_PAYLOAD_BYTES,  # noqa: ARG002  # a message holds nothing twice
    ) -> bytes:
        """See the protocol: one message, or its fields by their names."""
        if len(args) == 1 and not kwargs:
            message = args[0]
            if type(message) is not self._request and not _is_of(message, self.takes):
                raise InvalidCallError(f"request: got {_what(message)}, expected {self.takes}")
        elif args:
            extra = f" and {', '.join(kwargs)}" if kwargs else ""
            raise TypeError(
                f"one {self.takes}, or its fields by their names, is expected, got {len(args)} by position{extra}"
            )
        else:
            message = self._made(kwargs)
        try:
            data: bytes = message.SerializeToString()
        except Exception as error:
            raise InvalidCallError(f"request: {self.takes} cannot be serialized: {text_of(error)}") from error
        return data

    def read_request(self, data: bytes) -> tuple[Any, ...]:
        """See the protocol."""
        return (_read(self._request, data),)

    def write_result(
        self,
        value: Any,
        most: int = MAX_PAYLOAD_BYTES,  # noqa: ARG002  # the same
    ) -> bytes:
        """See the protocol; None stands for an `Empty`."""
        if value is None and self.gives == EMPTY_NAME:
            return b""
        if type(value) is not self._result and not _is_of(value, self.gives):
            raise HandlerError(f"result: got {_what(value)}, expected {self.gives}")
        try:
            data: bytes = value.SerializeToString()
        except Exception as error:
            raise HandlerError(f"result: {self.gives} cannot be serialized: {text_of(error)}") from error
        return data

    def read_result(self, data: bytes) -> Any:
        """See the protocol."""
        return _read(self._result, data)

    def _made(self, fields: Mapping[str, Any]) -> Message:
        """A request from its fields; all that cannot be taken are named."""
        known = self._request.DESCRIPTOR.fields_by_name
        if unknown := [name for name in fields if name not in known]:
            there = ", ".join(known) or "none"
            raise TypeError(f"{self.takes} has no field {', '.join(unknown)}: there are {there}")
        try:
            return self._request(**fields)
        except Exception as error:  # protobuf has several, whose texts may have a value
            raise InvalidCallError(f"{self.takes}: {'; '.join(self._problems(fields))}") from error

    def _problems(self, fields: Mapping[str, Any]) -> list[str]:
        """What is wrong with each field."""
        problems = []
        message = DescriptorProto()
        self._request.DESCRIPTOR.CopyToProto(message)
        types = {field.name: field for field in message.field}
        for name, value in fields.items():
            try:
                self._request(**{name: value})
            except Exception:  # noqa: BLE001  # the same
                problems.append(f"{name}: {_what(value)} does not fit {_type(types[name])}")
        return problems


def _type(field: FieldDescriptorProto) -> str:
    """The type of a field, as a .proto names it."""
    scalar = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    repeated = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
    return repeated + (field.type_name.removeprefix(".") or scalar)


def _read(kind: type[Message], data: bytes) -> Message:
    try:
        return kind.FromString(data)
    except Exception as error:
        # Its own text says nothing that a caller could use.
        raise InvalidCallError(f"payload is no {kind.DESCRIPTOR.full_name}: it cannot be read") from error


def _is_of(value: Any, name: str) -> bool:
    """Whether something is a message of a type; one of a class that was made elsewhere is as good."""
    return not is_a(value, type) and is_message(value) and bool(value.DESCRIPTOR.full_name == name)


def _what(value: Any) -> str:
    if value is None:
        return "None"
    if not is_a(value, type) and is_message(value):
        return str(value.DESCRIPTOR.full_name)
    return kind_of(value)


if TYPE_CHECKING:
    _fits: type[MethodCodec] = MessageCodec
