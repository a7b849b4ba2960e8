"""Whether a candidate may get a call, and if not, why."""

from collections.abc import Container

from collector_mesh.domain.topology.candidates import Candidate, Pool
from collector_mesh.domain.topology.topology import Topology

_WELL, _BUSY, _SUSPECT = range(3)

TIERS: tuple[int, ...] = (_WELL, _BUSY, _SUSPECT)
"""Whom to take: those that are well; if there are none also those over their limits; else also those not heard of."""


class Fitness:
    """Says of a candidate why it may not get a call; the router and its explanations ask the same.

    Args:
        topology: counts the changes of who is well.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    def unfit(
        self,
        candidate: Candidate,
        pool: Pool,
        tier: int,
        tried: Container[str],
        lacking: Container[str],
        now: float,
    ) -> str | None:
        """Why a peer that could have the method may not get the call, or None if it may."""
        state = candidate.connection.state
        if state != "live":
            if state == "draining":
                return "is draining"
            if state != "suspect":
                return "does not answer"
            if tier < _SUSPECT:
                return "is suspect: it has not been heard of for a while"
        if candidate.peer_id in tried:
            return "has been tried"
        if candidate.peer_id in lacking:
            return "lacks the method"
        if candidate.standing.load.hold <= now:
            return None
        return self._held(candidate, pool, tier, now)

    def _held(self, candidate: Candidate, pool: Pool, tier: int, now: float) -> str | None:
        standing = candidate.standing
        breaker = standing.breaker
        if breaker.is_open:
            if not breaker.lets(now) and not self.ignores_breakers(pool):
                return f"breaker open for another {breaker.probes_at - now:.1f} s"
        elif tier < _BUSY and (seconds := standing.busy_for(now)):
            return f"over its limit for another {seconds:.1f} s"
        return None

    def ignores_breakers(self, pool: Pool) -> bool:
        """Whether more candidates than allowed have open breakers, or all: then calls go to them all the same."""
        changes = self._topology.changes
        if pool.panic_at != changes:
            up, out = up_and_out(pool)
            pool.panic = out > up * pool.policy.max_ejected or out == up
            pool.panic_at = changes
        return pool.panic


def up_and_out(pool: Pool) -> tuple[int, int]:
    """How many candidates are up, and how many of them have open breakers."""
    up = [member for member in pool.members if member.connection.is_usable]
    return len(up), sum(member.standing.breaker.is_open for member in up)
