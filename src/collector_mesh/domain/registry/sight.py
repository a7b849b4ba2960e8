"""The files of a namespace as they are, and as they will be once something is registered."""

from collections.abc import Iterable, Mapping

from collector_mesh.domain.ports.registry_store import EntryKey, StoredEntry
from collector_mesh.domain.registry.catalogue import Catalogue
from collector_mesh.domain.registry.closure import linked
from collector_mesh.domain.registry.reading import Reader
from collector_mesh.domain.registry.results import GivenFile
from collector_mesh.domain.registry.schema import File, Schema


class NotLoadedError(Exception):
    """Entries are needed that were not read from the store.

    Args:
        keys: theirs.
    """

    def __init__(self, keys: Iterable[EntryKey]) -> None:
        super().__init__("entries are needed that were not read")
        self.keys = tuple(keys)


class Sight:
    """Finds files by the names under which others import them: those of the namespace, then those that everybody has.

    Args:
        catalogue: what is registered.
        entries: those entries that were read.
        given: the files that are to be registered, by name.
        reader: reads descriptors.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        entries: Mapping[EntryKey, StoredEntry],
        given: Mapping[str, GivenFile],
        reader: Reader,
    ) -> None:
        self.catalogue = catalogue
        self.reader = reader
        self._entries = entries
        self._given = given
        self._old: dict[str, Schema] = {}
        self._new: dict[str, Schema] = {}

    def entry(self, key: EntryKey) -> StoredEntry | None:
        """What is registered under a key.

        Raises:
            NotLoadedError: it was not read; this names all that are needed with it.
        """
        entry = self._entries.get(key)
        head = self.catalogue.head(key)
        if entry is None and head is not None:
            names = [key.name] if key.kind == "file" else head.needs
            keys = map(self.catalogue.file_key, self.catalogue.closure(names))
            raise NotLoadedError({key: None, **{one: None for one in keys if one not in self._entries}})
        return entry

    def old(self, name: str) -> File | None:
        """A file as it is registered, or as everybody has it."""
        entry = self.entry(self.catalogue.file_key(name))
        if entry is not None:
            return self.reader.file(entry.data)
        known = self.reader.known_file(name)
        return known.schema if known is not None else None

    def new(self, name: str) -> File | None:
        """The same as it will be."""
        given = self._given.get(name)
        return given.schema if given is not None else self.old(name)

    def old_schema(self, name: str) -> Schema:
        """A registered file with all that it needs, as it is.

        Raises:
            InvalidCallError: they do not fit together.
        """
        if name not in self._old:
            self._old[name] = linked(filter(None, [self.old(name)]), find=self.old)
        return self._old[name]

    def new_schema(self, name: str) -> Schema:
        """A file with all that it needs, as it will be.

        Raises:
            InvalidCallError: they do not fit together; the text says what is missing or wrong.
        """
        if name not in self._new:
            self._new[name] = linked(filter(None, [self.new(name)]), find=self.new)
        return self._new[name]

    def data(self, name: str) -> bytes:
        """The descriptor of a file as it will be."""
        given = self._given.get(name)
        if given is not None:
            return given.data
        entry = self.entry(self.catalogue.file_key(name))
        if entry is not None:
            return entry.data
        known = self.reader.known_file(name)
        return known.data if known is not None else b""
