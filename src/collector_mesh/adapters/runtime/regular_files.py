"""Files that are read again and again: never what would wait for somebody to write, nor what has no end."""

import os
import stat
import time
from pathlib import Path

_SETTLED_SECONDS = 0.5
"""What was written so long ago is not being written anymore."""

_LOOK_SECONDS = 0.05
_LOOKS = 40


def read_regular(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """What is in a file, and how it was then.

    Args:
        path: of the file.
        most: bytes that are read.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file.
    """
    # A pipe, as a shell makes for `<(command)`, would wait, or has been read to its end.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(descriptor, "rb", closefd=True) as file:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise ValueError("is no file that can be read again")
        return file.read(most), seen


def read_settled(path: Path, most: int) -> bytes:
    """What is in a file, once nobody writes it anymore: it waits, so it is for a thread.

    Args:
        path: of the file.
        most: bytes that are read.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file, or is being written all the time.
    """
    data, seen = read_regular(path, most)
    for _ in range(_LOOKS):
        # A clock that was set back makes files of the future, which have to be looked at twice.
        if time.time() - seen.st_mtime >= _SETTLED_SECONDS:
            return data
        time.sleep(_LOOK_SECONDS)
        again, now = read_regular(path, most)
        if again == data and (now.st_mtime_ns, now.st_ino) == (seen.st_mtime_ns, seen.st_ino):
            return data
        data, seen = again, now
    raise ValueError("is being written all the time")
