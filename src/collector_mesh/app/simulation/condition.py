"""What condition a mesh is in: whether it has settled, who reaches whom, what is left after its end."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.app.simulation.collector import SimulatedCollector
from collector_mesh.domain.model.kinds import UNARY
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.relaying import MAX_HOPS

_Only = frozenset[str] | None
"""The only namespaces that are offered over a connection, None for all."""


def unsettled(collectors: Iterable[SimulatedCollector]) -> str:
    """Who is not connected to whom, empty if all are."""
    for collector in collectors:
        if collector.host.is_down or collector.host.is_paused or collector.is_impostor:
            continue
        snapshot = collector.snapshot()
        for connection in snapshot.connections:
            if connection.dialed and connection.state == "reconnecting":
                return f"{collector.collector_id} is not connected to {connection.peer_id}"
        if snapshot.dialing:
            return f"{collector.collector_id} is not connected to {', '.join(snapshot.dialing)}"
    return ""


def leftovers(
    collectors: Iterable[SimulatedCollector], clients: Iterable[Host], streams: Mapping[Host, int]
) -> list[str]:
    """What is left of collectors that have ended, and on the hosts of clients; `streams` is how many each host has open."""
    left = []
    for collector in collectors:
        snapshot, host = collector.snapshot(), collector.host
        if not host.is_down:
            counted = {"running calls": snapshot.running, "outgoing calls": snapshot.outgoing}
            left += [f"{count} {what} of {host.host_id}" for what, count in counted.items() if count]
            left += _left_on(host, streams)
    for host in clients:
        left += _left_on(host, streams)
    return left


def _left_on(host: Host, streams: Mapping[Host, int]) -> Iterator[str]:
    yield from (f"{what} of {host.host_id}" for what in host.left)
    if count := streams.get(host, 0):
        yield f"{count} streams of {host.host_id}"
    yield from (f"{_name(task)} of {host.host_id}" for task in host.tasks if not task.done())


def _name(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", task.get_name())


def unreachable(
    collectors: Sequence[SimulatedCollector], sources: Iterable[SimulatedCollector]
) -> dict[SimulatedCollector, list[str]]:
    """What some of the collectors, all of which are up, cannot call although somebody is there who has it.

    A method can be reached at a collector that is connected and shares its namespace, or through others that
    share it and pass calls on.
    """
    by_id = {collector.collector_id: collector for collector in collectors}
    neighbours: dict[str, dict[str, _Only]] = {collector_id: {} for collector_id in by_id}
    for collector in collectors:
        for peer_id, only in collector.wanted.items():
            if peer_id in by_id:
                both = _both(neighbours[collector.collector_id].get(peer_id), only)
                neighbours[collector.collector_id][peer_id] = neighbours[peer_id][collector.collector_id] = (
                    both
                )
    missing: dict[SimulatedCollector, list[str]] = {}
    for collector in sources:
        for namespace in collector.container.handlers().namespaces:
            wanted = dict.fromkeys(_methods(collector.collector_id, namespace, by_id, neighbours))
            lacking = [
                f"{key} at {collector.collector_id}"
                for key in wanted
                if not any(candidate.fit for candidate in collector.explain(*key).candidates)
            ]
            if lacking:
                missing.setdefault(collector, []).extend(lacking)
    return missing


def _both(one: _Only, other: _Only) -> _Only:
    if one is None or other is None:
        return one or other
    return one & other


def _methods(
    source: str,
    namespace: str,
    by_id: Mapping[str, SimulatedCollector],
    neighbours: Mapping[str, Mapping[str, _Only]],
) -> Iterator[MethodKey]:
    """The methods of a namespace that can be reached from a collector."""
    seen, edge = {source: None}, [source]
    for hops in range(MAX_HOPS + 1):
        following: list[str] = []
        for at in edge:
            if hops and not by_id[at].container.policies().of_namespace(namespace).relays:
                continue
            for other, only in neighbours[at].items():
                if only is not None and namespace not in only:
                    continue
                handlers = by_id[other].container.handlers()
                if other in seen or not handlers.has_namespace(namespace):
                    continue
                seen[other] = None
                following.append(other)
                yield from (
                    method.key
                    for method in handlers.methods
                    # Those of other kinds are told, and cannot be called.
                    if method.key.namespace == namespace and method.kind == UNARY
                )
        edge = following
