"""Writes lock files: whole, or not at all."""

import errno
import os
import stat
from pathlib import Path

from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.whole_files import File, Folder


def write_whole(path: str, data: bytes) -> None:
    """Write a file in the place of the one that is there, which stays as it is where that fails.

    The new one has the permissions of the old one. A link leads to the new one as to the old one.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        target = Path(path).resolve()
        if not target.parent.is_dir():
            # It is not for this to make it.
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        with Folder(target.parent) as folder:
            folder.write([File(target.name, data, _mode(target))])
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CommandError(f"{path} cannot be written: {reason}", EXIT_FAILED) from error


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        # It can be asked for only by setting it; a command has no other threads.
        umask = os.umask(0o077)
        os.umask(umask)
        return 0o666 & ~umask
