"""What has changed between two descriptors of a contract, for people: one short line each, with no verdict."""

from collections.abc import Mapping

from collector_mesh.app.contracts.locks.lock import canonical
from collector_mesh.app.contracts.locks.names import entries_of, type_text
from collector_mesh.domain.registry.schema import Field, File, Message, Method, Reserved


def changes(old: File, new: File) -> tuple[str, ...]:
    """What differs, in the order of names; nothing if both are the same to a lock file."""
    before, after = canonical(old), canonical(new)
    if before == after:
        return ()
    found = _compared(_facts(before), _facts(after)) or _compared(_reserved(before), _reserved(after))
    return tuple(found) or (f"the files that {new.name} imports",)


def _compared(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    told = []
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was is None:
            told.append(f"{name} is new: {now}")
        elif now is None:
            told.append(f"{name} is gone: {was}")
        elif was != now:
            told.append(f"{name} has changed from {was} to {now}")
    return told


def _facts(file: File) -> dict[str, str]:
    entries = entries_of(file)
    facts = {"the name of the file": file.name, "the package": file.package or "none"}
    for message in file.messages:
        if message.name not in entries:
            facts[message.name] = "message"
            facts.update({f"{message.name}.{one.name}": _field(one, entries) for one in message.fields})
    for enum in file.enums:
        facts[enum.name] = "enum"
        facts.update({f"{enum.name}.{one.name}": f"number {one.number}" for one in enum.values})
    for service in file.services:
        facts.update({f"{service.name}.{method.name}": _method(method) for method in service.methods})
    return facts


def _field(field: Field, entries: Mapping[str, Message]) -> str:
    is_labeled = field.cardinality in {"optional", "repeated"} and (
        field.type != "message" or field.cardinality == "repeated"
    )
    label = f"{field.cardinality} " if is_labeled else ""
    return f"{label}{type_text(field, entries)}, number {field.number}"


def _method(method: Method) -> str:
    repeated = "" if method.idempotency == "unknown" else f", {method.idempotency.replace('_', ' ')}"
    return f"takes {method.takes}, gives {method.gives}{repeated}"


def _reserved(file: File) -> dict[str, str]:
    owners = [(one.name, one.reserved) for one in file.messages]
    owners += [(one.name, one.reserved) for one in file.enums]
    return {
        f"what {name} reserves": reserved_text(reserved)
        for name, reserved in owners
        if reserved != Reserved()
    }


def reserved_text(reserved: Reserved) -> str:
    """Reserved numbers and names, as a .proto writes them: `2, 5 to 9, "note"`."""
    numbers = (str(first) if first == last else f"{first} to {last}" for first, last in reserved.ranges)
    return ", ".join((*numbers, *(f'"{name}"' for name in reserved.names)))
