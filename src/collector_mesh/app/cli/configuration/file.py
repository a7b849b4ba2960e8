"""The file that a configuration is in: read with a limit, and checked to be TOML."""

from pathlib import Path
from typing import Any

import attrs

from collector_mesh.app.cli.problems import Problems

MAX_FILE_BYTES = 8 << 20
"""Larger files are refused before they are looked at, as those of access rules alone are; 10,000 rules fit."""


@attrs.frozen
class ConfigFile:
    """A file that was read.

    Attributes:
        path: where it is.
        source: how errors name it.
        content: what is in it.
    """

    path: Path
    source: str
    content: dict[str, Any]


def read_file(path: Path, source: str, problems: Problems) -> ConfigFile | None:
    """Read the file of a configuration; None where it cannot be read, which is noted."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        problems.add(f"{source}: cannot be read: {error.strerror or error}")
        return None
    except ValueError as error:
        problems.add(f"{source}: cannot be read: {error}")
        return None
    return read_content(data, path, source, problems)


def read_content(data: bytes, path: Path, source: str, problems: Problems) -> ConfigFile | None:
    """Read what is in such a file; None where it is no TOML, which is noted."""
    import tomllib

    if len(data) > MAX_FILE_BYTES:
        problems.add(f"{source}: cannot be read: has more than {MAX_FILE_BYTES >> 20} MiB")
        return None
    try:
        # Some editors write a mark of the encoding.
        return ConfigFile(path, source, tomllib.loads(data.decode("utf-8-sig")))
    except tomllib.TOMLDecodeError as error:
        problems.add(f"{source}: {error}")
    except RecursionError:
        problems.add(f"{source}: cannot be read: is nested too deeply")
    except ValueError as error:
        problems.add(f"{source}: cannot be read: {error}")
    return None
