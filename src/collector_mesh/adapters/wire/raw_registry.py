"""The messages of `collector.CollectorRegistry` with descriptors as bytes: the same bytes on the wire.

So a descriptor is kept and told as it was written, whatever is in it that nobody here knows, and is read once, by whoever
looks into it. A descriptor that comes in pieces counts by its last one.
"""

from types import MappingProxyType
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from collector_mesh.adapters.wire.generated import registry_pb2

_DESCRIPTORS = (".google.protobuf.FileDescriptorProto", ".google.protobuf.ServiceDescriptorProto")

NAMED = "Named"
"""Of any descriptor its name alone, which is field 1 of all of them."""


def _classes() -> dict[str, Any]:
    """The classes of all messages in the file, by their names."""
    file = FileDescriptorProto.FromString(registry_pb2.DESCRIPTOR.serialized_pb)
    for message in file.message_type:
        for field in message.field:
            if field.type_name in _DESCRIPTORS:
                field.type = FieldDescriptorProto.TYPE_BYTES
                field.ClearField("type_name")
                if field.label != FieldDescriptorProto.LABEL_REPEATED:
                    # An empty descriptor is another thing than none.
                    field.proto3_optional = True
                    field.oneof_index = len(message.oneof_decl)
                    message.oneof_decl.add(name=f"_{field.name}")
    file.message_type.add(name=NAMED).field.add(
        name="name",
        number=1,
        type=FieldDescriptorProto.TYPE_BYTES,
        label=FieldDescriptorProto.LABEL_OPTIONAL,
    )
    pool = DescriptorPool()
    _add_imports(pool, registry_pb2.DESCRIPTOR)
    built = pool.AddSerializedFile(file.SerializeToString())
    return {name: GetMessageClass(kind) for name, kind in built.message_types_by_name.items()}


def _add_imports(pool: DescriptorPool, file: Any) -> None:
    for imported in file.dependencies:
        _add_imports(pool, imported)
        pool.AddSerializedFile(imported.serialized_pb)


RAW = MappingProxyType(_classes())
"""The classes of the messages, by their names."""
