"""A store that tells when it cannot be used, and when it can again."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from collector_mesh.domain.ports.registry_store import (
    EntryKey,
    EntryKind,
    Position,
    RegistryError,
    RegistryStore,
    StoredCatalogue,
    StoredEntry,
    StoredHistory,
    Write,
)

T = TypeVar("T")

StoreWatcher = Callable[[str, float], None]
"""Is told why a store cannot be used; or an empty text once it can again, and for how many seconds it could not."""


class WatchedStore:
    """A store in place of another one, of which it tells the first failure, and the first success after it.

    Args:
        store: the other one.
        tell: is told of it.
    """

    def __init__(self, store: RegistryStore, tell: StoreWatcher) -> None:
        self._store = store
        self._tell = tell
        self._failed_at: float | None = None

    async def catalogue(self, namespace: str, known: int = -1) -> StoredCatalogue:
        """See the port."""
        return await self._watched(lambda: self._store.catalogue(namespace, known))

    async def read(self, keys: Sequence[EntryKey]) -> tuple[StoredEntry | None, ...]:
        """See the port."""
        return await self._watched(lambda: self._store.read(keys))

    async def newest(
        self, kind: EntryKind, namespace: str, after: Position | None, limit: int, most_bytes: int
    ) -> tuple[StoredEntry, ...]:
        """See the port."""
        return await self._watched(lambda: self._store.newest(kind, namespace, after, limit, most_bytes))

    async def write(self, write: Write) -> int:
        """See the port."""
        return await self._watched(lambda: self._store.write(write))

    async def changes(self, namespace: str, name: str, before: int, limit: int) -> StoredHistory:
        """See the port."""
        return await self._watched(lambda: self._store.changes(namespace, name, before, limit))

    async def _watched(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            result = await work()
        except RegistryError as error:
            if self._failed_at is None:
                self._failed_at = time.monotonic()
                self._tell(str(error), 0.0)
            raise
        if self._failed_at is not None:
            seconds, self._failed_at = time.monotonic() - self._failed_at, None
            self._tell("", seconds)
        return result


if TYPE_CHECKING:
    _fits: type[RegistryStore] = WatchedStore
