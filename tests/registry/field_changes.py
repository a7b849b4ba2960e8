"""Changes to a field of a message, made by dice."""

from collections.abc import Callable, Mapping

import attrs
from tests.registry.made_files import KEYS, SCALARS, Maker

from collector_mesh.domain.registry.naming import json_name_of
from collector_mesh.domain.registry.schema import Field, File, Message


def rename(_maker: Maker, _file: File, message: Message, field: Field) -> Field | None:
    """With its name in JSON."""
    if message.is_map_entry or field.cardinality == "map":
        return None
    name = f"{field.name}_new"
    return attrs.evolve(field, name=name, json_name=json_name_of(name))


def rename_only(_maker: Maker, _file: File, message: Message, field: Field) -> Field | None:
    """But not in JSON."""
    return None if message.is_map_entry else attrs.evolve(field, name=f"{field.name}_new")


def rename_in_json(_maker: Maker, _file: File, message: Message, field: Field) -> Field | None:
    """And nowhere else."""
    return None if message.is_map_entry else attrs.evolve(field, json_name=f"{field.json_name}New")


def renumber(maker: Maker, _file: File, message: Message, field: Field) -> Field | None:
    """To a number that is free."""
    return None if message.is_map_entry else attrs.evolve(field, number=maker.free_number(message))


def retype(maker: Maker, _file: File, message: Message, field: Field) -> Field | None:
    """To a scalar; the default goes, or stays if it fits."""
    if field.cardinality == "map":
        return None
    types = KEYS if message.is_map_entry and field.name == "key" else SCALARS
    default = field.default if maker.dice.random() < 0.5 else ""
    return attrs.evolve(field, type=maker.dice.choice(types), type_name="", default=default)


def retype_alike(maker: Maker, _file: File, _message: Message, field: Field) -> Field | None:
    """To a type that is written alike."""
    groups = (
        ("int32", "uint32", "int64", "uint64", "bool"),
        ("sint32", "sint64"),
        ("fixed32", "sfixed32"),
        ("fixed64", "sfixed64"),
        ("string", "bytes"),
        ("float", "double"),
    )
    for group in groups:
        if field.type in group:
            return attrs.evolve(field, type=maker.dice.choice(group))  # type: ignore[arg-type]  # all are types
    return None


def to_message(maker: Maker, file: File, message: Message, field: Field) -> Field | None:
    """To a message, or to another one."""
    if field.cardinality == "map" or (message.is_map_entry and field.name == "key"):
        return None
    name = maker.dice.choice([one.name for one in file.messages if not one.is_map_entry])
    cardinality = "optional" if field.cardinality == "implicit" else field.cardinality
    return attrs.evolve(field, type="message", type_name=name, cardinality=cardinality, default="")


def to_enum(maker: Maker, file: File, message: Message, field: Field) -> Field | None:
    """To an enum, or to another one."""
    if field.cardinality == "map" or (message.is_map_entry and field.name == "key"):
        return None
    return attrs.evolve(field, type="enum", type_name=maker.dice.choice(file.enums).name, default="")


def count(maker: Maker, file: File, message: Message, field: Field) -> Field | None:
    """How many values it has."""
    if message.is_map_entry or field.cardinality == "map" or field.oneof:
        return None
    return attrs.evolve(field, cardinality=maker.cardinality(file.syntax), default="")


def from_map(maker: Maker, _file: File, _message: Message, field: Field) -> Field | None:
    """A map becomes a list of what is not its entry any more."""
    if field.cardinality != "map":
        return None
    return attrs.evolve(field, cardinality="repeated", type=maker.dice.choice(SCALARS), type_name="")


def into_oneof(maker: Maker, _file: File, message: Message, field: Field) -> Field | None:
    """Into one, or into another one."""
    if message.is_map_entry or field.cardinality not in {"implicit", "optional"}:
        return None
    return attrs.evolve(field, cardinality="optional", oneof=maker.dice.choice(("pick", "choice", "other")))


def out_of_oneof(_maker: Maker, _file: File, _message: Message, field: Field) -> Field | None:
    """To a field by itself."""
    return attrs.evolve(field, oneof="") if field.oneof else None


def default(maker: Maker, file: File, message: Message, field: Field) -> Field | None:
    """Another one, or none."""
    if file.syntax == "proto3" or message.is_map_entry or field.cardinality not in {"optional", "required"}:
        return None
    texts = {
        "string": ("", "a", "0"),
        "bytes": ("", "a", "\\001", "\\x01"),
        "bool": ("", "true", "false"),
        "float": ("", "0", "0.1", "1", "nan", "inf"),
        "double": ("", "0", "0.1", "1", "nan", "inf"),
    }.get(field.type, ("", "0", "1", "7"))
    if field.type == "enum":
        enum = next((one for one in file.enums if one.name == field.type_name), None)
        texts = ("", *(value.name for value in enum.values)) if enum is not None else ("",)
    return attrs.evolve(field, default=maker.dice.choice(texts))


FIELD_CHANGES: Mapping[str, Callable[[Maker, File, Message, Field], Field | None]] = {
    "rename_field": rename,
    "rename_field_but_not_in_json": rename_only,
    "rename_field_in_json": rename_in_json,
    "renumber_field": renumber,
    "retype_field": retype,
    "retype_field_alike": retype_alike,
    "field_to_message": to_message,
    "field_to_enum": to_enum,
    "count_of_field": count,
    "map_to_list": from_map,
    "field_into_oneof": into_oneof,
    "field_out_of_oneof": out_of_oneof,
    "default_of_field": default,
}
