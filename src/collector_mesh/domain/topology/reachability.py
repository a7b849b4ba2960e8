"""Who can be reached through whom: what peers tell, and what this collector tells its peers."""

from collections.abc import Iterable

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
from collector_mesh.domain.topology.spreading import Later, Spreading, at_once
from collector_mesh.domain.topology.topology import Topology

MAX_KNOWN = 65_536
"""Most collectors that one peer may tell of."""


_KnownAs = tuple[Way, bool, tuple[str, ...], bool]
"""The link to a peer, whether it can be used, which namespaces are shared, and whether it says what it has."""

_Cut = tuple[tuple[MethodInfo, ...], frozenset[str], tuple[MethodInfo, ...]]
"""Methods, namespaces, and those of the methods that are in one of these."""


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
        self._cuts: dict[str, _Cut] = {}
        """What of a collector's methods was told last: mostly all peers share the same namespaces."""
        self._passing: dict[Way, tuple[tuple[str, ...], frozenset[str]]] = {}
        """The namespaces shared with a peer, and those of them in which calls are passed on."""

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
        changed: list[MethodKey] = []
        for told in news:
            reach = sieve.reach(told, way.peer_id)
            if reach is None:
                continue
            targets.append(reach.collector_id)
            if reach.is_gone or not self._is_of_use(reach):
                if reach.collector_id in known.reaches:
                    changed += known.drop(reach.collector_id)
                    self._forget(way, reach.collector_id)
            else:
                changed += known.put(reach)
                self._tellers.setdefault(reach.collector_id, {})[way] = known.reaches[reach.collector_id]
        if len(known.reaches) > MAX_KNOWN:
            raise ProtocolError(f"more than {MAX_KNOWN} collectors that can be reached")
        if known.count > MAX_REACHED_METHODS:
            raise ProtocolError(f"more than {MAX_REACHED_METHODS} methods that can be reached")
        connection = self._current(way)
        if connection is not None:
            self._offer(connection, changed)
            self._spread(targets)

    def held_bytes(self, way: Way) -> int:
        """What is kept of what was told over a link, and of what the other side was told, about."""
        heard, told = self._heard.get(way), self._told.get(way)
        held = heard.held_bytes if heard is not None else 0
        return held if told is None else held + REACH_MEMORY * len(told)

    def changed(self, peer_id: str) -> None:
        """The connection to a peer has come, has gone, or is another one, or the peer is otherwise than before."""
        connection = self._topology.get(peer_id)
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
        else:
            self._known_as[peer_id] = known_as
            self._offer(connection)
            if self._relays:
                self._spreading.to(peer_id, self._all_targets())
        self._spread(targets)

    def all_changed(self) -> None:
        """The namespaces of this collector are others now."""
        for connection in self._topology:
            self.changed(connection.peer_id)

    def ended(self, way: Way) -> None:
        """A link has ended."""
        self._told.pop(way, None)
        self._passing.pop(way, None)
        heard = self._heard.pop(way, None)
        known = list(heard.reaches) if heard is not None else []
        for target in known:
            self._forget(way, target)
        peer_id = way.peer_id
        self._spread([peer_id, *known])
        self.changed(peer_id)

    def _forget(self, way: Way, target: str) -> None:
        tellers = self._tellers[target]
        del tellers[way]
        if not tellers:
            del self._tellers[target]

    # ---- what peers tell -----------------------------------------------------------------------------

    def _is_of_use(self, reach: Reach) -> bool:
        own_id = self._collector_id
        return reach.collector_id != own_id and own_id not in reach.path and len(reach.path) <= MAX_HOPS

    def _offer(self, connection: Connection, keys: Iterable[MethodKey] | None = None) -> None:
        """Have the router know what a peer can pass on, of some methods or of all."""
        told = self._topology.passed_on(connection.peer_id)
        heard = self._heard_from(connection) if _is_usable(connection) else None
        if keys is None:
            keys = [*told, *(heard.methods if heard is not None else ())]
        changed: dict[MethodKey, Onward | None] = {}
        for key in dict.fromkeys(keys):
            onward = None
            if heard is not None and key.namespace in connection.shared_namespaces:
                onward = heard.onward(key)
            if onward != told.get(key):
                changed[key] = onward
        if changed:
            self._topology.passes_on(connection.peer_id, changed)

    # ---- what this collector tells -------------------------------------------------------------------

    def _all_targets(self) -> list[str]:
        targets = dict.fromkeys(connection.peer_id for connection in self._topology)
        targets.update(dict.fromkeys(self._tellers))
        return list(targets)

    def _spread(self, targets: Iterable[str]) -> None:
        """Tell every peer what is new of some collectors."""
        if not self._relays:
            return
        targets = list(targets)
        for target in targets:
            if target not in self._tellers and self._topology.get(target) is None:
                self._cuts.pop(target, None)
        self._spreading.of(targets)

    def _tell(self, connection: Connection, targets: Iterable[str]) -> None:
        # Whoever does not say what it has is not told what others have.
        if not self._relays or connection.methods is None or not _is_usable(connection):
            return
        told = self._told.setdefault(connection.way, {})
        news = []
        for target in targets:
            reach = self._way(target, connection)
            if reach == told.get(target):
                continue
            if reach is None:
                del told[target]
                news.append(Reach(target, is_gone=True))
            else:
                told[target] = reach
                news.append(reach)
        if news:
            connection.way.tell_reach(news)

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
                    and _is_usable(connection)
                    and connection is not listener
                    and listener.peer_id not in reach.path
                    and len(reach.path) < MAX_HOPS
                ):
                    ways.append((len(reach.path), reach.path, reach.methods, connection))
        for _, path, methods, through in sorted(ways, key=lambda way: way[:2]):
            told = self._within(target, methods, listener, through)
            if told:
                return Reach(target, (self._collector_id, *path), told)
        return None

    def _within(
        self, target: str, methods: tuple[MethodInfo, ...], listener: Connection, through: Connection
    ) -> tuple[MethodInfo, ...]:
        """Those of the methods that a peer may be told of: found once, though each peer is told."""
        allowed, of_through = self._passes_on(listener), self._passes_on(through)
        if allowed != of_through:
            allowed &= of_through
        cut = self._cuts.get(target)
        if cut is None or cut[0] is not methods or cut[1] != allowed:
            told = tuple(method for method in methods if method.key.namespace in allowed)
            cut = self._cuts[target] = methods, allowed, told
        return cut[2]

    def _passes_on(self, connection: Connection) -> frozenset[str]:
        """The namespaces shared with a peer in which calls are passed on."""
        shared = connection.shared_namespaces
        known = self._passing.get(connection.way)
        if known is None or known[0] is not shared:
            of_namespace = self._policies.of_namespace
            passing = frozenset(namespace for namespace in shared if of_namespace(namespace).relays)
            known = self._passing[connection.way] = shared, passing
        return known[1]

    def _heard_from(self, connection: Connection) -> Heard | None:
        return self._heard.get(connection.way)

    def _current(self, way: Way) -> Connection | None:
        connection = self._topology.get(way.peer_id)
        return connection if connection is not None and connection.way is way else None


def _is_usable(connection: Connection) -> bool:
    return connection.state in ("live", "suspect")
