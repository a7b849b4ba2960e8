"""Why a call would go where it would go, by the same words that decide it."""

from collections.abc import Iterator

import attrs

from collector_mesh.domain.model.errors import Executed, quoted
from collector_mesh.domain.model.kinds import UNARY
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import CandidateInfo, Explanation
from collector_mesh.domain.routing.fitness import TIERS, up_and_out
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.candidates import Candidate, Pool
from collector_mesh.domain.topology.topology import Topology


class Explainer:
    """Tells of every candidate what the router says of it.

    Args:
        collector_id: of this collector.
        handlers: what runs here.
        topology: who is connected.
        router: who is asked.
    """

    def __init__(
        self, collector_id: str, handlers: HandlerRegistry, topology: Topology, router: Router
    ) -> None:
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology
        self._router = router

    def explain(self, key: MethodKey, *, now: float, most: int | None = None) -> Explanation:
        """Where a call would go now: every collector that could take it, with the reason. It rolls no dice.

        Args:
            key: the method.
            now: the time.
            most: tell of this number of candidates at most, and only of those that could have the method.

        Raises:
            InvalidCallError: one of the names is malformed.
        """
        key.check()
        here = self._handlers.find(key) is not None
        if here:
            reason = "has the method"
        elif (kind := self._handlers.other_kind(key)) is not None:
            reason = _of_kind(kind)
        elif self._handlers.has_namespace(key.namespace):
            reason = "lacks the method"
        else:
            reason = "is not in the namespace"
        candidates = [CandidateInfo(self._collector_id, here, reason)]
        topology = self._topology
        pools = list(self._router.pools(key))
        note = ""
        is_found = False
        for pool in pools:
            found = list(self._explain_pool(pool, key, now, most))
            if is_found:
                # Only asked if nobody who says that they have the method is fit.
                found = [_not_needed(candidate) if candidate.fit else candidate for candidate in found]
            is_found = is_found or any(candidate.fit for candidate in found)
            candidates += found
            if not note and self._router.fitness.ignores_breakers(pool) and (out := up_and_out(pool)[1]):
                note = f"breakers are ignored: {out} of {len(pool.members)} candidates are out"
        if most is None:
            told = {candidate.collector_id for candidate in candidates}
            candidates += [
                self._without_it(connection.peer_id, key)
                for connection in topology
                if connection.peer_id not in told
            ]
        candidates[1:] = sorted(candidates[1:], key=lambda candidate: candidate.collector_id)
        if most is not None:
            candidates = candidates[:most]
        balancing = pools[0].policy.balancing if pools else topology.policies.of(key).balancing
        return Explanation(key, tuple(candidates), balancing, note)

    def other_kind(self, key: MethodKey) -> str | None:
        """The kind of a method that somebody has, this collector included, and that cannot be called; else None."""
        return self._handlers.other_kind(key) or self._topology.other_kind(key)

    def has_members(self, namespace: str) -> bool:
        """Whether a namespace has members: this collector, or peers."""
        return self._handlers.has_namespace(namespace) or self._topology.has_member(namespace)

    def is_member(self, namespace: str) -> bool:
        """Whether this collector is a member of a namespace."""
        return self._handlers.has_namespace(namespace)

    def _explain_pool(
        self, pool: Pool, key: MethodKey, now: float, most: int | None
    ) -> Iterator[CandidateInfo]:
        lacking = self._topology.lacking(key, now=now)
        members = sorted(pool.members[:most], key=lambda member: member.peer_id)
        reasons: list[str | None] = []
        for tier in TIERS:
            reasons = [self._router.fitness.unfit(member, pool, tier, (), lacking, now) for member in members]
            if None in reasons:
                break
        for member, reason in zip(members, reasons, strict=True):
            score = member.score(now) if member.connection.is_up else None
            why = _why_fit(member, now) if reason is None else reason
            yield CandidateInfo(member.peer_id, reason is None, why, score, member.hops, _last(member, now))

    def _without_it(self, peer_id: str, key: MethodKey) -> CandidateInfo:
        connection = self._topology.get(peer_id)
        if connection is None or not connection.shares(key.namespace):
            return CandidateInfo(peer_id, fit=False, reason="does not share the namespace")
        if connection.state == "draining":
            reason = "is draining"
        elif not connection.is_usable:
            reason = "does not answer"
        else:
            kind = self._topology.other_kind_at(connection, key)
            what = "has the method" if connection.has(key) is not None else "passes calls on to the method"
            reason = "lacks the method" if kind is None else _of_kind(kind, what)
        return CandidateInfo(peer_id, fit=False, reason=reason)


def _why_fit(candidate: Candidate, now: float) -> str:
    connection = candidate.connection
    if candidate.hops:
        reason = f"passes it on, {candidate.hops} time{'s' if candidate.hops > 1 else ''}"
    else:
        reason = "shares the namespace" if connection.methods is None else "has the method"
    if connection.state == "suspect":
        reason += ", but has not been heard of for a while"
    if candidate.standing.breaker.is_open:
        is_probe = candidate.standing.breaker.lets(now)
        reason += (
            ", and the next call is the probe of its breaker" if is_probe else ", its open breaker is ignored"
        )
    elif candidate.standing.busy_for(now):
        reason += ", but is over its limit"
    return reason


def _of_kind(kind: str, what: str = "has the method") -> str:
    return f"{what} as one of the kind {quoted(kind)}, and it is called as {quoted(UNARY)}"


_RUN = {Executed.NO: "not run", Executed.MAYBE: "may have run", Executed.YES: "has run"}


def _last(candidate: Candidate, now: float) -> str:
    """What the last call there came to that did not succeed."""
    verdict = candidate.standing.last
    if verdict is None:
        return ""
    outcome = f"({verdict.code}, {_RUN[verdict.executed]})"
    return f"{verdict.reason.value} {outcome} {max(0.0, now - verdict.ended):.1f} s ago"


def _not_needed(candidate: CandidateInfo) -> CandidateInfo:
    reason = f"{candidate.reason}; asked only if those who have the method are not fit"
    return attrs.evolve(candidate, fit=False, reason=reason)
