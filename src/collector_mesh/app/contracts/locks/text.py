"""Writes a lock file: one member a line, in a fixed order, so that the same contracts are always the same bytes.

Members stand in the order of their numbers. So two branches that give out the same number change the same place, and their merge
is a conflict.
"""

import json
from collections.abc import Mapping
from typing import Any

from collector_mesh.app.contracts.locks.lock import FORMAT, Lock, Shape, canonical
from collector_mesh.app.contracts.locks.names import entries_of, type_text
from collector_mesh.domain.registry.naming import json_name_of
from collector_mesh.domain.registry.schema import Enum, Field, Message, Method, Reserved


class _Line(dict[str, Any]):
    """An object that stands on one line."""


class _Pair(list[int]):
    """A range, which does too."""


def text_of(lock: Lock) -> str:
    """The text of a lock file."""
    contracts = {key: _contract(shape) for key, shape in sorted(lock.contracts.items())}
    return f"{_rendered({'format': FORMAT, 'contracts': contracts}, '')}\n"


def _contract(shape: Shape) -> dict[str, Any]:
    file = canonical(shape.file)
    entries = entries_of(file)
    told: dict[str, Any] = {"file": file.name, "package": file.package}
    if file.imports:
        told["imports"] = list(file.imports)
    told["methods"] = {
        method.name: _method(method) for service in file.services for method in service.methods
    }
    told["messages"] = {
        message.name: _message(message, entries, shape)
        for message in file.messages
        if message.name not in entries
    }
    if file.enums:
        told["enums"] = {enum.name: _enum(enum) for enum in file.enums}
    return told


def _method(method: Method) -> _Line:
    told = _Line(takes=method.takes, gives=method.gives)
    if method.idempotency != "unknown":
        told["idempotency"] = method.idempotency
    return told


def _message(message: Message, entries: Mapping[str, Message], shape: Shape) -> dict[str, Any]:
    fields = {field.name: _field(field, entries) for field in message.fields}
    for name, told in fields.items():
        if f"{message.name}.{name}" in shape.required:
            told["label"] = "required"
        if (form := shape.forms.get(f"{message.name}.{name}")) is not None:
            told["form"] = form
    return {"fields": fields, **_reserved(message.reserved)}


def _field(field: Field, entries: Mapping[str, Message]) -> _Line:
    told = _Line(number=field.number, type=type_text(field, entries))
    # A single message can always be absent.
    if field.cardinality == "repeated" or (field.cardinality == "optional" and field.type != "message"):
        told["label"] = field.cardinality
    if field.json_name not in {"", json_name_of(field.name)}:
        told["json_name"] = field.json_name
    return told


def _enum(enum: Enum) -> dict[str, Any]:
    return {"values": {value.name: value.number for value in enum.values}, **_reserved(enum.reserved)}


def _reserved(reserved: Reserved) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if reserved.ranges:
        told["reserved_numbers"] = [
            first if first == last else _Pair((first, last)) for first, last in reserved.ranges
        ]
    if reserved.names:
        told["reserved_names"] = list(reserved.names)
    return told


def _rendered(value: Any, indent: str) -> str:
    deeper = f"{indent}  "
    if isinstance(value, dict) and value and not isinstance(value, _Line):
        lines = [f"{deeper}{json.dumps(name)}: {_rendered(one, deeper)}" for name, one in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and value and not isinstance(value, _Pair):
        return "[\n" + ",\n".join(f"{deeper}{_rendered(one, deeper)}" for one in value) + f"\n{indent}]"
    return json.dumps(value)
