"""Peers that could take a call."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.policies.load import Load
from collector_mesh.domain.policies.method_times import MethodTimes
from collector_mesh.domain.policies.policy import Policy
from collector_mesh.domain.policies.standing import Standing
from collector_mesh.domain.ports import balancer
from collector_mesh.domain.topology.connection import Connection


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

    __slots__ = (
        "_places",
        "as_of",
        "cache",
        "key",
        "loads",
        "members",
        "panic",
        "panic_at",
        "policy",
        "times",
    )

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
        self.as_of = -1
        """Up to which change of peers it is kept up; see `Index`."""
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

    def follow(self, policy: Policy) -> None:
        """Go by another policy from now on."""
        self.policy = policy
        # What another strategy keeps is of no use to this one.
        self.cache = {}
        self.panic, self.panic_at = False, -1

    def get(self, peer_id: str) -> Candidate | None:
        """The candidate that is a peer."""
        place = self._places.get(peer_id)
        return None if place is None else self.members[place]


if TYPE_CHECKING:
    _fits: type[balancer.Candidate] = Candidate
