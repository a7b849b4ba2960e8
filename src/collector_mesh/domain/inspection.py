"""What a collector shows of itself."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import ConnectionInfo, Explanation, Snapshot
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.inspector import Inspector
from collector_mesh.domain.routing.explainer import Explainer
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.serving.plain import PlainFunctions
from collector_mesh.domain.serving.question import ValidatorQuestion
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology


class Inspection:
    """Looks at the parts of a collector; it changes none of them.

    Args:
        collector_id: its id.
        handlers: what runs here.
        topology: who is connected.
        explainer: who would get a call, and why.
        keeping: gives what dials; asked for only while the collector is open, so that to look at one
            that is not yet does not make it.
        streams: gives the links, in the same way.
        clock: the time.
        running: handlers that run.
        outgoing: calls under way out of here.
        plain: knows which calls wait for a thread.
        access: who may look from outside.
        question: asks the validator.
        counts: what has happened.
        rules: what the collector says of itself on its links.
        resident_bytes: gives the memory of the whole process, 0 where that is not known.
    """

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        topology: Topology,
        explainer: Explainer,
        keeping: Callable[[], Keeping],
        streams: Callable[[], Streams],
        *,
        clock: Clock,
        running: ConcurrencyLimit,
        outgoing: ConcurrencyLimit,
        plain: PlainFunctions,
        access: AccessPolicy,
        question: ValidatorQuestion,
        counts: Counts,
        rules: LinkRules,
        resident_bytes: Callable[[], int] = int,
    ) -> None:
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology
        self._explainer = explainer
        self._keeping = keeping
        self._streams = streams
        self._clock = clock
        self._running = running
        self._outgoing = outgoing
        self._plain = plain
        self._access = access
        self._question = question
        self._counts = counts
        self._rules = rules
        self._resident_bytes = resident_bytes
        self.state = "new"
        """`new`, `serving`, `draining` or `closed`, as whoever opens and closes the collector says."""
        self.address = ""
        """Where the collector can be dialed, empty while it does not listen."""

    def snapshot(self) -> Snapshot:
        """What the collector is and knows, now."""
        now = self._clock.now()
        is_open = self.state in {"serving", "draining"}
        held = self._streams().holdings.by_peer() if is_open else {}
        return Snapshot(
            collector_id=self._collector_id,
            address=self.address,
            state=self.state,
            namespaces=self._handlers.namespaces,
            methods=tuple(method.info for method in self._handlers.methods),
            connections=tuple(
                self._connection(connection, now, held.get(connection.peer_id, 0))
                for connection in self._topology
            ),
            dialing=self._keeping().dialing if is_open else (),
            running=self._running.taken,
            outgoing=self._outgoing.taken,
            waiting=self._plain.waiting,
            clients=self._streams().clients if is_open else 0,
            ended=self._streams().recently_ended if is_open else (),
            counts=self._counts.as_mapping(),
            labels=dict(self._rules.labels),
            weight=self._rules.weight,
            shares=self._outgoing.shares,
            held_bytes=self._streams().holdings.held_bytes if is_open else 0,
            resident_bytes=self._resident_bytes(),
            members=self._members(),
        )

    def _members(self) -> Mapping[str, tuple[str, ...]]:
        found = {namespace: [self._collector_id] for namespace in self._handlers.namespaces}
        for connection in self._topology:
            if connection.is_up and not connection.is_hearsay:
                for namespace in connection.shared_namespaces:
                    if namespace in found:
                        found[namespace].append(connection.peer_id)
        return {namespace: tuple(sorted(ids)) for namespace, ids in found.items()}

    def _connection(self, connection: Connection, now: float, held: int) -> ConnectionInfo:
        standings = self._topology.standings.of_peer(connection.peer_id)
        return connection.info(now, tuple(standing.info(now) for standing in standings), held)

    def explain(self, key: MethodKey) -> Explanation:
        """Where a call would go now, and why; no validator is asked, which takes time.

        Raises:
            InvalidCallError: a name is malformed.
        """
        return self._explainer.explain(key, now=self._clock.now())

    def snapshot_for(self, identity: Identity | None, *, is_local: bool, is_own: bool = False) -> Snapshot:
        """See the port."""
        namespaces = self._handlers.namespaces
        self._access.check_inspection(identity, namespaces, is_local=is_local, is_own=is_own)
        return self.snapshot()

    async def explanation_for(
        self,
        identity: Identity | None,
        key: MethodKey,
        *,
        is_local: bool,
        is_own: bool = False,
        caller: str = "",
    ) -> Explanation:
        """See the port."""
        key.check()
        self._access.check_inspection(identity, (key.namespace,), is_local=is_local, is_own=is_own)
        explanation = self.explain(key)
        if self._access.asks:
            told = self._access.explain_call(identity, key, caller)
            explanation = attrs.evolve(explanation, access=told)
        return await self._question.answered(explanation, identity)


if TYPE_CHECKING:
    _fits: type[Inspector] = Inspection
