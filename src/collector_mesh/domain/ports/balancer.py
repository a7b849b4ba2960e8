"""Port: the choice of one peer among several."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from collector_mesh.domain.ports.randomness import Randomness


class Candidate(Protocol):
    """A peer that has the method, as a strategy sees it."""

    @property
    def peer_id(self) -> str:
        """Its id."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Its own labels; its zone is under `zone`."""
        ...

    @property
    def weight(self) -> int:
        """Its share of calls beside others, by its own word; at least 1."""
        ...

    @property
    def in_flight(self) -> int:
        """The number of calls in this namespace that were sent there and have no reply."""
        ...

    def score(self, now: float) -> float:
        """The expected cost of the next call there, in seconds; less is better."""
        ...


class Selection(Protocol):
    """One choice: the candidates, and the facts to choose by."""

    @property
    def members(self) -> Sequence[Candidate]:
        """All candidates, in no particular order, fit or not."""
        ...

    @property
    def cache(self) -> dict[str, Any]:
        """For a strategy to keep things in; empty again when the members or their labels and weights have changed."""
        ...

    @property
    def hints(self) -> Mapping[str, str]:
        """The caller's `routing_hints`."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the collector that chooses."""
        ...

    @property
    def now(self) -> float:
        """Monotonic time, in seconds."""
        ...

    @property
    def dice(self) -> Randomness:
        """The dice; a run with other dice cannot be replayed."""
        ...

    @property
    def ignores_breakers(self) -> bool:
        """Whether peers with open breakers are fit too, because too many are out: most of the fit ones may hang."""
        ...

    def is_fit(self, candidate: Candidate) -> bool:
        """Whether the call may go there: the peer is well, has not failed this call, and its breaker allows it."""
        ...

    def fit(self) -> Sequence[Candidate]:
        """All fit candidates; the cost grows with the number of members."""
        ...

    def draw(self, besides: Candidate | None = None) -> Candidate | None:
        """One of the fit candidates, at random, but not `besides`; None if there is no other.

        The cost grows only with the number of unfit ones.
        """
        ...


class Balancer(Protocol):
    """A strategy. One object serves all methods of a collector, and must be quick. If it raises, `peak-ewma` chooses."""

    def choose(self, selection: Selection) -> Candidate | None:
        """Choose one of the fit candidates; None if none is fit."""
        ...
