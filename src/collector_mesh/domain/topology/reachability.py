"""Who can be reached through whom: what peers tell, and what this collector tells its peers."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.sieve import Sieve
from collector_mesh.domain.link.sizes import MAX_REACHED_METHODS, REACH_MEMORY
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Onward, Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.relaying import MAX_HOPS
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.heard import Heard
from collector_mesh.domain.topology.later import Later, at_once
from collector_mesh.domain.topology.spreading import Spreading
from collector_mesh.domain.topology.topology import Topology

MAX_KNOWN = 65_536
"""Most collectors that one peer may tell of."""


_KnownAs = tuple[Way, bool, tuple[str, ...], bool]
"""The link to a peer, whether it can be used, which namespaces are shared, and whether it says what it has."""

_Cut = tuple[tuple[MethodInfo, ...], Reach | None]
"""Methods of a collector, and the news of those that are in some namespaces."""

_CUTS_KEPT = 8
"""Of a collector, for peers that share different namespaces."""

_METHODS_OF_A_PAIR = 16
"""So many methods are looked at in the time in which one peer is told of one collector."""

CLEARED_AT_ONCE = 2048
"""So many methods that cannot be reached anymore are cleared away at a time."""


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
        self._policies = policies
        self._relays = policies.default.relays or any(policy.relays for policy in policies.overrides.values())
        self._heard: dict[Way, Heard] = {}
        self._tellers: dict[str, dict[Way, Reach]] = {}
        """The same by collector: who tells of it, which is asked for every peer that is told of it."""
        self._told: dict[Way, dict[str, Reach]] = {}
        self._spreading = Spreading(topology, self._tell, later)
        self._known_as: dict[str, _KnownAs] = {}
        """How each peer was when all that depends on that was taken down."""
        self._cuts: dict[str, dict[tuple[frozenset[str], tuple[str, ...]], _Cut]] = {}
        """What was told of a collector, by namespaces and way: mostly all peers share the same."""
        self._looked_at = 0
        """Methods that were looked at for that, since it was asked last."""
        self._passing: dict[Way, tuple[tuple[str, ...], frozenset[str]]] = {}
        """The namespaces shared with a peer, and those of them in which calls are passed on."""
        self._later = later
        self._clearing: deque[Heard] = deque()
        """What peers have told that is not true anymore, at least in part."""
        self._ended: dict[str, Way] = {}
        """Links that have ended of peers that are known, whose news stay until they are back or forgotten."""
        self._forgetting: deque[tuple[Way, list[str]]] = deque()
        """Links that have ended, and of whom was told over them."""
        self._is_coming = False
        topology.ask_for_passing(self._onward)

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
        if self._current(way) is not None:
            self._topology.passes_on(way.peer_id)
            self._spread(targets)

    def held_bytes(self, way: Way) -> int:
        """What is kept of what was told over a link, and of what the other side was told, about."""
        heard, told = self._heard.get(way), self._told.get(way)
        held = heard.held_bytes if heard is not None else 0
        return held if told is None else held + REACH_MEMORY * len(told)

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
            known_as = connection.way, _is_usable(connection), connection.shared_namespaces, is_told
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
            self._forget_cuts(peer_id)
        else:
            self._known_as[peer_id] = known_as
            self._topology.passes_on(peer_id)
            if self._relays:
                self._spreading.to(peer_id, all_targets())
        self._spread(targets)

    def all_changed(self) -> None:
        """The namespaces of this collector are others now."""
        all_targets = self._all_targets()
        for connection in self._topology:
            self._take_down(connection.peer_id, lambda: all_targets)

    def ended(self, way: Way) -> None:
        """A link has ended."""
        self._told.pop(way, None)
        self._passing.pop(way, None)
        peer_id = way.peer_id
        heard = self._heard.get(way)
        self._spread([peer_id, *(heard.reaches if heard is not None else ())])
        if heard is not None and self._current(way) is not None:
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
            self._forget_cuts(target)

    def _forget_cuts(self, target: str) -> None:
        if target not in self._tellers and self._topology.get(target) is None:
            self._cuts.pop(target, None)

    # ---- what peers tell -----------------------------------------------------------------------------

    def _is_of_use(self, reach: Reach) -> bool:
        own_id = self._collector_id
        return reach.collector_id != own_id and own_id not in reach.path and len(reach.path) <= MAX_HOPS

    def _onward(self, connection: Connection, key: MethodKey) -> Onward | None:
        """What a peer can pass calls for a method on to."""
        # Also while it is gone: what was reached through it is not known to be gone, and is no 404.
        heard = self._heard.get(connection.way)
        return None if heard is None else heard.onward(key)

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

    # ---- what this collector tells -------------------------------------------------------------------

    def _all_targets(self) -> list[str]:
        targets = dict.fromkeys(connection.peer_id for connection in self._topology)
        targets.update(dict.fromkeys(self._tellers))
        return list(targets)

    def _spread(self, targets: Iterable[str]) -> None:
        """Tell every peer what is new of some collectors."""
        if not self._relays:
            return
        self._spreading.of(targets)

    def _tell(self, connection: Connection, targets: Sequence[str]) -> int:
        """Tell a peer what is new of some collectors; give how much that was."""
        # Whoever does not say what it has is not told what others have.
        if not self._relays or connection.methods is None or not _is_usable(connection):
            return 0
        told = self._told.setdefault(connection.way, {})
        news = []
        self._looked_at = 0
        for target in targets:
            reach = self._way(target, connection)
            if _are_same(reach, told.get(target)):
                continue
            if reach is None:
                del told[target]
                news.append(Reach(target, is_gone=True))
            else:
                told[target] = reach
                news.append(reach)
        if news:
            connection.way.tell_reach(news)
        return len(targets) + self._looked_at // _METHODS_OF_A_PAIR

    def _way(self, target: str, listener: Connection) -> Reach | None:
        """The best way to a collector that a peer may be told of, if there is one."""
        if target in (listener.peer_id, self._collector_id):
            return None
        direct = self._topology.get(target)
        ways: list[tuple[int, tuple[str, ...], tuple[MethodInfo, ...], Connection]] = []
        if direct is not None and direct.methods is not None and _is_usable(direct):
            ways.append((0, (), direct.methods, direct))
        else:
            for way, reach in self._tellers.get(target, {}).items():
                connection = self._current(way)
                if (
                    connection is not None
                    and way in self._heard
                    and _is_usable(connection)
                    and connection is not listener
                    and listener.peer_id not in reach.path
                    and len(reach.path) < MAX_HOPS
                ):
                    ways.append((len(reach.path), reach.path, reach.methods, connection))
        for _, path, methods, through in sorted(ways, key=lambda way: way[:2]):
            told = self._within(target, path, methods, self._both_pass_on(listener, through))
            if told is not None:
                return told
        return None

    def _within(
        self, target: str, path: tuple[str, ...], methods: tuple[MethodInfo, ...], allowed: frozenset[str]
    ) -> Reach | None:
        """Those of the methods that a peer may be told of, None if none: found once, though each peer is told."""
        cuts = self._cuts.setdefault(target, {})
        known = cuts.get((allowed, path))
        if known is not None and known[0] is methods:
            return known[1]
        self._looked_at += len(methods)
        told = tuple(method for method in methods if method.key.namespace in allowed)
        reach = Reach(target, (self._collector_id, *path), told) if told else None
        if known is None and len(cuts) >= _CUTS_KEPT:
            del cuts[next(iter(cuts))]
        cuts[allowed, path] = methods, reach
        return reach

    def _both_pass_on(self, listener: Connection, through: Connection) -> frozenset[str]:
        allowed, of_through = self._passes_on(listener), self._passes_on(through)
        return allowed if allowed == of_through else allowed & of_through

    def _passes_on(self, connection: Connection) -> frozenset[str]:
        """The namespaces shared with a peer in which calls are passed on."""
        shared = connection.shared_namespaces
        known = self._passing.get(connection.way)
        if known is None or known[0] is not shared:
            of_namespace = self._policies.of_namespace
            passing = frozenset(namespace for namespace in shared if of_namespace(namespace).relays)
            known = self._passing[connection.way] = shared, passing
        return known[1]

    def _current(self, way: Way) -> Connection | None:
        connection = self._topology.get(way.peer_id)
        return connection if connection is not None and connection.way is way else None


def _is_usable(connection: Connection) -> bool:
    return connection.state in ("live", "suspect")


def _are_same(one: Reach | None, other: Reach | None) -> bool:
    """Whether two pieces of news say the same: nearly always they are the same, or of other lengths."""
    if one is other:
        return True
    return one is not None and other is not None and len(one.methods) == len(other.methods) and one == other
