"""Files that are written together: all of them, or none."""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import attrs

SECRET = 0o600
PUBLIC = 0o644


@attrs.frozen
class File:
    """A file to be written.

    Attributes:
        name: in its folder.
        data: what is in it.
        mode: who may do what with it, whatever the umask.
    """

    name: str
    data: bytes
    mode: int


class Folder:
    """A folder that files are written into, made for them if it is not there; a context manager.

    Left by an error, it has what it had before, and is gone if it was not there.

    Args:
        path: where; what it is in must be there.

    Raises:
        OSError: when it is entered: it cannot be made, or is no folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_new = False

    def __enter__(self) -> Self:
        """Make it."""
        with suppress(FileExistsError):
            self.path.mkdir(mode=0o700)
            self._is_new = True
        if not self.path.is_dir():
            raise NotADirectoryError(20, "is no folder", str(self.path))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_raised: object) -> None:
        """Take it away if it was made in vain."""
        if kind is not None and self._is_new:
            with suppress(OSError):
                self.path.rmdir()

    def present(self, names: Sequence[str]) -> list[str]:
        """Which of some names are taken, also by links that lead nowhere."""
        return [name for name in names if os.path.lexists(self.path / name)]

    def write(self, files: Sequence[File]) -> None:
        """Write files, over those of the same names.

        Raises:
            OSError: they cannot be written; nothing has changed. Only a rename that fails leaves those before it.
        """
        written: list[tuple[Path, Path]] = []
        try:
            for file in files:
                beside = self.path / f".{secrets.token_hex(8)}.tmp"
                written.append((beside, self.path / file.name))
                _write(beside, file)
            for beside, target in written:
                beside.replace(target)
        except BaseException:
            for beside, _ in written:
                with suppress(OSError):
                    beside.unlink()
            raise


def _write(path: Path, file: File) -> None:
    # Nobody else may read it for a moment either.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(file.data)
        stream.flush()
        os.fchmod(descriptor, file.mode)
        # A disk that is full may say so only now.
        os.fsync(descriptor)
