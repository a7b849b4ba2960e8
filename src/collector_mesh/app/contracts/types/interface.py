"""A contract as its types say it, and what is made of them: descriptors, and codecs for the values of its methods."""

import inspect
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import attrs

from collector_mesh.domain.model.payload import MAX_PAYLOAD_BYTES
from collector_mesh.domain.registry.schema import File

NO_DEFAULT: Any = inspect.Parameter.empty
"""In place of the default of a parameter that has none."""


@attrs.frozen
class Parameter:
    """A parameter of a method of a contract.

    Attributes:
        name: as the method has it.
        hint: its annotation, as an object.
        default: its value where a caller gives none; `NO_DEFAULT` if there is none.
        keyword_only: whether callers must name it.
    """

    name: str
    hint: Any
    default: Any = NO_DEFAULT
    keyword_only: bool = False


@attrs.frozen
class MethodTypes:
    """What a method of a contract takes and gives.

    Attributes:
        name: as it is called in the mesh and in descriptors.
        parameters: in order, without `self` and without the context of the call.
        result: the annotation of the result, as an object.
        idempotent: whether it may run twice.
    """

    name: str
    parameters: tuple[Parameter, ...] = ()
    result: Any = None
    idempotent: bool = False


@attrs.frozen
class ServiceTypes:
    """A contract.

    Attributes:
        full_name: of the service; what is before the last dot is the package of all its messages.
        methods: in the order of definition.
        type_names: the names that types have in protobuf, where those are not the names of their classes.
        names: the names that count where the contract is defined; of use where classes are defined in functions and their
            annotations are texts.
    """

    full_name: str
    methods: tuple[MethodTypes, ...] = ()
    names: Mapping[str, Any] = MappingProxyType({})
    type_names: Mapping[Any, str] = MappingProxyType({})


class MethodCodec(Protocol):
    """Turns what a method takes and gives into bytes, and back."""

    @property
    def takes(self) -> str:
        """The full name of the message that it takes."""
        ...

    @property
    def gives(self) -> str:
        """The full name of the message that it gives."""
        ...

    def write_request(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], most: int = MAX_PAYLOAD_BYTES
    ) -> bytes:
        """The arguments of a call as bytes.

        Args:
            args: by position.
            kwargs: by name.
            most: bytes that may be sent: what takes more need not be written to its end.

        Raises:
            PayloadTooLargeError: they take more than may be sent, where that is seen before they are written.
            TypeError: the method cannot be called with so many arguments, or those names.
            InvalidCallError: an argument, or a part of one, is of a wrong type or out of range; every one is named.
        """
        ...

    def read_request(self, data: bytes) -> tuple[Any, ...]:
        """The arguments of a call, one for each parameter, in order.

        Raises:
            InvalidCallError: the bytes cannot be read, or a value is missing or not accepted; every one is named.
            PayloadTooLargeError: the bytes hold more values than may be read.
        """
        ...

    def write_result(self, value: Any, most: int = MAX_PAYLOAD_BYTES) -> bytes:
        """A result as bytes, of which `most` may be sent: what takes more need not be written to its end.

        Raises:
            HandlerError: it, or a part of it, is of a wrong type or out of range; every one is named. Or it takes more than
                may be sent.
        """
        ...

    def read_result(self, data: bytes) -> Any:
        """A result.

        Raises:
            InvalidCallError: as `Payload.unpack` does, where the bytes cannot be read as the type.
        """
        ...


class Described(Protocol):
    """What is made of the types of a contract."""

    @property
    def file(self) -> File:
        """Its descriptors, as plain values."""
        ...

    @property
    def service_descriptor(self) -> Any:
        """The descriptor of the service, in a pool of its own; protobuf is loaded for it."""
        ...

    def codec(self, method: str) -> MethodCodec:
        """The codec of a method.

        Raises:
            KeyError: the contract has no such method.
        """
        ...
