"""What a link says of the peer at its other end, in the words of the topology."""

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.health import Vital
from collector_mesh.domain.model.frames import Introduction
from collector_mesh.domain.model.limits import fitting_labels
from collector_mesh.domain.model.snapshot import State
from collector_mesh.domain.topology.connection import Connection


def connection_of(
    engine: LinkEngine,
    peer: Introduction,
    address: str,
    shared: tuple[str, ...],
    *,
    is_wanted: bool,
    now: float,
) -> Connection:
    """A connection that uses a link.

    Args:
        engine: of the link.
        peer: who is at its other end.
        address: at which the peer is dialed again, empty if nowhere.
        shared: the namespaces of both.
        is_wanted: whether this side keeps the peer connected.
        now: the time, in seconds.
    """
    return Connection(
        peer.collector_id,
        address,
        engine.connection_id,
        shared,
        engine,
        dialed=is_wanted,
        last_news=now,
        methods=peer.catalog.methods,
        by_key=engine.known_methods,
        labels=fitting_labels(peer.labels),
        weight=max(1, peer.weight),
        key_store=peer.key_store,
    )


def state_of(engine: LinkEngine) -> tuple[State, str]:
    """How the peer is while the link to it is open, and why."""
    if engine.peer_is_draining:
        return "draining", "it takes no new calls"
    if engine.vital is Vital.SUSPECT:
        return "suspect", "not heard of for a while"
    return "live", ""


def shared_over(engine: LinkEngine, own: tuple[str, ...]) -> tuple[str, ...]:
    """The namespaces of both ends, in the order of the side that has dialed; `own` are those of this side."""
    theirs = engine.peer.catalog.namespaces if engine.peer is not None else ()
    first, second = (own, frozenset(theirs)) if engine.is_dialer else (theirs, frozenset(own))
    return tuple(namespace for namespace in dict.fromkeys(first) if namespace in second)
