"""One choice among several peers, as a strategy sees it."""

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.ports import balancer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.routing.fitness import Fitness
from collector_mesh.domain.topology.candidates import Candidate, Pool


class PoolSelection:
    """One choice among the candidates of a pool, as a strategy sees it.

    Args:
        fitness: says who is fit.
        pool: the candidates.
        tier: whom to take, see `TIERS`.
        tried: ids of those that the call was tried at.
        lacking: ids of those that have just said that they lack the method.
        now: the time, in seconds.
        dice: the dice.
        hints: the caller's.
        labels: of the collector that chooses.
    """

    __slots__ = ("_fitness", "_lacking", "_pool", "_tier", "_tried", "dice", "hints", "labels", "now")

    def __init__(
        self,
        fitness: Fitness,
        pool: Pool,
        tier: int,
        tried: Container[str],
        lacking: Container[str],
        now: float,
        dice: Randomness,
        hints: Mapping[str, str],
        labels: Mapping[str, str],
    ) -> None:
        self._fitness = fitness
        self._pool = pool
        self._tier = tier
        self._tried = tried
        self._lacking = lacking
        self.now = now
        self.dice = dice
        self.hints = hints
        self.labels = labels

    @property
    def members(self) -> Sequence[balancer.Candidate]:
        """See the port."""
        return self._pool.members

    @property
    def cache(self) -> dict[str, Any]:
        """See the port."""
        return self._pool.cache

    @property
    def ignores_breakers(self) -> bool:
        """See the port."""
        return self._fitness.ignores_breakers(self._pool)

    def is_fit(self, candidate: balancer.Candidate) -> bool:
        """See the port."""
        assert isinstance(candidate, Candidate)  # for the type checker: there are no others
        tried, lacking = self._tried, self._lacking
        return self._fitness.unfit(candidate, self._pool, self._tier, tried, lacking, self.now) is None

    def fit(self) -> Sequence[balancer.Candidate]:
        """See the port."""
        return [candidate for candidate in self._pool.members if self.is_fit(candidate)]

    def draw(self, besides: balancer.Candidate | None = None) -> balancer.Candidate | None:
        """See the port."""
        members = self._pool.members
        count = len(members)
        if not count:
            return None
        start = self.dice.below(count) if count > 1 else 0
        for step in range(count):
            candidate = members[(start + step) % count]
            if candidate is not besides and self.is_fit(candidate):
                return candidate
        return None


if TYPE_CHECKING:
    _fits: type[balancer.Selection] = PoolSelection
