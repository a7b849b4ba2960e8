"""Who is connected, and who could take a call."""

from collections import deque
from collections.abc import Container, Iterator, Sequence
from typing import Any

import attrs

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import ConnectionInfo, MethodInfo, State
from collector_mesh.domain.ports.link import Link

_GONE = ("reconnecting", "dead")

LACKS_SECONDS = 1.0
"""How long a peer is taken at its word that it lacks a method (WIRE §3)."""


@attrs.define(eq=False)
class Connection:
    """What is known of a peer.

    Attributes:
        peer_id: whom it leads to.
        address: where the peer listens, empty if nowhere.
        connection_id: unique for this connection.
        shared_namespaces: the namespaces of both, in the order of the side that has dialed.
        link: the way there.
        dialed: whether this side has dialed and keeps it up.
        last_news: when it was last known to be well, on the monotonic clock, in seconds.
        in_flight: unary calls sent to it and not answered yet; a link counts its own.
        state: how the peer is.
        reason: why it is so, empty while it is live.
        since: when it came about, on the monotonic clock.
        engine: the link's own state, None where the peer has no links.
        methods: what the peer says that it serves, None where it does not say.
    """

    peer_id: str
    address: str
    connection_id: str
    shared_namespaces: tuple[str, ...]
    link: Link
    dialed: bool
    last_news: float
    in_flight: int = 0
    state: State = "live"
    reason: str = ""
    since: float = 0.0
    engine: LinkEngine | None = None
    methods: tuple[MethodInfo, ...] | None = None

    @property
    def is_up(self) -> bool:
        """Whether the peer is there, well or not quite."""
        return self.state not in _GONE

    def info(self, now: float) -> ConnectionInfo:
        """The connection as a snapshot shows it."""
        return ConnectionInfo(
            self.peer_id,
            self.address,
            self.connection_id,
            self.shared_namespaces,
            self.state,
            self.dialed,
            self.in_flight if self.engine is None else self.engine.in_flight,
            "unary" if self.engine is None else "link",
            self.reason,
            max(0.0, now - self.since),
            None if self.engine is None else self.engine.round_trip,
            None if self.methods is None else len(self.methods),
        )


class _Pool:
    """Connections in no particular order: one is added, removed or picked at the same small cost."""

    __slots__ = ("_places", "key", "members")

    def __init__(self, key: Any) -> None:
        self.key = key
        self.members: list[Connection] = []
        self._places: dict[str, int] = {}

    def add(self, connection: Connection) -> None:
        self._places[connection.peer_id] = len(self.members)
        self.members.append(connection)

    def remove(self, connection: Connection) -> None:
        place = self._places.pop(connection.peer_id)
        last = self.members.pop()
        if last is not connection:
            self.members[place] = last
            self._places[last.peer_id] = place


class Topology:
    """The connections of a collector, with an index from a method to those who have it.

    At most one connection a peer. What it holds changes only through its methods, so that the index
    is always right.
    """

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}
        self._having: dict[MethodKey, _Pool] = {}
        self._silent: dict[str, _Pool] = {}
        self._lacks: dict[MethodKey, dict[str, float]] = {}
        self._lacks_until: deque[tuple[float, MethodKey, str]] = deque()

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
        replaced = self.remove(connection.peer_id)
        self._connections[connection.peer_id] = connection
        self._index(connection)
        return replaced

    def remove(self, peer_id: str) -> Connection | None:
        """Forget a peer; give what was known of it."""
        connection = self._connections.pop(peer_id, None)
        if connection is not None:
            self._take_out(connection)
            self.has_news(peer_id)
        return connection

    def update(
        self, connection: Connection, shared: tuple[str, ...], methods: tuple[MethodInfo, ...] | None
    ) -> None:
        """Take down what a connected peer shares and serves now."""
        self._take_out(connection)
        connection.shared_namespaces = shared
        connection.methods = methods
        self._index(connection)
        self.has_news(connection.peer_id)

    def shares(self, peer_id: str, namespace: str) -> bool:
        """Whether a peer is connected and shares a namespace."""
        connection = self._connections.get(peer_id)
        return connection is not None and namespace in connection.shared_namespaces

    def known_key(self, names: tuple[str, str, str]) -> MethodKey | None:
        """The key of those names, if a peer has such a method: a look-up in place of a new one and its check."""
        pool = self._having.get(names)  # type: ignore[call-overload]  # a MethodKey is such a tuple
        return None if pool is None else pool.key

    def having(self, key: MethodKey) -> Sequence[Connection]:
        """The peers that say that they have a method; a live view, in no particular order."""
        pool = self._having.get(key)
        return () if pool is None else pool.members

    def silent(self, namespace: str) -> Sequence[Connection]:
        """The peers that share a namespace and do not say what they have; a live view, in no particular order."""
        pool = self._silent.get(namespace)
        return () if pool is None else pool.members

    def _index(self, connection: Connection) -> None:
        for pools, key in self._places(connection):
            pool = pools.get(key)
            if pool is None:
                pool = pools[key] = _Pool(key)
            pool.add(connection)

    def _take_out(self, connection: Connection) -> None:
        for pools, key in self._places(connection):
            pool = pools[key]
            pool.remove(connection)
            if not pool.members:
                del pools[key]

    def _places(self, connection: Connection) -> Iterator[tuple[dict[Any, _Pool], Any]]:
        """Where in the index a connection belongs."""
        shared = dict.fromkeys(connection.shared_namespaces)
        if connection.methods is None:
            for namespace in shared:
                yield self._silent, namespace
        else:
            for key in dict.fromkeys(info.key for info in connection.methods):
                if key.namespace in shared:
                    yield self._having, key

    def note_lacks(self, key: MethodKey, peer_id: str, *, now: float) -> None:
        """Remember for a while that a peer does not have a method."""
        self._forget_old_lacks(now)
        until = now + LACKS_SECONDS
        self._lacks.setdefault(key, {})[peer_id] = until
        self._lacks_until.append((until, key, peer_id))

    def lacking(self, key: MethodKey, *, now: float) -> Container[str]:
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
            _, key, peer_id = self._lacks_until.popleft()
            peers = self._lacks.get(key)
            if peers is not None and peers.get(peer_id, now + 1) <= now:
                del peers[peer_id]
                if not peers:
                    del self._lacks[key]
