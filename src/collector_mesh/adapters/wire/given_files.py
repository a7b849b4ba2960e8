"""Descriptors as a registry takes them: in one form, from whichever language they come."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.message import DecodeError

from collector_mesh.adapters.wire.described.names import MAX_FULL_NAME
from collector_mesh.adapters.wire.described.well_known import is_well_known, own_file
from collector_mesh.adapters.wire.schema_checks import MAX_FILE_BYTES, parsed
from collector_mesh.adapters.wire.schema_reading import IDEMPOTENCY
from collector_mesh.adapters.wire.schemas import read_file, read_parsed, well_known
from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.names import IDENTIFIERS, check_identifiers
from collector_mesh.domain.registry.naming import json_name_of
from collector_mesh.domain.registry.reading import Schemas
from collector_mesh.domain.registry.results import GivenFile
from collector_mesh.domain.registry.schema import File, Method, Service

_QUICK_BYTES = 16 << 10

MAX_METHODS = 5_000
"""Of a service that is given without its file."""


def given_file(data: bytes) -> GivenFile:
    """A serialized `FileDescriptorProto` as a registry takes it.

    It has no comments and no positions in the source, and has the names of fields in JSON, which some languages leave away:
    the same file gives the same bytes, so that to register it from another language changes nothing.

    Raises:
        InvalidCallError: it is malformed, or too large; the text says what is wrong.
    """
    proto = parsed(data)
    schema = read_parsed(proto)
    proto.ClearField("source_code_info")
    _name_extensions(proto.extension)
    for message in proto.message_type:
        _name_for_json(message)
    canonical: bytes = proto.SerializeToString(deterministic=True)
    return GivenFile(schema, canonical)


def given_files(files: Iterable[bytes]) -> list[GivenFile]:
    """The same of several; those that are not `is_quick` together are to be read beside the event loop."""
    return [given_file(data) for data in files]


def is_quick(files: Iterable[bytes]) -> bool:
    """Whether files are read in a millisecond or so."""
    return sum(map(len, files)) <= _QUICK_BYTES


class WireSchemas:
    """Reads descriptors for a registry."""

    def read_file(self, data: bytes) -> File:
        """See the port."""
        return read_file(data)

    def read_service(self, data: bytes) -> Service:
        """See the port."""
        proto = _service(data)
        check_identifiers("service descriptor name", proto.name)
        names = [method.name for method in proto.method]
        for name in names:
            check_identifiers("method_name", name)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidCallError(f"service {quoted(proto.name)} has the method {quoted(twice)} twice")
        return Service(proto.name, tuple(map(_method, proto.method)))

    def service_data(self, data: bytes, service: Service) -> bytes:
        """See the port."""
        file = FileDescriptorProto.FromString(data)
        prefix = f"{file.package}." if file.package else ""
        for proto in file.service:
            if prefix + proto.name == service.name:
                for method, known in zip(proto.method, service.methods, strict=True):
                    method.input_type, method.output_type = f".{known.takes}", f".{known.gives}"
                found: bytes = proto.SerializeToString(deterministic=True)
                return found
        raise KeyError(f"file {quoted(file.name)} has no service {quoted(service.name)}")

    def known_file(self, name: str) -> GivenFile | None:
        """See the port."""
        schema = well_known(name)
        if schema is None:
            return None
        return GivenFile(schema, own_file(name).SerializeToString(deterministic=True))


def without_known(files: Iterable[FileDescriptorProto]) -> tuple[FileDescriptorProto, ...]:
    """Files without those that every registry has by itself."""
    return tuple(file for file in files if not is_well_known(file.name))


def _service(data: bytes) -> ServiceDescriptorProto:
    if len(data) > MAX_FILE_BYTES:
        raise InvalidCallError(
            f"the service descriptor has {len(data)} bytes, at most {MAX_FILE_BYTES} are taken"
        )
    try:
        proto = ServiceDescriptorProto.FromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise InvalidCallError("the service descriptor cannot be read") from error
    texts = (
        proto.name,
        *(text for one in proto.method for text in (one.name, one.input_type, one.output_type)),
    )
    # What is no text comes as bytes.
    if not all(type(text) is str for text in texts):
        raise InvalidCallError("the service descriptor has a name that is no text")
    if len(proto.method) > MAX_METHODS:
        raise InvalidCallError(
            f"the service descriptor has {len(proto.method)} methods, at most {MAX_METHODS} are taken"
        )
    return proto


def _method(proto: MethodDescriptorProto) -> Method:
    """A method by itself: types that are not named in full are to be found from anywhere, and may be left away."""
    takes, gives = (
        name[1:] if name.startswith(".") else f"/{name}" if name else ""
        for name in (proto.input_type, proto.output_type)
    )
    for name in (takes, gives):
        if name and (len(name) > MAX_FULL_NAME or not IDENTIFIERS.fullmatch(name.removeprefix("/"))):
            raise InvalidCallError(
                f"the type of a method must be the full name of a message, of at most {MAX_FULL_NAME} characters,"
                f" got {quoted(name.removeprefix('/'))}"
            )
    return Method(
        proto.name,
        takes,
        gives,
        proto.client_streaming,
        proto.server_streaming,
        IDEMPOTENCY.get(proto.options.idempotency_level, "unknown"),
    )


def _name_for_json(message: DescriptorProto) -> None:
    for field in message.field:
        if not field.json_name:
            field.json_name = json_name_of(field.name)
    _name_extensions(message.extension)
    for nested in message.nested_type:
        _name_for_json(nested)


def _name_extensions(fields: Iterable[FieldDescriptorProto]) -> None:
    """Give extensions the name that protoc gives them; what else may stand there means the same, see `FieldReader.extension`."""
    for field in fields:
        field.json_name = json_name_of(field.name)


if TYPE_CHECKING:
    _fits: type[Schemas] = WireSchemas
