"""A file of SQLite that is used in one thread, and never in the event loop."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from collector_mesh.adapters.sqlite.layout import FileKind
from collector_mesh.adapters.sqlite.opening import check_whole, failure, open_file, shown
from collector_mesh.adapters.sqlite.worker import Worker
from collector_mesh.domain.model.errors import Executed, MeshError

T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long a request waits for a file that another program has locked."""

_TRY_SECONDS = 0.05
"""How long the thread waits for it at once: requests that need no lock come in between."""

_OPENED_ANEW = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_MISUSE,
    }
)
"""After these a connection is not to be trusted."""


class SqliteFile:
    """A file; everything is done in one thread, one thing after the other.

    What has been written when `writing` returns is on the disk. Several processes may have one file open at once.

    Args:
        kind: what it is for.
        path: where it is; a new one is made where there is none.
        busy_seconds: how long a request waits for a file that another program has locked.
    """

    def __init__(self, kind: FileKind, path: str | os.PathLike[str], busy_seconds: float) -> None:
        self._kind = kind
        self._path = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100  # links stay as they are
        self._busy_seconds = busy_seconds
        self._try_seconds = min(busy_seconds, _TRY_SECONDS)
        self._worker = Worker(kind, f"{kind.name} {shown(self._path)}")
        # These belong to the thread.
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._size = 0

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            MeshError: it cannot be used, as one of another kind, or is damaged; it stays as it is.
        """
        self._worker.start()
        try:
            await self._do(self._opened)
        except BaseException:
            await self._worker.end(self._close)
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Close the file, after what was asked for before."""
        await self._worker.end(self._close)

    async def _reading(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Read at one moment of the file."""
        return await self._do(partial(self._read, work))

    async def _writing(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Read and write in one transaction, while nobody else writes."""
        return await self._do(partial(self._write, work))

    async def _do(self, work: Callable[[], T]) -> T:
        """Do something in the thread, and again after others as long as the file is locked, within the time for that."""
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                return await self._worker.run(work)
            except self._kind.locked:
                if time.monotonic() >= until:
                    raise

    # What follows runs in the thread.

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._opened()
        try:
            # One moment of the file, whatever is read.
            connection.execute("BEGIN")
            result = work(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(connection, error) from error
        except ValueError as error:  # somebody has written into it by hand
            _roll_back(connection)
            raise self._kind.error(f"{self._kind.name} {shown(self._path)} is damaged: {error}") from error
        except BaseException:
            _roll_back(connection)
            raise
        return result

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._opened()
        try:
            # Nobody else writes from here on.
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
        except sqlite3.Error as error:
            raise self._failed(connection, error) from error
        except BaseException:
            _roll_back(connection)
            raise
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            failed = self._failed(connection, error)
            if self._connection is None:
                # It may be on the disk, and may come back with the next start.
                failed.executed = Executed.MAYBE
            raise failed from error
        return result

    def _opened(self) -> sqlite3.Connection:
        """The connection, opened if there is none.

        Raises:
            MeshError: the file cannot be used, or another one is in its place.
        """
        if self._connection is None:
            self._connection = open_file(
                self._kind, self._path, self._try_seconds, may_create=self._file is None
            )
            is_new = True
        else:
            is_new = False
        try:
            status = self._path.stat()
        except OSError as error:
            raise self._kind.error(
                f"{self._kind.name} {shown(self._path)} is gone: {error.strerror}"
            ) from error
        file = (status.st_dev, status.st_ino)
        if self._file is None:
            self._file = file
        elif self._file != file:
            # What would be written goes to a file that has no name anymore.
            if is_new:
                self._close()
            raise self._kind.error(
                f"{self._kind.name} {shown(self._path)} was replaced by another file: start anew to use it"
            )
        if status.st_size < self._size:
            # SQLite would go on with the pages that it remembers, and nobody could read the file afterwards.
            check_whole(self._kind, self._path)
        self._size = status.st_size
        return self._connection

    def _failed(self, connection: sqlite3.Connection, error: sqlite3.Error) -> MeshError:
        _roll_back(connection)
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OPENED_ANEW:
            self._close()
        return failure(self._kind, self._path, error)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
