"""Who is connected, and who could take a call."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from math import inf
from typing import Any

from collector_mesh.domain.link.catalogs import difference
from collector_mesh.domain.model.frames import Catalog, CatalogChange
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Onward
from collector_mesh.domain.model.snapshot import MethodInfo, State
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.policies.method_times import MethodTimes
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.standing import Standing
from collector_mesh.domain.topology.candidates import Candidate, Pool, Standings, median
from collector_mesh.domain.topology.connection import Connection

LACKS_SECONDS = 1.0
"""How long a peer is taken at its word that it lacks a method (WIRE §3)."""

MAX_LACKS = 1024
"""Most such words that are remembered: callers name methods as they like."""

FLAP_SECONDS = 5.0
"""A peer that is gone again within so many seconds has flapped;"""

_MAX_TIMES = 1024
"""Methods that no peer tells of, and whose times are remembered."""

FLAPS = 2
"""if it has done so this often in a row, it is not welcomed like one that was away."""


class Topology:
    """The connections of a collector, with an index from a method to those who have it.

    At most one connection a peer. What it holds changes only through its methods, so that the index
    is always right.
    """

    def __init__(self, policies: Policies | None = None) -> None:
        self.policies = policies or Policies()
        self._connections: dict[str, Connection] = {}
        self._having: dict[MethodKey, Pool] = {}
        self._silent: dict[str, Pool] = {}
        self._onward: dict[MethodKey, Pool] = {}
        self._passed_on: dict[str, dict[MethodKey, Onward]] = {}
        self._own: dict[str, tuple[tuple[MethodInfo, ...] | None, dict[MethodKey, MethodInfo]]] = {}
        self._times: dict[MethodKey, MethodTimes] = {}
        self._lacks: dict[MethodKey, dict[str, float]] = {}
        self._lacks_until: deque[tuple[float, MethodKey, str]] = deque()
        self.standings = Standings(self.policies, self._has_turned)
        """What is known of each peer in each namespace."""
        self.changes = 0
        """Counts the changes of who is well."""
        self.on_turn: Callable[[Standing, bool], None] = _nobody
        """Told of a standing when its breaker has opened (True) or shut (False)."""

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        """The connections, by peer id."""
        return iter([self._connections[peer_id] for peer_id in sorted(self._connections)])

    def get(self, peer_id: str) -> Connection | None:
        """The connection to a peer."""
        return self._connections.get(peer_id)

    def put(self, connection: Connection) -> Connection | None:
        """Add a connection; give the one to the same peer that it replaces."""
        peer_id = connection.peer_id
        replaced = self._connections.get(peer_id)
        if replaced is not None:
            self._take_out(replaced)
            self.has_news(peer_id)
        self._connections[peer_id] = connection
        self._index(connection)
        self.standings.keep(peer_id, connection.shared_namespaces)
        self.changes += 1
        for standing in self.standings.of_peer(peer_id):
            standing.peer_is(well=connection.state == "live")
        if replaced is not None and not replaced.is_up:
            if replaced.last_news - replaced.since < FLAP_SECONDS:
                connection.flaps = replaced.flaps + 1
            if connection.flaps >= FLAPS:
                for standing in self.standings.of_peer(peer_id):
                    standing.flapped(connection.since)
            else:
                self._has_come_back(connection, connection.since)
        return replaced

    def remove(self, peer_id: str) -> Connection | None:
        """Forget a peer; give what was known of it."""
        connection = self._connections.pop(peer_id, None)
        if connection is not None:
            self._take_out(connection)
            self._passed_on.pop(peer_id, None)
            self._own.pop(peer_id, None)
            self.standings.forget(peer_id)
            self.has_news(peer_id)
            self.changes += 1
        return connection

    def update(
        self,
        connection: Connection,
        shared: tuple[str, ...],
        methods: tuple[MethodInfo, ...] | None,
        change: CatalogChange | None = None,
    ) -> None:
        """Take down what a connected peer shares and serves now.

        Args:
            connection: to the peer.
            shared: the namespaces of both.
            methods: what it serves, None where it does not say.
            change: how that is different from what it has served, where somebody knows: then only that is looked at.
        """
        if methods is None or connection.methods is None or shared != connection.shared_namespaces:
            self._take_out(connection)
            connection.shared_namespaces = shared
            connection.methods = methods
            self._index(connection)
            self.standings.keep(connection.peer_id, shared)
        else:
            if change is None:
                change = difference(Catalog(methods=connection.methods), Catalog(methods=methods))
            own = self._own_methods(connection)
            connection.methods = methods
            self._own[connection.peer_id] = methods, own
            self._update_methods(connection, own, change)
        self.has_news(connection.peer_id)
        self.changes += 1

    def _update_methods(
        self, connection: Connection, own: dict[MethodKey, MethodInfo], change: CatalogChange
    ) -> None:
        peer_id = connection.peer_id
        shared = frozenset(connection.shared_namespaces)
        passed_on = self._passed_on.get(peer_id, {})
        for key in change.removed_methods:
            if own.pop(key, None) is not None and key.namespace in shared:
                self._take_from(self._having, key, peer_id)
                if (onward := passed_on.get(key)) is not None:
                    self._put_into(self._onward, key, connection, onward.info, onward.hops)
        for info in change.methods:
            key, earlier = info.key, own.get(info.key)
            own[key] = info
            if key.namespace not in shared:
                continue
            if earlier is not None:
                self._take_from(self._having, key, peer_id)
            elif key in passed_on:
                self._take_from(self._onward, key, peer_id)
            self._put_into(self._having, key, connection, info, 0)

    def _own_methods(self, connection: Connection) -> dict[MethodKey, MethodInfo]:
        """What a peer says that it has itself, by the names."""
        known = self._own.get(connection.peer_id)
        if known is None or known[0] is not connection.methods:
            by_key = {info.key: info for info in connection.methods or ()}
            known = self._own[connection.peer_id] = connection.methods, by_key
        return known[1]

    def set_state(self, connection: Connection, state: State, reason: str, *, now: float) -> None:
        """Take down how a peer is, and why."""
        was_suspect = connection.state == "suspect"
        connection.reason = visible(reason)
        if connection.state != state:
            connection.state = state
            self.changes += 1
            for standing in self.standings.of_peer(connection.peer_id):
                standing.peer_is(well=state == "live")
            if was_suspect and state == "live":
                self._has_come_back(connection, now)

    def passes_on(self, peer_id: str, changed: Mapping[MethodKey, Onward | None]) -> None:
        """Take down which methods a connected peer can now pass calls on to, or, where it says None, cannot anymore."""
        connection = self._connections.get(peer_id)
        if connection is None:
            return
        passed_on = self._passed_on.setdefault(peer_id, {})
        own = self._own_methods(connection)
        for key, onward in changed.items():
            is_indexed = (
                connection.methods is not None
                and key.namespace in connection.shared_namespaces
                and key not in own
            )
            if passed_on.pop(key, None) is not None and is_indexed:
                self._take_from(self._onward, key, peer_id)
            if onward is not None:
                passed_on[key] = onward
                if is_indexed:
                    self._put_into(self._onward, key, connection, onward.info, onward.hops)
        self.has_news(peer_id)
        self.changes += 1

    def passed_on(self, peer_id: str) -> Mapping[MethodKey, Onward]:
        """Which methods a peer can pass calls on to; a live view."""
        return self._passed_on.get(peer_id, {})

    def shares(self, peer_id: str, namespace: str) -> bool:
        """Whether a peer is connected and shares a namespace."""
        connection = self._connections.get(peer_id)
        return connection is not None and namespace in connection.shared_namespaces

    def known_key(self, names: tuple[str, str, str]) -> MethodKey | None:
        """The key of those names, if a peer has such a method: a look-up in place of a new one and its check."""
        pool = self._having.get(names)  # type: ignore[call-overload]  # a MethodKey is such a tuple
        return None if pool is None else pool.key

    def having(self, key: MethodKey) -> Pool | None:
        """The peers that say that they have a method, None if there is none; a live view."""
        return self._having.get(key)

    def silent(self, namespace: str) -> Pool | None:
        """The peers that share a namespace and do not say what they have, None if there is none; a live view."""
        return self._silent.get(namespace)

    def onward(self, key: MethodKey) -> Pool | None:
        """The peers that pass on calls for a method, None if there is none; a live view."""
        return self._onward.get(key)

    def times_of(self, key: MethodKey) -> MethodTimes:
        """How long calls to a method take, where no peer says that it has it."""
        pool = self._having.get(key)
        if pool is not None:
            return pool.times
        times = self._times.get(key)
        if times is None:
            if len(self._times) >= _MAX_TIMES:
                # Callers name methods as they like.
                del self._times[next(iter(self._times))]
            times = self._times[key] = MethodTimes()
        return times

    def way_to(self, target: str, key: MethodKey) -> Candidate | None:
        """A peer that passes on calls for a method of a collector that is not connected itself, if there is one."""
        pool = self._onward.get(key)
        best: Candidate | None = None
        for candidate in pool.members if pool is not None else ():
            onward = self._passed_on[candidate.peer_id][key]
            reached = target in onward.targets
            if reached and candidate.connection.is_up and (best is None or candidate.hops < best.hops):
                best = candidate
        return best

    def _index(self, connection: Connection) -> None:
        for pools, key, info, hops in self._places(connection):
            self._put_into(pools, key, connection, info, hops)

    def _put_into(
        self,
        pools: dict[Any, Pool],
        key: Any,
        connection: Connection,
        info: MethodInfo | None,
        hops: int,
    ) -> None:
        pool = pools.get(key)
        namespace = key if info is None else key.namespace
        if pool is None:
            policy = self.policies.of_namespace(namespace) if info is None else self.policies.of(key)
            pool = pools[key] = Pool(key, policy)
        standing = self.standings.of(
            connection.peer_id, namespace, pool.members, max(connection.since, connection.last_news)
        )
        standing.peer_is(well=connection.state == "live")
        is_idempotent = info is not None and info.idempotent
        pool.add(Candidate(connection, standing, pool.times, is_idempotent=is_idempotent, hops=hops))

    def _take_out(self, connection: Connection) -> None:
        for pools, key, _, _ in self._places(connection):
            self._take_from(pools, key, connection.peer_id)

    @staticmethod
    def _take_from(pools: dict[Any, Pool], key: Any, peer_id: str) -> None:
        pool = pools[key]
        pool.remove(peer_id)
        if not pool.members:
            del pools[key]

    def _places(
        self, connection: Connection
    ) -> Iterator[tuple[dict[Any, Pool], Any, MethodInfo | None, int]]:
        """Where in the index a connection belongs, and what it has there."""
        shared = dict.fromkeys(connection.shared_namespaces)
        if connection.methods is None:
            for namespace in shared:
                yield self._silent, namespace, None, 0
            return
        own = self._own_methods(connection)
        for key, info in own.items():
            if key.namespace in shared:
                yield self._having, key, info, 0
        for key, onward in self._passed_on.get(connection.peer_id, {}).items():
            if key.namespace in shared and key not in own:
                yield self._onward, key, onward.info, onward.hops

    def _has_come_back(self, connection: Connection, now: float) -> None:
        pools = {
            key if info is None else key.namespace: found.get(key)
            for found, key, info, _ in self._places(connection)
        }
        for standing in self.standings.of_peer(connection.peer_id):
            pool = pools.get(standing.namespace)
            others = pool.members if pool is not None else ()
            standing.came_back(now, median(others, connection.peer_id))

    def _has_turned(self, standing: Standing, is_open: bool) -> None:  # noqa: FBT001  # as a standing tells it
        self.changes += 1
        self.on_turn(standing, is_open)

    @property
    def known_lacks(self) -> int:
        """How many words of peers that they lack a method are remembered."""
        return len(self._lacks_until)

    def note_lacks(self, key: MethodKey, peer_id: str, *, now: float) -> None:
        """Remember for a while that a peer does not have a method."""
        self._forget_old_lacks(now)
        if len(self._lacks_until) >= MAX_LACKS:
            self._forget_oldest_lack()
        until = now + LACKS_SECONDS
        self._lacks.setdefault(key, {})[peer_id] = until
        self._lacks_until.append((until, key, peer_id))

    def lacking(self, key: MethodKey, *, now: float) -> Collection[str]:
        """Ids of the peers that have just said that they do not have a method."""
        self._forget_old_lacks(now)
        return self._lacks.get(key, ())

    def has_news(self, peer_id: str) -> None:
        """Drop what is remembered of a peer: it may have other methods now."""
        for key, peers in list(self._lacks.items()):
            peers.pop(peer_id, None)
            if not peers:
                del self._lacks[key]

    def _forget_old_lacks(self, now: float) -> None:
        while self._lacks_until and self._lacks_until[0][0] <= now:
            self._forget_oldest_lack()

    def _forget_oldest_lack(self) -> None:
        until, key, peer_id = self._lacks_until.popleft()
        peers = self._lacks.get(key)
        # It may have said so again since, or there was news of it.
        if peers is not None and peers.get(peer_id, inf) <= until:
            del peers[peer_id]
            if not peers:
                del self._lacks[key]


def _nobody(_standing: Standing, _is_open: bool) -> None:  # noqa: FBT001  # as a standing tells it
    """Tell nobody of a breaker."""
