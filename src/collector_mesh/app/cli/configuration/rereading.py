"""The configuration of a collector that runs, read again: files may just be written, or no files."""

from collections.abc import Mapping
from pathlib import Path

from collector_mesh.adapters.runtime.regular_files import read_settled
from collector_mesh.app.cli.configuration.file import MAX_FILE_BYTES, ConfigFile, read_content
from collector_mesh.app.cli.configuration.origin import Origin
from collector_mesh.app.cli.problems import Problems, got
from collector_mesh.app.cli.sources import Sourced, file_named, gathered


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
    if sourced is None:
        return None
    _see_tokens(sourced, problems)
    return sourced if origin.altered is None else origin.altered(sourced)


def _see_tokens(sourced: Sourced, problems: Problems) -> None:
    """See that nobody is writing the file of tokens; what is in it is read with the access rules."""
    table = sourced.access
    named = table.content.get("tokens") if table is not None and isinstance(table.content, Mapping) else None
    if table is None or not isinstance(named, str):
        return
    try:
        is_empty = not read_settled(table.base / named, 1 << 20).strip()
    except (OSError, ValueError):
        return  # whoever reads the rules tells it
    if is_empty:
        problems.add(f"{table.source}.tokens: {got(named)} is empty, as a file is that is just being written")


def _read(path: Path, source: str, problems: Problems) -> ConfigFile | None:
    try:
        data = read_settled(path, MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        problems.add(f"{source}: cannot be read: {getattr(error, 'strerror', None) or error}")
        return None
    if not data.strip():
        # Whoever means it writes a comment; it would take back all that the file has said.
        problems.add(f"{source}: is empty, as a file is that is just being written")
        return None
    return read_content(data, path, source, problems)
