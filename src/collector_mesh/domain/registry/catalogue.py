"""What is registered in a namespace, and what needs what of it."""

from collections.abc import Iterable, Mapping

import attrs

from collector_mesh.domain.model.errors import AmbiguousError, quoted
from collector_mesh.domain.ports.registry_store import (
    EntryKey,
    StoredCatalogue,
    StoredEntry,
    StoredHead,
    Write,
)
from collector_mesh.domain.registry.indexes import Indexes, short_name

_NAMED = 5
"""Services that an error names."""


def head_of(entry: StoredEntry) -> StoredHead:
    """An entry without its descriptor."""
    return StoredHead(entry.key, entry.needs, entry.offers, len(entry.data), entry.is_dependency)


@attrs.frozen(eq=False)
class Catalogue:
    """What is registered in a namespace, without the descriptors.

    Attributes:
        namespace: where.
        revision: of the namespace; 0 where nothing was ever registered.
        namespaces: how many namespaces there are.
        total_bytes: of the descriptors of all of them.
        size: bytes of the descriptors of this one.
        files: the files by their names.
        services: the services by their full names.
    """

    namespace: str
    revision: int = 0
    namespaces: int = 0
    total_bytes: int = 0
    size: int = 0
    files: Mapping[str, StoredHead] = attrs.field(factory=dict)
    services: Mapping[str, StoredHead] = attrs.field(factory=dict)
    _indexes: Indexes = attrs.field(factory=Indexes)

    @classmethod
    def of(cls, namespace: str, stored: StoredCatalogue) -> "Catalogue":
        """What a store has."""
        empty = cls(namespace, stored.revision, stored.namespaces, stored.total_bytes)
        return empty.changed(stored.heads or (), ())

    def after(self, write: Write, revision: int) -> "Catalogue":
        """The same once something was written that expected it to be as it is."""
        return attrs.evolve(self.changed(map(head_of, write.put), write.removed), revision=revision)

    def changed(self, put: Iterable[StoredHead], removed: Iterable[EntryKey]) -> "Catalogue":
        """The same with other entries."""
        kinds = {"file": dict(self.files), "service": dict(self.services)}
        indexes = self._indexes.copy()
        coming = list(put)
        size = self.size
        for key in (*removed, *(head.key for head in coming)):
            if (before := kinds[key.kind].pop(key.name, None)) is not None:
                indexes.remove(before)
                size -= before.size
        for head in coming:
            kinds[head.key.kind][head.key.name] = head
            indexes.add(head)
            size += head.size
        return attrs.evolve(self, size=size, files=kinds["file"], services=kinds["service"], indexes=indexes)

    def head(self, key: EntryKey) -> StoredHead | None:
        """What is registered under a key."""
        return (self.files if key.kind == "file" else self.services).get(key.name)

    def size_around(self, names: Iterable[str], services: Iterable[str] = ()) -> int:
        """Bytes of all registered files that are looked at where some files and services are registered.

        Those are the files, those that have the services, what needs one of them, and all that these need.

        Args:
            names: of files.
            services: full or short names of services.
        """
        meant = dict.fromkeys(names)
        meant |= {key.name: None for service in services for key in self._indexes.offered[service]}
        return sum(self.files[name].size for name in self.closure((*meant, *self.dependents(meant))))

    def file_key(self, name: str) -> EntryKey:
        """The key of a file."""
        return EntryKey("file", self.namespace, name)

    def service_key(self, name: str) -> EntryKey:
        """The key of a service, by its full name."""
        return EntryKey("service", self.namespace, name)

    def find_service(self, name: str) -> str:
        """The full name of a registered service, by that or by its short name; empty if there is none.

        Raises:
            AmbiguousError: several have this short name.
        """
        if name in self.services:
            return name
        return self._only([key.name for key in self._indexes.short[name]], name)

    def file_that_offers(self, service: str) -> tuple[str, str]:
        """The file that has a service, by its full or its short name, and the full name; empty if none has.

        Raises:
            AmbiguousError: several have this short name.
        """
        found: dict[str, list[str]] = {}
        for key in self._indexes.offered[service]:
            for full in self.files[key.name].offers:
                if service in {full, short_name(full)}:
                    found.setdefault(full, []).append(key.name)
        full = service if service in found else self._only(list(found), service)
        files = found.get(full, [""])
        known = self.services.get(full)
        if known is not None and known.needs and known.needs[0] in files:
            return known.needs[0], full
        if len(files) > 1:
            named = ", ".join(map(quoted, sorted(files)[:_NAMED]))
            raise AmbiguousError(
                f"service {quoted(full)} is in several registered files: give one of {named}"
            )
        return files[0], full

    def closure(self, names: Iterable[str]) -> dict[str, None]:
        """Those of some files that are registered, with all registered ones that they need; in no certain order."""
        found: dict[str, None] = {}
        waiting = [name for name in names if name in self.files]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                waiting += (one for one in self.files[name].needs if one in self.files)
        return found

    def dependents(self, names: Iterable[str]) -> dict[str, None]:
        """The registered files that need one of some files, by themselves or by others; those themselves are left out."""
        given = dict.fromkeys(names)
        found: dict[str, None] = {}
        waiting = list(given)
        while waiting:
            for key in self._indexes.users[waiting.pop()]:
                if key.kind == "file" and key.name not in found and key.name not in given:
                    found[key.name] = None
                    waiting.append(key.name)
        return found

    def users(self, file: str) -> list[EntryKey]:
        """What needs a file directly: files and services."""
        return list(self._indexes.users[file])

    def left_over(self, gone: Iterable[EntryKey], put: Iterable[StoredEntry] = ()) -> dict[EntryKey, None]:
        """The files that go with a change, because nothing needs them any longer.

        Those are dependencies, and the file of a service that goes.

        Args:
            gone: entries that go.
            put: entries that come, or are there in place of those of the same key.
        """
        all_gone = dict.fromkeys(gone)
        coming = list(put)
        waiting: list[tuple[str, bool]] = []
        for key in all_gone:
            head = self.head(key)
            waiting += ((name, key.kind == "service") for name in (head.needs if head else ()))
        for entry in coming:
            head = self.head(entry.key)
            waiting += ((name, False) for name in (head.needs if head else ()) if name not in entry.needs)
        after = self.changed(map(head_of, coming), all_gone) if waiting else self
        found: dict[EntryKey, None] = {}
        while waiting:
            # What a file has needed comes after it, and is looked at again for each that has needed it.
            name, is_own = waiting.pop()
            head = after.files.get(name)
            if head is None or head.key in found or not (head.is_dependency or is_own):
                continue
            if any(key not in found for key in after.users(name)):
                continue
            waiting += ((needed, False) for needed in head.needs)
            found[head.key] = None
        return found

    def _only(self, found: list[str], name: str) -> str:
        if len(found) > 1:
            named = ", ".join(sorted(found)[:_NAMED]) + (", …" if len(found) > _NAMED else "")
            raise AmbiguousError(
                f"service {quoted(name)} is ambiguous in namespace {quoted(self.namespace)}: use the full name, of {named}"
            )
        return found[0] if found else ""


class Catalogues:
    """The catalogues that were used last; those of a namespace whose revision has changed are of no use.

    Args:
        most: entries that all of them have together, about.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, Catalogue] = {}

    def revision(self, namespace: str) -> int:
        """Of the catalogue that is known of a namespace; -1 for none."""
        known = self._known.get(namespace)
        return known.revision if known is not None else -1

    def of(self, namespace: str, stored: StoredCatalogue) -> Catalogue | None:
        """The catalogue for what a store has given that was told which revision is known; None if that is forgotten."""
        if stored.heads is not None:
            found = Catalogue.of(namespace, stored)
        elif (known := self._known.get(namespace)) is not None:
            found = attrs.evolve(known, namespaces=stored.namespaces, total_bytes=stored.total_bytes)
        else:
            return None
        self.put(found)
        return found

    def put(self, catalogue: Catalogue) -> None:
        """Know one of a namespace, unless a later one is known."""
        known = self._known.pop(catalogue.namespace, catalogue)
        self._known[catalogue.namespace] = catalogue if catalogue.revision >= known.revision else known
        count = sum(len(one.files) + len(one.services) for one in self._known.values())
        while count > self._most and len(self._known) > 1:
            oldest = self._known.pop(next(iter(self._known)))
            count -= len(oldest.files) + len(oldest.services)
