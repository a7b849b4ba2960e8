"""Entries as a registry shows them."""

from collector_mesh.domain.ports.registry_store import StoredChange, StoredEntry
from collector_mesh.domain.registry.reading import Reader
from collector_mesh.domain.registry.results import Change, Outcome, RegisteredFile, RegisteredService


def file_answer(
    entry: StoredEntry, reader: Reader, outcome: Outcome = "unchanged", differences: tuple[str, ...] = ()
) -> RegisteredFile:
    """A file."""
    file = reader.file(entry.data)
    prefix = f"{file.package}." if file.package else ""
    names = (message.name.removeprefix(prefix) for message in file.messages)
    return RegisteredFile(
        id=f"{entry.key.namespace}/{entry.key.name}",
        namespace=entry.key.namespace,
        name=entry.key.name,
        data=entry.data,
        message_names=tuple(name for name in names if "." not in name),
        dependencies=entry.needs,
        created_at=entry.created_at,
        updated_at=entry.updated_at,
        labels=entry.labels,
        outcome=outcome,
        differences=differences,
    )


def service_answer(
    entry: StoredEntry, reader: Reader, outcome: Outcome = "unchanged", differences: tuple[str, ...] = ()
) -> RegisteredService:
    """A service."""
    return RegisteredService(
        id=f"{entry.key.namespace}/{entry.key.name}",
        namespace=entry.key.namespace,
        name=entry.key.name,
        data=entry.data,
        method_names=tuple(method.name for method in reader.service(entry.data).methods),
        file="".join(entry.needs),
        created_at=entry.created_at,
        updated_at=entry.updated_at,
        labels=entry.labels,
        outcome=outcome,
        differences=differences,
    )


def change_answer(change: StoredChange) -> Change:
    """A change."""
    return Change(
        number=change.number,
        namespace=change.key.namespace,
        kind=change.key.kind,
        name=change.key.name,
        action=change.action,
        at=change.at,
        by=change.by,
        details=change.details,
        is_forced=change.is_forced,
        version=change.version,
    )
