"""Who gets a call, and why."""

from collections.abc import Container, Sequence

from collector_mesh.domain.handlers import HandlerRegistry
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import CandidateInfo, Explanation
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.topology import Connection, Topology


class Router:
    """Chooses a collector for a call: a local handler first, else a random peer that is fit."""

    def __init__(self, collector_id: str, handlers: HandlerRegistry, topology: Topology) -> None:
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology

    def choose(
        self, key: MethodKey, *, tried: Container[str], now: float, dice: Randomness
    ) -> Connection | None:
        """A peer for a call that cannot run here, or None if there is none.

        Peers that say that they have the method come first; those that do not say are asked. One that
        has not been heard of for a while gets a call only if nobody else can take it.

        The cost does not depend on how many peers there are, only on how many are unfit.
        """
        topology = self._topology
        found = self._pick(topology.having(key), tried, (), dice)
        if found is None and (silent := topology.silent(key.namespace)):
            found = self._pick(silent, tried, topology.lacking(key, now=now), dice)
        return found

    def _pick(
        self,
        members: Sequence[Connection],
        tried: Container[str],
        lacking: Container[str],
        dice: Randomness,
    ) -> Connection | None:
        count = len(members)
        if not count:
            return None
        start = dice.below(count) if count > 1 else 0
        if not tried and not lacking and members[start].state == "live":
            return members[start]
        suspect = None
        for step in range(count):
            connection = members[(start + step) % count]
            if self._unfit(connection, tried, lacking) is None:
                if connection.state == "live":
                    return connection
                suspect = suspect or connection
        return suspect

    def explain(self, key: MethodKey, *, now: float) -> Explanation:
        """Where a call would go now: every collector that could take it, with the reason.

        Raises:
            InvalidCallError: one of the names is malformed.
        """
        key.check()
        here = self._handlers.find(key) is not None
        if here:
            reason = "has the method"
        elif self._handlers.has_namespace(key.namespace):
            reason = "lacks the method"
        else:
            reason = "is not in the namespace"
        candidates = [CandidateInfo(self._collector_id, here, reason)]
        lacking = self._topology.lacking(key, now=now)
        for connection in self._topology:
            unfit: str | None = "does not share the namespace"
            fit = "shares the namespace"
            if key.namespace in connection.shared_namespaces:
                unfit = self._unfit(connection, (), lacking)
                if connection.methods is not None:
                    fit = "has the method"
                    if connection not in self._topology.having(key):
                        unfit = unfit or "lacks the method"
            if connection.state == "suspect":
                fit += ", but has not been heard of for a while"
            candidates.append(CandidateInfo(connection.peer_id, unfit is None, unfit or fit))
        return Explanation(key, tuple(candidates))

    @staticmethod
    def _unfit(connection: Connection, tried: Container[str], lacking: Container[str]) -> str | None:
        """Why a peer that could have the method may not get the call, or None if it may."""
        if connection.state not in _FIT:
            return "is draining" if connection.state == "draining" else "does not answer"
        if connection.peer_id in tried:
            return "has been tried"
        if connection.peer_id in lacking:
            return "lacks the method"
        return None


_FIT = ("live", "suspect")
