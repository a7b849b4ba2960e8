"""Idempotency keys in a file of SQLite, which outlives the process and which the collectors of a machine may share."""

import json
import os
import secrets
import sqlite3
from base64 import b64decode, b64encode
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import attrs

from collector_mesh.adapters.sqlite.file import BUSY_SECONDS, SqliteFile
from collector_mesh.adapters.sqlite.layout import KEYS
from collector_mesh.adapters.sqlite.opening import shown
from collector_mesh.adapters.sqlite.owners import Owners
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Metadata, Reply, Status
from collector_mesh.domain.ports.key_store import (
    BEGUN,
    LOST,
    RUNNING,
    TAKEN,
    Claim,
    Claimed,
    KeyRules,
    KeysFullError,
    KeyState,
    KeyStore,
    KeyStoreError,
)

_BOOT = Path("/proc/sys/kernel/random/boot_id")

_ENTRY_BYTES = 512
"""What a key takes beside its own text and the reply."""

_WHERE = "namespace = ? AND service = ? AND method = ? AND key = ?"


@attrs.frozen
class _Book:
    """What the file says of itself.

    Attributes:
        boot: since which start of the machine its times count.
        latest: the latest time in it.
        count: of keys.
        size: what they take.
    """

    boot: str
    latest: float
    count: int
    size: int


class _Row(NamedTuple):
    """A key in the file, see `KEY_TABLES`."""

    digest: bytes
    claimant: str
    owner: str
    until: float | None
    head: str | None
    value: bytes | None


class SqliteKeyStore(SqliteFile):
    """Keeps keys in a file; everything is done in one thread, and nothing in the event loop.

    A key is on the disk before its call begins, and the reply before it is told. What a process had begun that was killed is
    LOST to all others, and never run again. It may be entered several times; the last one that leaves closes it.

    Args:
        path: of the file; a new one is made where there is none.
        busy_seconds: how long a request waits for a file that another program has locked.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_seconds: float = BUSY_SECONDS) -> None:
        super().__init__(KEYS, path, busy_seconds)
        self._owners = Owners(self._path)
        self._boot = ""
        self._users = 0
        self.store_id = ""
        """What is the same for all collectors that share the file, once it is open."""

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            KeyStoreError: it cannot be used, as one that is no key store, or is damaged; it stays as it is.
        """
        self._users += 1
        if self._users == 1:
            try:
                await super().__aenter__()
                try:
                    self.store_id = await self._writing(self._begin_use)
                except BaseException:
                    await self._worker.end(self._let_go)
                    raise
            except BaseException:
                self._users -= 1
                raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file, after what was asked for before."""
        self._users -= 1
        if not self._users:
            await self._worker.end(self._let_go)

    @property
    def owner(self) -> str:
        """What stands for this use of the file; beside it there is a lock of that name."""
        return self._owners.own

    async def limit_pages(self, most: int) -> None:
        """Let the file have at most this number of pages, as a disk that is full does."""
        await self._writing(
            lambda connection: connection.execute(f"PRAGMA max_page_count = {most:d}").fetchall()
        )

    async def reserve(self, claim: Claim, rules: KeyRules, now: float) -> Claimed:
        """See the port."""
        claimed = await self._do(lambda: self._looked_up(claim, now) or self._reserved(claim, rules, now))
        if isinstance(claimed, KeysFullError):
            # Raised here, so that what was tidied up stays so.
            raise claimed
        return claimed

    async def finish(self, claim: Claim, reply: Reply, rules: KeyRules, now: float) -> None:
        """See the port."""
        head = _head(reply)
        await self._writing(
            lambda connection: self._finish(connection, claim, reply, head, now + rules.seconds)
        )

    async def release(self, claim: Claim) -> None:
        """See the port."""
        await self._writing(lambda connection: self._release(connection, claim))

    # What follows runs in the thread.

    def _let_go(self) -> None:
        self._close()
        self._owners.leave()

    def _begin_use(self, connection: sqlite3.Connection) -> str:
        self._owners.enter()
        self._boot = _boot()
        connection.execute(
            "INSERT OR IGNORE INTO store (one, id, boot, latest, count, size) VALUES (1, ?, ?, 0, 0, 0)",
            (secrets.token_hex(16), self._boot),
        )
        (store_id,) = connection.execute("SELECT id FROM store").fetchone()
        return str(store_id)

    def _looked_up(self, claim: Claim, now: float) -> Claimed | None:
        """What is known of a key, where nothing has to be written for that: repeats wait for no disk, and need no room on it."""

        def look(connection: sqlite3.Connection) -> Claimed | None:
            book = self._book(connection)
            if self._is_of_other_start(book, now):
                return None
            row = self._row(connection, claim)
            return None if row is None else self._told(row, claim, now)

        return self._read(look)

    def _reserved(self, claim: Claim, rules: KeyRules, now: float) -> Claimed | KeysFullError:
        return self._write(lambda connection: self._reserve(connection, claim, rules, now))

    def _reserve(
        self, connection: sqlite3.Connection, claim: Claim, rules: KeyRules, now: float
    ) -> Claimed | KeysFullError:
        book = self._tidy(connection, now)
        key = (*claim.method, claim.key)
        row = self._row(connection, claim)
        if row is not None and row.until is not None and row.until <= now:
            self._forget(connection, f"DELETE FROM keys WHERE {_WHERE} RETURNING size", key)
            row = None
        if row is None:
            return self._begin(connection, claim, rules, now, book)
        told = self._told(row, claim, now)
        if told is None:
            connection.execute(f"UPDATE keys SET until = ? WHERE {_WHERE}", (now + rules.seconds, *key))
        return told or LOST

    def _row(self, connection: sqlite3.Connection, claim: Claim) -> _Row | None:
        found = connection.execute(
            f"SELECT digest, claimant, owner, until, head, value FROM keys WHERE {_WHERE}",
            (*claim.method, claim.key),
        ).fetchone()
        return None if found is None else _Row(*found)

    def _told(self, row: _Row, claim: Claim, now: float) -> Claimed | None:
        """What a row says; None where that changes it: its time is up, or its claimant has been killed."""
        if row.until is not None and row.until <= now:
            return None
        if row.digest != claim.digest:
            return TAKEN
        if row.head is not None:
            return Claimed(KeyState.KEPT, self._reply(row.head, row.value))
        if row.until is not None:
            return LOST
        if row.owner == self._owners.own and row.claimant == claim.claimant:
            return BEGUN
        return RUNNING if self._owners.is_alive(row.owner) else None

    def _begin(
        self, connection: sqlite3.Connection, claim: Claim, rules: KeyRules, now: float, book: _Book
    ) -> Claimed | KeysFullError:
        if book.count >= rules.max_keys or book.size >= rules.max_bytes:
            # Among them may be such as processes have left behind that were killed.
            self._end_of_the_dead(connection, now + rules.seconds)
        if book.count >= rules.max_keys:
            return KeysFullError.of(
                f"overloaded: {book.count} idempotency keys are kept, at most {rules.max_keys} may be"
            )
        if book.size >= rules.max_bytes:
            return KeysFullError.of(
                f"overloaded: idempotency keys and their replies take {book.size} bytes,"
                f" at most {rules.max_bytes} are allowed"
            )
        size = _ENTRY_BYTES + len(claim.key)
        connection.execute(
            "INSERT INTO keys (namespace, service, method, key, digest, claimant, owner, size)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*claim.method, claim.key, claim.digest, claim.claimant, self._owners.own, size),
        )
        connection.execute("UPDATE store SET count = count + 1, size = size + ?", (size,))
        return BEGUN

    def _finish(
        self, connection: sqlite3.Connection, claim: Claim, reply: Reply, head: str, until: float
    ) -> None:
        cost = len(head) + len(reply.payload.value)
        changed = connection.execute(
            f"UPDATE keys SET until = ?, head = ?, value = ?, size = size + ? WHERE {_WHERE}"
            " AND claimant = ? AND head IS NULL",
            (until, head, reply.payload.value, cost, *claim.method, claim.key, claim.claimant),
        ).rowcount
        if changed:
            connection.execute("UPDATE store SET size = size + ?", (cost,))

    def _release(self, connection: sqlite3.Connection, claim: Claim) -> None:
        query = f"DELETE FROM keys WHERE {_WHERE} AND claimant = ? AND head IS NULL RETURNING size"
        self._forget(connection, query, (*claim.method, claim.key, claim.claimant))

    def _tidy(self, connection: sqlite3.Connection, now: float) -> _Book:
        """Forget a few whose time is up, so that no call pays for all; gives what there is."""
        book = self._book(connection)
        if self._is_of_other_start(book, now):
            # The machine has started since, and its clock with it: how long that took nobody knows.
            connection.execute(
                "UPDATE keys SET until = ? + MAX(0, until - ?) WHERE until IS NOT NULL", (now, book.latest)
            )
        connection.execute("UPDATE store SET boot = ?, latest = ?", (self._boot, now))
        self._forget(
            connection,
            "DELETE FROM keys WHERE rowid IN (SELECT rowid FROM keys WHERE until <= ? ORDER BY until LIMIT 8)"
            " RETURNING size",
            (now,),
        )
        return self._book(connection)

    @staticmethod
    def _book(connection: sqlite3.Connection) -> _Book:
        return _Book(*connection.execute("SELECT boot, latest, count, size FROM store").fetchone())

    def _is_of_other_start(self, book: _Book, now: float) -> bool:
        """Whether its times are those of another start of the machine."""
        return book.boot != self._boot or now < book.latest - 1.0

    @staticmethod
    def _forget(connection: sqlite3.Connection, query: str, arguments: tuple[Any, ...]) -> None:
        sizes = [size for (size,) in connection.execute(query, arguments).fetchall()]
        if sizes:
            connection.execute(
                "UPDATE store SET count = count - ?, size = size - ?", (len(sizes), sum(sizes))
            )

    def _end_of_the_dead(self, connection: sqlite3.Connection, until: float) -> None:
        owners = connection.execute("SELECT DISTINCT owner FROM keys WHERE until IS NULL").fetchall()
        for (owner,) in owners:
            if not self._owners.is_alive(owner):
                connection.execute(
                    "UPDATE keys SET until = ? WHERE owner = ? AND until IS NULL", (until, owner)
                )

    def _reply(self, head: str, value: bytes | None) -> Reply:
        try:
            return _read_reply(json.loads(head), value or b"")
        except (ValueError, KeyError, TypeError) as error:
            raise KeyStoreError(
                f"key store {shown(self._path)} is damaged: a reply cannot be read"
            ) from error


def _boot() -> str:
    """Which start of the machine this is, empty where the system does not say."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _pairs(metadata: Metadata) -> list[list[str]]:
    return [
        [key, value, ""] if isinstance(value, str) else [key, b64encode(value).decode(), "b"]
        for key, value in metadata
    ]


def _read_pairs(pairs: list[list[str]]) -> Metadata:
    return tuple((key, b64decode(value) if kind else value) for key, value, kind in pairs)


def _head(reply: Reply) -> str:
    status = reply.status
    return json.dumps(
        {
            "code": status.code,
            "message": status.message,
            "details": dict(status.details),
            "type": reply.payload.type_url,
            "by": reply.handled_by,
            "executed": reply.executed.value,
            "metadata": _pairs(reply.metadata),
            "initial": _pairs(reply.initial_metadata),
        }
    )


def _read_reply(head: dict[str, Any], value: bytes) -> Reply:
    status = Status(head["code"], head["message"], head["details"])
    return Reply(
        OK if status.code == OK.code else status,
        Payload(head["type"], value),
        head["by"],
        Executed(head["executed"]),
        _read_pairs(head["metadata"]),
        initial_metadata=_read_pairs(head["initial"]),
    )


if TYPE_CHECKING:
    _fits: type[KeyStore] = SqliteKeyStore
