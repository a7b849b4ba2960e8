"""What `serve` can be told, and what each of it may be."""

import os
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

import attrs

from collector_mesh.adapters.dns.target import PREFIX, Target
from collector_mesh.app.cli.logs import FORMATS, LEVELS
from collector_mesh.app.cli.problems import got
from collector_mesh.app.cli.tracing import check_receiver
from collector_mesh.app.options import check_labels, check_registry_address, check_weight
from collector_mesh.app.settings import Settings
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import NAME, check_name
from collector_mesh.domain.registry.rules import LEVELS as RULE_LEVELS

VARIABLES = "COLLECTOR_MESH_"
"""What the names of all environment variables of the command line begin with."""

DEFAULT_LISTEN = "127.0.0.1:0"
"""Only this machine, at a free port: nothing is open to others that nobody has asked for."""

MOST_WORKERS = 64

_LONGEST_WAIT = 86_400

_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_AN_ADDRESS = re.compile(r"[^/\\]*:\d{1,5}")
"""What nobody means to be a file, unless it is there."""

_Check = Callable[[object, "attrs.Attribute[Any]", Any], None]


class SeveralError(ValueError):
    """Several items of a list are wrong.

    Attributes:
        texts: what is wrong with each.
    """

    def __init__(self, texts: list[str]) -> None:
        super().__init__("; ".join(texts))
        self.texts = texts


def pairs(name: str, texts: Iterable[str]) -> dict[str, str]:
    """What NAME=VALUE texts say.

    Raises:
        ValueError: one is in another form, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, is_pair, value = text.partition("=")
        if not is_pair or not key:
            raise ValueError(f"{name} must be NAME=VALUE, got {got(text)}")
        if key in found:
            raise ValueError(f"{name} {key!r} is given twice")
        found[key] = value
    return found


def default_id(host: str, suffix: str) -> str:
    """An id for a collector that was given none: the host's name as an id may have it, and what tells two on it apart."""
    allowed = re.sub(r"[^A-Za-z0-9._-]+", "-", host).strip("-.")
    collector_id = f"{allowed[:100].rstrip('-.') or 'collector'}-{suffix}"
    if not NAME.fullmatch(collector_id):
        raise ValueError(f"no id: {collector_id!r}")
    return collector_id


def _name(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    check_name(attribute.name, value)


def _address(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if not value:
        # Required it is not: it can be left out.
        raise ValueError(f"{attribute.name} must be HOST:PORT, got {value!r}")
    HostPort.parse(value, field=attribute.name)


def _registry(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    check_registry_address(attribute.name, value)


def _peer(instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if value.startswith(PREFIX):
        Target.parse(value)
    else:
        _address(instance, attribute, value)


def _pairs(_instance: object, attribute: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
    pairs(attribute.name, value)


def _labels(_instance: object, attribute: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
    check_labels(None, None, pairs(attribute.name, value))


def peer_count(name: str, value: str) -> int | Literal["all"]:
    """What a text says of how many peers are waited for.

    Raises:
        ValueError: it is no number, and not `all`.
    """
    if value == "all":
        return "all"
    if not (value.isascii() and value.isdigit() and int(value[:9]) > 0 and len(value) < 9):
        raise ValueError(f"{name} must be a number of peers from 1, or all, got {got(value)}")
    return int(value)


def _peer_count(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    peer_count(attribute.name, value)


def _seconds(_instance: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not 0 < value <= _LONGEST_WAIT:
        raise ValueError(
            f"{attribute.name} must be a number of seconds over 0, at most {_LONGEST_WAIT}, got {value!r}"
        )


def _workers(_instance: object, attribute: "attrs.Attribute[Any]", value: int) -> None:
    if not 1 <= value <= MOST_WORKERS:
        raise ValueError(
            f"{attribute.name} must be a number of processes from 1 to {MOST_WORKERS}, got {value!r}"
        )


def _receiver(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    check_receiver(attribute.name, value)


def _share(_instance: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{attribute.name} must be a share of calls from 0 to 1, got {value!r}")


def _store(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    _file(_instance, attribute, value)
    if _AN_ADDRESS.fullmatch(value) and not os.path.lexists(value):
        raise ValueError(
            f"{attribute.name} must be the path of a file, got {got(value)}, which is an address: "
            f"serve --validate-at asks a registry there, and serve --register-at registers there; a file is {got('./' + value)}"
        )


def _file(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if not value or "\0" in value or value == ":memory:":
        raise ValueError(f"{attribute.name} must be the path of a file, got {got(value)}")


def _reference(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if not _REFERENCE.fullmatch(value):
        raise ValueError(f"{attribute.name} must be MODULE:OBJECT, got {got(value)}")


def _mount(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    namespace, *references = value.split("=") if "=" in value else ("any", value)
    if len(references) != 1 + ("=" in value) or not all(map(_REFERENCE.fullmatch, references)):
        raise ValueError(
            f"{attribute.name} must be NAMESPACE=MODULE:ADDER=MODULE:SERVICER or MODULE:CALLABLE, got {got(value)}"
        )
    check_name("namespace", namespace)


def _one_of(allowed: tuple[str, ...]) -> _Check:
    def check(_instance: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
        if value not in allowed:
            raise ValueError(f"{attribute.name} must be one of {', '.join(allowed)}, got {got(value)}")

    return check


def _each(check: _Check) -> _Check:
    def check_each(instance: object, attribute: "attrs.Attribute[Any]", value: Iterable[Any]) -> None:
        texts = []
        for item in value:
            try:
                check(instance, attribute, item)
            except (ValueError, MeshError) as error:
                texts.append(str(error))
        if texts:
            raise SeveralError(texts)

    return check_each


_maybe = attrs.validators.optional


@attrs.frozen(kw_only=True)
class ServeConfig:
    """Everything that `serve` is told; the names are those of the flags, of the keys of the file, and of the environment."""

    id: str = attrs.field(validator=_name)
    listen: str = attrs.field(default=DEFAULT_LISTEN, validator=_address)
    advertise: str | None = attrs.field(default=None, validator=_maybe(_address))
    namespace: tuple[str, ...] = attrs.field(default=(), validator=_each(_name))
    service: tuple[str, ...] = attrs.field(default=(), validator=_each(_reference))
    mount: tuple[str, ...] = attrs.field(default=(), validator=_each(_mount))
    middleware: tuple[str, ...] = attrs.field(default=(), validator=_each(_reference))
    validator: str | None = attrs.field(default=None, validator=_maybe(_reference))
    validate_at: str | None = attrs.field(default=None, validator=_maybe(_registry))
    validate_open: bool = False
    register_at: str | None = attrs.field(default=None, validator=_maybe(_registry))
    authorizer: str | None = attrs.field(default=None, validator=_maybe(_reference))
    registry: str | None = attrs.field(default=None, validator=_maybe(_store))
    registry_level: str | None = attrs.field(default=None, validator=_maybe(_one_of(RULE_LEVELS)))
    keys: str | None = attrs.field(default=None, validator=_maybe(_file))
    peer: tuple[str, ...] = attrs.field(default=(), validator=_each(_peer))
    wait_for_peers: str | None = attrs.field(default=None, validator=_maybe(_peer_count))
    wait_for_peers_timeout: float | None = attrs.field(default=None, validator=_maybe(_seconds))
    label: tuple[str, ...] = attrs.field(default=(), validator=_labels)
    weight: int = attrs.field(default=1, validator=check_weight)
    balancer: tuple[str, ...] = attrs.field(default=(), validator=_pairs)
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_ca: str | None = None
    token_file: str | None = None
    insecure: bool = False
    accept_peers: bool = False
    accept_unary_peers: bool = False
    inspect: bool = False
    metrics: str | None = attrs.field(default=None, validator=_maybe(_address))
    reflection: bool = False
    gateway: bool = True
    access_log: float | None = attrs.field(default=None, validator=_maybe(_share))
    traces: str | None = attrs.field(default=None, validator=_maybe(_receiver))
    no_uvloop: bool = False
    workers: int | None = attrs.field(default=None, validator=_maybe(_workers))
    log_format: str = attrs.field(default=FORMATS[0], validator=_one_of(FORMATS))
    log_level: str = attrs.field(default="info", validator=_one_of(LEVELS))
    settings: Settings = attrs.field(factory=Settings)
