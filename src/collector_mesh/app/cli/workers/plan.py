"""What each of several workers is told, of what `serve --workers N` was told."""

from typing import Any

import attrs

from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.problems import Problems, got
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.cli.workers.words import worker_id
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import check_name

ID = "{id}"
"""Stands for the id of a worker in the names of certificate files."""

_LAST_PORT = 65535
_LOCALHOST = "localhost"
_ADDRESSES = ("listen", "advertise", "metrics")
"""Where each worker has a port of its own."""

_FILES = ("tls_cert", "tls_key")


def worker_config(config: ServeConfig, collector_id: str, index: int, port: int) -> ServeConfig:
    """What one worker is told.

    Args:
        config: what all of them are told.
        collector_id: of all of them.
        index: which one, from 0.
        port: where it listened before, where it is free to choose; 0 if it did not.
    """
    own_id = worker_id(collector_id, index)
    changes: dict[str, Any] = {"id": own_id, "workers": None}
    for name in _ADDRESSES:
        address = getattr(config, name)
        if address is not None:
            changes[name] = _moved(address, index)
    for name in _FILES:
        file = getattr(config, name)
        if file is not None:
            changes[name] = file.replace(ID, own_id)
    own = {changes["listen"], changes.get("advertise")}
    changes["peer"] = tuple(peer for peer in config.peer if peer not in own)
    listen = HostPort.parse(config.listen)
    if not listen.port and port:
        changes["listen"] = str(HostPort(listen.host, port))
    return attrs.evolve(config, **changes)


def check_workers(sourced: Sourced) -> None:
    """See that there can be as many workers as are asked for.

    Raises:
        CommandError: there cannot; the text has every problem.
    """
    problems = Problems()
    _look(sourced, problems)
    problems.check()


def _look(sourced: Sourced, problems: Problems) -> None:
    config = sourced.config
    number = config.workers or 1
    for name in _ADDRESSES:
        address = getattr(config, name)
        if address is None:
            continue
        port = HostPort.parse(address, field=name).port
        if port and port + number - 1 > _LAST_PORT:
            last = f"the last of {number} workers would have port {port + number - 1}"
            problems.add(f"{sourced.source(name)} {got(address)}: {last}, and ports go up to {_LAST_PORT}")
    if config.metrics is not None and _are_shared(config.listen, config.metrics, number):
        problems.add(
            f"{sourced.source('metrics')} {got(config.metrics)}: {number} workers need {number} ports from there on, and"
            f" some of them are ports of {sourced.source('listen')} {got(config.listen)}"
        )
    with problems.gathered(MeshError):
        check_name("id", worker_id(config.id, number - 1))
    if number > 1 and config.tls_ca is not None:
        for name in _FILES:
            file = getattr(config, name)
            if file is not None and ID not in file:
                problems.add(
                    f"{sourced.source(name)} {got(file)}: with mutual TLS a certificate proves one id, so that each of"
                    f" {number} workers needs its own: write {ID} in the name of the file, as in certs/{ID}.crt"
                )


def first_of(sourced: Sourced, problems: Problems) -> Sourced:
    """The configuration of the first worker, which is what the others have too but for its numbers.

    Args:
        sourced: of all workers.
        problems: takes what keeps them from running side by side.
    """
    config, own = sourced.config, Problems()
    _look(sourced, own)
    if own:
        for text in own.texts:
            problems.add(text)
        # There may be no such worker at all.
        return attrs.evolve(sourced, config=attrs.evolve(config, workers=None))
    return attrs.evolve(sourced, config=worker_config(config, config.id, 0, 0))


def _are_shared(one: str, other: str, number: int) -> bool:
    """Whether two addresses have a port in common where each worker has one of its own."""
    first, second = HostPort.parse(one), HostPort.parse(other)
    if not (first.port and second.port) or abs(first.port - second.port) >= number:
        return False
    if first.is_wildcard or second.is_wildcard or first.host == second.host:
        return True
    return _LOCALHOST in (first.host, second.host) and first.is_loopback and second.is_loopback


def _moved(address: str, index: int) -> str:
    """The address of a worker; where any port is meant, each takes a free one."""
    parsed = HostPort.parse(address)
    return str(HostPort(parsed.host, parsed.port + index)) if parsed.port else address
