"""What a registry reads from its tables and writes into them; each function is one moment of the file, or one transaction."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.ports.registry_store import (
    EntryKey,
    EntryKind,
    Position,
    StaleRevisionError,
    StoredCatalogue,
    StoredChange,
    StoredEntry,
    StoredHead,
    StoredHistory,
    Write,
    until,
)

_ENTRY = "kind, namespace, name, data, needs, offers, labels, created_at, updated_at, is_dependency, created, revision, version"

_CHANGE = "kind, namespace, name, action, at, by, details, is_forced, number, version"


def catalogue(connection: sqlite3.Connection, namespace: str, known: int) -> StoredCatalogue:
    """See `RegistryStore.catalogue`."""
    revision = _revision(connection, namespace)
    namespaces, total = connection.execute(
        "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM namespaces"
    ).fetchone()
    if revision == known:
        return StoredCatalogue(revision, None, namespaces, total)
    rows = connection.execute(
        "SELECT kind, name, needs, offers, LENGTH(data), is_dependency FROM entries"
        " WHERE namespace = ? ORDER BY kind, name",
        (namespace,),
    )
    heads = tuple(
        StoredHead(EntryKey(kind, namespace, name), _texts(needs), _texts(offers), size, bool(is_dependency))
        for kind, name, needs, offers, size, is_dependency in rows
    )
    return StoredCatalogue(revision, heads, namespaces, total)


def read(connection: sqlite3.Connection, keys: Sequence[EntryKey]) -> tuple[StoredEntry | None, ...]:
    """See `RegistryStore.read`."""
    query = f"SELECT {_ENTRY} FROM entries WHERE kind = ? AND namespace = ? AND name = ?"
    rows = (connection.execute(query, key).fetchone() for key in keys)
    return tuple(_entry(row) if row is not None else None for row in rows)


def newest(
    connection: sqlite3.Connection,
    kind: EntryKind,
    namespace: str,
    after: Position | None,
    limit: int,
    most_bytes: int,
) -> tuple[StoredEntry, ...]:
    """See `RegistryStore.newest`."""
    conditions: list[str] = ["kind = ?"]
    values: list[object] = [kind]
    if namespace:
        conditions.append("namespace = ?")
        values.append(namespace)
    if after is not None:
        conditions.append("(-created, namespace, name) > (-?, ?, ?)")
        values += after
    rows = connection.execute(
        f"SELECT {_ENTRY} FROM entries WHERE {' AND '.join(conditions)}"
        " ORDER BY created DESC, namespace, name LIMIT ?",
        (*values, limit),
    )
    # An index has them in this order: those after the last one are not read.
    return until(most_bytes, map(_entry, rows))


def changes(
    connection: sqlite3.Connection, namespace: str, name: str, before: int, limit: int
) -> StoredHistory:
    """See `RegistryStore.changes`."""
    conditions = ["TRUE"] + [
        f"{column} = ?" for column, value in (("namespace", namespace), ("name", name)) if value
    ]
    values = [value for value in (namespace, name) if value]
    where = " AND ".join(conditions)
    if name:
        query = f"SELECT MIN(version) - 1 FROM changes WHERE {where} GROUP BY namespace, kind, name"
        dropped = sum(count for (count,) in connection.execute(query, values))
    else:
        query = f"SELECT COALESCE(SUM(dropped), 0) FROM namespaces WHERE {where}"
        (dropped,) = connection.execute(query, values).fetchone()
    rows = connection.execute(
        f"SELECT {_CHANGE} FROM changes WHERE {where} AND (? = 0 OR number < ?) ORDER BY number DESC LIMIT ?",
        (*values, before, before, limit),
    )
    return StoredHistory(tuple(_change(row) for row in rows), dropped)


def write(connection: sqlite3.Connection, order: Write) -> int:
    """See `RegistryStore.write`.

    To be called within a transaction that nobody else writes beside.
    """
    namespace = order.namespace
    if _revision(connection, namespace) != order.expected_revision:
        raise StaleRevisionError(f"namespace {quoted(namespace)} was changed by somebody else")
    (revision,) = connection.execute("SELECT COALESCE(MAX(revision), 0) + 1 FROM namespaces").fetchone()
    versions = {change.key: _version(connection, change.key) + 1 for change in order.changes}
    connection.executemany("DELETE FROM entries WHERE kind = ? AND namespace = ? AND name = ?", order.removed)
    connection.executemany(
        f"INSERT OR REPLACE INTO entries ({_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *entry.key,
                entry.data,
                json.dumps(entry.needs),
                json.dumps(entry.offers),
                json.dumps(dict(entry.labels)),
                entry.created_at,
                entry.updated_at,
                int(entry.is_dependency),
                entry.created or revision,
                revision,
                versions[entry.key],
            )
            for entry in order.put
        ],
    )
    connection.executemany(
        "INSERT INTO changes (kind, namespace, name, action, at, by, details, is_forced, version)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *change.key,
                change.action,
                change.at,
                change.by,
                json.dumps(change.details),
                int(change.is_forced),
                versions[change.key],
            )
            for change in order.changes
        ],
    )
    connection.execute(
        "INSERT INTO namespaces (namespace, revision, dropped, size)"
        " SELECT :namespace, :revision, :dropped, COALESCE(SUM(LENGTH(data)), 0) FROM entries WHERE namespace = :namespace"
        " ON CONFLICT (namespace) DO UPDATE"
        " SET revision = excluded.revision, dropped = dropped + excluded.dropped, size = excluded.size",
        {"namespace": namespace, "revision": revision, "dropped": _forget(connection, order)},
    )
    return int(revision)


def _forget(connection: sqlite3.Connection, order: Write) -> int:
    """Keep no more history than is to be kept; give how much of it goes."""
    count = 0
    for key in {change.key: None for change in order.changes}:
        where = "kind = ? AND namespace = ? AND name = ?"
        count += connection.execute(
            f"DELETE FROM changes WHERE {where} AND number <="
            f" (SELECT number FROM changes WHERE {where} ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (*key, *key, order.kept.of_name),
        ).rowcount
    count += connection.execute(
        "DELETE FROM changes WHERE namespace = :namespace AND number <="
        " (SELECT number FROM changes WHERE namespace = :namespace ORDER BY number DESC LIMIT 1 OFFSET :kept)",
        {"namespace": order.namespace, "kept": order.kept.of_namespace},
    ).rowcount
    return count


def _revision(connection: sqlite3.Connection, namespace: str) -> int:
    row = connection.execute("SELECT revision FROM namespaces WHERE namespace = ?", (namespace,)).fetchone()
    return int(row[0]) if row is not None else 0


def _version(connection: sqlite3.Connection, key: EntryKey) -> int:
    """Of the last change under a key."""
    where = "kind = ? AND namespace = ? AND name = ?"
    (version,) = connection.execute(
        f"SELECT MAX(COALESCE((SELECT version FROM entries WHERE {where}), 0),"
        f" COALESCE((SELECT MAX(version) FROM changes WHERE {where}), 0))",
        (*key, *key),
    ).fetchone()
    return int(version)


def _texts(data: str) -> tuple[str, ...]:
    return tuple(json.loads(data)) if data != "[]" else ()


def _entry(row: tuple[Any, ...]) -> StoredEntry:
    kind, namespace, name, data, needs, offers, labels, created_at, updated_at, *rest = row
    is_dependency, created, revision, version = rest
    return StoredEntry(
        EntryKey(kind, namespace, name),
        data,
        _texts(needs),
        _texts(offers),
        json.loads(labels),
        created_at,
        updated_at,
        bool(is_dependency),
        created,
        revision,
        version,
    )


def _change(row: tuple[Any, ...]) -> StoredChange:
    kind, namespace, name, action, at, by, details, is_forced, number, version = row
    key = EntryKey(kind, namespace, name)
    return StoredChange(key, action, at, by, _texts(details), bool(is_forced), number, version)
