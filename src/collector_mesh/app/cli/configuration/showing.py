"""The configuration as TOML, each value with where it has come from."""

import sys
from collections.abc import Collection, Iterator, Mapping

from collector_mesh.app.cli.problems import masked
from collector_mesh.app.cli.sources import SETTING_FIELDS, TEXT_FIELDS, AccessTable, Sourced
from collector_mesh.domain.model.texts import escaped

_SETTINGS = "settings"

_MASK = '"***"'


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
    if sourced.access is not None:
        yield from _access(sourced.access)


def _access(table: AccessTable) -> Iterator[str]:
    """The table of access rules; what does not belong there may be anything, and is not shown."""
    from collector_mesh.app.access.reading import KEYS, RULE_KEYS

    content, source = table.content, table.source
    yield ""
    if not isinstance(content, Mapping):
        yield f"access = {_MASK}  # {source}"
        return
    yield f"[access]  # {source}"
    for key, value in content.items():
        if key == "tokens":
            # The file is looked for beside the one that it is named in, wherever this is written to.
            path = isinstance(value, str) and "\0" not in value
            yield f"tokens = {toml(str((table.base / value).absolute())) if path else _MASK}"
        elif key != "rules":
            yield _of_access(key, value, KEYS)
    rules = content.get("rules", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        yield ""
        yield "[[access.rules]]"
        for key, value in rule.items() if isinstance(rule, Mapping) else [("rule", rule)]:
            yield _of_access(key, value, RULE_KEYS)


def _of_access(key: str, value: object, known: Collection[str]) -> str:
    is_shown = key in known and isinstance(value, bool | str | list)
    return f"{key if key in known else toml(key)} = {masked(toml(value)) if is_shown else _MASK}"


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
