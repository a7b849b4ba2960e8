"""Classes of messages, and descriptors of services, for files that nobody else knows: each time in a descriptor pool of its own."""

from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from collector_mesh.adapters.wire.described.weight import TooLargeError, Weights
from collector_mesh.adapters.wire.described.well_known import is_well_known, own_file
from collector_mesh.domain.model.errors import PayloadTooLargeError
from collector_mesh.domain.registry.schema import Field, File, Message


def classes_for(file: File, names: Sequence[str]) -> dict[str, Any]:
    """The classes of messages of a file, by their full names.

    Args:
        file: it imports nothing but what comes with protobuf.
        names: the full names of the messages; one that has another one in a field stands before it, where that can be.
    """
    pool = _pool_of(file)
    # The last ones first: protobuf makes those of the fields of each, one within the other.
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in reversed(names)
    }


def service_of(file: File, name: str) -> ServiceDescriptor:
    """The descriptor of a service in a file, by its full name; the file imports nothing but what comes with protobuf."""
    found: ServiceDescriptor = _pool_of(file).FindServiceByName(name)
    return found


def _pool_of(file: File) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for name in file.imports:
        assert is_well_known(name), name  # whoever makes the file sees to it
        pool.AddSerializedFile(own_file(name).SerializeToString())
    pool.AddSerializedFile(_written(file))
    return pool


class Sizes:
    """Sees to it that messages of others take no more memory than they may, before they are read."""

    def __init__(self) -> None:
        self._weights = Weights()

    def check(self, message: Any, data: bytes) -> None:
        """Look at the bytes of a message, given its class.

        Raises:
            PayloadTooLargeError: it would take too much.
        """
        try:
            self._weights.check(message.DESCRIPTOR, data)
        except TooLargeError:
            raise PayloadTooLargeError(f"{len(data)} bytes hold more values than may be read") from None


_TYPES = dict(FieldDescriptorProto.Type.items())


def _written(file: File) -> bytes:
    """The file as a descriptor: proto3, with no messages in others but the entries of maps, which follow what has them."""
    proto = FileDescriptorProto(
        name=file.name, package=file.package, syntax="proto3", dependency=file.imports
    )
    around = DescriptorProto()
    for message in file.messages:
        scope = around.nested_type if message.is_map_entry else proto.message_type
        _write_message(made := scope.add(), message)
        around = around if message.is_map_entry else made
    for enum in file.enums:
        added = proto.enum_type.add(name=_short(enum.name))
        for value in enum.values:
            added.value.add(name=value.name, number=value.number)
        for first, last in enum.reserved.ranges:
            added.reserved_range.add(start=first, end=last)
        added.reserved_name.extend(enum.reserved.names)
    for service in file.services:
        offered = proto.service.add(name=_short(service.name))
        for each in service.methods:
            method = offered.method.add(
                name=each.name, input_type=f".{each.takes}", output_type=f".{each.gives}"
            )
            if each.idempotency == "idempotent":
                method.options.idempotency_level = method.options.IDEMPOTENT
    data: bytes = proto.SerializeToString()
    return data


def _write_message(proto: DescriptorProto, message: Message) -> None:
    proto.name = _short(message.name)
    if message.is_map_entry:
        proto.options.map_entry = True
    for first, last in message.reserved.ranges:
        proto.reserved_range.add(start=first, end=last + 1)
    proto.reserved_name.extend(message.reserved.names)
    for field in message.fields:
        added = proto.field.add(name=field.name, number=field.number)
        _write_field(added, field)
        if field.cardinality == "optional" and field.type != "message":
            added.proto3_optional = True
            added.oneof_index = len(proto.oneof_decl)
            proto.oneof_decl.add(name=f"_{field.name}")


def _write_field(proto: FieldDescriptorProto, field: Field) -> None:
    is_repeated = field.cardinality in {"repeated", "map"}
    proto.label = FieldDescriptorProto.LABEL_REPEATED if is_repeated else FieldDescriptorProto.LABEL_OPTIONAL
    proto.type = _TYPES[f"TYPE_{field.type.upper()}"]
    if field.type_name:
        proto.type_name = f".{field.type_name}"
    if field.json_name:
        proto.json_name = field.json_name


def _short(name: str) -> str:
    return name.rpartition(".")[2]
