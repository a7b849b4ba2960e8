"""A store that ends with the process."""

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.ports.registry_store import (
    EntryKey,
    EntryKind,
    Position,
    RegistryStore,
    StaleRevisionError,
    StoredCatalogue,
    StoredChange,
    StoredEntry,
    StoredHistory,
    Write,
    until,
)
from collector_mesh.domain.registry.catalogue import head_of


class MemoryStore:
    """Keeps entries in memory."""

    def __init__(self) -> None:
        self._revision = 0
        self._number = 0
        self._total_bytes = 0
        self._revisions: dict[str, int] = {}
        self._dropped: dict[str, int] = {}
        self._entries: dict[EntryKey, StoredEntry] = {}
        self._changes: list[StoredChange] = []

    async def catalogue(self, namespace: str, known: int = -1) -> StoredCatalogue:
        """See the port."""
        revision = self._revisions.get(namespace, 0)
        heads = None
        if revision != known:
            found = [entry for key, entry in self._entries.items() if key.namespace == namespace]
            heads = tuple(head_of(entry) for entry in sorted(found, key=attrgetter("key")))
        return StoredCatalogue(revision, heads, len(self._revisions), self._total_bytes)

    async def read(self, keys: Sequence[EntryKey]) -> tuple[StoredEntry | None, ...]:
        """See the port."""
        return tuple(self._entries.get(key) for key in keys)

    async def newest(
        self, kind: EntryKind, namespace: str, after: Position | None, limit: int, most_bytes: int
    ) -> tuple[StoredEntry, ...]:
        """See the port."""
        found = [
            entry
            for key, entry in self._entries.items()
            if key.kind == kind and namespace in {"", key.namespace}
        ]
        found.sort(key=_place)
        if after is not None:
            found = [
                entry for entry in found if _place(entry) > (-after.created, after.namespace, after.name)
            ]
        return until(most_bytes, found[:limit])

    async def write(self, write: Write) -> int:
        """See the port."""
        if self._revisions.get(write.namespace, 0) != write.expected_revision:
            raise StaleRevisionError(f"namespace {quoted(write.namespace)} was changed by somebody else")
        self._revision += 1
        revision = self._revisions[write.namespace] = self._revision
        versions: dict[EntryKey, int] = {}
        for change in write.changes:
            self._number += 1
            versions[change.key] = self._version(change.key) + 1
            self._changes.append(attrs.evolve(change, number=self._number, version=versions[change.key]))
        for key in write.removed:
            self._remove(key)
        for entry in write.put:
            self._remove(entry.key)
            self._total_bytes += len(entry.data)
            self._entries[entry.key] = attrs.evolve(
                entry, created=entry.created or revision, revision=revision, version=versions[entry.key]
            )
        self._forget(write)
        return revision

    async def changes(self, namespace: str, name: str, before: int, limit: int) -> StoredHistory:
        """See the port."""
        found = [
            change
            for change in reversed(self._changes)
            if namespace in {"", change.key.namespace} and name in {"", change.key.name}
        ]
        if name:
            first = {change.key: change.version for change in found}
            dropped = sum(version - 1 for version in first.values())
        else:
            dropped = sum(count for where, count in self._dropped.items() if namespace in {"", where})
        if before:
            found = [change for change in found if change.number < before]
        return StoredHistory(tuple(found[:limit]), dropped)

    def _remove(self, key: EntryKey) -> None:
        before = self._entries.pop(key, None)
        self._total_bytes -= len(before.data) if before is not None else 0

    def _version(self, key: EntryKey) -> int:
        """Of the last change under a key."""
        entry = self._entries.get(key)
        told = next((change.version for change in reversed(self._changes) if change.key == key), 0)
        return max(told, entry.version if entry else 0)

    def _forget(self, write: Write) -> None:
        """Keep no more history than is to be kept."""
        of_names: dict[EntryKey, int] = {}
        of_namespace = 0
        gone: set[int] = set()
        for change in reversed(self._changes):
            if change.key.namespace != write.namespace:
                continue
            of_name = of_names[change.key] = of_names.get(change.key, 0) + 1
            if of_name > write.kept.of_name or of_namespace >= write.kept.of_namespace:
                gone.add(change.number)
            else:
                of_namespace += 1
        if gone:
            self._changes = [change for change in self._changes if change.number not in gone]
            self._dropped[write.namespace] = self._dropped.get(write.namespace, 0) + len(gone)


def _place(entry: StoredEntry) -> tuple[int, str, str]:
    return -entry.created, entry.key.namespace, entry.key.name


if TYPE_CHECKING:
    _fits: type[RegistryStore] = MemoryStore
