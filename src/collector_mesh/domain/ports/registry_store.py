"""Port: keeps what a registry knows, where it outlives the process."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import attrs

from collector_mesh.domain.model.errors import ConflictError, UnavailableError

EntryKind = Literal["file", "service"]

Action = Literal["registered", "changed", "deregistered"]
"""What became of an entry."""


class StaleRevisionError(ConflictError):
    """Somebody else has changed the namespace since it was looked at; nothing was written."""


_PLACE = re.compile(r"""registry (?:'[^']*'|"[^"]*"):?""")
"""How such errors begin that name a file."""


class RegistryError(UnavailableError):
    """The store of a registry cannot be used, now or at all; the text says why, and where it is."""

    @property
    def told(self) -> str:
        """The text for callers from elsewhere, whom it does not concern where the file is."""
        return _PLACE.sub("the registry", str(self))


class EntryKey(NamedTuple):
    """What an entry is kept under.

    Attributes:
        kind: whether it is a file or a service.
        namespace: the namespace that it is in.
        name: the path of the file, or the full name of the service.
    """

    kind: EntryKind
    namespace: str
    name: str


@attrs.frozen
class StoredEntry:
    """A file or a service.

    Attributes:
        key: what it is kept under.
        data: its descriptor.
        needs: the files that it needs: those that a file imports, or the one that a service is in.
        offers: the full names of the services that a file has.
        labels: what was said of it.
        created_at: when it was registered, in seconds since 1970.
        updated_at: when it was last changed, likewise.
        is_dependency: whether it is a file that came with others only, and goes with the last of them.
        created: the revision that it came with; 0 has the store put in that of the write.
        revision: the revision that it was last changed with; the store puts it in.
        version: how often it was registered and changed under this name; the store puts it in.
    """

    key: EntryKey
    data: bytes
    needs: tuple[str, ...]
    offers: tuple[str, ...]
    labels: Mapping[str, str]
    created_at: float
    updated_at: float
    is_dependency: bool = False
    created: int = 0
    revision: int = 0
    version: int = 0


@attrs.frozen
class StoredHead:
    """What there is to know of an entry without its descriptor.

    Attributes:
        key: what it is kept under.
        needs: see `StoredEntry`.
        offers: see `StoredEntry`.
        size: bytes of its descriptor.
        is_dependency: see `StoredEntry`.
    """

    key: EntryKey
    needs: tuple[str, ...]
    offers: tuple[str, ...]
    size: int
    is_dependency: bool


@attrs.frozen
class StoredCatalogue:
    """All that is kept of a namespace, without descriptors.

    Attributes:
        revision: of the namespace: that of the last write to it; 0 where there was none.
        heads: its entries, in order of kind and name; None where they are as they were known to be.
        namespaces: how many namespaces the store has.
        total_bytes: of all descriptors in the store, those of other namespaces included.
    """

    revision: int
    heads: tuple[StoredHead, ...] | None = ()
    namespaces: int = 0
    total_bytes: int = 0


@attrs.frozen
class StoredChange:
    """What was done to an entry.

    Attributes:
        key: which entry.
        action: what was done.
        at: when, in seconds since 1970.
        by: who did it, as far as that is known.
        details: what is different now.
        is_forced: whether it was incompatible, and was done all the same.
        number: the store puts it in: later changes have greater ones.
        version: which one of the changes under this name it is, from 1 on; the store puts it in.
    """

    key: EntryKey
    action: Action
    at: float
    by: str
    details: tuple[str, ...]
    is_forced: bool = False
    number: int = 0
    version: int = 0


@attrs.frozen
class Kept:
    """How much history is kept; the oldest goes first.

    Attributes:
        of_name: changes of one entry.
        of_namespace: changes of all entries of a namespace, those that are gone included.
    """

    of_name: int
    of_namespace: int


@attrs.frozen
class Write:
    """Changes of one namespace that are made together, or not at all.

    Attributes:
        namespace: where.
        expected_revision: the revision that the namespace must still have.
        put: entries, new ones or in place of those of the same key.
        removed: keys of entries that go.
        changes: what the history has of it, one for each key of `put` and `removed`.
        kept: how much history is kept.
    """

    namespace: str
    expected_revision: int
    put: tuple[StoredEntry, ...]
    removed: tuple[EntryKey, ...]
    changes: tuple[StoredChange, ...]
    kept: Kept


class Position(NamedTuple):
    """Where a page of entries ends.

    Attributes:
        created: the revision that the last one came with.
        namespace: its namespace.
        name: its name.
    """

    created: int
    namespace: str
    name: str


def until(most_bytes: int, entries: Iterable[StoredEntry]) -> tuple[StoredEntry, ...]:
    """Entries up to the one with which their descriptors reach a number of bytes; those after it are not looked at."""
    found: list[StoredEntry] = []
    size = 0
    for entry in entries:
        found.append(entry)
        size += len(entry.data)
        if size >= most_bytes:
            break
    return tuple(found)


@attrs.frozen
class StoredHistory:
    """Changes, latest first.

    Attributes:
        changes: the changes.
        dropped: how many older ones are no longer kept, of what was asked for.
    """

    changes: tuple[StoredChange, ...]
    dropped: int


class RegistryStore(Protocol):
    """Keeps entries and their history, with a revision for each namespace.

    Whatever a method gives was true at one moment. What `write` has returned for is there for all who ask from then on, and
    after any end of the process or the machine. Where a method raises `RegistryError`, the store is as it was before,
    and may work again the next time; that of a `write` says so in its `executed` where this is not known.
    A cancelled `write` is done as a whole, or not at all.
    """

    async def catalogue(self, namespace: str, known: int = -1) -> StoredCatalogue:
        """Give what there is in a namespace.

        Args:
            namespace: where.
            known: the revision whose entries are known: where the namespace still has it, they need not be given.

        Raises:
            RegistryError: the store cannot be used now; the text says why.
        """
        ...

    async def read(self, keys: Sequence[EntryKey]) -> tuple[StoredEntry | None, ...]:
        """Give entries in the order of their keys, None for each that is not there.

        Raises:
            RegistryError: the store cannot be used now.
        """
        ...

    async def newest(
        self, kind: EntryKind, namespace: str, after: Position | None, limit: int, most_bytes: int
    ) -> tuple[StoredEntry, ...]:
        """Give entries of a kind: the latest `created` first, and by namespace and name where those are the same.

        Args:
            kind: which.
            namespace: where; empty for everywhere.
            after: the last one of the page before; None for the first page.
            limit: most of them.
            most_bytes: the one with which their descriptors reach this number of bytes is the last one.

        Raises:
            RegistryError: the store cannot be used now.
        """
        ...

    async def write(self, write: Write) -> int:
        """Make changes to a namespace, and give its new revision, which is greater than all before, of any namespace.

        Raises:
            StaleRevisionError: the namespace has another revision than was expected; nothing was written.
            RegistryError: the store cannot be used now, as where its disk is full.
        """
        ...

    async def changes(self, namespace: str, name: str, before: int, limit: int) -> StoredHistory:
        """Give changes, latest first.

        Args:
            namespace: where; empty for everywhere.
            name: of which file or service; empty for all.
            before: only those with a smaller number; 0 for all.
            limit: most of them.

        Raises:
            RegistryError: the store cannot be used now.
        """
        ...
