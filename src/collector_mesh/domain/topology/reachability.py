"""Who can be reached through whom: what peers tell of it, and whom that is news for."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.sieve import Sieve
from collector_mesh.domain.link.sizes import MAX_REACHED_METHODS
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Onward, Reach
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.relaying import MAX_HOPS
from collector_mesh.domain.topology.advertising import Advertising
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.heard import Heard
from collector_mesh.domain.topology.later import Later, at_once
from collector_mesh.domain.topology.spreading import Spreading
from collector_mesh.domain.topology.topology import Topology

MAX_KNOWN = 65_536
"""Most collectors that one peer may tell of."""


_KnownAs = tuple[Way, bool, tuple[str, ...], bool]
"""The link to a peer, whether it can be used, which namespaces are shared, and whether it says what it has."""

CLEARED_AT_ONCE = 2048
"""Most methods that cannot be reached anymore and are cleared away at a time."""


class Reachability:
    """A path-vector protocol, as BGP is one: each piece of news names everybody on the way.

    So nobody is told of a way through itself, a way that has gone is gone for all who were told of it, and
    nobody counts to infinity. Only a collector that passes calls on tells anything.

    Source: Y. Rekhter, T. Li, S. Hares, "A Border Gateway Protocol 4", RFC 4271, section 9.

    Args:
        collector_id: of this collector.
        topology: who is connected; told who passes on what.
        policies: in which namespaces this collector passes calls on.
        later: calls something soon, when others have had their turn: of much that is new some is told at a time.
    """

    def __init__(
        self, collector_id: str, topology: Topology, policies: Policies, *, later: Later = at_once
    ) -> None:
        self._collector_id = collector_id
        self._topology = topology
        self._heard: dict[Way, Heard] = {}
        self._tellers: dict[str, dict[Way, Reach]] = {}
        """The same by collector: who tells of it, which is asked for every peer that is told of it."""
        self._advertising = Advertising(collector_id, topology, policies, self._heard, self._tellers)
        self._spreading = Spreading(topology, self._advertising.tell, later)
        self._known_as: dict[str, _KnownAs] = {}
        """How each peer was when all that depends on that was taken down."""
        self._later = later
        self._clearing: deque[Heard] = deque()
        """What peers have told that is not true anymore, at least in part."""
        self._ended: dict[str, Way] = {}
        """Links that have ended of peers that are known, whose news stay until they are back or forgotten."""
        self._forgetting: deque[tuple[Way, list[str]]] = deque()
        """Links that have ended, and of whom was told over them."""
        self._is_coming = False
        policies.follow(self._follow)
        topology.ask_for_passing(self._onward, self._ways_to)

    # ---- what happens --------------------------------------------------------------------------------

    def heard(self, way: Way, news: Iterable[Reach], sieve: Sieve | None = None) -> None:
        """A peer tells who can be reached through it.

        Args:
            way: to that peer.
            news: what it tells.
            sieve: leaves out what is malformed, doubled, or not its to serve.

        Raises:
            ProtocolError: it is too much.
        """
        sieve = sieve or Sieve()
        known = self._heard.setdefault(way, Heard())
        targets: list[str] = []
        for told in news:
            reach = sieve.reach(told, way.peer_id)
            if reach is None:
                continue
            targets.append(reach.collector_id)
            if reach.is_gone or not self._is_of_use(reach):
                if reach.collector_id in known.reaches:
                    known.drop(reach.collector_id)
                    self._forget(way, reach.collector_id)
            else:
                known.put(reach)
                self._tellers.setdefault(reach.collector_id, {})[way] = known.reaches[reach.collector_id]
        if len(known.reaches) > MAX_KNOWN:
            raise ProtocolError(f"more than {MAX_KNOWN} collectors that can be reached")
        if known.count > MAX_REACHED_METHODS:
            raise ProtocolError(f"more than {MAX_REACHED_METHODS} methods that can be reached")
        self._clear_away(known)
        if self._topology.connection_over(way) is not None:
            self._topology.passes_on(way.peer_id)
            self._spread(targets)

    def look_again(self, way: Way, sieve: Sieve) -> None:
        """Who may serve what has changed: forget what a peer has told that it may not tell anymore."""
        asked: dict[str, bool] = {}
        if refused := [told for told in self.told_over(way) if sieve.refuses(told, asked)]:
            self.heard(way, refused, sieve)

    def told_over(self, way: Way) -> Collection[Reach]:
        """What was told over a link of who can be reached through its other side, as far as it is true."""
        heard = self._heard.get(way)
        return () if heard is None or heard.is_over else heard.reaches.values()

    def held_bytes(self, way: Way) -> int:
        """What is kept of what was told over a link, and of what the other side was told, about."""
        heard = self._heard.get(way)
        return self._advertising.held_bytes(way) + (heard.held_bytes if heard is not None else 0)

    def changed(self, peer_id: str) -> None:
        """The connection to a peer has come, has gone, or is another one, or the peer is otherwise than before."""
        self._take_down(peer_id, self._all_targets)

    def _take_down(self, peer_id: str, all_targets: Callable[[], Sequence[str]]) -> None:
        connection = self._topology.get(peer_id)
        ended = self._ended.get(peer_id)
        if ended is not None and (connection is None or connection.way is not ended):
            self._let_go(self._ended.pop(peer_id))
        known_as = None
        if connection is not None:
            is_told = connection.methods is not None
            known_as = connection.way, connection.is_usable, connection.shared_namespaces, is_told
        if self._known_as.get(peer_id) == known_as:
            # It has other methods, which is news of it alone.
            self._spread([peer_id])
            return
        targets = [peer_id]
        for way, known in self._heard.items():
            if way.peer_id == peer_id:
                targets += known.reaches
        if connection is None or known_as is None:
            del self._known_as[peer_id]
            self._forget_told(peer_id)
        else:
            self._known_as[peer_id] = known_as
            self._topology.passes_on(peer_id)
            if self._advertising.relays:
                self._spreading.to(peer_id, all_targets())
        self._spread(targets)

    def all_changed(self) -> None:
        """The namespaces of this collector are others now."""
        all_targets = self._all_targets()
        for connection in self._topology:
            self._take_down(connection.peer_id, lambda: all_targets)

    def ended(self, way: Way) -> None:
        """A link has ended."""
        self._advertising.ended(way)
        peer_id = way.peer_id
        heard = self._heard.get(way)
        self._spread([peer_id, *(heard.reaches if heard is not None else ())])
        if heard is not None and self._topology.connection_over(way) is not None:
            self._ended[peer_id] = way
        else:
            self._let_go(way)
        self.changed(peer_id)

    def _let_go(self, way: Way) -> None:
        """What was told over a link is not true anymore."""
        heard = self._heard.pop(way, None)
        if heard is not None:
            self._forgetting.append((way, list(heard.reaches)))
            heard.end()
            self._clear_away(heard)

    def _forget(self, way: Way, target: str) -> None:
        tellers = self._tellers[target]
        del tellers[way]
        if not tellers:
            del self._tellers[target]
            self._forget_told(target)

    def _forget_told(self, target: str) -> None:
        if target not in self._tellers and self._topology.get(target) is None:
            self._advertising.forget(target)

    # ---- what peers tell -----------------------------------------------------------------------------

    def _is_of_use(self, reach: Reach) -> bool:
        own_id = self._collector_id
        return reach.collector_id != own_id and own_id not in reach.path and len(reach.path) <= MAX_HOPS

    def _onward(self, connection: Connection, key: MethodKey) -> Onward | None:
        """What a peer can pass calls for a method on to."""
        # Also while it is gone: what was reached through it is not known to be gone, and is no 404.
        heard = self._heard.get(connection.way)
        return None if heard is None else heard.onward(key)

    def _ways_to(self, target: str) -> Mapping[Way, Reach]:
        """The links over which a collector is reached, as far as what was told over them is true."""
        found = self._tellers.get(target, {})
        return {way: reach for way, reach in found.items() if way in self._heard}

    def _clear_away(self, heard: Heard) -> None:
        if heard.has_rest and heard not in self._clearing:
            self._clearing.append(heard)
        self._go_on()

    def _go_on(self) -> None:
        if (self._clearing or self._forgetting) and not self._is_coming:
            self._is_coming = True
            self._later(self._clear)

    def _clear(self) -> None:
        self._is_coming = False
        left = CLEARED_AT_ONCE
        while self._forgetting and left > 0:
            way, targets = self._forgetting[0]
            some = targets[-left:]
            del targets[-left:]
            left -= max(1, len(some))
            for target in some:
                self._forget(way, target)
            if not targets:
                self._forgetting.popleft()
        while self._clearing and left > 0:
            left -= self._clearing[0].clear(left)
            if not self._clearing[0].has_rest:
                self._clearing.popleft()
        self._go_on()

    # ---- whom it is news for -------------------------------------------------------------------------

    def _follow(self, _now: float) -> None:
        """The rules are others now: of which namespaces calls are passed on."""
        if self._advertising.follow():
            targets = self._all_targets()
            for connection in self._topology:
                self._spreading.to(connection.peer_id, targets)

    def _all_targets(self) -> list[str]:
        targets = dict.fromkeys(connection.peer_id for connection in self._topology)
        targets.update(dict.fromkeys(self._tellers))
        return list(targets)

    def _spread(self, targets: Iterable[str]) -> None:
        """Tell every peer what is new of some collectors."""
        if not self._advertising.relays:
            return
        self._spreading.of(targets)
