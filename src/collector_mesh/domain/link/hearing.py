"""What the other side serves, heard in pieces, and used as it comes: each method stands for itself."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import islice

import attrs

from collector_mesh.domain.link.backlog import Waiting, parts_of_change
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.sieve import Sieve
from collector_mesh.domain.link.sizes import (
    MAX_CATALOG_BYTES,
    MAX_CATALOG_METHODS,
    MAX_CATALOG_NAMESPACES,
    MAX_FIRST_PIECE,
    METHOD_MEMORY,
    NAME_BYTES,
)
from collector_mesh.domain.model.frames import Catalog, CatalogChange
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import MethodInfo

LOOKED_AT_ONCE = 8192
"""Methods that are looked at in one go to find out which are other ones than before."""


class Hearing:
    """What the other side has told of its catalog.

    Args:
        sieve: what is malformed, doubled, or not its to serve is left out.
    """

    __slots__ = ("_bytes", "_namespaces", "_sieve", "is_whole", "methods")

    def __init__(self, sieve: Sieve | None = None) -> None:
        self._sieve = sieve or Sieve()
        self._namespaces: dict[str, None] = {}
        self.methods: dict[MethodKey, MethodInfo] = {}
        """What is known of methods, by their names."""
        self._bytes = 0
        self.is_whole = True
        """Whether nothing more was announced."""

    @property
    def held_bytes(self) -> int:
        """What is kept of the catalog, about."""
        return self._bytes + METHOD_MEMORY * len(self.methods)

    def begin(self, catalog: Catalog) -> tuple[Catalog, tuple[Waiting, ...]]:
        """Hear a catalog from the beginning; gives what is known now, and what is to be heard after that.

        Raises:
            ProtocolError: it is too large.
        """
        more = catalog.more or bool(catalog.unread)
        first, *rest = parts_of_change(CatalogChange(catalog.namespaces, (), catalog.methods, (), more))
        self._learn(first)
        last = len(catalog.unread) - 1
        unread = [
            partial(_read, methods, more=catalog.more or number < last)
            for number, methods in enumerate(catalog.unread)
        ]
        return self._show(), (*rest, *unread)

    def replace(self, catalog: Catalog) -> Iterable[Waiting]:
        """Hear of another catalog in place of the one that is known: what is to be heard for that."""
        replacement = _Replacement(self, catalog)
        if not catalog.unread and len(catalog.methods) + len(self.methods) <= LOOKED_AT_ONCE:
            while (changes := replacement.go_on()) is None:
                pass
            return changes
        self.is_whole = False
        return (replacement.go_on,)

    @property
    def namespaces(self) -> Collection[str]:
        """The namespaces that are known."""
        return self._namespaces.keys()

    def steps(self, change: CatalogChange) -> Iterable[CatalogChange]:
        """A change in parts that can be taken in at once, where nothing is heard before them.

        With a namespace go the methods in it, and before it does.
        """
        gone = self._namespaces.keys() & frozenset(change.removed_namespaces)
        if not gone:
            return tuple(parts_of_change(change))
        lost = tuple(key for key in self.methods if key.namespace in gone)
        if len(lost) <= MAX_FIRST_PIECE:
            change = attrs.evolve(change, removed_methods=(*change.removed_methods, *lost))
            return tuple(parts_of_change(change))
        before = parts_of_change(CatalogChange(removed_methods=lost, more=True))
        return (*before, *parts_of_change(change))

    def change(self, change: CatalogChange) -> Catalog:
        """Hear what is different, or a further piece; gives what is known now.

        Raises:
            ProtocolError: all of it is too large.
        """
        for key in change.removed_methods:
            self._forget(key)
        for namespace in change.removed_namespaces:
            if self._namespaces.pop(namespace, "") is None:
                self._bytes -= NAME_BYTES + len(namespace)
        self._learn(change)
        return self._show()

    def _learn(self, change: CatalogChange) -> None:
        """Take in what is new, and forget what may not be told anymore."""
        self.is_whole = not change.more
        for namespace in self._sieve.namespaces(change.namespaces):
            if namespace not in self._namespaces:
                self._namespaces[namespace] = None
                self._bytes += NAME_BYTES + len(namespace)
        sifted = self._sieve.methods(change.methods)
        for key in sifted.refused:
            self._forget(key)
        for info in sifted.methods:
            if info.key not in self.methods:
                self._bytes += _memory(info.key)
            self.methods[info.key] = info
        if (
            self._bytes > MAX_CATALOG_BYTES
            or len(self.methods) > MAX_CATALOG_METHODS
            or len(self._namespaces) > MAX_CATALOG_NAMESPACES
        ):
            raise ProtocolError(
                f"a catalog of more than {MAX_CATALOG_METHODS} methods, {MAX_CATALOG_NAMESPACES} namespaces"
                f" or {MAX_CATALOG_BYTES} bytes"
            )

    def _forget(self, key: MethodKey) -> None:
        if self.methods.pop(key, None) is not None:
            self._bytes -= _memory(key)

    def _show(self) -> Catalog:
        return Catalog(tuple(self._namespaces), tuple(self.methods.values()), more=not self.is_whole)


class _Replacement:
    """Finds out by and by what is different in another catalog.

    Nothing is heard meanwhile that is not a part of it. What is gone comes first: so there are never more methods than
    before or after.
    """

    def __init__(self, hearing: Hearing, catalog: Catalog) -> None:
        self._hearing = hearing
        self._catalog = catalog
        self._unread = deque(catalog.unread)
        self._told: list[Iterator[MethodInfo]] = [iter(catalog.methods)]
        self._coming: dict[MethodKey, MethodInfo] = {}
        self._known: Iterator[MethodKey] | None = None
        self._gone: list[MethodKey] = []
        self._new: Iterator[MethodInfo] | None = None
        self._others: list[MethodInfo] = []

    def go_on(self) -> Iterable[CatalogChange] | None:
        """Look at some methods; the changes when all of them are known."""
        if self._told:
            some = list(islice(self._told[-1], LOOKED_AT_ONCE))
            self._coming.update((info.key, info) for info in some)
            if not some:
                self._told.pop()
                if self._unread:
                    self._told.append(iter(self._unread.popleft()()))
            return None
        known = self._hearing.methods
        if self._known is None:
            self._known = iter(tuple(known))
        if keys := list(islice(self._known, LOOKED_AT_ONCE)):
            self._gone += [key for key in keys if key not in self._coming]
            return None
        if self._new is None:
            self._new = iter(self._coming.values())
        if infos := list(islice(self._new, LOOKED_AT_ONCE)):
            self._others += [info for info in infos if known.get(info.key) != info]
            return None
        catalog, earlier = self._catalog, self._hearing.namespaces
        now = dict.fromkeys(catalog.namespaces)
        change = CatalogChange(
            tuple(name for name in now if name not in earlier),
            tuple(name for name in earlier if name not in now),
            tuple(self._others),
            more=catalog.more,
        )
        gone = tuple(self._gone)
        if len(gone) <= MAX_FIRST_PIECE:
            return tuple(parts_of_change(attrs.evolve(change, removed_methods=gone)))
        before = parts_of_change(CatalogChange(removed_methods=gone, more=True))
        return (*before, *parts_of_change(change))


def _read(methods: Callable[[], tuple[MethodInfo, ...]], *, more: bool) -> Iterable[CatalogChange]:
    return parts_of_change(CatalogChange(methods=methods(), more=more))


def _memory(key: MethodKey) -> int:
    return NAME_BYTES + len(key.namespace) + len(key.service) + len(key.method)
