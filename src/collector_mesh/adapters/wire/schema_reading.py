"""From a file of descriptors to the plain words of the domain; what one file alone can have wrong is refused here."""

from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)

from collector_mesh.adapters.wire.schema_features import Features, syntax_of
from collector_mesh.adapters.wire.schema_fields import FieldReader, below, named, text, wrong
from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.registry.ranges import Ranges, overlap
from collector_mesh.domain.registry.schema import (
    MAX_NUMBER,
    Enum,
    EnumValue,
    Extension,
    Field,
    File,
    Idempotency,
    Message,
    Method,
    Reserved,
    Service,
)

IDEMPOTENCY: Mapping[int, Idempotency] = {
    MethodOptions.IDEMPOTENCY_UNKNOWN: "unknown",
    MethodOptions.NO_SIDE_EFFECTS: "no_side_effects",
    MethodOptions.IDEMPOTENT: "idempotent",
}
"""The words for what a method says of being run twice, by protobuf's numbers."""


class FileReader:
    """Reads one file.

    Args:
        proto: the file, with names that have been looked at.

    Raises:
        InvalidCallError: it has a syntax or an edition that is not known.
    """

    def __init__(self, proto: FileDescriptorProto) -> None:
        self._proto = proto
        self._syntax, self._features = syntax_of(proto)
        self._fields = FieldReader(proto.name, self._syntax)
        self._messages: list[Message] = []
        self._enums: list[Enum] = []
        self._extensions: list[Extension] = []

    def read(self) -> File:
        """The file.

        Raises:
            InvalidCallError: it contradicts itself, or has what no compiler would let pass.
        """
        proto = self._proto
        for message in proto.message_type:
            self._message(proto.package, message, self._features)
        for enum in proto.enum_type:
            self._enum(proto.package, enum, self._features)
        self._extend(proto.package, proto.extension, self._features)
        return File(
            name=proto.name,
            package=proto.package,
            syntax=self._syntax,
            imports=tuple(proto.dependency),
            public_imports=tuple(proto.dependency[index] for index in dict.fromkeys(proto.public_dependency)),
            messages=tuple(self._messages),
            enums=tuple(self._enums),
            services=tuple(self._service(service) for service in proto.service),
            extensions=tuple(self._extensions),
        )

    def _wrong(self, where: str, problem: str) -> InvalidCallError:
        return wrong(self._proto.name, where, problem)

    def _message(self, scope: str, proto: DescriptorProto, features: Features) -> None:
        name = below(scope, proto.name)
        features = features.inside(proto, can_differ=self._syntax == "editions")
        is_entry = proto.options.map_entry
        entries = {nested.name for nested in proto.nested_type if nested.options.map_entry}
        if proto.options.message_set_wire_format:
            raise self._wrong(
                name, "is a message set, which is older than proto2 and not read by all languages"
            )
        extensions = tuple(
            self._range(name, one.start, one.end - 1, 1, MAX_NUMBER) for one in proto.extension_range
        )
        ranges = (self._range(name, one.start, one.end - 1, 1, MAX_NUMBER) for one in proto.reserved_range)
        reserved = self._reserved(name, ranges, proto.reserved_name, extensions)
        if extensions and self._syntax == "proto3":
            raise self._wrong(name, "has numbers for extensions, which messages of proto3 do not have")
        oneofs = self._oneofs(name, proto)
        fields = tuple(
            self._fields.field(
                name,
                field,
                oneofs[field.oneof_index] if field.HasField("oneof_index") else "",
                entries,
                features,
                is_in_entry=is_entry,
            )
            for field in proto.field
        )
        self._check_numbers(name, fields, reserved, extensions)
        is_json = features.json == FeatureSet.ALLOW
        self._messages.append(Message(name, fields, reserved, extensions, is_entry, is_json))
        for nested in proto.nested_type:
            self._message(name, nested, features)
        for enum in proto.enum_type:
            self._enum(name, enum, features)
        self._extend(name, proto.extension, features)

    def _oneofs(self, name: str, proto: DescriptorProto) -> Sequence[str]:
        """The names of the oneofs, empty for those that protobuf makes of an optional field."""
        members: list[list[FieldDescriptorProto]] = [[] for _ in proto.oneof_decl]
        last = -1
        for field in proto.field:
            if field.HasField("oneof_index"):
                if not 0 <= field.oneof_index < len(members):
                    raise self._wrong(below(name, field.name), "is in a oneof that is not there")
                if members[field.oneof_index] and field.oneof_index != last:
                    raise self._wrong(
                        below(name, field.name), "does not stand beside the others of its oneof"
                    )
                members[field.oneof_index].append(field)
            elif field.proto3_optional:
                raise self._wrong(below(name, field.name), "is optional and in no oneof of its own")
            last = field.oneof_index if field.HasField("oneof_index") else -1
        found: list[str] = []
        for oneof, fields in zip(proto.oneof_decl, members, strict=True):
            if not fields:
                raise self._wrong(below(name, oneof.name), "is a oneof without fields")
            is_made = any(field.proto3_optional for field in fields)
            if is_made and (len(fields) > 1 or self._syntax != "proto3"):
                raise self._wrong(below(name, fields[0].name), "is optional and in a oneof with others")
            if found and not found[-1] and not is_made:
                raise self._wrong(below(name, oneof.name), "must stand before the oneofs of optional fields")
            found.append("" if is_made else oneof.name)
        return found

    def _extend(self, scope: str, protos: Iterable[FieldDescriptorProto], features: Features) -> None:
        self._extensions += (self._fields.extension(scope, proto, features) for proto in protos)

    def _enum(self, scope: str, proto: EnumDescriptorProto, features: Features) -> None:
        name = below(scope, proto.name)
        features = features.inside(proto, can_differ=self._syntax == "editions")
        is_closed = features.enum_type == FeatureSet.CLOSED
        values = tuple(EnumValue(value.name, value.number) for value in proto.value)
        if not values:
            raise self._wrong(name, "is an enum without values")
        if values[0].number and not is_closed:
            raise self._wrong(
                name, f"begins with {values[0].number}; the first value of an open enum must be 0"
            )
        lowest, highest = -(1 << 31), (1 << 31) - 1
        ranges = (self._range(name, one.start, one.end, lowest, highest) for one in proto.reserved_range)
        reserved = self._reserved(name, ranges, proto.reserved_name)
        names, numbers = frozenset(reserved.names), set()
        taken = Ranges(reserved.ranges)
        for value, given in zip(values, proto.value, strict=True):
            if not given.HasField("number"):
                raise self._wrong(name, f"has the value {quoted(value.name)} without a number")
            if value.number in numbers and not proto.options.allow_alias:
                raise self._wrong(name, f"has the number {value.number} twice, without allow_alias")
            numbers.add(value.number)
            if value.name in names or value.number in taken:
                raise self._wrong(
                    name, f"has the value {quoted(value.name)} = {value.number}, which is reserved"
                )
        if proto.options.allow_alias and len(numbers) == len(values):
            raise self._wrong(name, "allows aliases, and has none")
        self._enums.append(
            Enum(
                name,
                values,
                reserved,
                proto.options.allow_alias,
                is_closed,
                features.json == FeatureSet.ALLOW,
            )
        )

    def _service(self, proto: ServiceDescriptorProto) -> Service:
        name = below(self._proto.package, proto.name)
        return Service(name, tuple(self._method(name, method) for method in proto.method))

    def _method(self, service: str, proto: MethodDescriptorProto) -> Method:
        if not proto.input_type or not proto.output_type:
            raise self._wrong(below(service, proto.name), "must take a message and give one")
        return Method(
            proto.name,
            named(service, proto.input_type),
            named(service, proto.output_type),
            proto.client_streaming,
            proto.server_streaming,
            IDEMPOTENCY.get(proto.options.idempotency_level, "unknown"),
        )

    def _range(self, name: str, first: int, last: int, lowest: int, highest: int) -> tuple[int, int]:
        if not lowest <= first <= last <= highest:
            raise self._wrong(
                name, f"has a range of numbers from {first} to {last}, allowed are {lowest} to {highest}"
            )
        return first, last

    def _reserved(
        self,
        name: str,
        ranges: Iterable[tuple[int, int]],
        names: Iterable[str],
        others: Iterable[tuple[int, int]] = (),
    ) -> Reserved:
        reserved = Reserved(tuple(ranges), tuple(text(self._proto.name, name, one) for one in names))
        if (twice := overlap((*reserved.ranges, *others))) is not None:
            raise self._wrong(
                name, f"has a range from {twice[0]} to {twice[1]} that begins within another one"
            )
        if len(frozenset(reserved.names)) < len(reserved.names):
            raise self._wrong(name, "reserves a name twice")
        return reserved

    def _check_numbers(
        self,
        name: str,
        fields: Sequence[Field],
        reserved: Reserved,
        extensions: Sequence[tuple[int, int]],
    ) -> None:
        names = frozenset(reserved.names)
        taken, extending = Ranges(reserved.ranges), Ranges(extensions)
        numbers: dict[int, str] = {}
        in_json: dict[str, str] = {}
        for field in fields:
            before = numbers.setdefault(field.number, field.name)
            if before != field.name:
                raise self._wrong(
                    name, f"has the number {field.number} twice: {quoted(before)} and {quoted(field.name)}"
                )
            before = in_json.setdefault(field.json_name, field.name)
            if before != field.name:
                raise self._wrong(
                    name,
                    f"has the name {quoted(field.json_name)} twice in JSON: {quoted(before)} and {quoted(field.name)}",
                )
            if field.number in taken or field.name in names:
                raise self._wrong(
                    name, f"has the field {quoted(field.name)} = {field.number}, which is reserved"
                )
            if field.number in extending:
                raise self._wrong(
                    name,
                    f"has the field {quoted(field.name)} = {field.number}, which is a number for extensions",
                )
