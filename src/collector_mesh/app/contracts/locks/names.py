"""Names and types as a lock file and a .proto write them."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from collector_mesh.domain.registry.schema import Field, FieldType, File, Message

SCALARS: tuple[str, ...] = tuple(
    name for name in get_args(FieldType) if name not in {"message", "group", "enum"}
)
"""The types that need no definition."""

MAP_KEYS = frozenset(SCALARS) - {"double", "float", "bytes"}
"""The types that a key of a map may have."""

OF_PROTOBUF = "google.protobuf."
"""How the names of the well-known types begin; they are defined elsewhere."""

_TYPE = re.compile(r"(?:(?P<kind>message|enum) )?(?P<name>[A-Za-z_][\w.]*)", re.ASCII)
_MAP = re.compile(r"map<(?P<key>\w+), (?P<value>[^<>]+)>", re.ASCII)


def type_text(field: Field, entries: Mapping[str, Message] = MappingProxyType({})) -> str:
    """The type of a field as a lock file has it: `string`, `message shop.Order`, `map<string, enum shop.Size>`.

    Args:
        field: the field.
        entries: the messages of maps by their full names.
    """
    if field.cardinality == "map":
        key, value = (
            type_text(one) for one in sorted(entries[field.type_name].fields, key=lambda one: one.number)
        )
        return f"map<{key}, {value}>"
    return f"{field.type} {field.type_name}" if field.type_name else field.type


def entries_of(file: File) -> dict[str, Message]:
    """The messages that protobuf makes of the maps in a file, by their full names."""
    return {message.name: message for message in file.messages if message.is_map_entry}


def type_of(text: str) -> tuple[FieldType, str] | None:
    """The type, and the name of the message or enum, that a text stands for which is no map; None if it stands for none."""
    match = _TYPE.fullmatch(text)
    if match is None:
        return None
    kind, name = match["kind"], match["name"]
    if kind == "message":
        return "message", name
    if kind == "enum":
        return "enum", name
    return (name, "") if name in SCALARS else None  # type: ignore[return-value]  # just looked


def map_of(text: str) -> tuple[str, str] | None:
    """The types of the keys and of the values of a map, as texts; None if the text stands for no map."""
    match = _MAP.fullmatch(text)
    return None if match is None else (match["key"], match["value"])
