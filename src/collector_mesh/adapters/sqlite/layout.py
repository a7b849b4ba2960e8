"""How a registry, and the keys of calls, lie in a file of SQLite."""

import attrs

from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.ports.key_store import KeyStoreError
from collector_mesh.domain.ports.registry_store import RegistryError

APPLICATION_ID = 0x636D7267
"""What tells such a file from those of other programs: `cmrg`."""

VERSION = 1
"""Of the tables."""

OLDEST_SQLITE = (3, 37, 0)
"""The first one that has strict tables."""

HEADER_BYTES = 100
"""With which every file of SQLite begins."""

MAGIC = b"SQLite format 3\x00"

TABLES = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};

CREATE TABLE namespaces (
    namespace TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,  -- of the last write to it
    dropped INTEGER NOT NULL,  -- changes that are no longer kept
    size INTEGER NOT NULL  -- bytes of its descriptors
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
    namespace TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    needs TEXT NOT NULL,  -- JSON
    offers TEXT NOT NULL,  -- JSON
    labels TEXT NOT NULL,  -- JSON
    created_at REAL NOT NULL,  -- seconds since 1970
    updated_at REAL NOT NULL,
    is_dependency INTEGER NOT NULL,
    created INTEGER NOT NULL,  -- the revision that it came with
    revision INTEGER NOT NULL,  -- the revision that it was last changed with
    version INTEGER NOT NULL,
    data BLOB NOT NULL,  -- last, so that the others are read without it
    PRIMARY KEY (namespace, kind, name)
) STRICT;

CREATE INDEX newest ON entries (kind, created DESC, namespace, name);
CREATE INDEX newest_of_namespace ON entries (kind, namespace, created DESC, name);

CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    action TEXT NOT NULL,
    at REAL NOT NULL,
    by TEXT NOT NULL,
    details TEXT NOT NULL,  -- JSON
    is_forced INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE INDEX changes_of_namespace ON changes (namespace, number);
CREATE INDEX changes_of_name ON changes (name, namespace, kind, number);
"""

KEYS_APPLICATION_ID = 0x636D6B79
"""The same of a store of keys: `cmky`."""

KEYS_VERSION = 1

KEY_TABLES = f"""
PRAGMA application_id = {KEYS_APPLICATION_ID};
PRAGMA user_version = {KEYS_VERSION};

CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,  -- what collectors that share it tell of it
    boot TEXT NOT NULL,  -- since which start of the machine its times count
    latest REAL NOT NULL,  -- the latest time in it
    count INTEGER NOT NULL,  -- of keys
    size INTEGER NOT NULL  -- what they and their replies take, about
) STRICT;

CREATE TABLE keys (
    namespace TEXT NOT NULL,
    service TEXT NOT NULL,
    method TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,  -- of the request
    claimant TEXT NOT NULL,  -- which start of which collector runs it, or ran it
    owner TEXT NOT NULL,  -- which process that is
    until REAL,  -- when it is forgotten, in seconds of the machine's monotonic clock; NULL while it runs
    size INTEGER NOT NULL,
    head TEXT,  -- JSON: status and whatever else is small; NULL where nobody knows what became of it
    value BLOB,  -- the payload of the reply
    PRIMARY KEY (namespace, service, method, key)
) STRICT;

CREATE INDEX ends ON keys (until) WHERE until IS NOT NULL;
"""


class LockedError(RegistryError):
    """Another program has locked the file; a moment later it may be free."""


class LockedKeysError(KeyStoreError):
    """The same of a store of keys."""


@attrs.frozen
class FileKind:
    """What a file is for.

    Attributes:
        name: as errors name it.
        application_id: what tells it from other files.
        version: of its tables.
        tables: makes them.
        names: their names.
        error: where it cannot be used.
        locked: where it cannot at this moment.
        is_private: whether a new one is for its user alone, and not for whom the process lets read its files.
    """

    name: str
    application_id: int
    version: int
    tables: str
    names: frozenset[str]
    error: type[MeshError]
    locked: type[MeshError]
    is_private: bool = False


REGISTRY = FileKind(
    "registry",
    APPLICATION_ID,
    VERSION,
    TABLES,
    frozenset({"namespaces", "entries", "changes"}),
    RegistryError,
    LockedError,
)

KEYS = FileKind(
    "key store",
    KEYS_APPLICATION_ID,
    KEYS_VERSION,
    KEY_TABLES,
    frozenset({"store", "keys"}),
    KeyStoreError,
    LockedKeysError,
    # Keys may be secrets, and replies are anything.
    is_private=True,
)
