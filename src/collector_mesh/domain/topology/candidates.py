"""Peers that could take a call, and what is known of them in its namespace."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.policies.load import Load
from collector_mesh.domain.policies.method_times import MethodTimes
from collector_mesh.domain.policies.policy import Policies, Policy
from collector_mesh.domain.policies.standing import Standing
from collector_mesh.domain.ports import balancer
from collector_mesh.domain.topology.connection import Connection

FIRST_LATENCY = 0.001
"""What a call is thought to take, in seconds, where nothing is known of anybody."""

_SAMPLE = 32
"""Of how many others the median is taken: enough to begin with, and cheap where there are thousands."""


class Candidate:
    """A peer that could take calls for a method, or pass them on."""

    __slots__ = ("connection", "hops", "is_idempotent", "peer_id", "standing", "times")

    def __init__(
        self,
        connection: Connection,
        standing: Standing,
        times: MethodTimes,
        *,
        is_idempotent: bool = False,
        hops: int = 0,
    ) -> None:
        self.connection = connection
        self.peer_id = connection.peer_id
        self.standing = standing
        self.times = times
        """How long calls to the method take, wherever they go."""
        self.is_idempotent = is_idempotent
        """Whether the peer says that the method may run twice."""
        self.hops = hops
        """How often the call is passed on from there; 0 where the peer runs it itself."""

    def for_method(self, times: MethodTimes) -> "Candidate":
        """The same peer as a candidate for one of the methods that it does not tell of."""
        return Candidate(self.connection, self.standing, times)

    @property
    def labels(self) -> Mapping[str, str]:
        """See the port `Candidate`."""
        return self.connection.labels

    @property
    def weight(self) -> int:
        """See the port `Candidate`."""
        return self.connection.weight

    @property
    def in_flight(self) -> int:
        """See the port `Candidate`."""
        return self.standing.load.in_flight

    @property
    def is_leaving(self) -> bool:
        """Whether the peer drains or has said goodbye, or this way to it is about to end."""
        connection = self.connection
        # The goodbye of one that is far away ends calls that had not left yet when it drained.
        return connection.state == "draining" or connection.has_left or connection.way.is_retiring

    def score(self, now: float) -> float:
        """See the port `Candidate`."""
        return self.standing.score(now)


class Pool:
    """Candidates in no particular order: one is added, removed or picked at the same small cost."""

    __slots__ = ("_places", "cache", "key", "loads", "members", "panic", "panic_at", "policy", "times")

    def __init__(self, key: Any, policy: Policy) -> None:
        self.key = key
        self.policy = policy
        self.times = MethodTimes()
        """How long calls to the method take, where the pool is that of one."""
        self.members: list[Candidate] = []
        self.loads: list[Load] = []
        """Those of the members, in the same order."""
        self.cache: dict[str, Any] = {}
        """What the strategy keeps; empty again when the members have changed."""
        self.panic = False
        """Whether breakers are ignored, as was found at the change `panic_at` of the topology."""
        self.panic_at = -1
        self._places: dict[str, int] = {}

    def add(self, candidate: Candidate) -> None:
        """Add a candidate, which is not in it."""
        self._places[candidate.peer_id] = len(self.members)
        self.members.append(candidate)
        self.loads.append(candidate.standing.load)
        self.cache = {}

    def remove(self, peer_id: str) -> None:
        """Remove a candidate."""
        place = self._places.pop(peer_id)
        last = self.members.pop()
        self.loads.pop()
        if last.peer_id != peer_id:
            self.members[place] = last
            self.loads[place] = last.standing.load
            self._places[last.peer_id] = place
        self.cache = {}

    def get(self, peer_id: str) -> Candidate | None:
        """The candidate that is a peer."""
        place = self._places.get(peer_id)
        return None if place is None else self.members[place]


class Standings:
    """The standing of each peer in each namespace that it shares, for as long as it is known.

    Args:
        policies: how standings come about.
        on_turn: told of a standing when its breaker has opened (True) or shut (False).
    """

    def __init__(self, policies: Policies, on_turn: Callable[[Standing, bool], None]) -> None:
        self._policies = policies
        self._on_turn = on_turn
        self._peers: dict[str, dict[str, Standing]] = {}

    def of(self, peer_id: str, namespace: str, others: Sequence[Candidate], now: float) -> Standing:
        """The standing of a peer; a new one begins in the middle of the others."""
        namespaces = self._peers.setdefault(peer_id, {})
        standing = namespaces.get(namespace)
        if standing is None:
            standing = namespaces[namespace] = Standing(
                peer_id,
                namespace,
                self._policies.of_namespace(namespace).standing,
                now=now,
                latency=median(others),
                on_turn=self._on_turn,
            )
        return standing

    def of_peer(self, peer_id: str) -> tuple[Standing, ...]:
        """The standings of a peer, in order of their namespaces."""
        namespaces = self._peers.get(peer_id, {})
        return tuple(namespaces[name] for name in sorted(namespaces))

    def keep(self, peer_id: str, namespaces: Collection[str]) -> None:
        """The peer shares these namespaces and no others anymore.

        Namespaces come and go with tenants: what is known of the peer in those that are gone would only grow.
        """
        standings = self._peers.get(peer_id)
        if standings is not None:
            shared = frozenset(namespaces)
            for namespace in [namespace for namespace in standings if namespace not in shared]:
                del standings[namespace]

    def forget(self, peer_id: str) -> None:
        """The peer is not known anymore."""
        self._peers.pop(peer_id, None)


def median(candidates: Sequence[Candidate], besides: str = "") -> float:
    """The median latency of some of the candidates, in seconds, without that of one peer."""
    known = sorted(
        candidate.standing.load.latency
        for candidate in candidates[:_SAMPLE]
        if candidate.connection.is_up and candidate.peer_id != besides
    )
    return known[len(known) // 2] if known else FIRST_LATENCY


if TYPE_CHECKING:
    _fits: type[balancer.Candidate] = Candidate
