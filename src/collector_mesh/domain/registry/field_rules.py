"""What breaks where a field changes."""

from collections.abc import Mapping

from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.registry.defaults import can_have_default, default_of, same
from collector_mesh.domain.registry.rules import Differences, Level
from collector_mesh.domain.registry.schema import Cardinality, Enum, Field, FieldType, Schema

_WIRE_GROUPS: tuple[tuple[FieldType, ...], ...] = (
    ("int32", "int64", "uint32", "uint64", "bool"),
    ("sint32", "sint64"),
    ("fixed32", "sfixed32"),
    ("fixed64", "sfixed64"),
)
"""Types of which readers of the one understand what writers of another one have written."""

_JSON_GROUPS: tuple[tuple[FieldType, ...], ...] = (
    ("int32", "uint32"),
    ("int64", "uint64"),
    ("fixed32", "sfixed32"),
    ("fixed64", "sfixed64"),
)
"""Those that are also the same in JSON, where 64 bits are a text and 32 are a number."""

_CARDINALITY: Mapping[Cardinality, str] = {
    "implicit": "single",
    "optional": "single",
    "required": "required",
    "repeated": "repeated",
    "map": "map",
}
_WORDS: Mapping[Cardinality, str] = {
    "implicit": "a single one",
    "optional": "an optional one",
    "required": "a required one",
    "repeated": "a repeated one",
    "map": "a map",
}


def _by_type(groups: tuple[tuple[FieldType, ...], ...]) -> Mapping[FieldType, FieldType]:
    return {kind: group[0] for group in groups for kind in group}


_GROUPS: Mapping[Level, Mapping[FieldType, FieldType]] = {
    "wire": _by_type(_WIRE_GROUPS),
    "wire_json": _by_type(_JSON_GROUPS),
}


class FieldRules:
    """Compares fields that have the same number in both versions.

    Args:
        old: the version before.
        new: the version now.
        found: takes the differences.
    """

    def __init__(self, old: Schema, new: Schema, found: Differences) -> None:
        self._old = old
        self._new = new
        self._found = found
        self._groups = _GROUPS[found.level]
        self._is_json = found.level == "wire_json"

    def compare(
        self, place: str, where: str, before: Field, after: Field, *, is_in_entry: bool = False
    ) -> None:
        """Compare two fields.

        Args:
            place: the field as texts call it.
            where: its full name.
            before: the field before.
            after: the field now.
            is_in_entry: whether it is in the entry of a map, where cardinality means nothing.
        """
        if before.name != after.name:
            self._found.add(
                "field_renamed",
                where,
                f"{place} was renamed from {quoted(before.name)} to {quoted(after.name)}",
            )
        if before.json_name != after.json_name:
            self._found.add(
                "field_json_name_changed",
                where,
                f"{place} changed its name in JSON from {quoted(before.json_name)} to {quoted(after.json_name)}",
            )
        if before.type != after.type or before.type_name != after.type_name:
            self._compare_types(place, where, before, after)
        if before.cardinality != after.cardinality and not is_in_entry:
            self._compare_cardinality(place, where, before, after)
        if before.oneof != after.oneof:
            self._compare_oneofs(place, where, before, after)
        if before.default or after.default or before.type == "enum" or after.type == "enum":
            self._compare_defaults(place, where, before, after)

    def _compare_types(self, place: str, where: str, before: Field, after: Field) -> None:
        if self._groups.get(before.type, before.type) != self._groups.get(after.type, after.type):
            # Whoever takes bytes takes any text; the other way round not every value is one.
            fits = (before.type, after.type) == ("string", "bytes") and not self._is_json
        elif before.type_name == after.type_name:
            fits = True
        else:
            fits = after.type == "enum" and _has_all(
                self._new.enums.get(after.type_name), self._old.enums.get(before.type_name)
            )
        if not fits:
            self._found.add(
                "field_type_changed",
                where,
                f"{place} changed its type from {_type(before)} to {_type(after)}",
            )

    def _compare_cardinality(self, place: str, where: str, before: Field, after: Field) -> None:
        one, other = _CARDINALITY[before.cardinality], _CARDINALITY[after.cardinality]
        if one != other and (self._is_json or {one, other} != {"repeated", "map"}):
            self._found.add(
                "field_cardinality_changed",
                where,
                f"{place} was {_WORDS[before.cardinality]}, and is now {_WORDS[after.cardinality]}",
            )

    def _compare_oneofs(self, place: str, where: str, before: Field, after: Field) -> None:
        if before.oneof and after.oneof:
            text = f"moved from the oneof {quoted(before.oneof)} to {quoted(after.oneof)}"
        elif after.oneof:
            text = f"moved into the oneof {quoted(after.oneof)}"
        else:
            text = f"moved out of the oneof {quoted(before.oneof)}"
        self._found.add("field_oneof_changed", where, f"{place} {text}")

    def _compare_defaults(self, place: str, where: str, before: Field, after: Field) -> None:
        if not can_have_default(before) or not can_have_default(after):
            return
        one = default_of(before, self._old.enums.get(before.type_name))
        other = default_of(after, self._new.enums.get(after.type_name))
        if not one and not other:
            return
        if not same(one, other, is_single="float" in {before.type, after.type}):
            self._found.add(
                "field_default_changed",
                where,
                f"{place} changed its default from {_default(before, one)} to {_default(after, other)}",
            )


def _has_all(enum: Enum | None, old: Enum | None) -> bool:
    """Whether an enum is another one that has only moved: of the same short name, with all values of the old one."""
    if enum is None or old is None or enum.name.rpartition(".")[2] != old.name.rpartition(".")[2]:
        return False
    values = {value.name: value.number for value in enum.values}
    return all(values.get(value.name) == value.number for value in old.values)


def _type(field: Field) -> str:
    return f"{field.type} {quoted(field.type_name)}" if field.type_name else field.type


def _default(field: Field, value: object) -> str:
    if field.default:
        return quoted(field.default)
    return repr(value) if isinstance(value, str) else f"{value}"
