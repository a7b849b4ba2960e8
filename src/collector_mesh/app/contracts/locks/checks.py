"""The contract of a lock file, each member of it checked by itself and beside the others."""

from collections.abc import Collection, Sequence

import attrs

from collector_mesh.app.contracts.locks.lock import FORMS, Shape
from collector_mesh.app.contracts.locks.names import (
    MAP_KEYS,
    OF_PROTOBUF,
    SCALARS,
    map_of,
    type_of,
)
from collector_mesh.app.contracts.locks.node import Node
from collector_mesh.app.contracts.numbers import MAX_VALUE_NUMBER, MIN_VALUE_NUMBER
from collector_mesh.app.contracts.types.naming import MAX_FULL_NAME
from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.model.names import IDENTIFIER, IDENTIFIERS, MAX_IDENTIFIERS, NAME
from collector_mesh.domain.registry.naming import entry_name_of, json_name_of
from collector_mesh.domain.registry.ranges import Ranges
from collector_mesh.domain.registry.schema import (
    FIRST_OWN_NUMBER,
    LAST_OWN_NUMBER,
    MAX_NUMBER,
    Enum,
    EnumValue,
    Field,
    FieldType,
    File,
    Message,
    Method,
    Reserved,
    Service,
    map_entry,
)

_LABELS = ("optional", "repeated", "required")
_IDEMPOTENCY = ("idempotent", "no_side_effects")


@attrs.frozen
class _Names:
    """What is defined in a contract, so that a type is known for what it is; and what its fields have come to."""

    messages: Collection[str]
    enums: Collection[str]
    entries: list[Message] = attrs.Factory(list)
    required: set[str] = attrs.Factory(set)
    forms: dict[str, str] = attrs.Factory(dict)


def contract_of_node(key: str, node: Node) -> Shape:
    """What a lock file keeps of a contract.

    Args:
        key: `NAMESPACE/SERVICE`.
        node: what the lock file has of it.

    Raises:
        LockFileError: it cannot be used; the text says where and why.
    """
    namespace, slash, service = key.partition("/")
    if not slash or not NAME.fullmatch(namespace) or not _is_full_name(service):
        node.fail("the name of a contract must be NAMESPACE/SERVICE")
    node.only("file", "package", "imports", "methods", "messages", "enums")
    package = node.part("package").text()
    if package != service.rpartition(".")[0]:
        node.part("package").fail(
            f"must be {quoted(service.rpartition('.')[0])}, as in the name of the service"
        )
    messages = node.part("messages").items()
    enums = [] if (part := node.maybe("enums")) is None else part.items()
    names = _Names({name for name, _ in messages}, {name for name, _ in enums})
    for name, one in (*messages, *enums):
        _check_name(name, one, package, names)
    file = File(
        node.part("file").text(),
        package,
        imports=()
        if (part := node.maybe("imports")) is None
        else tuple(one.text() for one in part.elements()),
        messages=(*(_message(name, one, names) for name, one in messages), *names.entries),
        enums=tuple(_enum(name, one) for name, one in enums),
        services=(Service(service, tuple(_method(*each, names) for each in node.part("methods").items())),),
    )
    return Shape(file, frozenset(names.required), names.forms)


def _is_full_name(name: str, most: int = MAX_IDENTIFIERS) -> bool:
    return len(name) <= most and IDENTIFIERS.fullmatch(name) is not None


def _check_name(name: str, node: Node, package: str, names: _Names) -> None:
    if not _is_full_name(name, MAX_FULL_NAME) or (package and not name.startswith(f"{package}.")):
        node.fail(f"must be the full name of a type in the package {quoted(package)}")
    if name in names.messages and name in names.enums:
        node.fail("is the name of a message and of an enum")


def _message(name: str, node: Node, names: _Names) -> Message:
    node.only("fields", "reserved_numbers", "reserved_names")
    reserved = _reserved(node, 1, MAX_NUMBER)
    fields = []
    for field, part in node.part("fields").items():
        fields.append(_field(name, field, part, names))
    _check_members([(field.name, field.number) for field in fields], node.part("fields"), reserved)
    return Message(name, tuple(fields), reserved)


def _field(message: str, name: str, node: Node, names: _Names) -> Field:
    node.only("number", "type", "label", "form", "json_name")
    number = node.part("number").number(1, MAX_NUMBER)
    if FIRST_OWN_NUMBER <= number <= LAST_OWN_NUMBER:
        node.part("number").fail(
            f"{number} is one of {FIRST_OWN_NUMBER} to {LAST_OWN_NUMBER}, which protobuf keeps for itself"
        )
    json = json_name_of(name) if (part := node.maybe("json_name")) is None else part.text()
    label = None if (part := node.maybe("label")) is None else part.one_of(_LABELS)
    given = node.part("type")
    if (part := node.maybe("form")) is not None:
        names.forms[f"{message}.{name}"] = part.one_of(FORMS)
    pair = map_of(given.text())
    if pair is None:
        kind, type_name = _type(given, given.text(), names)
        # A single message can always be absent.
        cardinality = label or ("optional" if kind == "message" else "implicit")
        if label == "required":
            names.required.add(f"{message}.{name}")
            cardinality = "optional" if kind == "message" else "implicit"
        return Field(name, number, kind, type_name, cardinality, json_name=json)  # type: ignore[arg-type]  # just looked
    if label is not None:
        node.fail("a map has no label")
    if pair[0] not in MAP_KEYS:
        given.fail(f"the keys of a map must be one of {', '.join(sorted(MAP_KEYS))}, got {quoted(pair[0])}")
    (key, _), value = _type(given, pair[0], names), _type(given, pair[1], names)
    entry = map_entry(f"{message}.{entry_name_of(name)}", key, *value)
    if entry.name in names.messages or entry.name in names.enums:
        node.fail(f"protobuf needs the name {quoted(entry.name)} for the entries of this map")
    names.entries.append(entry)
    return Field(name, number, "message", entry.name, "map", json_name=json)


def _type(node: Node, text: str, names: _Names) -> tuple[FieldType, str]:
    found = type_of(text)
    if found is None:
        node.fail(
            f"must be one of {', '.join(SCALARS)}, or 'message NAME', 'enum NAME', 'map<KEY, VALUE>', got {quoted(text)}"
        )
    kind, name = found
    known = names.enums if kind == "enum" else names.messages
    if name and name not in known and not name.startswith(OF_PROTOBUF):
        node.fail(f"there is no {kind} {quoted(name)} in this contract")
    return found


def _enum(name: str, node: Node) -> Enum:
    node.only("values", "reserved_numbers", "reserved_names")
    reserved = _reserved(node, MIN_VALUE_NUMBER, MAX_VALUE_NUMBER)
    parts = node.part("values").items()
    values = [EnumValue(value, part.number(MIN_VALUE_NUMBER, MAX_VALUE_NUMBER)) for value, part in parts]
    if 0 not in {value.number for value in values}:
        node.part("values").fail("one of them must have the number 0, which stands for none")
    _check_members([(value.name, value.number) for value in values], node.part("values"), reserved)
    return Enum(name, tuple(values), reserved)


def _check_members(members: Sequence[tuple[str, int]], node: Node, reserved: Reserved) -> None:
    """See that no number is there twice, none is reserved, and that they are in order.

    A lock file is written in the order of the numbers. So two numbers that were swapped by hand are seen.
    """
    seen: dict[int, str] = {}
    for name, number in members:
        if not IDENTIFIER.fullmatch(name) or len(name) > MAX_IDENTIFIERS:
            node.fail(
                f"{quoted(name)} is no name; letters, digits and _ are allowed, and at most {MAX_IDENTIFIERS} of them"
            )
        if number in seen:
            node.fail(
                f"{seen[number]!r} and {name!r} both have the number {number}. Delete the one that nobody uses yet, and"
                " lock the contract again: it gets a free number"
            )
        if reserved.has_number(number):
            node.fail(
                f"{name!r} has the number {number}, which is reserved: delete the member, and lock the contract again"
            )
        if name in reserved.names:
            node.fail(f"the name {name!r} is reserved: delete the member, and lock the contract again")
        if seen and number < (before := next(reversed(seen))):
            node.fail(
                f"{name!r} with the number {number} stands after {seen[before]!r} with the number {before}, and they are"
                " written in the order of their numbers. A number must not be changed: restore the file from version"
                " control; after a merge that is right put the lines in order"
            )
        seen[number] = name


def _reserved(node: Node, first: int, last: int) -> Reserved:
    ranges = []
    numbers = () if (part := node.maybe("reserved_numbers")) is None else part.elements()
    for one in numbers:
        pair = [one, one] if type(one.value) is int else one.elements()
        if len(pair) != 2:
            one.fail("must be a number, or the first and the last one of several")
        start, end = (each.number(first, last) for each in pair)
        if start > end:
            one.fail(f"the first number must not be after the last one, got {start} and {end}")
        ranges.append((start, end))
    names = () if (part := node.maybe("reserved_names")) is None else (one.text() for one in part.elements())
    return Reserved(tuple(Ranges(ranges)), tuple(sorted(set(names))))


def _method(name: str, node: Node, names: _Names) -> Method:
    node.only("takes", "gives", "idempotency")
    if not IDENTIFIER.fullmatch(name) or len(name) > MAX_IDENTIFIERS:
        node.fail(f"{quoted(name)} is no name of a method")
    takes, gives = (_message_name(node.part(part), names) for part in ("takes", "gives"))
    idempotency = "unknown" if (given := node.maybe("idempotency")) is None else given.one_of(_IDEMPOTENCY)
    return Method(name, takes, gives, idempotency=idempotency)  # type: ignore[arg-type]  # just looked


def _message_name(node: Node, names: _Names) -> str:
    name = node.text()
    if name not in names.messages and not name.startswith(OF_PROTOBUF):
        node.fail(f"there is no message {quoted(name)} in this contract")
    return name
