"""From the plain words of the domain back to a file of descriptors."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

from collector_mesh.adapters.wire.schema_features import FIRST_EDITION
from collector_mesh.adapters.wire.schema_fields import TYPES
from collector_mesh.adapters.wire.schema_reading import IDEMPOTENCY
from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.registry.naming import json_name_of
from collector_mesh.domain.registry.schema import (
    Enum,
    Extension,
    Field,
    File,
    Message,
    Service,
)

_NUMBERS = {word: number for number, word in TYPES.items()}
_LEVELS = {word: number for number, word in IDEMPOTENCY.items()}
_LABELS = {
    "required": FieldDescriptorProto.LABEL_REQUIRED,
    "repeated": FieldDescriptorProto.LABEL_REPEATED,
    "map": FieldDescriptorProto.LABEL_REPEATED,
}

_T = TypeVar("_T")


class FileWriter:
    """Writes one file.

    Args:
        file: the file.

    Raises:
        InvalidCallError: something in it is named as if it were of another package.
    """

    def __init__(self, file: File) -> None:
        self._file = file
        self._has_features = file.syntax == "editions"
        scopes = {file.package, *(message.name for message in file.messages)}
        self._messages = self._by_scope(scopes, ((one.name, one) for one in file.messages))
        self._enums = self._by_scope(scopes, ((one.name, one) for one in file.enums))
        self._extensions = self._by_scope(scopes, ((one.field.name, one) for one in file.extensions))

    def _by_scope(self, scopes: set[str], named: Iterable[tuple[str, _T]]) -> Mapping[str, list[_T]]:
        found: dict[str, list[_T]] = {}
        for name, one in named:
            found.setdefault(self._scope(name, scopes), []).append(one)
        return found

    def _scope(self, name: str, scopes: set[str]) -> str:
        scope = name.rpartition(".")[0]
        if scope not in scopes:
            raise InvalidCallError(
                f"the file {quoted(self._file.name)} has the package {quoted(self._file.package)}, "
                f"and cannot have {quoted(name)} in it"
            )
        return scope

    def written(self) -> FileDescriptorProto:
        """The file of descriptors that says the same."""
        file = self._file
        proto = FileDescriptorProto(name=file.name, dependency=file.imports)
        if file.package:
            proto.package = file.package
        if file.syntax != "proto2":
            proto.syntax = file.syntax
        if self._has_features:
            proto.edition = FIRST_EDITION  # type: ignore[assignment]  # enums are numbers
        public = frozenset(file.public_imports)
        proto.public_dependency.extend(at for at, name in enumerate(file.imports) if name in public)
        for message in self._messages.get(file.package, ()):
            self._message(proto.message_type.add(), message)
        for enum in self._enums.get(file.package, ()):
            self._enum(proto.enum_type.add(), enum)
        for extension in self._extensions.get(file.package, ()):
            self._extension(proto.extension.add(), extension)
        for service in file.services:
            self._scope(service.name, {file.package})
            _service(proto.service.add(), service)
        return proto

    def _message(self, proto: DescriptorProto, message: Message) -> None:
        proto.name = _short(message.name)
        for first, last in message.reserved.ranges:
            proto.reserved_range.add(start=first, end=last + 1)
        proto.reserved_name.extend(message.reserved.names)
        for first, last in message.extensions:
            proto.extension_range.add(start=first, end=last + 1)
        if message.is_map_entry:
            proto.options.map_entry = True
        if self._has_features and not message.is_json:
            proto.options.features.json_format = FeatureSet.LEGACY_BEST_EFFORT
        self._fields(proto, message)
        for nested in self._messages.get(message.name, ()):
            self._message(proto.nested_type.add(), nested)
        for enum in self._enums.get(message.name, ()):
            self._enum(proto.enum_type.add(), enum)
        for extension in self._extensions.get(message.name, ()):
            self._extension(proto.extension.add(), extension)

    def _fields(self, proto: DescriptorProto, message: Message) -> None:
        oneofs = {
            name: at
            for at, name in enumerate(dict.fromkeys(one.oneof for one in message.fields if one.oneof))
        }
        for name in oneofs:
            proto.oneof_decl.add(name=name)
        taken = {*oneofs, *(field.name for field in message.fields)}
        made: list[FieldDescriptorProto] = []
        for field in message.fields:
            added = proto.field.add(name=field.name)
            self._field(added, field, is_in_entry=message.is_map_entry)
            added.json_name = field.json_name or json_name_of(field.name)
            if field.oneof:
                added.oneof_index = oneofs[field.oneof]
            elif self._is_made_optional(field) and not message.is_map_entry:
                made.append(added)
        # After the others, as compilers have them.
        for added in made:
            name = f"_{added.name}"
            while name in taken:
                name = f"X{name}"
            taken.add(name)
            added.proto3_optional = True
            added.oneof_index = len(proto.oneof_decl)
            proto.oneof_decl.add(name=name)

    def _is_made_optional(self, field: Field) -> bool:
        return (
            self._file.syntax == "proto3"
            and field.cardinality == "optional"
            and field.type not in {"message", "group"}
        )

    def _field(self, proto: FieldDescriptorProto, field: Field, *, is_in_entry: bool) -> None:
        proto.number = field.number
        proto.label = _LABELS.get(field.cardinality, FieldDescriptorProto.LABEL_OPTIONAL)
        kind = "message" if field.type == "group" and self._has_features else field.type
        proto.type = _NUMBERS[kind]  # type: ignore[assignment]  # enums are numbers
        if field.type_name:
            proto.type_name = _reference(field.type_name)
        if field.default:
            proto.default_value = field.default
        if not self._has_features or is_in_entry:
            return
        if field.type == "group":
            proto.options.features.message_encoding = FeatureSet.DELIMITED
        if field.cardinality == "required":
            proto.label = FieldDescriptorProto.LABEL_OPTIONAL
            proto.options.features.field_presence = FeatureSet.LEGACY_REQUIRED
        elif field.cardinality == "implicit" and field.type not in {"message", "group"}:
            proto.options.features.field_presence = FeatureSet.IMPLICIT

    def _extension(self, proto: FieldDescriptorProto, extension: Extension) -> None:
        proto.name = _short(extension.field.name)
        proto.extendee = _reference(extension.extends)
        self._field(proto, extension.field, is_in_entry=False)

    def _enum(self, proto: EnumDescriptorProto, enum: Enum) -> None:
        proto.name = _short(enum.name)
        for value in enum.values:
            proto.value.add(name=value.name, number=value.number)
        for first, last in enum.reserved.ranges:
            proto.reserved_range.add(start=first, end=last)
        proto.reserved_name.extend(enum.reserved.names)
        if enum.allows_alias:
            proto.options.allow_alias = True
        if self._has_features and enum.is_closed:
            proto.options.features.enum_type = FeatureSet.CLOSED
        if self._has_features and not enum.is_json:
            proto.options.features.json_format = FeatureSet.LEGACY_BEST_EFFORT


def _service(proto: ServiceDescriptorProto, service: Service) -> None:
    proto.name = _short(service.name)
    for method in service.methods:
        added = proto.method.add(
            name=method.name, input_type=_reference(method.takes), output_type=_reference(method.gives)
        )
        if method.client_streaming:
            added.client_streaming = True
        if method.server_streaming:
            added.server_streaming = True
        if method.idempotency != "unknown":
            added.options.idempotency_level = _LEVELS[method.idempotency]  # type: ignore[assignment]  # enums are numbers


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _reference(name: str) -> str:
    """As a descriptor has it: a full name after a dot, one that is looked for in its scope without."""
    return name.partition("/")[2] if "/" in name else f".{name}"
