"""Brings connections into the topology and takes them out, and tells of it."""

from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.events import (
    BreakerOpened,
    BreakerShut,
    Event,
    PeerConnected,
    PeerForgotten,
    PeerLost,
)
from collector_mesh.domain.model.snapshot import State
from collector_mesh.domain.policies.standing import Standing
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.link import Link
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology

LET_GO_SECONDS = 60.0
"""How long calls that are still under way on a link that was replaced may take to finish."""


class Membership:
    """Who is connected, however the connection came about."""

    def __init__(
        self,
        collector_id: str,
        topology: Topology,
        *,
        tasks: Tasks,
        clock: Clock,
        observer: Observer,
        counts: Counts,
    ) -> None:
        self._collector_id = collector_id
        self._topology = topology
        self._tasks = tasks
        self._clock = clock
        self._observer = observer
        self._counts = counts
        topology.on_turn = self._has_turned

    def adopt(self, connection: Connection) -> None:
        """Put a connection into the topology, in the place of an earlier one to the same peer."""
        connection.since = self._clock.now()
        earlier = self._topology.put(connection)
        is_news = earlier is None or (
            earlier.address != connection.address
            or earlier.shared_namespaces != connection.shared_namespaces
            or not earlier.is_up
        )
        if earlier is not None and earlier.link is connection.link and earlier.is_up:
            connection.since = earlier.since
        if earlier is not None and earlier.link is not connection.link and earlier.engine is None:
            self.let_go(earlier.link)
        if is_news:
            self.tell(
                PeerConnected(
                    self._collector_id,
                    connection.peer_id,
                    connection.address,
                    connection.shared_namespaces,
                    connection.dialed,
                )
            )

    def lose(self, connection: Connection, reason: str) -> None:
        """Take down that a peer has gone; whether anybody dials it again is said by `dialed`."""
        if not connection.is_up:
            return
        connection.last_news = now = self._clock.now()
        state: State = "reconnecting" if connection.dialed else "dead"
        self._topology.set_state(connection, state, reason, now=now)
        self.tell(PeerLost(self._collector_id, connection.peer_id, connection.address, reason))

    def forget(self, connection: Connection, reason: str) -> None:
        """Take a peer out of the topology."""
        if self._topology.get(connection.peer_id) is not connection:
            return
        self._topology.remove(connection.peer_id)
        self.tell(PeerForgotten(self._collector_id, connection.peer_id, reason))
        self.let_go(connection.link)

    def let_go(self, link: Link) -> None:
        """Close a link in the background."""
        # Whoever still waits for an answer over it gets one in time, or none at all.
        self._tasks.start(link.aclose(grace=LET_GO_SECONDS), f"close the link to {link.address}")

    def _has_turned(self, standing: Standing, is_open: bool) -> None:  # noqa: FBT001  # as a standing tells it
        if is_open:
            self._counts.breakers_opened += 1
            seconds = standing.breaker.probes_at - self._clock.now()
            self.tell(BreakerOpened(self._collector_id, standing.peer_id, standing.namespace, seconds))
        else:
            self._counts.breakers_shut += 1
            self.tell(BreakerShut(self._collector_id, standing.peer_id, standing.namespace))

    def tell(self, event: Event) -> None:
        """Tell the observer."""
        self._observer.tell(event)
