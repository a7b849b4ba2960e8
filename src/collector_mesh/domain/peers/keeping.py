"""Which peers are wanted, and so kept connected."""

from collections.abc import Iterable, Iterator

from collector_mesh.domain.model.errors import InvalidCallError, NotFoundError, quoted
from collector_mesh.domain.peers.absence import Absence
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.introducer import Introducer
from collector_mesh.domain.peers.peer import Peer
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.peers.times import KeepingTimes
from collector_mesh.domain.peers.upkeep import Keeper, Upkeep
from collector_mesh.domain.peers.visitors import Visitors
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology


class Keeping:
    """Keeps peers connected, by a link, or by unary calls where they have none.

    Args:
        collector_id: of this collector.
        topology: who is connected.
        roster: who the peers are.
        admission: knows where this collector listens, and who claims what.
        streams: opens links.
        introducer: connects to those who have none.
        transport: knows addresses.
        tasks: keeps each peer up in the background.
        clock: tells the time.
        dice: spread dials.
        backoff: how long to wait between two dials.
        times: how long everything else may take.
    """

    def __init__(
        self,
        collector_id: str,
        topology: Topology,
        roster: Roster,
        admission: Admission,
        streams: Streams,
        introducer: Introducer,
        *,
        transport: Transport,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        backoff: Backoff,
        times: KeepingTimes,
    ) -> None:
        self.times = times
        self._topology = topology
        self._roster = roster
        self._admission = admission
        self._streams = streams
        self._introducer = introducer
        self._transport = transport
        self._tasks = tasks
        self._clock = clock
        self._keepers: dict[str, Keeper] = {}
        self._offered: dict[str, frozenset[str]] = {}
        """The only namespaces that are offered at an address, where that is not all of them."""
        streams.offered = introducer.offered = self._offered.get
        self._upkeep = Upkeep(
            collector_id,
            topology,
            roster,
            streams,
            introducer,
            tasks=tasks,
            clock=clock,
            dice=dice,
            backoff=backoff,
            times=times,
            assign=self._assign,
        )
        self._visitors = Visitors(
            collector_id, topology, roster, streams, tasks=tasks, clock=clock, times=times
        )
        roster.on_lost = self._has_gone
        admission.on_links_claimed = self._visitors.look_for_links

    @property
    def dialing(self) -> tuple[str, ...]:
        """Addresses that are wanted and where nobody has answered yet."""
        waiting = [keeper.address for keeper in self._keepers.values() if not keeper.peer_id]
        if not waiting:
            return ()
        # A link may be up before whoever has dialed it has been told.
        answered = {connection.address for connection in self._topology if connection.is_up}
        return tuple(address for address in waiting if address not in answered)

    def placed(self, address: str) -> str:
        """A wanted address where nobody answers, for people, with the reason as far as it is known."""
        keeper = self._keepers.get(address)
        why = keeper.told.removeprefix(f"{address}: ") if keeper is not None else ""
        return f"{quoted(address)} ({why})" if why else quoted(address)

    @property
    def absent(self) -> tuple[str, ...]:
        """Addresses that are wanted and where nobody is connected now."""
        there = {connection.address for connection in self._topology if connection.is_usable}
        return tuple(
            keeper.address
            for keeper in self._keepers.values()
            if keeper.address not in there and not self._is_there(keeper)
        )

    @property
    def unknown(self) -> Iterator[Absence]:
        """Those who are wanted and of whom it is not known yet what they have."""
        answered: set[str] | None = None
        for keeper in self._keepers.values():
            connection = self._topology.get(keeper.peer_id)
            if connection is not None:
                # What it has may come in pieces, after it has answered.
                if connection.is_up and keeper.is_dialing and connection.way.carrier == "link":
                    yield Absence(keeper.address, keeper.since, keeper.peer_id)
                continue
            if not keeper.is_dialing:
                if answered is None:
                    answered = {connection.address for connection in self._topology if connection.is_up}
                if keeper.address in answered:
                    continue
            yield Absence(keeper.address, keeper.since)

    def start(self) -> None:
        """Begin to forget peers that have connected by themselves and are not heard of anymore."""
        self._visitors.start()

    async def close(self) -> None:
        """End every connection."""
        await self._visitors.close()
        for address in list(self._keepers):
            await self._release(address)
        await self._roster.close()
        await self._streams.close()

    def want(self, address: str) -> None:
        """Dial an address until somebody answers, and keep whoever does connected.

        Raises:
            InvalidCallError: it is no address.
        """
        self._transport.check_address(address)
        if address not in self._keepers:
            self._keep(address)

    async def connect(
        self, address: str, *, timeout: float, offered: frozenset[str] | None = None
    ) -> Connection:
        """Connect to a collector and keep it connected.

        Args:
            address: of that collector.
            timeout: seconds.
            offered: the only namespaces that it is offered from now on; all without it.

        Raises:
            InvalidCallError: it is no address, or it is this collector itself; or the peer has no links,
                and this collector does not listen.
            UnavailableError: nobody has answered in time.
            MeshError: the other one has refused.
        """
        self._transport.check_address(address)
        if address == self._admission.address:
            raise InvalidCallError("cannot connect to itself")
        keeper = self._keepers.get(address)
        connection = self._topology.get(keeper.peer_id) if keeper is not None else None
        before = self._offered.get(address)
        self._set_offered(address, offered)
        if connection is None or not connection.is_up or connection.way.carrier != "link":
            try:
                connection = await self._upkeep.dial(address, timeout=timeout, is_patient=True)
            except BaseException:
                self._set_offered(address, before)
                raise
        keeper = self._keepers.get(address)
        if keeper is None or not keeper.is_running:
            keeper = self._keep(address, connection.peer_id)
        await self._assign(keeper, connection.peer_id)
        return connection

    def _set_offered(self, address: str, only: frozenset[str] | None) -> None:
        if only is None:
            self._offered.pop(address, None)
        else:
            self._offered[address] = only

    async def disconnect(self, peer_id: str) -> None:
        """Forget a peer and do not dial it anymore.

        Raises:
            NotFoundError: there is no connection to it.
        """
        connection = self._topology.get(peer_id)
        if connection is None:
            raise NotFoundError(f"no connection to collector {quoted(peer_id)}")
        self._roster.forget(connection, "disconnected")
        for keeper in list(self._keepers.values()):
            if keeper.peer_id == peer_id:
                await self._release(keeper.address)

    def dial_now(self, connections: Iterable[Connection]) -> None:
        """A call has found nobody: dial those who are wanted and gone, without waiting for their turn."""
        gone = {connection.peer_id for connection in connections if not connection.is_up}
        self._dial_now(keeper for keeper in self._keepers.values() if keeper.peer_id in gone)

    def dial_absent(self, absent: Iterable[Absence]) -> None:
        """A call waits for somebody: the same, for those."""
        found = (self._keepers.get(absence.address) for absence in absent)
        self._dial_now(keeper for keeper in found if keeper is not None)

    def _dial_now(self, keepers: Iterable[Keeper]) -> None:
        now = self._clock.now()
        for keeper in keepers:
            if now - keeper.asked_for >= self.times.redial:
                keeper.asked_for = now
                keeper.alarm.ring()

    def _is_there(self, keeper: Keeper) -> bool:
        connection = self._topology.get(keeper.peer_id)
        return connection is not None and connection.is_usable

    def _has_gone(self, peer: Peer) -> None:
        self._introducer.forget(peer.wanted)
        keeper = self._keepers.get(peer.wanted)
        if keeper is None:
            return
        keeper.since = self._clock.now()
        # Whoever dials looks afterwards how the peer is.
        if not keeper.is_dialing:
            keeper.alarm.ring()

    def _keep(self, address: str, peer_id: str = "") -> Keeper:
        keeper = Keeper(address, self._clock.alarm(), self._clock.now(), peer_id)
        self._keepers[address] = keeper
        keeper.task = self._tasks.start(self._upkeep.keep_up(keeper), f"keep {address} connected")
        return keeper

    async def _assign(self, keeper: Keeper, peer_id: str) -> None:
        """Take down whom a keeper keeps; nobody is kept by two, whoever was dialed last stays."""
        gone = self._topology.get(keeper.peer_id)
        if gone is not None and gone.peer_id != peer_id and gone.address == keeper.address:
            self._roster.forget(gone, f"{peer_id} is there now")
        keeper.peer_id = peer_id
        self._roster.want(peer_id, keeper.address)
        self._roster.offer(peer_id, self._offered.get(keeper.address))
        self._topology.news.tell()
        for other in list(self._keepers.values()):
            if other is not keeper and other.peer_id == peer_id:
                await self._release(other.address)

    async def _release(self, address: str) -> None:
        keeper = self._keepers.pop(address)
        self._offered.pop(address, None)
        self._introducer.forget(address)
        self._topology.news.tell()
        if keeper.task is not None:
            await keeper.task.stop()
