"""Where the shop keeps its data: SQLite files in the folder that SHOP_DATA names."""

import atexit
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Database:
    """One SQLite file, opened when it is first used.

    Args:
        name: of the file.
        prepare: makes the tables, and what is to be in them from the start.
    """

    def __init__(self, name: str, prepare: Callable[[sqlite3.Connection], object]) -> None:
        self._name = name
        self._prepare = prepare
        # Plain handlers run in several threads at once, and a connection is for one at a time.
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done inside is written, or, after an error, nothing of it."""
        with self._lock:
            if self._connection is None:
                folder = Path(os.environ.get("SHOP_DATA", "shop-data"))
                folder.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(folder / self._name, check_same_thread=False)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
                # Closing brings what is in the write-ahead log into the file itself.
                atexit.register(self.close)
                with self._connection:
                    self._prepare(self._connection)
            with self._connection:
                yield self._connection

    def close(self) -> None:
        """Close the file; the next transaction opens it again."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
