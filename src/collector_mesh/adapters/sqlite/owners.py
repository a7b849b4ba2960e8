"""Which processes that have used a file are alive: each holds a lock, which goes with it however it ends."""

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path

from collector_mesh.domain.ports.key_store import KeyStoreError


class Owners:
    """Those who use a file.

    Args:
        path: of the file; beside it each of them has an empty one of its own, which it keeps locked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self.own = ""
        """Stands for this use of the file, while it is in use."""

    def enter(self) -> None:
        """Be one of them.

        Raises:
            KeyStoreError: the lock cannot be made.
        """
        while self._descriptor < 0:
            try:
                self._lock(secrets.token_hex(8))
            except OSError as error:
                raise KeyStoreError(
                    f"key store {str(self._path)!r}: no lock beside it: {error.strerror}"
                ) from error
        for other in self._path.parent.glob(f"{self._path.name}.owner-*"):
            self.is_alive(other.name.rpartition("-")[2])

    def _lock(self, own: str) -> None:
        """Try to lock a file of one's own: whoever looks at it before it is locked takes it for left behind."""
        path = self._at(own)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_there = path.exists()
        except BlockingIOError:
            is_there = False
        except BaseException:
            os.close(descriptor)
            raise
        if is_there:
            self.own, self._descriptor = own, descriptor
        else:
            os.close(descriptor)

    def leave(self) -> None:
        """Be none of them anymore."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                self._at(self.own).unlink()
            os.close(descriptor)

    def is_alive(self, owner: str) -> bool:
        """Whether one of them is still there; what a dead one has left is removed."""
        if owner == self.own:
            return True
        path = self._at(owner)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:
            # Of one that cannot be looked at nothing is known: it may run.
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            with suppress(OSError):
                path.unlink()
            return False
        finally:
            os.close(descriptor)

    def _at(self, owner: str) -> Path:
        return self._path.with_name(f"{self._path.name}.owner-{owner}")
