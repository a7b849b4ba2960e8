"""What is known of a peer."""

from collections.abc import Mapping

import attrs

from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import NO_LABELS, ConnectionInfo, MethodInfo, StandingInfo, State

_GONE = ("reconnecting", "dead")


@attrs.define(eq=False)
class Connection:
    """What is known of a peer.

    Attributes:
        peer_id: whom it leads to.
        address: where the peer listens, empty if nowhere.
        connection_id: unique for this connection.
        shared_namespaces: the namespaces of both, in the order of the side that has dialed.
        way: what calls go over.
        dialed: whether this side has dialed and keeps it up.
        last_news: when it was last known to be well, on the monotonic clock, in seconds.
        state: how the peer is.
        reason: why it is so, empty while it is live.
        since: when it came about, on the monotonic clock.
        methods: what the peer says that it serves, None where it does not say.
        labels: what it says of itself.
        weight: its share of calls beside others, at least 1.
        flaps: how often in a row the peer was gone again soon after it had come back.
        has_left: whether the peer has said goodbye, and so is missed by nobody for a while.
        offered: the only namespaces that the peer is offered, None for all.
        key_store: which store it keeps the replies to idempotency keys in, empty where it keeps none.
        by_key: its methods by their names, where somebody keeps that up; else it is made when it is asked for.
    """

    peer_id: str
    address: str
    connection_id: str
    shared_namespaces: tuple[str, ...]
    way: Way
    dialed: bool
    last_news: float
    state: State = "live"
    reason: str = ""
    since: float = 0.0
    methods: tuple[MethodInfo, ...] | None = None
    labels: Mapping[str, str] = NO_LABELS
    weight: int = 1
    flaps: int = 0
    has_left: bool = False
    by_key: Mapping[MethodKey, MethodInfo] | None = None
    offered: frozenset[str] | None = None
    key_store: str = ""
    _own: tuple[tuple[MethodInfo, ...] | None, Mapping[MethodKey, MethodInfo]] = attrs.field(
        default=(None, {}), init=False, repr=False
    )
    _shared: tuple[tuple[str, ...], frozenset[str]] = attrs.field(
        default=((), frozenset()), init=False, repr=False
    )

    def has(self, key: MethodKey) -> MethodInfo | None:
        """The method of that name that the peer says that it has itself."""
        if self.methods is None:
            return None
        own = self.by_key
        if own is None:
            if self._own[0] is not self.methods:
                self._own = self.methods, {info.key: info for info in self.methods}
            own = self._own[1]
        return own.get(key)

    def shares(self, namespace: str) -> bool:
        """Whether both are members of a namespace."""
        if self._shared[0] is not self.shared_namespaces:
            self._shared = self.shared_namespaces, frozenset(self.shared_namespaces)
        return namespace in self._shared[1]

    @property
    def is_up(self) -> bool:
        """Whether the peer is there, well or not quite."""
        return self.state not in _GONE

    @property
    def is_usable(self) -> bool:
        """Whether new calls may go to the peer: it is well, or suspect."""
        return self.state in ("live", "suspect")

    @property
    def is_hearsay(self) -> bool:
        """Whether somebody has only said that there is a peer: it was not dialed, and has never answered."""
        return not self.dialed and not self.way.has_answered

    def info(
        self, now: float, standings: tuple[StandingInfo, ...] = (), held_bytes: int = 0
    ) -> ConnectionInfo:
        """The connection as a snapshot shows it."""
        return ConnectionInfo(
            self.peer_id,
            self.address,
            self.connection_id,
            self.shared_namespaces,
            self.state,
            self.dialed,
            self.way.in_flight,
            self.way.carrier,
            self.reason,
            max(0.0, now - self.since),
            self.way.round_trip,
            None if self.methods is None else len(self.methods),
            dict(self.labels),
            self.weight,
            standings,
            held_bytes,
            tuple(sorted(self.offered or ())),
        )
