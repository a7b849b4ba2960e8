"""What this collector tells its peers of others that they can reach through it."""

from collections.abc import Mapping, Sequence

from collector_mesh.domain.link.sizes import REACH_MEMORY
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.relaying import MAX_HOPS
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.heard import Heard
from collector_mesh.domain.topology.topology import Topology

_Cut = tuple[tuple[MethodInfo, ...], Reach | None]
"""Methods of a collector, and the news of those that are in some namespaces."""

_CUTS_KEPT = 8
"""Of a collector, for peers that share different namespaces."""

_METHODS_OF_A_PAIR = 16
"""Methods that are looked at in the time that it takes to tell one peer of one collector."""

_TOLD_METHODS_OF_A_PAIR = 4
"""Methods that are put into a frame, and encoded, in that time; the frame is written soon after."""


class Advertising:
    """Tells each peer the best way to each collector that it may know of, and not the same twice.

    Args:
        collector_id: of this collector.
        topology: who is connected.
        policies: in which namespaces this collector passes calls on.
        heard: what peers have told, by the links to them; a live view.
        tellers: the same by the collector that it is about; a live view.
    """

    def __init__(
        self,
        collector_id: str,
        topology: Topology,
        policies: Policies,
        heard: Mapping[Way, Heard],
        tellers: Mapping[str, Mapping[Way, Reach]],
    ) -> None:
        self.relays = _relays(policies)
        """Whether this collector passes calls on at all, and so has anything to tell."""
        self._collector_id = collector_id
        self._topology = topology
        self._policies = policies
        self._heard = heard
        self._tellers = tellers
        self._told: dict[Way, dict[str, Reach]] = {}
        self._cuts: dict[str, dict[tuple[frozenset[str], tuple[str, ...]], _Cut]] = {}
        """What was told of a collector, by namespaces and way: mostly all peers share the same."""
        self._looked_at = 0
        """Methods that were looked at for that, since it was asked last."""
        self._passing: dict[Way, tuple[tuple[str, ...], frozenset[str]]] = {}
        """The namespaces shared with a peer, and those of them in which calls are passed on."""

    def follow(self) -> bool:
        """The rules are others now; gives whether peers may have to be told other things than before."""
        were, relayed = self._passing, self.relays
        self._passing, self.relays = {}, _relays(self._policies)
        if not (relayed or self.relays):
            return False
        return relayed != self.relays or any(
            self._passes(shared) != passing for shared, passing in were.values()
        )

    def held_bytes(self, way: Way) -> int:
        """What is kept of what the other side of a link was told, about."""
        return REACH_MEMORY * len(self._told.get(way, ()))

    def ended(self, way: Way) -> None:
        """A link has ended: what was told over it is told again over the next one."""
        self._told.pop(way, None)
        self._passing.pop(way, None)

    def forget(self, target: str) -> None:
        """A collector cannot be reached anymore, through anybody."""
        self._cuts.pop(target, None)

    def tell(self, connection: Connection, targets: Sequence[str]) -> int:
        """Tell a peer what is new of some collectors; give how much that was."""
        # Whoever does not say what it has is not told what others have.
        # Once nothing is passed on anymore, all that was told is taken back.
        if not (self.relays or connection.way in self._told):
            return 0
        if connection.methods is None or not connection.is_usable:
            return 0
        told = self._told.setdefault(connection.way, {})
        news = []
        self._looked_at = told_methods = 0
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
                told_methods += len(reach.methods)
        if news:
            connection.way.tell_reach(news)
        costs = self._looked_at // _METHODS_OF_A_PAIR + told_methods // _TOLD_METHODS_OF_A_PAIR
        return len(targets) + costs

    def _way(self, target: str, listener: Connection) -> Reach | None:
        """The best way to a collector that a peer may be told of, if there is one."""
        if target in (listener.peer_id, self._collector_id):
            return None
        direct = self._topology.get(target)
        ways: list[tuple[int, tuple[str, ...], tuple[MethodInfo, ...], Connection]] = []
        if direct is not None and direct.methods is not None and direct.is_usable:
            ways.append((0, (), direct.methods, direct))
        else:
            for way, reach in self._tellers.get(target, {}).items():
                connection = self._topology.connection_over(way)
                if (
                    connection is not None
                    and way in self._heard
                    and connection.is_usable
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
            known = self._passing[connection.way] = shared, self._passes(shared)
        return known[1]

    def _passes(self, shared: tuple[str, ...]) -> frozenset[str]:
        of_namespace = self._policies.of_namespace
        return frozenset(namespace for namespace in shared if of_namespace(namespace).relays)


def _relays(policies: Policies) -> bool:
    return policies.default.relays or any(policy.relays for policy in policies.overrides.values())


def _are_same(one: Reach | None, other: Reach | None) -> bool:
    """Whether two pieces of news say the same: nearly always they are the same, or of other lengths."""
    if one is other:
        return True
    return one is not None and other is not None and len(one.methods) == len(other.methods) and one == other
