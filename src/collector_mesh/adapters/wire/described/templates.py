"""A request to fill in: every field of a message with some value, as JSON."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from collector_mesh.adapters.wire.described import shapes
from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.messages import usable
from collector_mesh.adapters.wire.described.scalars import json_of

_MAX_VALUES = 500
_MAX_DEPTH = 8
"""Messages in messages that are filled in: those below, and those within themselves, are left empty."""

_SPECIAL: dict[str, Any] = {
    shapes.ANY: {shapes.TYPE_KEY: "type.googleapis.com/google.protobuf.StringValue", shapes.VALUE_KEY: ""},
    shapes.DURATION: "0s",
    shapes.FIELD_MASK: "",
    shapes.LIST: [],
    shapes.STRUCT: {},
    shapes.TIMESTAMP: "1970-01-01T00:00:00Z",
    shapes.VALUE: None,
}


def template(kind: Descriptor, files: Files) -> Any:
    """A request that can be sent as it is: of a oneof it has the first field, of a list or a map one item.

    Raises:
        DescriptorError: the type cannot be used.
    """
    with usable(kind):
        return _Filling(files).message(kind, ())


class _Filling:
    def __init__(self, files: Files) -> None:
        self._files = files
        self._left = _MAX_VALUES
        self._shown: dict[str, list[tuple[str, FieldDescriptor]]] = {}

    def message(self, kind: Descriptor, above: tuple[str, ...]) -> Any:
        special = self._files.special(kind)
        if special in shapes.WRAPPERS:
            return _scalar(kind.fields_by_name["value"])
        if special:
            return _SPECIAL[special]
        shown = self._shown.get(kind.full_name)
        if shown is None:
            names = shapes.json_names(kind)
            shown = [(names[field.name], field) for field in kind.fields if _is_shown(field)]
            self._shown[kind.full_name] = shown
        inside = (*above, kind.full_name)
        return {name: self._field(field, inside) for name, field in shown if self._is_filled_in(field)}

    def _is_filled_in(self, field: FieldDescriptor) -> bool:
        self._left -= 1
        return self._left >= 0 or field.is_required

    def _field(self, field: FieldDescriptor, inside: tuple[str, ...]) -> Any:
        if shapes.is_map(field):
            assert field.message_type is not None  # of an entry
            keys, values = (field.message_type.fields_by_name[name] for name in ("key", "value"))
            return {_key(keys): self._one(values, inside)} if self._goes_on(values, inside) else {}
        if field.is_repeated:
            return [self._one(field, inside)] if self._goes_on(field, inside) else []
        return self._one(field, inside) if self._goes_on(field, inside) else None

    def _goes_on(self, field: FieldDescriptor, inside: tuple[str, ...]) -> bool:
        """Whether a field is filled in; null stands for no value."""
        kind = field.message_type
        if kind is None or self._left < 0:
            return kind is None
        # What is required within itself cannot be filled in at all.
        return len(inside) < _MAX_DEPTH and (field.is_required or kind.full_name not in inside)

    def _one(self, field: FieldDescriptor, inside: tuple[str, ...]) -> Any:
        return _scalar(field) if field.message_type is None else self.message(field.message_type, inside)


def _is_shown(field: FieldDescriptor) -> bool:
    """Of a oneof it is the first field alone."""
    oneof = field.containing_oneof
    return oneof is None or oneof.fields[0].number == field.number


def _key(field: FieldDescriptor) -> str:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return ""
    return "false" if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else "0"


def _scalar(field: FieldDescriptor) -> Any:
    if not field.is_repeated:
        return json_of(field, field.default_value)
    if field.enum_type is not None:
        return json_of(field, field.enum_type.values[0].number)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return ""
    return False if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else json_of(field, 0)
