"""What a program gives to be registered, in whichever form it has it."""

from collections.abc import Iterable
from types import ModuleType

import attrs
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError

from collector_mesh.adapters.wire.file_sets import set_of
from collector_mesh.adapters.wire.given_files import without_known
from collector_mesh.app.contracts.contract import Contract
from collector_mesh.app.contracts.declaration import given_declaration
from collector_mesh.app.contracts.generated import GeneratedContract
from collector_mesh.domain.model.errors import InvalidCallError, is_a, kind_of
from collector_mesh.domain.registry.limits import RegistryLimits

ALLOWED = (
    "a contract, a generated _pb2 module, a FileDescriptor, a ServiceDescriptor, a FileDescriptorProto, a FileDescriptorSet,"
    " or a serialized FileDescriptorSet, as protoc --descriptor_set_out writes it"
)

Registrable = (
    type[Contract]
    | GeneratedContract
    | ModuleType
    | FileDescriptor
    | ServiceDescriptor
    | FileDescriptorProto
    | FileDescriptorSet
    | bytes
)


@attrs.frozen
class Given:
    """What is to be registered together.

    Attributes:
        files: serialized `FileDescriptorProto`s, each after those that it imports as far as those are given; without those
            that come with protobuf.
        services: full names of the services that are registered; where there are none, the files are registered by
            themselves.
    """

    files: tuple[bytes, ...]
    services: tuple[str, ...]


def registrable(what: object) -> Given:
    """What is to be registered for something that a program gives.

    All services of a file are registered, with all files that it needs. Of a `FileDescriptorSet` those services are
    registered that are in files which no other file of it imports; where there are none, its files are.

    Raises:
        TypeError: it is nothing of the kind; the text says what is.
        ContractError: the types of a contract cannot travel, or its lock file does not fit.
        InvalidCallError: it cannot be read, or is too large.
    """
    declaration = given_declaration(what)
    if declaration is not None:
        what = declaration.described().service_descriptor
    descriptor = getattr(what, "DESCRIPTOR", None) if is_a(what, ModuleType) else what
    if isinstance(descriptor, ServiceDescriptor):
        files = FileDescriptorSet.FromString(set_of([descriptor.file]))
        return _given(files.file, (descriptor.full_name,))
    if isinstance(descriptor, FileDescriptor):
        files = FileDescriptorSet.FromString(set_of([descriptor]))
        return _given(files.file, tuple(one.full_name for one in descriptor.services_by_name.values()))
    if isinstance(descriptor, FileDescriptorProto):
        return _given([descriptor], _services([descriptor]))
    if isinstance(descriptor, bytes):
        descriptor = _parsed(descriptor)
    if isinstance(descriptor, FileDescriptorSet):
        imported = {name for file in descriptor.file for name in file.dependency}
        if not descriptor.file:
            raise InvalidCallError("there are no files in the FileDescriptorSet")
        return _given(
            descriptor.file, _services(file for file in descriptor.file if file.name not in imported)
        )
    raise TypeError(f"what is registered must be {ALLOWED}, got {kind_of(what)}")


def _parsed(data: bytes) -> FileDescriptorSet:
    RegistryLimits().check_given([len(data)])
    try:
        return FileDescriptorSet.FromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise InvalidCallError(
            "the bytes are no FileDescriptorSet, as protoc --descriptor_set_out writes it"
        ) from error


def _services(files: Iterable[FileDescriptorProto]) -> tuple[str, ...]:
    return tuple(
        f"{file.package}.{service.name}" if file.package else service.name
        for file in files
        for service in file.service
    )


def _given(files: Iterable[FileDescriptorProto], services: tuple[str, ...]) -> Given:
    return Given(tuple(file.SerializeToString() for file in without_known(files)), services)
