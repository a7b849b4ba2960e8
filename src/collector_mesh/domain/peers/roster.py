"""Who the peers are: it alone changes what the topology has of them, and tells of it."""

from collections.abc import Callable, Iterable
from functools import partial

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.model.events import (
    Event,
    NothingShared,
    PeerConnected,
    PeerForgotten,
    PeerLeft,
    PeerLost,
    PeerRefused,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.snapshot import State
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.peers.known import KnownPeers
from collector_mesh.domain.peers.linked import connection_of, shared_over, state_of
from collector_mesh.domain.peers.peer import OpenLink, Peer
from collector_mesh.domain.peers.times import LET_GO_SECONDS
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology

_TOLD_NAMESPACES = 8
"""Namespaces of each side that are told where nothing is shared."""


class Roster:
    """The peers, however they have come.

    Args:
        collector_id: of this collector.
        handlers: what this collector serves.
        topology: who is connected, as routing sees it.
        reachability: who is reached through whom.
        access: who may serve which namespace.
        tasks: closes links in the background.
        clock: tells the time.
        observer: told of who comes and goes.
    """

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        topology: Topology,
        reachability: Reachability,
        *,
        access: AccessPolicy,
        tasks: Tasks,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self.on_lost: Callable[[Peer], None] = _ignore
        """Told of a peer that is wanted and has gone."""
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology
        self._reachability = reachability
        self._access = access
        self._tasks = tasks
        self._clock = clock
        self._observer = observer
        self._peers = KnownPeers(collector_id, topology)

    def get(self, peer_id: str) -> Peer | None:
        """What is known of a peer, connected or not."""
        return self._peers.get(peer_id)

    def connection(self, peer_id: str) -> Connection | None:
        """The connection to a peer."""
        return self._topology.get(peer_id)

    @property
    def linkless(self) -> "tuple[tuple[Connection, UnaryWay], ...]":
        """The peers without links, and the ways to them."""
        return tuple((each, each.way) for each in self._topology if isinstance(each.way, UnaryWay))

    # ---- peers with links ----------------------------------------------------------------------------

    def join(self, link: OpenLink) -> None:
        """Take a link in whose other end may be a peer; links to earlier starts of it end."""
        peer_id = link.engine.peer_id
        self._supersede(self._peers.of(peer_id).join(link), peer_id)

    @staticmethod
    def _supersede(engines: Iterable[LinkEngine], peer_id: str) -> None:
        for engine in engines:
            engine.fail(f"superseded by a new start of {quoted(peer_id)}", code=409)

    def settle(self, peer_id: str) -> None:
        """Use the link to a peer that stays, and have the others end."""
        peer = self._peers.get(peer_id)
        if peer is not None:
            self._settle(peer)
            self._reachability.changed(peer_id)

    def _settle(self, peer: Peer) -> None:
        link = peer.choose()
        if link is None or (introduction := link.engine.peer) is None:
            return
        best = link.engine
        current = self._topology.get(peer.peer_id)
        if current is not None and current.way is best and current.is_up:
            return
        earlier_dial = current.address if current is not None and current.dialed else ""
        address = link.leads_to or introduction.address or earlier_dial
        is_wanted = best.is_dialer or bool(peer.wanted)
        shared, now = self.shared_with(best), self._clock.now()
        self.adopt(connection_of(best, introduction, address, shared, is_wanted=is_wanted, now=now))
        self.changed(best)

    def changed(self, engine: LinkEngine) -> bool:
        """Take down what the other side of a link says now; True if other namespaces are shared than before."""
        connection = self._topology.connection_over(engine)
        if connection is None:
            return False
        self._topology.set_state(connection, *state_of(engine), now=self._clock.now())
        methods = engine.peer.catalog.methods if engine.peer is not None else ()
        shared = self.shared_with(engine)
        has_moved = shared != connection.shared_namespaces
        if has_moved or methods is not connection.methods:
            self._topology.update(connection, shared, methods)
        if not shared and engine.knows_all and engine.peer is not None:
            self._look_for_shared(connection, engine.peer.catalog.namespaces)
        return has_moved

    def left(self, engine: LinkEngine) -> None:
        """A link has ended."""
        peer = self._peers.get(engine.peer_id)
        link = peer.link_of(engine) if peer is not None else None
        if peer is not None and link is not None:
            peer.links.remove(link)
            connection = self._topology.connection_over(engine)
            self._settle(peer)
            if connection is not None and self._topology.get(peer.peer_id) is connection:
                connection.has_left = engine.was_clean
                if engine.was_clean and not connection.dialed:
                    self.forget(connection, engine.reason)
                else:
                    self.lose(connection, engine.reason, has_left=engine.was_clean)
        self._reachability.ended(engine)

    def shared_with(self, engine: LinkEngine) -> tuple[str, ...]:
        """The namespaces of both ends of a link, in the order of the side that has dialed."""
        return shared_over(engine, self.offered(self._handlers.namespaces, engine.offered))

    # ---- what a peer is offered ----------------------------------------------------------------------

    @staticmethod
    def offered(own: tuple[str, ...], only: frozenset[str] | None) -> tuple[str, ...]:
        """Those of this collector's namespaces that are offered."""
        return own if only is None else tuple(namespace for namespace in own if namespace in only)

    def offers(self, peer_id: str) -> frozenset[str] | None:
        """The only namespaces that a peer is offered, None for all."""
        peer = self._peers.get(peer_id)
        return None if peer is None else peer.offered

    def offer(self, peer_id: str, only: frozenset[str] | None) -> None:
        """Offer a peer these namespaces from now on, over whichever links there are."""
        peer = self._peers.of(peer_id)
        peer.offered = only
        connection = self._topology.get(peer_id)
        if connection is not None:
            connection.offered = only
        for link in peer.links:
            engine = link.engine
            if engine.offered != only:
                engine.offered = only
                engine.tell_catalog()
                self.changed(engine)
        self._reachability.changed(peer_id)

    # ---- peers without links -------------------------------------------------------------------------

    def way_over(self, link: UnaryLink, identity: Identity | None = None) -> UnaryWay:
        """A way for calls over a link to somebody who has no streams, and has proved who it is or has not."""
        return UnaryWay(
            link,
            identity,
            tasks=self._tasks,
            clock=self._clock,
            lost=self._has_failed,
            may_serve=self._ask_for,
        )

    def _ask_for(self, way: UnaryWay, namespace: str) -> bool:
        """Find out whether a peer without links may serve a namespace; one that may not is no candidate there."""
        connection = self._topology.connection_over(way)
        if connection is None:
            return True  # it is forgotten, and so is what was under way to it
        if self.may_serve(connection, namespace):
            return True
        others = tuple(name for name in connection.shared_namespaces if name != namespace)
        self._topology.update(connection, others, connection.methods)
        reason = f"it may not serve the namespace {quoted(namespace)}"
        self.tell(PeerRefused(self._collector_id, way.peer_id, connection.address, reason))
        return False

    def _has_failed(self, way: UnaryWay, reason: str) -> None:
        """A peer without links could not be reached; if it is wanted, it is dialed at once."""
        connection = self._topology.connection_over(way)
        if connection is None:
            return
        if connection.dialed:
            self.lose(connection, reason)
        else:
            self.is_there(connection, but=reason)

    def is_there(self, connection: Connection, *, but: str = "") -> None:
        """Take down that a peer without links has answered when it was asked, or why it has not."""
        way = connection.way
        if self._topology.get(connection.peer_id) is not connection or not connection.is_up:
            return
        if but and isinstance(way, UnaryWay):
            way.was_silent()
        state: State = "suspect" if but else "live"
        self._topology.set_state(connection, state, but, now=self._clock.now())

    async def close(self) -> None:
        """Forget every peer; links end by themselves."""
        for connection in self._topology:
            self._topology.remove(connection.peer_id)
            if isinstance(connection.way, UnaryWay):
                await connection.way.link.aclose()

    # ---- all of them ---------------------------------------------------------------------------------

    def may_serve(self, connection: Connection, namespace: str) -> bool:
        """Whether calls in a namespace may go to a connected peer."""
        way = connection.way
        identity = way.identity if isinstance(way, (LinkEngine, UnaryWay)) else None
        was_dialed = way.is_dialer if isinstance(way, LinkEngine) else connection.dialed
        return self._access.may_serve(identity, connection.peer_id, namespace, was_dialed=was_dialed)

    def sift(self, engine: LinkEngine) -> None:
        """Have left out from now on what the other side of a link may not serve."""
        # Also where nobody is asked now: rules may come while the link is there.
        engine.sieve.may_serve = partial(
            self._access.may_serve, engine.identity, engine.peer_id, was_dialed=engine.is_dialer
        )

    def want(self, peer_id: str, address: str) -> None:
        """Take down that a peer is kept connected, and at which address."""
        self._peers.of(peer_id).wanted = address
        connection = self._topology.get(peer_id)
        if connection is not None:
            connection.dialed = True

    def adopt(self, connection: Connection) -> None:
        """Put a connection into the topology, in the place of an earlier one to the same peer."""
        connection.since = self._clock.now()
        peer = self._peers.of(connection.peer_id)
        connection.offered = (
            connection.way.offered if isinstance(connection.way, LinkEngine) else peer.offered
        )
        if isinstance(connection.way, UnaryWay):
            connection.way.peer_id = connection.peer_id
            connection.way.has_spoken()
            self._supersede(peer.supersede_all(), peer.peer_id)
        earlier = self._topology.put(connection)
        is_news = earlier is None or (
            earlier.address != connection.address
            or earlier.shared_namespaces != connection.shared_namespaces
            or not earlier.is_up
        )
        if earlier is not None and earlier.way is connection.way and earlier.is_up:
            connection.since = earlier.since
        if earlier is not None and earlier.way is not connection.way and isinstance(earlier.way, UnaryWay):
            self.close_way(earlier.way)
        if is_news:
            peer.shares_nothing = False
            self.tell(
                PeerConnected(
                    self._collector_id,
                    connection.peer_id,
                    connection.address,
                    connection.shared_namespaces,
                    connection.dialed,
                )
            )
        if isinstance(connection.way, UnaryWay):
            self._look_for_shared(connection, ())

    def _look_for_shared(self, connection: Connection, theirs: tuple[str, ...]) -> None:
        """Tell, once, that nothing is shared with a peer: nearly always that is a mistake."""
        peer = self._peers.of(connection.peer_id)
        if connection.shared_namespaces or peer.shares_nothing:
            return
        peer.shares_nothing = True
        own = self.offered(self._handlers.namespaces, peer.offered)
        some = [tuple(map(visible, names[:_TOLD_NAMESPACES])) for names in (own, theirs)]
        self.tell(NothingShared(self._collector_id, connection.peer_id, connection.address, *some))

    def lose(self, connection: Connection, reason: str, *, has_left: bool = False) -> None:
        """Take down that a peer has gone, or has said goodbye; it is dialed again if it is wanted."""
        if not connection.is_up:
            return
        peer = self._peers.of(connection.peer_id)
        connection.dialed = bool(peer.wanted)
        connection.last_news = now = self._clock.now()
        state: State = "reconnecting" if connection.dialed else "dead"
        self._topology.set_state(connection, state, reason, now=now)
        connection.has_left = has_left
        kind = PeerLeft if has_left else PeerLost
        self.tell(kind(self._collector_id, connection.peer_id, connection.address, reason))
        if connection.dialed:
            self.on_lost(peer)

    def forget(self, connection: Connection, reason: str) -> None:
        """Take a peer out of the topology; what is under way on the way to it may finish."""
        if self._topology.get(connection.peer_id) is not connection:
            return
        self._topology.remove(connection.peer_id)
        self._reachability.changed(connection.peer_id)
        peer = self._peers.of(connection.peer_id)
        peer.wanted = ""
        self.tell(PeerForgotten(self._collector_id, connection.peer_id, reason))
        if isinstance(connection.way, UnaryWay):
            self.close_way(connection.way)
        links, peer.links = peer.links, []
        for link in links:
            link.engine.tell_draining()
            link.engine.retire(reason)

    def forget_silent(self, patience: float) -> None:
        """Forget those who have connected by themselves and were not heard of for `patience` seconds."""
        now = self._clock.now()
        for connection in self._topology:
            way = connection.way
            if isinstance(way, UnaryWay) and connection.is_up:
                has_gone = way.has_gone(patience)
            else:
                has_gone = not connection.is_up and now - connection.last_news > patience
            if has_gone and not connection.dialed:
                self.forget(connection, "not heard of")

    def forget_starts(self) -> None:
        """Forget what is known of the starts of peers that are not known anymore, after a while."""
        self._peers.forget(self._clock.now())

    def close_way(self, way: UnaryWay) -> None:
        """Close what a way goes over in the background; calls under way may finish."""
        # Whoever still waits for an answer over it gets one in time, or none at all.
        self._tasks.start(way.link.aclose(grace=LET_GO_SECONDS), f"close the link to {way.link.address}")

    def has_news(self) -> None:
        """Something is new that those who wait for a method should look at."""
        self._topology.news.tell()

    def tell(self, event: Event) -> None:
        """Tell the observer."""
        self._observer.tell(event)


def _ignore(_peer: Peer) -> None:
    """Tell nobody of a lost peer."""
