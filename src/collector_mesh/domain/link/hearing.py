"""What the other side serves, heard in pieces, and used as it comes: each method stands for itself."""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from functools import partial

import attrs

from collector_mesh.domain.link.backlog import Waiting, parts_of_change
from collector_mesh.domain.link.catalogs import difference
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


class Hearing:
    """What the other side has told of its catalog.

    Args:
        sieve: what is malformed, doubled, or not its to serve is left out.
    """

    __slots__ = ("_bytes", "_changes", "_methods", "_namespaces", "_shown", "_sieve", "is_whole")

    def __init__(self, sieve: Sieve | None = None) -> None:
        self._sieve = sieve or Sieve()
        self._namespaces: dict[str, None] = {}
        self._methods: dict[MethodKey, MethodInfo] = {}
        self._bytes = 0
        self._shown: tuple[MethodInfo, ...] = ()
        self._changes: tuple[tuple[MethodInfo, ...], CatalogChange] | None = None
        self.is_whole = True
        """Whether nothing more was announced."""

    @property
    def held_bytes(self) -> int:
        """What is kept of the catalog, about."""
        return self._bytes + METHOD_MEMORY * len(self._methods)

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
        if not catalog.unread:
            return self._replaced(catalog)
        self.is_whole = False
        methods, unread = list(catalog.methods), deque(catalog.unread)

        def go_on() -> Iterable[CatalogChange] | None:
            if unread:
                methods.extend(unread.popleft()())
                return None
            return self._replaced(Catalog(catalog.namespaces, tuple(methods), catalog.more))

        return (go_on,)

    def _replaced(self, catalog: Catalog) -> Iterable[CatalogChange]:
        known = Catalog(tuple(self._namespaces), tuple(self._methods.values()))
        change = difference(known, catalog)
        return self.steps(attrs.evolve(change, more=catalog.more), is_whole=True)

    def steps(self, change: CatalogChange, *, is_whole: bool = False) -> Iterable[CatalogChange]:
        """A change in parts that can be taken in at once, where nothing is heard before them.

        With a namespace go the methods in it, before it does, unless a whole catalog has them all the same. Where many are
        known of one that comes, they come after it.
        """
        added = frozenset(change.namespaces) - self._namespaces.keys()
        gone = self._namespaces.keys() & frozenset(change.removed_namespaces)
        lost = self._in(gone)
        early = self._in(added)
        if len(lost) + len(early) <= MAX_FIRST_PIECE:
            if lost and not is_whole:
                keys = tuple(info.key for info in lost)
                change = attrs.evolve(change, removed_methods=(*change.removed_methods, *keys))
            return tuple(parts_of_change(change))
        told = {*change.removed_methods, *(info.key for info in change.methods)}
        stays = (*early, *lost) if is_whole else early
        again = tuple(info for info in stays if info.key not in told)
        before = CatalogChange(removed_methods=tuple(info.key for info in (*lost, *early)))
        after = tuple(parts_of_change(CatalogChange(methods=again))) if again else ()
        *others, last = (*parts_of_change(before), *parts_of_change(change), *after)
        return (*(attrs.evolve(part, more=True) for part in others), attrs.evolve(last, more=change.more))

    def _in(self, namespaces: Collection[str]) -> list[MethodInfo]:
        if not namespaces:
            return []
        return [info for key, info in self._methods.items() if key.namespace in namespaces]

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
        learned, refused = self._learn(change)
        before = self._shown
        catalog = self._show()
        self._changes = (
            before,
            CatalogChange(
                methods=tuple(learned),
                removed_methods=(*change.removed_methods, *refused) if refused else change.removed_methods,
            ),
        )
        return catalog

    def since(self, methods: tuple[MethodInfo, ...] | None) -> CatalogChange | None:
        """What is different from methods that were known before; None where that is not at hand."""
        if self._changes is None or self._changes[0] is not methods:
            return None
        return self._changes[1]

    def _learn(self, change: CatalogChange) -> tuple[list[MethodInfo], list[MethodKey]]:
        """Take in what is new; gives the methods that are, and those that were and may not be anymore."""
        self.is_whole = not change.more
        for namespace in self._sieve.namespaces(change.namespaces):
            if namespace not in self._namespaces:
                self._namespaces[namespace] = None
                self._bytes += NAME_BYTES + len(namespace)
        learned, refused = self._sieve.methods(change.methods)
        for info in learned:
            if info.key not in self._methods:
                self._bytes += _memory(info.key)
            self._methods[info.key] = info
        for key in refused:
            self._forget(key)
        if (
            self._bytes > MAX_CATALOG_BYTES
            or len(self._methods) > MAX_CATALOG_METHODS
            or len(self._namespaces) > MAX_CATALOG_NAMESPACES
        ):
            raise ProtocolError(
                f"a catalog of more than {MAX_CATALOG_METHODS} methods, {MAX_CATALOG_NAMESPACES} namespaces"
                f" or {MAX_CATALOG_BYTES} bytes"
            )
        return learned, refused

    def _forget(self, key: MethodKey) -> None:
        if self._methods.pop(key, None) is not None:
            self._bytes -= _memory(key)

    def _show(self) -> Catalog:
        self._shown = tuple(self._methods.values())
        return Catalog(tuple(self._namespaces), self._shown, more=not self.is_whole)


def _read(methods: Callable[[], tuple[MethodInfo, ...]], *, more: bool) -> Iterable[CatalogChange]:
    return parts_of_change(CatalogChange(methods=methods(), more=more))


def _memory(key: MethodKey) -> int:
    return NAME_BYTES + len(key.namespace) + len(key.service) + len(key.method)
