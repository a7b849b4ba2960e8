"""Where collectors of this machine can be looked at: sockets in a folder that only their user can enter.

`serve` and those who look follow one rule, so that nobody has to say where.
"""

import hashlib
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from collector_mesh.adapters.grpc.local_inspection import MAX_PATH_BYTES
from collector_mesh.domain.model.texts import visible

try:
    import fcntl
except ImportError:  # not there on Windows
    fcntl = None  # type: ignore[assignment]

_FOLDER = "collector-mesh"
_SOCKET, _LOCK = ".sock", ".lock"
_MOST_TRIES = 100
_CONNECT_SECONDS = 1.0
_MAX_ID_BYTES = 256
_SHOWN = 16
"""Collectors that an error names."""


class LocalError(Exception):
    """A collector cannot be looked at from this machine; the text says why."""


def folders(environment: Mapping[str, str]) -> list[Path]:
    """The folders in which sockets may be, the best one first; none where the system has no such sockets."""
    if fcntl is None:
        return []
    found = []
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    if Path(runtime).is_absolute():
        found.append(Path(runtime) / _FOLDER)
    with suppress(OSError):
        found.append(_temporary(environment) / f"{_FOLDER}-{os.geteuid()}")
    return found


def _temporary(environment: Mapping[str, str]) -> Path:
    """The folder for temporary files.

    Raises:
        OSError: there is none.
    """
    named = next(filter(None, map(environment.get, ("TMPDIR", "TEMP", "TMP"))), "/tmp")  # noqa: S108  # see `check_folder`
    found = Path(named)
    if found.is_absolute() and found.is_dir() and os.access(found, os.W_OK | os.X_OK):
        return found
    # What looks for another one takes as much memory as ten modules of ours.
    import tempfile

    return Path(tempfile.gettempdir()).absolute()


def check_folder(folder: Path) -> None:
    """See that a folder is the user's own, and that nobody else can put anything into it.

    Raises:
        LocalError: it is not.
        OSError: it is not there, or cannot be looked at.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise LocalError(f"{folder} is no folder")
    if found.st_uid != os.geteuid():
        raise LocalError(f"{folder} belongs to another user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise LocalError(
            f"{folder} is open to others: its mode is {stat.S_IMODE(found.st_mode):04o}, not 0700"
        )


def own_folder(environment: Mapping[str, str]) -> Path:
    """The folder for sockets, made if it is not there.

    Raises:
        LocalError: there can be none; the text tells of each place why.
    """
    problems = []
    for folder in folders(environment):
        try:
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                folder.chmod(0o700)  # whatever the umask
            check_folder(folder)
        except LocalError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
        else:
            return folder
    raise LocalError("; ".join(problems) or "this system has no sockets for it")


def socket_path(folder: Path, collector_id: str) -> Path:
    """The socket of a collector; where its id makes the path too long, it is named after a hash of it.

    Raises:
        LocalError: the folder alone is too long.
    """
    # No id has a tilde, so that no id is the hash of another.
    hashed = f"~{hashlib.sha256(collector_id.encode()).hexdigest()[:16]}"
    for name in (collector_id, hashed):
        path = folder / f"{name}{_SOCKET}"
        if len(os.fsencode(path)) <= MAX_PATH_BYTES:
            return path
    raise LocalError(f"{folder} is too long for a socket, whose path has at most {MAX_PATH_BYTES} bytes")


def is_live(path: Path) -> bool:
    """Whether somebody listens at a socket; one that was left by a process that was killed refuses."""
    with socket.socket(socket.AF_UNIX) as trying:
        trying.settimeout(_CONNECT_SECONDS)
        try:
            trying.connect(str(path))
        except (BlockingIOError, TimeoutError):
            return True  # there is a queue before it
        except OSError:
            return False
    return True


def running(environment: Mapping[str, str]) -> dict[str, Path]:
    """The sockets of the collectors that run on this machine for this user, by id."""
    found: dict[str, Path] = {}
    for folder in _usable(environment, []):
        for path in _sockets(folder):
            if is_live(path):
                found.setdefault(_id_at(path), path)
    return dict(sorted(found.items()))


def where_none(environment: Mapping[str, str]) -> str:
    """Where collectors are looked for, and why a folder is not looked into."""
    problems: list[str] = []
    _usable(environment, problems)
    return _where(environment, problems)


def socket_of(collector_id: str, environment: Mapping[str, str]) -> Path:
    """The socket of one collector of this machine.

    Raises:
        LocalError: it does not run here for this user, or where it would be cannot be trusted.
    """
    problems: list[str] = []
    for folder in _usable(environment, problems):
        try:
            path = socket_path(folder, collector_id)
        except LocalError as error:
            problems.append(str(error))
            continue
        if is_live(path):
            return path
    others = list(running(environment))
    if len(others) > _SHOWN:
        others[_SHOWN:] = ["..."]
    there = f"; there is {', '.join(others)}" if others else ""
    raise LocalError(
        f"no collector {collector_id!r} runs here for this user, by {_where(environment, problems)}{there}"
    )


def _usable(environment: Mapping[str, str], problems: list[str]) -> list[Path]:
    """The folders that are there and can be trusted; why one cannot be is added to the problems."""
    found = []
    for folder in folders(environment):
        try:
            check_folder(folder)
        except LocalError as error:
            problems.append(str(error))
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
        else:
            found.append(folder)
    return found


def _where(environment: Mapping[str, str], problems: list[str]) -> str:
    where = ", ".join(map(str, folders(environment))) or "no folder"
    return ": ".join((where, *problems))


def _sockets(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from sorted(path for path in folder.iterdir() if path.name.endswith(_SOCKET))


def _id_at(path: Path) -> str:
    name = path.name.removesuffix(_SOCKET)
    with suppress(OSError, UnicodeDecodeError), path.with_name(name + _LOCK).open("rb") as file:
        return visible(file.read(_MAX_ID_BYTES).decode()) or name
    return name


class Claim:
    """The right to a socket, which ends with the process: a lock on a file beside it; a context manager.

    Args:
        path: of the socket; what an earlier process has left there is removed.
        collector_id: whose it is, for those who look.

    Raises:
        LocalError: when it is entered: another process has it.
        OSError: the files cannot be made.
    """

    def __init__(self, path: Path, collector_id: str) -> None:
        self.path = path
        self._id = collector_id
        self._lock = path.with_name(path.name.removesuffix(_SOCKET) + _LOCK)
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take it."""
        self._descriptor = self._locked()
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, self._id.encode())
            self.path.unlink(missing_ok=True)
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back; nothing is left."""
        for path in (self.path, self._lock):
            with suppress(OSError):
                path.unlink()
        os.close(self._descriptor)

    def _locked(self) -> int:
        for _ in range(_MOST_TRIES):
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever had it may just have removed the file.
                if os.path.samestat(os.fstat(descriptor), self._lock.lstat()):
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                raise LocalError(
                    f"another collector {self._id!r} runs on this machine, and has {self.path}"
                ) from None
            except FileNotFoundError:
                pass
            os.close(descriptor)
        raise LocalError(f"{self._lock} is removed again and again")
