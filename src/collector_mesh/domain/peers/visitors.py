"""Peers that have connected by themselves and have no links: they are asked whether they are there, and forgotten."""

from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.peers.times import KeepingTimes
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.frame_stream import StreamBrokenError
from collector_mesh.domain.ports.tasks import Task, Tasks
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology


class Visitors:
    """Asks those who have connected by themselves whether they are there, and forgets who is not heard of.

    Args:
        collector_id: of this collector.
        topology: who is connected.
        roster: who the peers are.
        streams: opens links.
        tasks: asks in the background.
        clock: tells the time.
        times: how often they are asked, and for how long.
    """

    def __init__(
        self,
        collector_id: str,
        topology: Topology,
        roster: Roster,
        streams: Streams,
        *,
        tasks: Tasks,
        clock: Clock,
        times: KeepingTimes,
    ) -> None:
        self._collector_id = collector_id
        self._topology = topology
        self._roster = roster
        self._streams = streams
        self._tasks = tasks
        self._clock = clock
        self._times = times
        self._expiry: Task | None = None
        self._asking: dict[UnaryWay, None] = {}
        """Ways to those who are asked whether they are there."""
        self._looking: dict[str, None] = {}
        """Ids of those who are asked whether they have links now."""

    def start(self) -> None:
        """Begin to ask, and to forget."""
        self._expiry = self._tasks.start(self._forget_silent(), "forget silent peers")

    async def close(self) -> None:
        """Forget nobody anymore."""
        if self._expiry is not None:
            await self._expiry.stop()

    def look_for_links(self, way: UnaryWay) -> None:
        """Somebody with links says that it is a peer that has none: find out from that peer itself, now and then."""
        if way.peer_id not in self._looking:
            self._looking[way.peer_id] = None
            self._tasks.start(self._ask_for_links(way), f"ask {way.link.address} for links")

    async def _ask_for_links(self, way: UnaryWay) -> None:
        try:
            await self._streams.dial(way.link.address, timeout=self._times.dial)
        except (MeshError, StreamBrokenError):
            await self._clock.alarm().wait(self._times.refresh)
        finally:
            del self._looking[way.peer_id]

    async def _forget_silent(self) -> None:
        alarm = self._clock.alarm()
        while True:
            await alarm.wait(self._times.expiry / 12)
            now = self._clock.now()
            self._roster.forget_silent(self._times.expiry)
            self._roster.forget_starts()
            self._ask_strangers(now)

    def _ask_strangers(self, now: float) -> None:
        """Ask those who have connected by themselves, have no links and were not heard of lately whether they are there."""
        for connection in self._topology:
            way = connection.way
            if not isinstance(way, UnaryWay) or connection.dialed or way in self._asking:
                continue
            if connection.state == "suspect" or now - way.heard >= self._times.refresh:
                self._asking[way] = None
                self._tasks.start(self._ask(connection, way), f"ask {connection.address} whether it is there")

    async def _ask(self, connection: Connection, way: UnaryWay) -> None:
        try:
            is_there = await way.is_there(self._collector_id, timeout=self._times.patience)
            self._roster.is_there(connection, but="" if is_there else "it does not answer")
        finally:
            self._asking.pop(way, None)
