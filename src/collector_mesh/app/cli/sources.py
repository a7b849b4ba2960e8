"""Where `serve` looks for its configuration: flags, the environment, a TOML file, defaults, in this order."""

import argparse
import re
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

import attrs

from collector_mesh.app.cli.config import VARIABLES, ServeConfig, default_id
from collector_mesh.app.cli.configuration.file import ConfigFile, read_file
from collector_mesh.app.cli.problems import Problems, got, named
from collector_mesh.app.cli.structuring import Path, UnfitError, Words, structured
from collector_mesh.app.overrides import check_overrides
from collector_mesh.app.settings import Settings

_SETTINGS = "settings"
_ACCESS = "access"
_CONFIG = f"{VARIABLES}CONFIG"

_Value = tuple[object, str]
"""What is told, and where it comes from."""

_Told = dict[Path, _Value]

_AS_IT_IS: Mapping[str, str] = MappingProxyType({})

TEXT_FIELDS = tuple(field.name for field in attrs.fields(ServeConfig) if field.name != _SETTINGS)
_DEFAULTS = {field.name: field.default for field in attrs.fields(ServeConfig)}
SETTING_FIELDS = tuple(field.name for field in attrs.fields(Settings))

_OF_KUBERNETES = re.compile(
    r"(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
"""What Kubernetes adds to the environment of every container, for a service whose name is `collector-mesh` or begins so."""


@attrs.frozen
class AccessTable:
    """The table of access rules as the file has it.

    Attributes:
        content: the table, unread.
        source: where it is, as errors name it.
        base: the folder that paths in it are relative to.
    """

    content: object
    source: str
    base: FilePath


@attrs.frozen
class Sourced:
    """A configuration, and where each of its values has come from.

    Attributes:
        config: the configuration.
        sources: of what is not a default, by its path: `("settings", "max_running")`.
        spelled: how users spell values that are not called as they are here.
        access: what the file says of who may do what.
    """

    config: ServeConfig
    sources: Mapping[Path, str]
    spelled: Mapping[str, str] = _AS_IT_IS
    access: AccessTable | None = None

    def source(self, *path: str) -> str:
        """Where a value has come from, as errors name it: `--peer`, `env COLLECTOR_MESH_PEER`, `default`."""
        return self.sources.get(path, "default")

    def given(self) -> dict[str, str]:
        """Where everything that is no default has come from, by the names of keys of the file."""
        return {".".join(path): source for path, source in self.sources.items()}


def variable_of(path: Path) -> str:
    """The environment variable for a value: `COLLECTOR_MESH_SETTINGS__MAX_RUNNING`."""
    return VARIABLES + "__".join(path).upper()


def read_config(
    arguments: argparse.Namespace,
    environment: Mapping[str, str],
    *,
    own_id: str | None = None,
    spelled: Mapping[str, str] = _AS_IT_IS,
) -> Sourced:
    """Put together what flags, the environment and a file say.

    Args:
        arguments: the flags.
        environment: variables, those of other programs too.
        own_id: the id where none is given; None for one of the host's name and a random suffix.
        spelled: how users spell values that are not called as they are here: in flags, variables and files.

    Raises:
        CommandError: the file cannot be read, a name is unknown, or values are wrong; the text has every problem,
            each with its source.
    """
    problems = Problems()
    file = file_named(arguments, environment)
    table = None if file is None else read_file(*file, problems)
    sourced = gathered(arguments, environment, problems, file=table, own_id=own_id, spelled=spelled)
    problems.check()
    assert sourced is not None
    return sourced


def file_named(arguments: argparse.Namespace, environment: Mapping[str, str]) -> tuple[FilePath, str] | None:
    """The file of a configuration, and how errors name it; None where there is none."""
    if arguments.config:
        return FilePath(arguments.config), f"--config {arguments.config}"
    if named_so := environment.get(_CONFIG, "").strip():
        return FilePath(named_so), f"env {_CONFIG} {named_so}"
    return None


def gathered(
    arguments: argparse.Namespace,
    environment: Mapping[str, str],
    problems: Problems,
    *,
    file: ConfigFile | None,
    own_id: str | None = None,
    spelled: Mapping[str, str] = _AS_IT_IS,
) -> Sourced | None:
    """As `read_config`, of a file that was read already; None where there are problems, which are noted."""
    layers = [
        dict(_from_environment(environment, problems, spelled)),
        dict(_from_flags(arguments, spelled)),
    ]
    access = None
    if file is not None:
        content = dict(file.content)
        if _ACCESS in content:
            access = AccessTable(content.pop(_ACCESS), f"{file.source}: {_ACCESS}", file.path.parent)
        layers.insert(0, dict(_from_file(content, file.source, problems, spelled)))
    told: _Told = {("id",): (own_id, "default")}
    if own_id is None:
        made = default_id(socket.gethostname(), secrets.token_hex(3))
        told = {("id",): (made, "default: the host's name and a random suffix")}
    for layer in layers:
        # Each by itself: a value that is wrong is wrong also where another one wins over it.
        _check(layer, problems)
        told.update(layer)
    if problems:
        if access is not None:
            _check_access(access, problems)
        return None
    sources = {path: where for path, (_, where) in told.items()}
    return Sourced(structured(_nested(told), ServeConfig), sources, spelled, access)


def _check_access(table: AccessTable, problems: Problems) -> None:
    """Note what is wrong with access rules of a configuration that cannot be used anyway, so that all is told at once."""
    from collector_mesh.app.access.reading import read_access

    # Whether ids are proved hangs on the rest of it.
    _, found = read_access(table.content, table.source, table.base, proves_ids=True)
    for problem in found:
        if not problem.is_warning:
            problems.add(str(problem))


def _from_flags(arguments: argparse.Namespace, spelled: Mapping[str, str]) -> Iterator[tuple[Path, _Value]]:
    for name in TEXT_FIELDS:
        given = getattr(arguments, name, None)
        # Most flags can only be given; one that can be denied is None where it is neither.
        if given is None or (given is False and not _DEFAULTS[name]):
            continue
        value = Words(given) if isinstance(given, str) else given
        no = "no-" if given is False else ""
        yield (name,), (value, f"--{no}{spelled.get(name, name).replace('_', '-')}")


def _from_environment(
    environment: Mapping[str, str], problems: Problems, spelled: Mapping[str, str]
) -> Iterator[tuple[Path, _Value]]:
    known: dict[str, Path] = {variable_of((spelled.get(name, name),)): (name,) for name in TEXT_FIELDS}
    known |= {variable_of((_SETTINGS, name)): (_SETTINGS, name) for name in SETTING_FIELDS}
    for name in sorted(name for name in environment if name.startswith(VARIABLES)):
        if name in known:
            # A variable that is set to nothing is how Compose and shells say that it is not set.
            if text := environment[name].strip():
                yield known[name], (Words(text), f"env {name}")
        elif name != _CONFIG and not _is_of_kubernetes(name, environment[name]):
            problems.add(f"env {name} is unknown{_variable_meant(name, [*known, _CONFIG])}")


def _variable_meant(name: str, known: list[str]) -> str:
    import difflib

    # Without what they begin with: that alone makes all of them alike.
    ends = [variable.removeprefix(VARIABLES) for variable in known]
    if close := difflib.get_close_matches(name.removeprefix(VARIABLES), ends, n=1):
        return f", did you mean {VARIABLES}{close[0]}?"
    return (
        f", allowed are the names of flags, as {variable_of(('tls_cert',))}, and of settings, as"
        f" {variable_of((_SETTINGS, 'max_running'))}"
    )


def _is_of_kubernetes(name: str, value: str) -> bool:
    """Whether a variable is one of those, by its name and, where that could be meant for a flag, its value."""
    starts = (at for at in range(len(VARIABLES), len(name)) if name[at - 1] == "_")
    return any(_OF_KUBERNETES.fullmatch(name, at) for at in starts) and (
        not name.endswith("_PORT") or name.endswith("SERVICE_PORT") or "://" in value
    )


def _from_file(
    read: dict[str, Any], source: str, problems: Problems, spelled: Mapping[str, str]
) -> Iterator[tuple[Path, _Value]]:
    settings = read.pop(_SETTINGS, {})
    names = {spelled.get(name, name): name for name in TEXT_FIELDS}
    for (name,), value in _known(read, (), "key", names, source, problems, (_SETTINGS, _ACCESS)):
        yield (names[name],), value
    if isinstance(settings, dict):
        yield from _known(settings, (_SETTINGS,), "setting", SETTING_FIELDS, source, problems)
    else:
        problems.add(f"{source}: {_SETTINGS} must be a table, got {got(settings)}")


def _known(
    table: Mapping[str, object],
    path: Path,
    what: str,
    names: Iterable[str],
    source: str,
    problems: Problems,
    tables: Iterable[str] = (),
) -> Iterator[tuple[Path, _Value]]:
    import difflib

    known = set(names)
    for name, value in table.items():
        if name in known:
            yield (*path, name), (value, f"{source}: {'.'.join((*path, name))}")
        else:
            close = difflib.get_close_matches(name, [*known, *tables], n=1)
            meant = (
                f"did you mean {close[0]}?"
                if close
                else f"allowed are {', '.join(sorted({*known, *tables}))}"
            )
            problems.add(f"{source}: unknown {what} {got(name)}, {meant}")


def _nested(told: _Told) -> dict[str, Any]:
    data: dict[str, Any] = {_SETTINGS: {}}
    for path, (value, _) in told.items():
        table = data[_SETTINGS] if len(path) > 1 else data
        table[path[-1]] = value
    return data


def _check(told: _Told, problems: Problems) -> None:
    try:
        structured({"id": "any", **_nested(told)}, ServeConfig)
    except UnfitError as error:
        for path, text in error.problems:
            problems.add(named(told[path][1], path[-1], text))
    if (_SETTINGS, "overrides") in told:
        _check_overrides(*told[_SETTINGS, "overrides"], problems)


def _check_overrides(value: object, source: str, problems: Problems) -> None:
    try:
        settings = structured({"overrides": value}, Settings)
    except UnfitError:
        return  # that was told
    for text in check_overrides(settings.overrides):
        problems.add(f"{source}{text.removeprefix('overrides')}")
