"""What is registered in a namespace, and what needs what of it."""

from collections.abc import Iterable, Mapping

from collector_mesh.domain.model.errors import AmbiguousError, quoted
from collector_mesh.domain.ports.registry_store import EntryKey, StoredCatalogue, StoredHead

_NAMED = 5
"""Services that an error names."""


def short_name(name: str) -> str:
    """The last part of a full name."""
    return name.rpartition(".")[2]


class Catalogue:
    """What is registered in a namespace, without the descriptors.

    Args:
        namespace: where.
        stored: what the store has of it.
    """

    def __init__(self, namespace: str, stored: StoredCatalogue) -> None:
        self.namespace = namespace
        self.stored = stored
        self.files: Mapping[str, StoredHead] = {
            head.key.name: head for head in stored.heads if head.key.kind == "file"
        }
        self.services: Mapping[str, StoredHead] = {
            head.key.name: head for head in stored.heads if head.key.kind == "service"
        }

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
        return self._only([full for full in self.services if short_name(full) == name], name)

    def file_that_offers(self, service: str) -> tuple[str, str]:
        """The file that has a service, by its full or its short name, and the full name; empty if none has.

        Raises:
            AmbiguousError: several have this short name.
        """
        offered = {full: file for file, head in self.files.items() for full in head.offers}
        if service in offered:
            return offered[service], service
        full = self._only([full for full in offered if short_name(full) == service], service)
        return offered.get(full, ""), full

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
        importers: dict[str, list[str]] = {}
        for name, head in self.files.items():
            for needed in head.needs:
                importers.setdefault(needed, []).append(name)
        given = dict.fromkeys(names)
        found: dict[str, None] = {}
        waiting = list(given)
        while waiting:
            for name in importers.get(waiting.pop(), ()):
                if name not in found and name not in given:
                    found[name] = None
                    waiting.append(name)
        return found

    def users(self, file: str) -> list[str]:
        """What needs a file directly: files and services."""
        return [head.key.name for head in self.stored.heads if file in head.needs]

    def left_over(self, gone: Iterable[EntryKey]) -> dict[EntryKey, None]:
        """What goes with some entries: the file of a service, and dependencies, once nothing else needs them."""
        all_gone = dict.fromkeys(gone)
        found: dict[EntryKey, None] = {}
        waiting = [(name, key.kind == "service") for key in all_gone for name in self._head(key).needs]
        while waiting:
            # What it has needed comes after it, and is looked at again for each that has needed it.
            name, is_own = waiting.pop()
            head = self.files.get(name)
            if head is None or head.key in all_gone or not (head.is_dependency or is_own):
                continue
            if any(name in other.needs for other in self.stored.heads if other.key not in all_gone):
                continue
            all_gone[head.key] = found[head.key] = None
            waiting += ((needed, False) for needed in head.needs)
        return found

    def _head(self, key: EntryKey) -> StoredHead:
        return (self.files if key.kind == "file" else self.services)[key.name]

    def _only(self, found: list[str], name: str) -> str:
        if len(found) > 1:
            named = ", ".join(sorted(found)[:_NAMED]) + (", …" if len(found) > _NAMED else "")
            raise AmbiguousError(
                f"service {quoted(name)} is ambiguous in namespace {quoted(self.namespace)}: use the full name, of {named}"
            )
        return found[0] if found else ""
