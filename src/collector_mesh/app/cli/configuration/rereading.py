"""The configuration of a collector that runs, read again: files may just be written, or no files."""

import os
import stat
import time
from pathlib import Path

from collector_mesh.app.cli.configuration.file import MAX_FILE_BYTES, ConfigFile, read_content
from collector_mesh.app.cli.configuration.origin import Origin
from collector_mesh.app.cli.problems import Problems
from collector_mesh.app.cli.sources import Sourced, file_named, gathered

_SETTLED_SECONDS = 0.5
"""What was written so long ago is not being written anymore."""

_LOOK_SECONDS = 0.05
_LOOKS = 40


def read_again(origin: Origin, own_id: str, problems: Problems) -> Sourced | None:
    """Put the configuration together again; None where there are problems, which are noted.

    Waits while the file is being written, so it is for a thread.

    Args:
        origin: where it comes from.
        own_id: the id where none is given: the one that the collector has.
        problems: takes what is wrong.
    """
    file, named = None, file_named(origin.arguments, origin.environment)
    if named is not None:
        file = _read(*named, problems)
        if file is None:
            return None
    sourced = gathered(
        origin.arguments, origin.environment, problems, file=file, own_id=own_id, spelled=origin.spelled
    )
    return sourced if sourced is None or origin.altered is None else origin.altered(sourced)


def _read(path: Path, source: str, problems: Problems) -> ConfigFile | None:
    try:
        data = _settled(path)
    except (OSError, ValueError) as error:
        problems.add(f"{source}: cannot be read: {getattr(error, 'strerror', None) or error}")
        return None
    if not data.strip():
        # Whoever means it writes a comment; it would take back all that the file has said.
        problems.add(f"{source}: is empty, as a file is that is just being written")
        return None
    return read_content(data, path, source, problems)


def _settled(path: Path) -> bytes:
    """What is in a file, once nobody writes it anymore.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file, or is being written all the time.
    """
    data, seen = _content(path)
    for _ in range(_LOOKS):
        # A clock that was set back makes files of the future, which have to be looked at twice.
        if time.time() - seen.st_mtime >= _SETTLED_SECONDS:
            return data
        time.sleep(_LOOK_SECONDS)
        again, now = _content(path)
        if again == data and (now.st_mtime_ns, now.st_ino) == (seen.st_mtime_ns, seen.st_ino):
            return data
        data, seen = again, now
    raise ValueError("is being written all the time")


def _content(path: Path) -> tuple[bytes, os.stat_result]:
    # A pipe, as a shell makes for `<(command)`, would wait, or has been read to its end.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(descriptor, "rb", closefd=True) as file:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise ValueError("is no file that can be read again")
        return file.read(MAX_FILE_BYTES + 1), seen
