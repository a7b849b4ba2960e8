"""A collector at one moment, as people and programs look at it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import attrs

from collector_mesh.domain.model.names import MethodKey

NO_LABELS: Mapping[str, str] = MappingProxyType({})

State = Literal["live", "suspect", "draining", "reconnecting", "dead"]
"""How a peer is: well; not heard of for a while; about to leave; gone and dialed again; gone."""

Carrier = Literal["link", "unary"]
"""How calls reach a peer: over a link, or with one RPC each."""


@attrs.frozen
class StandingInfo:
    """What is known of a peer in one namespace, from the calls that were sent to it.

    Attributes:
        namespace: which namespace.
        in_flight: calls sent there and not answered yet.
        latency: what a call takes, in seconds: an average that jumps to each peak and falls slowly.
        p99: what 99 of 100 calls take at most, in seconds; None until it is known.
        score: what the next call there is thought to cost, in seconds.
        success_share: of the calls of the last half minute; None where there were none.
        breaker: `closed`, `open`, or `probing` when the next call is the probe.
        open_for: seconds until the next probe may go; 0 unless it is open.
        retries_left: how many retries its failures may cause now.
    """

    namespace: str
    in_flight: int
    latency: float
    p99: float | None
    score: float
    success_share: float | None
    breaker: str
    open_for: float
    retries_left: float


@attrs.frozen
class ConnectionInfo:
    """A connection to a peer.

    Attributes:
        peer_id: whom it leads to.
        address: where the peer listens, empty if nowhere.
        connection_id: unique for this connection.
        shared_namespaces: the namespaces of both.
        state: how the peer is.
        dialed: whether this side has dialed and keeps it up.
        in_flight: calls sent to it and not answered yet.
        carrier: `link`, or `unary` for a peer that has none and is called with one RPC each.
        reason: why it is in this state; empty while it is live.
        age: how long this connection has existed, in seconds.
        round_trip: of the last heartbeat that was answered, in seconds; None if there was none.
        methods: how many methods it says that it serves; None where it does not say.
        labels: what it says of itself.
        weight: its share of calls beside others.
        standings: what is known of it in each namespace that calls were routed in.
        held_bytes: what its calls, queues, parts of payloads and tables hold here.
        offered: the only namespaces that this collector offers it, empty where it offers all of its own.
    """

    peer_id: str
    address: str
    connection_id: str
    shared_namespaces: tuple[str, ...]
    state: State
    dialed: bool
    in_flight: int = 0
    carrier: Carrier = "link"
    reason: str = ""
    age: float = 0.0
    round_trip: float | None = None
    methods: int | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict)
    weight: int = 1
    standings: tuple[StandingInfo, ...] = ()
    held_bytes: int = 0
    offered: tuple[str, ...] = ()


@attrs.frozen
class LinkEnd:
    """A link that has ended, or that was refused.

    Attributes:
        peer_id: who was at the other end, empty if it has not said.
        address: where it was.
        reason: why it has ended.
        age: how long ago, in seconds.
    """

    peer_id: str
    address: str
    reason: str
    age: float


@attrs.frozen
class MethodInfo:
    """A method of a collector, as others see it.

    Attributes:
        key: its names.
        kind: `unary`; of a later version it may be another one.
        idempotent: whether it may run twice for one call.
    """

    key: MethodKey
    kind: str
    idempotent: bool


@attrs.frozen
class Snapshot:
    """What a collector is and knows.

    Attributes:
        collector_id: its id.
        address: where it can be dialed, empty if nowhere.
        state: `new`, `serving`, `draining` or `closed`.
        namespaces: its own.
        methods: what runs here, in order of their names.
        connections: to its peers, in order of their ids.
        dialing: addresses of wanted peers that have never answered.
        running: handlers that are running.
        waiting: calls of plain handlers that wait for a thread; they are not among those that run.
        outgoing: calls under way out of here, local ones included.
        clients: links of programs outside the mesh.
        ended: the links that have ended last, the latest first.
        counts: what has happened since the start; see `Counts`.
        labels: what it says of itself.
        weight: its share of calls beside others.
        shares: calls under way out of here by namespace, as far as there are any.
        held_bytes: what is held for others, of `max_held_bytes`: calls, queues, parts of payloads and tables of links,
            requests without a link, and what handlers keep whose callers have gone.
        members: which collectors are members of each namespace of this one: itself and the connected peers that share it, in
            order of their ids.
        resident_bytes: what the whole process has of the machine's memory, 0 where that is not known.
    """

    collector_id: str
    address: str
    state: str
    namespaces: tuple[str, ...]
    methods: tuple[MethodInfo, ...]
    connections: tuple[ConnectionInfo, ...]
    dialing: tuple[str, ...] = ()
    running: int = 0
    outgoing: int = 0
    clients: int = 0
    ended: tuple[LinkEnd, ...] = ()
    counts: Mapping[str, int] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    weight: int = 1
    shares: tuple[tuple[str, int], ...] = ()
    held_bytes: int = 0
    resident_bytes: int = 0
    members: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    waiting: int = 0


@attrs.frozen
class CandidateInfo:
    """One collector that could take a call, and why it would or would not.

    Attributes:
        collector_id: which.
        fit: whether the call may go there.
        reason: why, in words.
        score: what the call is thought to cost there, in seconds; less is better. None where nothing is known.
        hops: how often it would be passed on from there.
        last: what the last call there that did not succeed came to, in words; empty where there was none.
    """

    collector_id: str
    fit: bool
    reason: str
    score: float | None = None
    hops: int = 0
    last: str = ""


@attrs.frozen
class Explanation:
    """Where a call would go, and why.

    Attributes:
        key: the method that is asked for.
        candidates: this collector first, then its peers by id; the call goes to this one if it is
            fit, else to one of the fit peers; to one that passes it on only if nobody who has the method is fit.
        balancing: name of the strategy that chooses among peers.
        note: what holds for all of them, empty if there is nothing to say.
        access: whether a caller from outside may call it, and what decides that; empty where nobody is asked.
    """

    key: MethodKey
    candidates: tuple[CandidateInfo, ...]
    balancing: str = ""
    note: str = ""
    access: str = ""

    @property
    def fit(self) -> tuple[str, ...]:
        """Ids of those that the call may go to."""
        return tuple(candidate.collector_id for candidate in self.candidates if candidate.fit)
