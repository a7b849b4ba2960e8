"""What `serve` is told: by flags, by a TOML file, by defaults, in this order."""

import argparse
import tomllib
from pathlib import Path
from typing import Any

import attrs

from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.logs import FORMATS, LEVELS
from collector_mesh.app.settings import Settings, SettingsError

_TEXTS = frozenset({"namespace", "service", "peer", "label", "balancer"})
_FLAGS = frozenset({"insecure", "accept_peers", "accept_unary_peers", "reflection", "no_uvloop"})
_SETTINGS = "settings"


@attrs.frozen(kw_only=True)
class ServeConfig:
    """Everything that `serve` is told; the names are those of the flags, and of the keys of the file."""

    id: str = ""
    listen: str = ""
    advertise: str | None = None
    namespace: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    validator: str | None = None
    peer: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    weight: int = 1
    balancer: tuple[str, ...] = ()
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_ca: str | None = None
    insecure: bool = False
    accept_peers: bool = False
    accept_unary_peers: bool = False
    reflection: bool = False
    no_uvloop: bool = False
    log_format: str = FORMATS[0]
    log_level: str = "info"
    settings: Settings = attrs.field(factory=Settings)


def read_config(arguments: argparse.Namespace) -> ServeConfig:
    """Put together what the flags and the file say; a flag that is given wins over the file.

    Raises:
        CommandError: the file cannot be read, a key is unknown or has a wrong value, or something that
            is needed is missing.
    """
    told: dict[str, Any] = {}
    if arguments.config:
        told.update(_from_file(Path(arguments.config)))
    for field in attrs.fields(ServeConfig):
        given = getattr(arguments, field.name, None)
        if given not in (None, False, []):
            told[field.name] = tuple(given) if field.name in _TEXTS else given
    for needed in ("id", "listen"):
        if not told.get(needed):
            raise CommandError(f"--{needed} is required")
    return ServeConfig(**told)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--config {path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"--config {path}: {error}") from error
    known = {field.name for field in attrs.fields(ServeConfig)}
    for key, value in data.items():
        if key not in known:
            allowed = ", ".join(sorted(known))
            raise CommandError(f"--config {path}: unknown key {key!r}, allowed are {allowed}")
        data[key] = _checked(path, key, value)
    return data


def _checked(path: Path, key: str, value: Any) -> Any:
    if key == _SETTINGS:
        return _settings(path, value)
    if key in _TEXTS:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise CommandError(f"--config {path}: {key} must be a list of texts, got {value!r}")
    if key in _FLAGS:
        if isinstance(value, bool):
            return value
        raise CommandError(f"--config {path}: {key} must be true or false, got {value!r}")
    kind, what = (int, "a whole number") if key == "weight" else (str, "a text")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise CommandError(f"--config {path}: {key} must be {what}, got {value!r}")
    for name, allowed in (("log_format", FORMATS), ("log_level", LEVELS)):
        if key == name and value not in allowed:
            raise CommandError(f"--config {path}: {key} must be one of {', '.join(allowed)}, got {value!r}")
    return value


def _settings(path: Path, value: Any) -> Settings:
    if not isinstance(value, dict):
        raise CommandError(f"--config {path}: {_SETTINGS} must be a table, got {value!r}")
    known = {field.name for field in attrs.fields(Settings)}
    for key in value:
        if key not in known:
            allowed = ", ".join(sorted(known))
            raise CommandError(f"--config {path}: unknown setting {key!r}, allowed are {allowed}")
    try:
        return Settings(**value)
    except SettingsError as error:
        raise CommandError(f"--config {path}: {error}") from error
