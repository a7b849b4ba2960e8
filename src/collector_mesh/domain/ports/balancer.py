"""Port: who of several peers gets a call."""

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
        """What it says of itself; its zone is under `zone`."""
        ...

    @property
    def weight(self) -> int:
        """Its share of calls beside others, as it says itself; at least 1."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls of this namespace that were sent there and have no reply."""
        ...

    def score(self, now: float) -> float:
        """What the next call there is thought to cost, in seconds; less is better."""
        ...


class Selection(Protocol):
    """One choice: the candidates, and what may be asked while choosing."""

    @property
    def members(self) -> Sequence[Candidate]:
        """All candidates, in no particular order; who of them is fit has to be asked."""
        ...

    @property
    def cache(self) -> dict[str, Any]:
        """Whatever a strategy wants to keep; it is empty again when the members or what they say have changed."""
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
        """The dice; other ones cannot be replayed."""
        ...

    @property
    def ignores_breakers(self) -> bool:
        """Whether those with open breakers are fit too, because too many are out: most of the fit may hang."""
        ...

    def is_fit(self, candidate: Candidate) -> bool:
        """Whether the call may go there: it is well, has not failed this call, and its breaker lets it."""
        ...

    def fit(self) -> Sequence[Candidate]:
        """All that are fit; the cost grows with the number of members."""
        ...

    def draw(self, besides: Candidate | None = None) -> Candidate | None:
        """One of the fit, at random, but not `besides`; None if there is no other.

        The cost grows only with how many are unfit.
        """
        ...


class Balancer(Protocol):
    """A strategy. One serves all methods of a collector; it must be quick. Where it raises, `peak-ewma` chooses."""

    def choose(self, selection: Selection) -> Candidate | None:
        """One of the fit candidates; None if nobody is fit."""
        ...
