"""Which peers are wanted, and so kept connected."""

from collections.abc import Iterable

from collector_mesh.domain.model.errors import (
    InvalidCallError,
    NotFoundError,
    quoted,
)
from collector_mesh.domain.peers.absence import Absence
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.following import Following
from collector_mesh.domain.peers.introducer import Introducer
from collector_mesh.domain.peers.named_peers import NamedPeers
from collector_mesh.domain.peers.peer import Peer
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.peers.times import KeepingTimes
from collector_mesh.domain.peers.upkeep import Keeper, Upkeep
from collector_mesh.domain.peers.visitors import Visitors
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.names import Names, NoNames
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology


class Keeping(NamedPeers):
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
        names: finds out where names lead; without it no address is one.
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
        names: Names | None = None,
    ) -> None:
        super().__init__(topology)
        self.times = times
        self._roster = roster
        self._admission = admission
        self._streams = streams
        self._introducer = introducer
        self._transport = transport
        self._tasks = tasks
        self._clock = clock
        streams.offered = introducer.offered = self._offered.get
        self._following = Following(
            collector_id,
            names or NoNames(),
            begin=self._keep_for,
            end=self._let_go,
            changed=topology.news.tell,
            is_up=self._is_up,
            tasks=tasks,
            clock=clock,
            dice=dice,
            observer=roster,
        )
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
            failed=self._has_failed,
        )
        self._visitors = Visitors(
            collector_id, topology, roster, streams, tasks=tasks, clock=clock, times=times
        )
        roster.on_lost = self._has_gone
        admission.on_links_claimed = self._visitors.look_for_links

    def start(self) -> None:
        """Begin to forget peers that have connected by themselves and are not heard of anymore."""
        self._visitors.start()

    async def close(self) -> None:
        """End every connection."""
        await self._visitors.close()
        await self._following.close()
        for address in list(self._keepers):
            await self._release(address)
        await self._roster.close()
        await self._streams.close()

    def check(self, address: str) -> None:
        """See that something is an address that can be dialed, or a name.

        Raises:
            InvalidCallError: it is neither.
        """
        names = self._following.names
        if names.is_name(address):
            names.check(address)
        else:
            self._transport.check_address(address)

    def want(self, address: str) -> None:
        """Dial an address until somebody answers, and keep whoever does connected; or all to whom a name leads.

        Raises:
            InvalidCallError: it is no address.
        """
        self.check(address)
        if self._following.names.is_name(address):
            self._trying.pop(address, None)
            self._follow(address)
            return
        self._explicit[address] = None
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

        Of a name everybody whom it leads to is kept connected; the connection is to the first that answers.

        Raises:
            InvalidCallError: it is no address, or it is this collector itself; or the peer has no links,
                and this collector does not listen.
            UnavailableError: nobody has answered in time.
            MeshError: the other one has refused.
        """
        self.check(address)
        if self._following.names.is_name(address):
            return await self._connect_by_name(address, timeout=timeout, offered=offered)
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
        self._explicit[address] = None
        await self._assign(keeper, connection.peer_id)
        return connection

    async def disconnect(self, peer_id: str) -> None:
        """Forget a peer and do not dial it anymore.

        A name is followed no longer; those that were kept because of it are let go.

        Raises:
            NotFoundError: there is no connection to it.
        """
        if self._following.follows(peer_id):
            await self._disconnect_name(peer_id)
            return
        connection = self._topology.get(peer_id)
        if connection is None:
            raise NotFoundError(f"no connection to collector {quoted(peer_id)}")
        self._roster.forget(connection, "disconnected")
        for keeper in list(self._keepers.values()):
            if keeper.peer_id == peer_id:
                self._explicit.pop(keeper.address, None)
                self._following.skip(keeper.address)
                await self._release(keeper.address)

    async def leave(self, address: str) -> None:
        """Have an address or a name wanted no longer: who is connected because of it is let go when its calls are answered.

        Has no effect where it is not wanted.
        """
        if self._following.names.is_name(address):
            if self._following.follows(address):
                await self._disconnect_name(address)
            return
        self._explicit.pop(address, None)
        keeper = self._keepers.get(address)
        if keeper is None or self._following.has(address):
            return
        connection = self._topology.get(keeper.peer_id)
        await self._release(address)
        if connection is not None and self._topology.get(connection.peer_id) is connection:
            self._roster.forget(connection, f"{address} is wanted no longer")

    def dial_now(self, connections: Iterable[Connection]) -> None:
        """A call has found nobody: dial those who are wanted and gone, without waiting for their turn."""
        gone = {connection.peer_id for connection in connections if not connection.is_up}
        self._dial_now(keeper for keeper in self._keepers.values() if keeper.peer_id in gone)

    def dial_absent(self, absent: Iterable[Absence]) -> None:
        """A call waits for somebody: the same, for those."""
        addresses = [absence.address for absence in absent]
        self._following.look(addresses)
        found = (self._keepers.get(address) for address in addresses)
        self._dial_now(keeper for keeper in found if keeper is not None)

    def _dial_now(self, keepers: Iterable[Keeper]) -> None:
        now = self._clock.now()
        for keeper in keepers:
            if now - keeper.asked_for >= self.times.redial:
                keeper.asked_for = now
                keeper.alarm.ring()

    def _has_gone(self, peer: Peer) -> None:
        address = peer.wanted
        self._introducer.forget(address)
        keeper = self._keepers.get(address)
        self._following.has_gone(peer.peer_id)
        self._following.look((address,))
        if keeper is None:
            return
        if address not in self._explicit and not self._following.has(address):
            self._tasks.start(self._let_go(address), f"let {address} go")
            return
        keeper.since = self._clock.now()
        # Whoever dials looks afterwards how the peer is.
        if not keeper.is_dialing:
            keeper.alarm.ring()

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
                self._following.is_same(other.address, peer_id)
                await self._release(other.address)
