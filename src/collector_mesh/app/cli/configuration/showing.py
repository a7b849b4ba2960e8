"""The configuration as TOML, each value with where it has come from."""

import sys
from collections.abc import Iterator

from collector_mesh.app.cli.problems import masked
from collector_mesh.app.cli.sources import SETTING_FIELDS, TEXT_FIELDS, Sourced
from collector_mesh.domain.model.texts import escaped

_SETTINGS = "settings"


def show(sourced: Sourced) -> int:
    """Print the configuration; gives the exit status."""
    sys.stdout.write("\n".join(map(escaped, shown(sourced))) + "\n")
    return 0


def shown(sourced: Sourced) -> Iterator[str]:
    """The configuration as lines of TOML that `--config` takes, each value with where it has come from."""
    config = sourced.config
    for name in TEXT_FIELDS:
        yield _line(sourced.spelled.get(name, name), getattr(config, name), sourced.source(name))
    yield ""
    yield f"[{_SETTINGS}]"
    for name in SETTING_FIELDS:
        if name != "overrides":
            yield _line(name, getattr(config.settings, name), sourced.source(_SETTINGS, name))
    for name, values in config.settings.overrides.items():
        yield ""
        yield f"[{_SETTINGS}.overrides.{toml(name)}]"
        for key, value in values.items():
            yield _line(key, value, sourced.source(_SETTINGS, "overrides"))


def _line(name: str, value: object, source: str) -> str:
    said = f"# {name} is left out" if value is None else f"{name} = {masked(toml(value))}"
    return f"{said}  # {source}"


def toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(map(_in_quotes, value))}"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml, value))}]"
    return str(value)


def _in_quotes(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    return sign if sign.isprintable() else f"\\U{ord(sign):08X}"
