"""`collector-mesh config check`: everything that is wrong with a configuration file."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from collector_mesh.app.cli.configuration.file import read_file
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.problems import Problems
from collector_mesh.app.cli.sources import Sourced, gathered
from collector_mesh.domain.model.texts import escaped

_MOST = 1_000
"""Problems that are told; there can be as many as there are lines in a file."""

_AS_IT_IS: Mapping[str, str] = MappingProxyType({})


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; gives the exit status."""
    path = Path(arguments.file)
    try:
        path.open("rb").close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"{arguments.file}: cannot be read: {reason}") from error
    problems, warnings = Problems(), Problems()
    sourced = _read(path, arguments, problems)
    if sourced is not None:
        _check(sourced, problems, warnings, imports=arguments.imports)
    _write(problems.texts)
    _write(f"warning: {text}" for text in warnings.texts)
    if problems or (warnings and arguments.strict):
        return EXIT_FAILED
    sys.stdout.write(f"{escaped(arguments.file)} is good\n")
    return 0


def _read(path: Path, arguments: argparse.Namespace, problems: Problems) -> Sourced | None:
    file = read_file(path, str(path), problems)
    if file is None:
        return None
    own_id, spelled = "any", _AS_IT_IS
    if arguments.of == "registry":
        from collector_mesh.app.cli.registry import REGISTRY_ID, SPELLED

        own_id, spelled = REGISTRY_ID, SPELLED
    sourced = gathered(argparse.Namespace(), {}, problems, file=file, own_id=own_id, spelled=spelled)
    if sourced is not None and arguments.of == "registry" and sourced.config.registry is None:
        problems.add(f"{path}: store is missing: a registry needs a file in which it is kept")
    return sourced


def _check(sourced: Sourced, problems: Problems, warnings: Problems, *, imports: bool) -> None:
    from collector_mesh.app.cli.checks import check_all
    from collector_mesh.app.cli.serving import collector_of

    check_all(sourced, problems, warnings)
    if imports and not problems:
        try:
            collector_of(sourced)
        except Exception as error:  # noqa: BLE001  # modules of users raise what they like
            named = isinstance(error, CommandError) or str(error)
            problems.add(str(error) if named else type(error).__name__)


def _write(texts: Iterable[str]) -> None:
    for number, text in enumerate(texts):
        if number == _MOST:
            sys.stdout.write("and more\n")
            return
        sys.stdout.write(f"{escaped(text)}\n")
