"""Opens the file of a registry or of a store of keys, and leaves alone what is none: nothing is written before a file is known to be one."""

import os
import secrets
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from collector_mesh.adapters.sqlite import layout
from collector_mesh.adapters.sqlite.layout import FileKind
from collector_mesh.domain.model.errors import MeshError

CHECKED_BYTES = 64 << 20
"""A file of at most this size is read as a whole when it is opened, to see whether it is damaged."""

_LOGS = ("-wal", "-journal")
"""What a file of SQLite may have beside it that belongs into it."""

_WAL_BYTES = 16 << 20
"""What is left of the write-ahead log of a file that is in use."""


def open_file(kind: FileKind, path: Path, busy_seconds: float, *, may_create: bool) -> sqlite3.Connection:
    """Open a file.

    Args:
        kind: what it is for.
        path: where it is.
        busy_seconds: how long it may be locked by another program, each time that it is used.
        may_create: whether to make a new one where there is none.

    Raises:
        MeshError: it cannot be used; the text says why. What is there stays as it is.
    """
    if sqlite3.sqlite_version_info < layout.OLDEST_SQLITE:
        needed = ".".join(map(str, layout.OLDEST_SQLITE))
        raise kind.error(
            f"{kind.name} {shown(path)} needs SQLite {needed} or later, this Python has {sqlite3.sqlite_version}"
        )
    try:
        if may_create and not os.path.lexists(path):
            _create(kind, path, busy_seconds)
        _check_file(kind, path)
        _check_header(kind, path)
        _check_content(kind, path, busy_seconds)
        return _connect(kind, path, busy_seconds)
    except OSError as error:
        raise kind.error(f"{kind.name} {shown(path)}: {_reason(error)}") from error
    except sqlite3.Error as error:
        raise failure(kind, path, error) from error


def check_whole(kind: FileKind, path: Path) -> None:
    """See that a file has all of its pages.

    Raises:
        MeshError: it has not.
    """
    try:
        _check_header(kind, path)
        _check_length(kind, path)
    except OSError as error:
        raise kind.error(f"{kind.name} {shown(path)}: {_reason(error)}") from error


def failure(kind: FileKind, path: Path, error: sqlite3.Error) -> MeshError:
    """The error of a file that SQLite fails at."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    reasons = {
        sqlite3.SQLITE_BUSY: "is locked by another program",
        sqlite3.SQLITE_LOCKED: "is locked by another program",
        sqlite3.SQLITE_FULL: "cannot be written: its disk is full",
        sqlite3.SQLITE_READONLY: "cannot be written",
        sqlite3.SQLITE_CORRUPT: "is damaged",
        sqlite3.SQLITE_NOTADB: "is no database, or is damaged",
        sqlite3.SQLITE_PERM: "may not be opened",
        sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    }
    reason = reasons.get(code, "cannot be used")
    made = kind.locked if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} else kind.error
    return made(f"{kind.name} {shown(path)} {reason} ({error})")


def shown(path: Path) -> str:
    """A path as an error names it."""
    return repr(str(path))


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _uri(path: Path, options: str) -> str:
    return f"file:{quote(os.fsencode(path))}?{options}"


def _create(kind: FileKind, path: Path, busy_seconds: float) -> None:
    """Make a file under another name, and give it its own once it is whole: nobody ever sees half of one."""
    if not path.parent.is_dir():
        raise kind.error(f"{kind.name} {shown(path)}: there is no folder {shown(path.parent)}")
    for ending in _LOGS:
        # SQLite would write what is in it into the new file.
        log = path.with_name(path.name + ending)
        if os.path.lexists(log) and not os.path.lexists(path):
            raise kind.error(
                f"{kind.name} {shown(path)} is gone, and its log {shown(log)} is there, with its latest changes:"
                " put the file back, or remove the log"
            )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise kind.error(
            f"{kind.name} {shown(path)} cannot be made: the folder {shown(path.parent)} may not be written"
        )
    made = path.with_name(f"{path.name}.new-{secrets.token_hex(4)}")
    try:
        if kind.is_private:
            # SQLite gives what lies beside it the same mode.
            os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(_connect(kind, made, busy_seconds, mode="rwc")) as connection:
            connection.executescript(f"BEGIN IMMEDIATE; {kind.tables} COMMIT;")
        _sync(made)
        try:
            os.link(made, path)
        except FileExistsError:  # another process was quicker
            return
        except OSError:  # not every file system has links
            if not os.path.lexists(path):
                made.rename(path)
        _sync(path.parent)
    finally:
        for rest in ("", "-shm", *_LOGS):
            with suppress(OSError):
                made.with_name(made.name + rest).unlink()


def _sync(path: Path) -> None:
    """See that what is there stays there when the machine stops."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_file(kind: FileKind, path: Path) -> None:
    """See that it is a file that may be read and written; a pipe would have whoever opens it wait."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no ordinary file"
        raise kind.error(f"{kind.name} {shown(path)} is {what}")
    for one in (path, path.parent):
        if not os.access(one, os.R_OK | os.W_OK):
            what = "it" if one == path else f"the folder {shown(one)}, where SQLite keeps its log,"
            raise kind.error(f"{kind.name} {shown(path)} cannot be used: {what} may not be read and written")


def _check_header(kind: FileKind, path: Path) -> None:
    """See that a file is one of its kind, and one of this version, without SQLite, which would take it for its own."""
    with path.open("rb") as file:
        header = file.read(layout.HEADER_BYTES)
    if len(header) < layout.HEADER_BYTES or not header.startswith(layout.MAGIC):
        what = "is empty" if not header else "is no database of SQLite"
        raise kind.error(f"{kind.name} {shown(path)} {what}: it stays as it is; choose another file")
    if int.from_bytes(header[68:72], "big") != kind.application_id:
        raise kind.error(
            f"{kind.name} {shown(path)} is a database of another program: it stays as it is; choose another file"
        )
    version = int.from_bytes(header[60:64], "big")
    if version > kind.version:
        raise kind.error(
            f"{kind.name} {shown(path)} was written by a later version of collector-mesh"
            f" (format {version}, this one knows {kind.version})"
        )


def _check_content(kind: FileKind, path: Path, busy_seconds: float) -> None:
    """See that a file is not damaged, as far as that can be seen in a moment."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        _read_through(kind, path, "mode=ro", busy_seconds)
        return
    # Nobody has it open: it is read as if it could not change, so that SQLite puts nothing beside it.
    try:
        _check_length(kind, path)
        _read_through(kind, path, "mode=ro&immutable=1", busy_seconds)
    except (MeshError, sqlite3.Error):
        if not log.exists():
            raise
        # Somebody has opened it meanwhile, and it does change.
        _read_through(kind, path, "mode=ro", busy_seconds)


def _check_length(kind: FileKind, path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(layout.HEADER_BYTES)
        size = os.fstat(file.fileno()).st_size
    page = int.from_bytes(header[16:18], "big")
    page = 1 << 16 if page == 1 else page
    whole = page * int.from_bytes(header[28:32], "big")
    if size < whole:
        raise kind.error(f"{kind.name} {shown(path)} is damaged: it has {size} bytes of {whole}")


def _read_through(kind: FileKind, path: Path, options: str, busy_seconds: float) -> None:
    with closing(sqlite3.connect(_uri(path, options), uri=True, timeout=busy_seconds)) as connection:
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
        missing = sorted(kind.names - tables)
        if missing:
            raise kind.error(f"{kind.name} {shown(path)} is damaged: it has no table {', '.join(missing)}")
        if path.stat().st_size > CHECKED_BYTES:
            return
        (problem,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if problem != "ok":
            raise kind.error(f"{kind.name} {shown(path)} is damaged: {' '.join(problem.split())[:200]}")


def _connect(kind: FileKind, path: Path, busy_seconds: float, *, mode: str = "rw") -> sqlite3.Connection:
    connection = sqlite3.connect(
        # Without an isolation level Python begins no transactions by itself, in any version.
        _uri(path, f"mode={mode}"),
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
    )
    try:
        (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if journal != "wal":
            raise kind.error(f"{kind.name} {shown(path)}: its file system has no write-ahead log of SQLite's")
        # NORMAL may lose the last commits when the machine stops.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection
