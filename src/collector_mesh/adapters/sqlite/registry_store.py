"""A registry in a file of SQLite."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from collector_mesh.adapters.sqlite import rows
from collector_mesh.adapters.sqlite.file import BUSY_SECONDS, SqliteFile
from collector_mesh.adapters.sqlite.layout import REGISTRY
from collector_mesh.domain.ports.registry_store import (
    EntryKey,
    EntryKind,
    Position,
    RegistryStore,
    StoredCatalogue,
    StoredEntry,
    StoredHistory,
    Write,
)


class SqliteStore(SqliteFile):
    """Keeps a registry in a file; everything is done in one thread, and nothing in the event loop.

    What `write` has returned for is on the disk. Several processes may have one file open at once.

    Args:
        path: of the file; a new one is made where there is none.
        busy_seconds: how long a request waits for a file that another program has locked.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_seconds: float = BUSY_SECONDS) -> None:
        super().__init__(REGISTRY, path, busy_seconds)

    async def catalogue(self, namespace: str, known: int = -1) -> StoredCatalogue:
        """See the port."""
        return await self._reading(lambda connection: rows.catalogue(connection, namespace, known))

    async def read(self, keys: Sequence[EntryKey]) -> tuple[StoredEntry | None, ...]:
        """See the port."""
        return await self._reading(lambda connection: rows.read(connection, keys))

    async def newest(
        self, kind: EntryKind, namespace: str, after: Position | None, limit: int, most_bytes: int
    ) -> tuple[StoredEntry, ...]:
        """See the port."""
        return await self._reading(
            lambda connection: rows.newest(connection, kind, namespace, after, limit, most_bytes)
        )

    async def write(self, write: Write) -> int:
        """See the port."""
        return await self._writing(lambda connection: rows.write(connection, write))

    async def changes(self, namespace: str, name: str, before: int, limit: int) -> StoredHistory:
        """See the port."""
        return await self._reading(
            lambda connection: rows.changes(connection, namespace, name, before, limit)
        )


if TYPE_CHECKING:
    _fits: type[RegistryStore] = SqliteStore
