"""Which link of a pair is used, and what the topology says of the peer at its other end."""

from collections.abc import Callable

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.health import Vital
from collector_mesh.domain.link.pairs import Pairs
from collector_mesh.domain.link.peer_link import PeerLink
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.membership import Membership
from collector_mesh.domain.topology.topology import Topology


class Adoption:
    """Makes connections of links.

    Args:
        handlers: what this collector serves.
        topology: who is connected.
        membership: brings connections in.
        pairs: the links of each peer.
        tasks: makes what is awaited for a reply.
        clock: tells the time.
        address_of: where a link that this side has dialed leads to.
    """

    def __init__(
        self,
        handlers: HandlerRegistry,
        topology: Topology,
        membership: Membership,
        pairs: Pairs,
        *,
        tasks: Tasks,
        clock: Clock,
        address_of: Callable[[LinkEngine], str],
    ) -> None:
        self._handlers = handlers
        self._topology = topology
        self._membership = membership
        self._pairs = pairs
        self._tasks = tasks
        self._clock = clock
        self._address_of = address_of

    def settle(self, peer_id: str) -> None:
        """Use the link that stays, and have the others end."""
        best = self._pairs.choose(peer_id)
        if best is None or best.peer is None:
            return
        current = self._topology.get(peer_id)
        if current is not None and current.engine is best and current.is_up:
            return
        dialed_address = self._address_of(best) if best.is_dialer else ""
        earlier_dial = current.address if current is not None and current.dialed else ""
        address = dialed_address or best.peer.address or earlier_dial
        connection = Connection(
            peer_id,
            address,
            best.connection_id,
            self.shared(best),
            PeerLink(best, address, self._tasks.promise),
            dialed=best.is_dialer or (current is not None and current.dialed),
            last_news=self._clock.now(),
            engine=best,
            methods=best.peer.catalog.methods,
            labels=best.peer.labels,
            weight=max(1, best.peer.weight),
        )
        self._membership.adopt(connection)
        self.changed(best)

    def changed(self, engine: LinkEngine) -> None:
        """Take down what the other side of a link says now."""
        connection = self.current(engine)
        if connection is None:
            return
        now = self._clock.now()
        if engine.peer_is_draining:
            self._topology.set_state(connection, "draining", "it takes no new calls", now=now)
        elif engine.vital is Vital.SUSPECT:
            self._topology.set_state(connection, "suspect", "not heard of for a while", now=now)
        else:
            self._topology.set_state(connection, "live", "", now=now)
        methods = engine.peer.catalog.methods if engine.peer is not None else ()
        shared = self.shared(engine)
        if shared != connection.shared_namespaces or methods != connection.methods:
            self._topology.update(connection, shared, methods)

    def current(self, engine: LinkEngine) -> Connection | None:
        """The connection that uses a link, if there is one."""
        connection = self._topology.get(engine.peer_id) if engine.peer_id else None
        return connection if connection is not None and connection.engine is engine else None

    def shared(self, engine: LinkEngine) -> tuple[str, ...]:
        """The namespaces of both ends, in the order of the side that has dialed."""
        theirs = engine.peer.catalog.namespaces if engine.peer is not None else ()
        mine = self._handlers.namespaces
        first, second = (mine, frozenset(theirs)) if engine.is_dialer else (theirs, frozenset(mine))
        return tuple(namespace for namespace in dict.fromkeys(first) if namespace in second)
