"""Entries of maps in descriptors of others: protobuf's runtime takes for granted what protoc sees to, and crashes else."""

from collections.abc import Iterable

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from collector_mesh.adapters.wire.described.linking import messages_in

_KEYS = frozenset(
    {
        FieldDescriptorProto.TYPE_INT64,
        FieldDescriptorProto.TYPE_UINT64,
        FieldDescriptorProto.TYPE_INT32,
        FieldDescriptorProto.TYPE_FIXED64,
        FieldDescriptorProto.TYPE_FIXED32,
        FieldDescriptorProto.TYPE_BOOL,
        FieldDescriptorProto.TYPE_STRING,
        FieldDescriptorProto.TYPE_UINT32,
        FieldDescriptorProto.TYPE_SFIXED32,
        FieldDescriptorProto.TYPE_SFIXED64,
        FieldDescriptorProto.TYPE_SINT32,
        FieldDescriptorProto.TYPE_SINT64,
    }
)


class Entries:
    """The entries of maps in the files that have been checked so far."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._last_parts: set[str] = set()

    def flaw_of(self, file: FileDescriptorProto) -> str:
        """What is wrong with the maps of a file, empty for nothing; the files that it imports are to be checked before.

        An entry is a message of a key and a value, and belongs to one repeated field of the message that it is in.
        """
        every = list(messages_in(file))
        for name, message in every:
            if message.options.map_entry:
                if not _is_entry(message):
                    return f"{name} is no entry of a map"
                self._names.add(name)
                self._last_parts.add(message.name)
        if not self._names:
            return ""
        for name, message in every:
            if flaw := self._flaw_of_fields(name, message):
                return flaw
        return self._flaw_of_others(file)

    def _flaw_of_fields(self, name: str, message: DescriptorProto) -> str:
        own = {nested.name for nested in message.nested_type if nested.options.map_entry}
        for field in message.field:
            if self._is_entry(field.type_name) and not _is_map(field, name, own):
                return f"{name}.{field.name} is no map, and has the entry of one for its type"
        return self._flaw_of_extensions(message.extension)

    def _flaw_of_others(self, file: FileDescriptorProto) -> str:
        for service in file.service:
            for method in service.method:
                if self._is_entry(method.input_type) or self._is_entry(method.output_type):
                    return f"{service.name}.{method.name} takes or gives the entry of a map"
        return self._flaw_of_extensions(file.extension)

    def _flaw_of_extensions(self, fields: Iterable[FieldDescriptorProto]) -> str:
        for field in fields:
            if self._is_entry(field.type_name):
                return f"the extension {field.name} has the entry of a map for its type"
        return ""

    def _is_entry(self, name: str) -> bool:
        if name.startswith("."):
            return name[1:] in self._names
        # It is looked for in several places.
        return name.rpartition(".")[2] in self._last_parts


def _is_entry(message: DescriptorProto) -> bool:
    if len(message.field) != 2 or message.nested_type or message.enum_type or message.oneof_decl:
        return False
    key, value = message.field
    return (
        (key.name, key.number, value.name, value.number) == ("key", 1, "value", 2)
        and key.label == value.label == FieldDescriptorProto.LABEL_OPTIONAL
        and key.type in _KEYS
        and value.type != FieldDescriptorProto.TYPE_GROUP
    )


def _is_map(field: FieldDescriptorProto, name: str, own: set[str]) -> bool:
    """Whether a field is a map whose entry is one of its own message, which has this name."""
    last = field.type_name.rpartition(".")[2]
    return (
        field.label == FieldDescriptorProto.LABEL_REPEATED
        and field.type == FieldDescriptorProto.TYPE_MESSAGE
        and last in own
        and field.type_name in {f".{name}.{last}", last}
        and not field.HasField("oneof_index")
    )
