"""Classes of messages for the values of a contract.

Their fields are called by their numbers, `f1` and so on: whatever a field is called in the contract, it never stands in the
way of a method of messages. On the wire there are only numbers.
"""

from typing import Any

from collector_mesh.app.contracts.types.plan import EnumKind, Kind, Model, Plan, Slot
from collector_mesh.domain.model.payload import EMPTY_NAME
from collector_mesh.domain.registry.schema import Cardinality, Field, FieldType, File, Message, map_entry

_TIME = Message("Time", (Field("f1", 1, "int64"), Field("f2", 2, "int32")))
"""In place of Timestamp and Duration, which have the same two fields, and to which protobuf adds methods of their own."""

_NOTHING = Message("Nothing")


def classes_of(plan: Plan) -> dict[str, Any]:
    """The class of each message of a contract, whose types are numbered, and of Empty, by their full names."""
    from collector_mesh.adapters.wire.message_classes import classes_for

    places = {model.name: f"M{place}" for place, model in enumerate(plan.models)}
    messages = [_TIME, _NOTHING]
    for model in plan.models:
        messages += _messages(model, places)
    made = classes_for(File("contract.proto", messages=tuple(messages)), [_NOTHING.name, *places.values()])
    return {EMPTY_NAME: made[_NOTHING.name], **{name: made[place] for name, place in places.items()}}


def _messages(model: Model, places: dict[str, str]) -> list[Message]:
    """The message of a model, and those of the entries of its maps."""
    place = places[model.name]
    entries = []
    for slot in model.slots:
        if slot.hinted.key is not None:
            entry = f"{place}.{_entry(model, slot)}"
            entries.append(map_entry(entry, slot.hinted.key.type, *_type_of(slot.hinted.kind, places)))
    return [Message(place, tuple(_field(model, slot, places) for slot in model.slots)), *entries]


def _entry(model: Model, slot: Slot) -> str:
    return f"F{model.numbers[slot.name]}Entry"


def _field(model: Model, slot: Slot, places: dict[str, str]) -> Field:
    number = model.numbers[slot.name]
    name = f"f{number}"
    if slot.hinted.key is not None:
        return Field(name, number, "message", f"{places[model.name]}.{_entry(model, slot)}", "map")
    kind, type_name = _type_of(slot.hinted.kind, places)
    # A zero is written, whether or not it has to be: in another version of the contract the field may have a default.
    cardinality: Cardinality = "optional" if slot.hinted.many == "one" else "repeated"
    return Field(name, number, kind, type_name, cardinality)


def _type_of(kind: Kind, places: dict[str, str]) -> tuple[FieldType, str]:
    if isinstance(kind, EnumKind):
        # An enum travels as an int32; which numbers there are is seen to when a value is read.
        return "int32", ""
    if isinstance(kind, Model):
        return "message", places[kind.name]
    return kind.type, _TIME.name if kind.type == "message" else ""
