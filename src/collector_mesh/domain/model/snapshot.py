"""A collector at one moment, as people and programs look at it."""

from typing import Literal

import attrs

from collector_mesh.domain.model.names import MethodKey

State = Literal["live", "suspect", "draining", "reconnecting", "dead"]
"""How a peer is: well; not heard of for a while; about to leave; gone and dialed again; gone."""

Carrier = Literal["link", "unary"]
"""How calls reach a peer: over a link, or with one RPC each."""


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
        age: since when there is this connection, in seconds.
        round_trip: of the last heartbeat that was answered, in seconds; None if there was none.
        methods: how many methods it says that it serves; None where it does not say.
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
    """A method that runs here."""

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
        outgoing: calls under way out of here, local ones included.
        clients: links of programs outside the mesh.
        ended: the links that have ended last, the latest first.
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


@attrs.frozen
class CandidateInfo:
    """One collector that could take a call, and why it would or would not.

    Attributes:
        collector_id: which.
        fit: whether the call may go there.
        reason: why, in words.
    """

    collector_id: str
    fit: bool
    reason: str


@attrs.frozen
class Explanation:
    """Where a call would go, and why.

    Attributes:
        key: the method that is asked for.
        candidates: this collector first, then its peers by id; the call goes to this one if it is
            fit, else to one of the fit peers.
    """

    key: MethodKey
    candidates: tuple[CandidateInfo, ...]

    @property
    def fit(self) -> tuple[str, ...]:
        """Ids of those that the call may go to."""
        return tuple(candidate.collector_id for candidate in self.candidates if candidate.fit)
