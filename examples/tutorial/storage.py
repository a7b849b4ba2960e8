"""SQLite for handlers: one file for each service, in the folder that SHOP_DATA names."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Database:
    """A connection that the threads of plain handlers share, one transaction at a time."""

    def __init__(self, name: str, *tables: str) -> None:
        folder = Path(os.environ.get("SHOP_DATA", "shop-data"))
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(folder / f"{name}.db", check_same_thread=False, timeout=10)
        self._lock = threading.Lock()
        with self.transaction() as database:
            for table in tables:
                database.execute(f"CREATE TABLE IF NOT EXISTS {table}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it happens, or nothing."""
        with self._lock, self._connection:
            yield self._connection

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
