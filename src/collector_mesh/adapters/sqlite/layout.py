"""How a registry lies in a file of SQLite."""

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
