"""The fields of a file of descriptors in the plain words of the domain."""

from collections.abc import Collection, Mapping

from google.protobuf.descriptor_pb2 import FeatureSet, FieldDescriptorProto

from collector_mesh.adapters.wire.schema_checks import is_identifier
from collector_mesh.adapters.wire.schema_features import Features
from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.registry.defaults import can_have_default, default_of
from collector_mesh.domain.registry.naming import entry_name_of, json_name_of
from collector_mesh.domain.registry.schema import (
    FIRST_OWN_NUMBER,
    LAST_OWN_NUMBER,
    MAX_NUMBER,
    Cardinality,
    Extension,
    Field,
    FieldType,
    Syntax,
)

TYPES: Mapping[int, FieldType] = {
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_FLOAT: "float",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_UINT64: "uint64",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_FIXED64: "fixed64",
    FieldDescriptorProto.TYPE_FIXED32: "fixed32",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_GROUP: "group",
    FieldDescriptorProto.TYPE_MESSAGE: "message",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_UINT32: "uint32",
    FieldDescriptorProto.TYPE_ENUM: "enum",
    FieldDescriptorProto.TYPE_SFIXED32: "sfixed32",
    FieldDescriptorProto.TYPE_SFIXED64: "sfixed64",
    FieldDescriptorProto.TYPE_SINT32: "sint32",
    FieldDescriptorProto.TYPE_SINT64: "sint64",
}
"""The words for the types of fields, by protobuf's numbers."""

_MESSAGE = FieldDescriptorProto.TYPE_MESSAGE
_NAMED = frozenset({"message", "group", "enum"})


class FieldReader:
    """Reads the fields of one file.

    Args:
        file: its name.
        syntax: how it is written.
    """

    def __init__(self, file: str, syntax: Syntax) -> None:
        self._file = file
        self._syntax = syntax

    def field(
        self,
        scope: str,
        proto: FieldDescriptorProto,
        oneof: str,
        entries: Collection[str],
        features: Features,
        *,
        is_in_entry: bool,
    ) -> Field:
        """A field of a message.

        Args:
            scope: the full name of the message.
            proto: the field.
            oneof: the name of the oneof that it is in; empty for none.
            entries: the short names of those messages within it that are entries of maps.
            features: what holds for the message.
            is_in_entry: whether the message is one of those itself.

        Raises:
            InvalidCallError: no compiler would let it pass.
        """
        name, label, type_name = proto.name, proto.label, proto.type_name
        where = below(scope, name)
        if proto.extendee:
            raise wrong(self._file, where, "is a field of a message, and extends something")
        own = features.inside(proto, can_differ=self._syntax == "editions")
        entry = type_name.rpartition(".")[2] if entries else ""
        is_map = entry in entries and label == FieldDescriptorProto.LABEL_REPEATED and proto.type == _MESSAGE
        if is_map and entry != entry_name_of(name):
            raise wrong(self._file, where, f"is a map whose entry must be called {entry_name_of(name)}")
        kind = self._type(where, proto, own, is_prefixed=is_map or is_in_entry)
        if label != FieldDescriptorProto.LABEL_OPTIONAL and proto.HasField("oneof_index"):
            raise wrong(self._file, where, "is in a oneof, and is repeated or required")
        return self._checked(
            where,
            Field(
                name=name,
                number=proto.number,
                type=kind,
                type_name=named(scope, type_name),
                cardinality="optional"
                if is_in_entry
                else self._cardinality(where, proto, kind, own, is_map=is_map),
                oneof=oneof,
                json_name=text(self._file, where, proto.json_name) or json_name_of(name),
                default=text(self._file, where, proto.default_value),
            ),
        )

    def extension(self, scope: str, proto: FieldDescriptorProto, features: Features) -> Extension:
        """A field that is added to a message of another file.

        Raises:
            InvalidCallError: no compiler would let it pass.
        """
        name = below(scope, proto.name)
        own = features.inside(proto, can_differ=self._syntax == "editions")
        if not proto.extendee:
            raise wrong(self._file, name, "is an extension of nothing")
        if proto.HasField("oneof_index"):
            raise wrong(self._file, name, "is an extension in a oneof")
        if proto.label == FieldDescriptorProto.LABEL_REQUIRED:
            raise wrong(self._file, name, "is an extension that is required")
        field = Field(
            name=name,
            number=proto.number,
            type=self._type(name, proto, own, is_prefixed=False),
            type_name=named(scope, proto.type_name),
            cardinality="repeated" if proto.label == FieldDescriptorProto.LABEL_REPEATED else "optional",
            default=text(self._file, name, proto.default_value),
        )
        if proto.json_name not in {"", json_name_of(proto.name), f"[{name}]"}:
            raise wrong(self._file, name, "is an extension with a name of its own in JSON")
        return Extension(named(scope, proto.extendee), self._checked(name, field))

    def _type(
        self, where: str, proto: FieldDescriptorProto, own: Features, *, is_prefixed: bool
    ) -> FieldType:
        kind = TYPES.get(proto.type) if proto.HasField("type") else None
        if kind is None:
            raise wrong(self._file, where, "has no type")
        if (kind in _NAMED) != bool(proto.type_name):
            raise wrong(
                self._file,
                where,
                f"has the type {kind}, "
                + ("and no name of one" if kind in _NAMED else f"and the name {quoted(proto.type_name)}"),
            )
        if kind == "group" and self._syntax != "proto2":
            raise wrong(self._file, where, "is a group, which only proto2 has")
        if kind == "message" and own.encoding == FeatureSet.DELIMITED and not is_prefixed:
            return "group"
        return kind

    def _cardinality(
        self, where: str, proto: FieldDescriptorProto, kind: FieldType, own: Features, *, is_map: bool
    ) -> Cardinality:
        if proto.label == FieldDescriptorProto.LABEL_REPEATED:
            return "map" if is_map else "repeated"
        if proto.label == FieldDescriptorProto.LABEL_REQUIRED:
            if self._syntax != "proto2":
                raise wrong(self._file, where, "is required, which only proto2 has")
            return "required"
        if proto.HasField("oneof_index"):
            return "optional"
        if own.presence == FeatureSet.LEGACY_REQUIRED:
            return "required"
        return (
            "implicit"
            if own.presence == FeatureSet.IMPLICIT and kind not in {"message", "group"}
            else "optional"
        )

    def _checked(self, where: str, field: Field) -> Field:
        number = field.number
        if not 1 <= number <= MAX_NUMBER:
            raise wrong(self._file, where, f"has the number {number}, allowed are 1 to {MAX_NUMBER}")
        if FIRST_OWN_NUMBER <= number <= LAST_OWN_NUMBER:
            raise wrong(
                self._file,
                where,
                f"has the number {number}; {FIRST_OWN_NUMBER} to {LAST_OWN_NUMBER} are protobuf's own",
            )
        if field.default:
            if not can_have_default(field) or field.cardinality == "implicit":
                raise wrong(self._file, where, "has a default, and can have none")
            try:
                # Whether an enum has such a value is looked at where the enum is known.
                fits = field.type != "enum" or is_identifier(field.default)
                expected = "" if fits else "the name of a value"
                if field.type != "enum":
                    default_of(field, None)
            except ValueError as error:
                expected = str(error)
            if expected:
                raise wrong(
                    self._file, where, f"has the default {quoted(field.default)}, it must be {expected}"
                )
        return field


def wrong(file: str, where: str, problem: str) -> InvalidCallError:
    """The error that says what is wrong with something in a file."""
    return InvalidCallError(f"the file {quoted(file)} is wrong: {quoted(where)} {problem}")


def text(file: str, where: str, value: object) -> str:
    """A text of a descriptor; what is none comes as bytes.

    Raises:
        InvalidCallError: it is none.
    """
    if not isinstance(value, str):
        raise wrong(file, where, "has something that is no text")
    return value


def below(scope: str, name: str) -> str:
    """The full name of what stands in a scope."""
    return f"{scope}.{name}" if scope else name


def named(scope: str, name: str) -> str:
    """A name in full; one that does not begin with a dot is kept with the scope that it is looked for from."""
    if not name:
        return ""
    return name[1:] if name[0] == "." else f"{scope}/{name}"
