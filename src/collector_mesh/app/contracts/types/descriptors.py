"""The descriptors of a contract, as plain values: its types, with their numbers."""

from collections.abc import Iterator

from collector_mesh.app.contracts.numbers import Numbered, Numbers
from collector_mesh.app.contracts.types.naming import file_of
from collector_mesh.app.contracts.types.plan import EnumKind, Kind, MethodPlan, Model, Plan, Slot
from collector_mesh.app.contracts.types.scalars import Scalar
from collector_mesh.domain.model.payload import EMPTY_NAME
from collector_mesh.domain.registry.naming import entry_name_of, json_name_of
from collector_mesh.domain.registry.schema import (
    Cardinality,
    Enum,
    EnumValue,
    Field,
    FieldType,
    File,
    Message,
    Method,
    Service,
    map_entry,
)

_IMPORTS = {
    "google.protobuf.Duration": "google/protobuf/duration.proto",
    EMPTY_NAME: "google/protobuf/empty.proto",
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
}


def numbered(plan: Plan, numbers: Numbers) -> None:
    """Give every field and every value of an enum its number.

    Raises:
        ContractError: no number is left for one.
    """
    for model in plan.models:
        model.numbers = _of_model(model, numbers).numbers
    for enum in plan.enums:
        enum.numbers = _of_enum(enum, numbers).numbers


def file_for(plan: Plan, numbers: Numbers) -> File:
    """The file of a contract whose types are numbered."""
    messages = [message for model in plan.models for message in _messages(model, numbers)]
    enums = tuple(_enum(enum, numbers) for enum in plan.enums)
    service = Service(plan.service.full_name, tuple(_method(method) for method in plan.methods))
    used = {field.type_name for message in messages for field in message.fields}
    used |= {name for method in service.methods for name in (method.takes, method.gives)}
    imports = tuple(sorted({_IMPORTS[name] for name in used if name in _IMPORTS}))
    name = file_of(plan.service.full_name)
    return File(
        name, plan.package, imports=imports, messages=tuple(messages), enums=enums, services=(service,)
    )


def _of_model(model: Model, numbers: Numbers) -> Numbered:
    return numbers.of_message(model.name, [slot.name for slot in model.slots])


def _of_enum(enum: EnumKind, numbers: Numbers) -> Numbered:
    return numbers.of_enum(enum.name, [name for name, _ in enum.values])


def _method(method: MethodPlan) -> Method:
    takes = method.request.name if method.request else EMPTY_NAME
    gives = method.response.name if method.response else EMPTY_NAME
    idempotency = "idempotent" if method.types.idempotent else "unknown"
    return Method(method.types.name, takes, gives, idempotency=idempotency)  # type: ignore[arg-type]  # one of two words


def _messages(model: Model, numbers: Numbers) -> Iterator[Message]:
    """The message of a model, and those of the entries of its maps."""
    reserved = _of_model(model, numbers).reserved
    yield Message(model.name, tuple(_field(model, slot) for slot in model.slots), reserved)
    for slot in model.slots:
        if slot.hinted.key is not None:
            entry = f"{model.name}.{entry_name_of(slot.name)}"
            yield map_entry(entry, slot.hinted.key.type, *_type_of(slot.hinted.kind))


def _field(model: Model, slot: Slot) -> Field:
    number = model.numbers[slot.name]
    json_name = slot.json_name or json_name_of(slot.name)
    if slot.hinted.many == "dict":
        entry = f"{model.name}.{entry_name_of(slot.name)}"
        return Field(slot.name, number, "message", entry, "map", json_name=json_name)
    cardinality: Cardinality = "implicit"
    if slot.hinted.many != "one":
        cardinality = "repeated"
    elif slot.is_optional:
        cardinality = "optional"
    kind, name = _type_of(slot.hinted.kind)
    return Field(slot.name, number, kind, name, cardinality, json_name=json_name)


def _type_of(kind: Kind) -> tuple[FieldType, str]:
    if isinstance(kind, Scalar):
        return kind.type, kind.type_name
    return ("enum" if isinstance(kind, EnumKind) else "message"), kind.name


def _enum(enum: EnumKind, numbers: Numbers) -> Enum:
    given = _of_enum(enum, numbers)
    values = sorted(
        (EnumValue(name, given.numbers[name]) for name, _ in enum.values),
        # The first one must be 0.
        key=lambda value: value.number != 0,
    )
    return Enum(enum.name, tuple(values), given.reserved)
