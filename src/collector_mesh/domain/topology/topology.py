"""Who is connected, and who could take a call."""

from collections.abc import Callable, Collection, Iterator, Mapping

from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.kinds import UNARY
from collector_mesh.domain.model.names import OWN_PACKAGE, MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo, State
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.policies.method_times import MethodTimes
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.standing import Standing
from collector_mesh.domain.topology.candidates import Candidate
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.index import Index, Passing
from collector_mesh.domain.topology.lacks import Lacks
from collector_mesh.domain.topology.later import Later, at_once
from collector_mesh.domain.topology.news import News
from collector_mesh.domain.topology.standings import Standings

FLAP_SECONDS = 5.0
"""A peer that is gone again within this number of seconds has flapped."""

_MAX_TIMES = 1024
"""Methods that no peer tells of, and whose times are remembered."""

FLAPS = 2
"""A peer that has flapped this often in a row is not welcomed like one that was away."""

_MAX_FLAPPED = 64
"""Most namespaces in which that holds also where no call was routed to it before."""


_Ways = Callable[[str], Mapping[Way, Reach]]
"""Over which links a collector is reached that is not connected itself."""


def _no_ways(_target: str) -> Mapping[Way, Reach]:
    """Nobody is reached through others."""
    return {}


class Topology:
    """The connections of a collector, with an index from a method to those who have it.

    At most one connection a peer. What it holds changes only through its methods, so that the index
    is always right.

    Args:
        policies: the rules of each method.
        later: calls something soon, when others have had their turn: what is gone is cleared away by and by.
    """

    def __init__(self, policies: Policies | None = None, *, later: Later = at_once) -> None:
        self.policies = policies or Policies()
        self._connections: dict[str, Connection] = {}
        self._times: dict[MethodKey, MethodTimes] = {}
        self.news = News(later)
        """Tells whoever waits for a peer that something is new."""
        # Calls may be passed on now that were not before.
        self.policies.follow(lambda _now: self.news.tell())
        self._lacks = Lacks()
        self.standings = Standings(self.policies, self._has_turned, self._is_up)
        """What is known of each peer in each namespace in which calls were routed to it."""
        self._index = index = Index(self._connections, self.standings, self.policies, later)
        # What is asked for every call is asked there.
        self.known_key = index.known_key
        self.having = index.having
        self.silent = index.silent
        self.onward = index.onward
        self._ways: _Ways = _no_ways
        self.changes = 0
        """Counts the changes of who is well."""
        self.on_turn: Callable[[Standing, bool], None] = _nobody
        """Told of a standing when its breaker has opened (True) or shut (False)."""
        self.on_peer: Callable[[str], None] | None = None
        """Told of each peer that has come, has gone, or has or passes on other methods than before; None if nobody is."""

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        """The connections, by peer id."""
        return iter([self._connections[peer_id] for peer_id in sorted(self._connections)])

    def get(self, peer_id: str) -> Connection | None:
        """The connection to a peer."""
        return self._connections.get(peer_id)

    def connection_over(self, way: Way) -> Connection | None:
        """The connection whose calls go over a way, None where another one is used or the peer is not connected."""
        connection = self._connections.get(way.peer_id)
        return connection if connection is not None and connection.way is way else None

    def put(self, connection: Connection) -> Connection | None:
        """Add a connection; give the one to the same peer that it replaces."""
        peer_id = connection.peer_id
        replaced = self._connections.get(peer_id)
        self._connections[peer_id] = connection
        self.standings.keep(peer_id, connection.shared_namespaces)
        self._has_changed(peer_id)
        for standing in self.standings.of_peer(peer_id):
            standing.peer_is(well=connection.state == "live")
        if replaced is not None and not replaced.is_up:
            if replaced.last_news - replaced.since < FLAP_SECONDS:
                connection.flaps = replaced.flaps + 1
            if connection.flaps >= FLAPS:
                self._has_flapped(connection)
            else:
                self._has_come_back(connection, connection.since)
        return replaced

    def remove(self, peer_id: str) -> Connection | None:
        """Forget a peer; give what was known of it."""
        connection = self._connections.pop(peer_id, None)
        if connection is not None:
            self.standings.forget(peer_id)
            self._has_changed(peer_id)
        return connection

    def update(
        self, connection: Connection, shared: tuple[str, ...], methods: tuple[MethodInfo, ...] | None
    ) -> None:
        """Take down what a connected peer shares and serves now.

        Args:
            connection: to the peer.
            shared: the namespaces of both.
            methods: what it serves, None where it does not say.
        """
        connection.methods = methods
        if shared != connection.shared_namespaces:
            connection.shared_namespaces = shared
            self.standings.keep(connection.peer_id, shared)
        self._has_changed(connection.peer_id)

    def set_state(self, connection: Connection, state: State, reason: str, *, now: float) -> None:
        """Take down how a peer is, and why."""
        was_suspect = connection.state == "suspect"
        connection.reason = visible(reason)
        if connection.state != state:
            connection.state = state
            self.changes += 1
            self.news.tell()
            for standing in self.standings.of_peer(connection.peer_id):
                standing.peer_is(well=state == "live")
            if was_suspect and state == "live":
                self._has_come_back(connection, now)

    def passes_on(self, peer_id: str) -> None:
        """Take down that a connected peer passes on something else than before."""
        if peer_id in self._connections:
            self._has_changed(peer_id)

    def ask_for_passing(self, passing: Passing, ways: _Ways = _no_ways) -> None:
        """Whom to ask what a peer passes calls for a method on to, and over which ways a collector is reached."""
        self._index.passing = passing
        self._ways = ways

    def shares(self, peer_id: str, namespace: str) -> bool:
        """Whether a peer is connected and shares a namespace."""
        connection = self._connections.get(peer_id)
        return connection is not None and connection.shares(namespace)

    def has_member(self, namespace: str) -> bool:
        """Whether a peer that is known to exist shares a namespace."""
        return any(
            connection.shares(namespace) and not connection.is_hearsay
            for connection in self._connections.values()
        )

    @property
    def kept_pools(self) -> int:
        """For how many methods candidates are kept."""
        return self._index.kept

    def times_of(self, key: MethodKey) -> MethodTimes:
        """How long calls to a method take, where no peer says that it has it."""
        pool = self.having(key)
        if pool is not None:
            return pool.times
        times = self._times.get(key)
        if times is None:
            if len(self._times) >= _MAX_TIMES:
                # Callers name methods as they like.
                del self._times[next(iter(self._times))]
            times = self._times[key] = MethodTimes()
        return times

    def other_kind(self, key: MethodKey, target: str = "") -> str | None:
        """The kind of a method that somebody has and that cannot be called, None if there is none.

        Args:
            key: the method.
            target: the id of the only collector that is asked about; empty for all.
        """
        kinds = (self.other_kind_at(connection, key, target) for connection in self._connections.values())
        return next((kind for kind in kinds if kind is not None), None)

    def other_kind_at(self, connection: Connection, key: MethodKey, target: str = "") -> str | None:
        """The same of what a peer has, or what can be reached through it."""
        if not connection.shares(key.namespace):
            return None
        info = connection.has(key) if target in ("", connection.peer_id) else None
        if info is None and (onward := self._index.passing(connection, key)) is not None:
            info = onward.info if not target or target in onward.targets else None
        return None if info is None or info.kind == UNARY else info.kind

    def way_to(self, target: str, key: MethodKey) -> Candidate | None:
        """A peer that passes on calls for a method of a collector that is not connected itself, if there is one.

        One that is not there now is given where nobody else reaches it.
        """
        pool = self.onward(key)
        ways = []
        for candidate in pool.members if pool is not None else ():
            onward = self._index.passing(candidate.connection, key)
            if onward is not None and target in onward.targets:
                ways.append((not candidate.connection.is_usable, candidate.hops, candidate))
        if not ways and key.service.startswith(OWN_PACKAGE):
            ways = list(self._ways_to_own(target, key))
        return min(ways, key=lambda way: way[:2])[2] if ways else None

    def _ways_to_own(self, target: str, key: MethodKey) -> Iterator[tuple[bool, int, Candidate]]:
        """The peers that pass on a call for one of the mesh's own methods, of which nobody tells: each namespace has it."""
        for way, reach in self._ways(target).items():
            connection = self.connection_over(way)
            if (
                connection is not None
                and connection.shares(key.namespace)
                and any(info.key.namespace == key.namespace for info in reach.methods)
            ):
                standing = self.standings.of(connection.peer_id, key.namespace, connection.last_news)
                times, hops = self.times_of(key), len(reach.path)
                candidate = Candidate(connection, standing, times, is_idempotent=True, hops=hops)
                yield not connection.is_usable, hops, candidate

    def _has_changed(self, peer_id: str) -> None:
        self._index.changed(peer_id)
        if self.on_peer is not None:
            self.on_peer(peer_id)
        self.has_news(peer_id)
        self.changes += 1
        self.news.tell()

    def _is_up(self, peer_id: str) -> bool:
        connection = self._connections.get(peer_id)
        return connection is not None and connection.is_up

    def _has_come_back(self, connection: Connection, now: float) -> None:
        for standing in self.standings.of_peer(connection.peer_id):
            standing.came_back(now, self.standings.median(standing.namespace, connection.peer_id))

    def _has_flapped(self, connection: Connection) -> None:
        for namespace in connection.shared_namespaces[:_MAX_FLAPPED]:
            self.standings.of(connection.peer_id, namespace, connection.since)
        for standing in self.standings.of_peer(connection.peer_id):
            standing.peer_is(well=connection.state == "live")
            standing.flapped(connection.since)

    def _has_turned(self, standing: Standing, is_open: bool) -> None:  # noqa: FBT001  # as a standing tells it
        self.changes += 1
        self.on_turn(standing, is_open)

    # ---- who lacks what ------------------------------------------------------------------------------

    @property
    def known_lacks(self) -> int:
        """How many words of peers that they lack a method are remembered."""
        return len(self._lacks)

    def note_lacks(self, key: MethodKey, peer_id: str, *, now: float) -> None:
        """Remember for a while that a peer does not have a method."""
        self._lacks.note(key, peer_id, now=now)

    def lacking(self, key: MethodKey, *, now: float) -> Collection[str]:
        """Ids of the peers that have just said that they do not have a method."""
        return self._lacks.of(key, now=now)

    def has_news(self, peer_id: str) -> None:
        """Drop what is remembered of a peer: it may have other methods now."""
        self._lacks.forget(peer_id)


def _nobody(_standing: Standing, _is_open: bool) -> None:  # noqa: FBT001  # as a standing tells it
    """Tell nobody of a breaker."""
