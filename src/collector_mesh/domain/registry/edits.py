"""What a new version of a file or a service changes, for the history: also what breaks nobody."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from collector_mesh.domain.model.errors import clipped, quoted
from collector_mesh.domain.registry.schema import Enum, Field, File, Message, Method, Service

V = TypeVar("V")

_WORD = re.compile(r"[A-Za-z0-9_.+-]{1,256}")

MAX_TOLD = 50
"""Lines of what has changed, at most; a last one says how many more there are."""


def edits_of_file(old: File, new: File) -> tuple[str, ...]:
    """What is different in a file, a line each."""
    told: list[str] = []
    if old.package != new.package:
        told.append(f"package {old.package or '(none)'} is now {new.package or '(none)'}")
    told += [f"import {name} was added" for name in new.imports if name not in old.imports]
    told += [f"import {name} was removed" for name in old.imports if name not in new.imports]
    told += _compared("message", _named(old.messages), _named(new.messages), _message)
    told += _compared("enum", _named(old.enums), _named(new.enums), _enum)
    told += _compared("service", _named(old.services), _named(new.services), edits_of_service)
    return bounded(told or ["options, or the order of what is in it, have changed"])


def edits_of_service(old: Service, new: Service) -> list[str]:
    """What is different in a service, a line each."""
    return _compared(
        f"{new.name}: method",
        {one.name: one for one in old.methods},
        {one.name: one for one in new.methods},
        _method,
    )


def bounded(told: Iterable[str]) -> tuple[str, ...]:
    """Not more lines than are told."""
    lines = tuple(dict.fromkeys(map(clipped, told)))
    if len(lines) <= MAX_TOLD:
        return lines
    return (*lines[: MAX_TOLD - 1], f"{len(lines) - MAX_TOLD + 1} more")


def _named(values: Iterable[V]) -> dict[str, V]:
    return {one.name: one for one in values}  # type: ignore[attr-defined]  # messages, enums and services have names


def _compared(
    what: str, old: Mapping[str, V], new: Mapping[str, V], changed: Callable[[V, V], Iterable[str]]
) -> list[str]:
    told = [f"{what} {name} was added" for name in new if name not in old]
    told += [f"{what} {name} was removed" for name in old if name not in new]
    for name, value in new.items():
        before = old.get(name)
        if before is not None and before != value:
            told += changed(before, value)
    return told


def _message(old: Message, new: Message) -> list[str]:
    told = _compared(
        f"{new.name}: field",
        {f"{one.name} ({one.number})": one for one in old.fields},
        {f"{one.name} ({one.number})": one for one in new.fields},
        lambda before, after: [f"{new.name}: field {after.name} ({after.number}) {_field(before, after)}"],
    )
    return told or [f"{new.name}: reserved or extension ranges have changed"]


def _field(old: Field, new: Field) -> str:
    for what, before, after in (
        ("type", old.type_name or old.type, new.type_name or new.type),
        ("cardinality", old.cardinality, new.cardinality),
        ("oneof", old.oneof, new.oneof),
        ("JSON name", old.json_name, new.json_name),
        ("default", old.default, new.default),
    ):
        if before != after:
            return f"has the {what} {_shown(after)}, was {_shown(before)}"
    return "has changed"


def _shown(value: str) -> str:
    """A word as it is; what others may have written anything into with quotes, and escaped."""
    return (value if _WORD.fullmatch(value) else quoted(value)) if value else "(none)"


def _enum(old: Enum, new: Enum) -> list[str]:
    told = _compared(
        f"{new.name}: value",
        {f"{one.name} ({one.number})": one for one in old.values},
        {f"{one.name} ({one.number})": one for one in new.values},
        lambda _before, _after: [],
    )
    return told or [f"{new.name}: reserved ranges or options have changed"]


def _method(old: Method, new: Method) -> list[str]:
    told = [
        f"{what} {after}, was {before}"
        for what, before, after in (
            ("takes", old.takes, new.takes),
            ("gives", old.gives, new.gives),
            ("client streaming", old.client_streaming, new.client_streaming),
            ("server streaming", old.server_streaming, new.server_streaming),
            ("idempotency", old.idempotency, new.idempotency),
        )
        if before != after
    ]
    return [f"method {new.name}: {', '.join(told)}"]
