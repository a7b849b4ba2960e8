"""The life of the connections to peers: dialed, kept up, lost, forgotten."""

import attrs
from attrs.validators import gt

from collector_mesh.domain.handlers import HandlerRegistry
from collector_mesh.domain.model.errors import (
    InvalidCallError,
    MeshError,
    NotFoundError,
    UnavailableError,
    error_for,
    quoted,
)
from collector_mesh.domain.model.events import (
    DialFailed,
    Event,
    PeerConnected,
    PeerForgotten,
    PeerLost,
)
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.names import NAME
from collector_mesh.domain.model.status import OK
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.link import Link
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Task, Tasks
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.topology import Connection, Topology


@attrs.frozen
class PeeringTimes:
    """How long things may take between peers, all in seconds.

    Attributes:
        refresh: between two Connects to a peer that is kept up; well under `expiry`.
        dial: for one dial in the background, answer included.
        probe: for an address to tell who is there.
        expiry: after which a peer that has connected by itself and was not heard of is forgotten.
    """

    refresh: float = attrs.field(default=20.0, validator=gt(0))
    dial: float = attrs.field(default=2.0, validator=gt(0))
    probe: float = attrs.field(default=1.0, validator=gt(0))
    expiry: float = attrs.field(default=60.0, validator=gt(0))


@attrs.define(eq=False)
class _Keeper:
    """An address that is wanted: whoever answers there is kept connected."""

    address: str
    alarm: Alarm
    peer_id: str = ""
    task: Task | None = None


class Peering:
    """Brings connections into the topology and takes them out, however they came about."""

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        topology: Topology,
        *,
        transport: Transport,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        observer: Observer,
        backoff: Backoff,
        times: PeeringTimes,
    ) -> None:
        self.address = ""
        """Where peers dial this collector, empty while it does not listen."""
        self.times = times
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology
        self._transport = transport
        self._tasks = tasks
        self._clock = clock
        self._dice = dice
        self._observer = observer
        self._backoff = backoff
        self._keepers: dict[str, _Keeper] = {}
        self._expiry: Task | None = None

    @property
    def dialing(self) -> tuple[str, ...]:
        """Addresses that are wanted and where nobody has answered yet."""
        return tuple(keeper.address for keeper in self._keepers.values() if not keeper.peer_id)

    def start(self) -> None:
        """Begin to forget peers that have connected by themselves and are not heard of anymore."""
        self._expiry = self._tasks.start(self._forget_silent(), "forget silent peers")

    async def close(self) -> None:
        """End every connection."""
        if self._expiry is not None:
            await self._expiry.stop()
        for address in list(self._keepers):
            await self._release(address)
        for connection in self._topology:
            self._topology.remove(connection.peer_id)
            await connection.link.aclose()

    def want(self, address: str) -> None:
        """Dial an address until somebody answers, and keep whoever does connected.

        Raises:
            InvalidCallError: it is no address, or this collector does not listen.
        """
        self._check(address)
        if address not in self._keepers:
            self._keep(address)

    async def connect(self, address: str, *, timeout: float) -> Connection:
        """Connect to a collector and keep it connected.

        Raises:
            InvalidCallError: it is no address, it is this collector itself, or it does not listen.
            UnavailableError: nobody has answered within so many seconds.
            MeshError: the other one has refused.
        """
        self._check(address)
        if address == self.address:
            raise InvalidCallError("cannot connect to itself")
        connection = await self._dial(address, timeout=timeout)
        keeper = self._keepers.get(address) or self._keep(address)
        await self._assign(keeper, connection.peer_id)
        return connection

    async def disconnect(self, peer_id: str) -> None:
        """Forget a peer and do not dial it anymore.

        Raises:
            NotFoundError: there is no connection to it.
        """
        connection = self._topology.remove(peer_id)
        if connection is None:
            raise NotFoundError(f"no connection to collector {quoted(peer_id)}")
        for keeper in list(self._keepers.values()):
            if keeper.peer_id == peer_id:
                await self._release(keeper.address)
        self._tell(PeerForgotten(self._collector_id, peer_id, "disconnected"))
        self._let_go(connection.link)

    def adopt(self, connection: Connection) -> None:
        """Put a connection into the topology, in the place of an earlier one to the same peer."""
        earlier = self._topology.put(connection)
        is_news = earlier is None or (
            earlier.address != connection.address
            or earlier.shared_namespaces != connection.shared_namespaces
            or earlier.state != connection.state
        )
        if earlier is not None and earlier.link is not connection.link:
            self._let_go(earlier.link)
        if is_news:
            self._tell(
                PeerConnected(
                    self._collector_id,
                    connection.peer_id,
                    connection.address,
                    connection.shared_namespaces,
                    connection.dialed,
                )
            )

    def has_failed(self, connection: Connection, reason: str) -> None:
        """Take down that a peer could not be reached; if it is wanted, it is dialed at once."""
        if not connection.dialed or self._topology.get(connection.peer_id) is not connection:
            return
        self._lose(connection, reason)
        keeper = self._keepers.get(connection.address)
        if keeper is not None:
            keeper.alarm.ring()

    async def who_is_at(self, link: Link) -> str:
        """The id of the collector that a link leads to, empty if nobody answers or tells.

        An introduction without an address is refused by every collector, and the refusal names it.
        """
        try:
            welcome = await link.connect(Offer(self._collector_id, ""), timeout=self.times.probe)
        except MeshError:
            return ""
        return welcome.collector_id

    def _check(self, address: str) -> None:
        self._transport.check_address(address)
        if not self.address:
            raise InvalidCallError(
                "only a collector that listens can connect: give it an address to listen on"
            )

    def _keep(self, address: str) -> _Keeper:
        keeper = _Keeper(address, self._clock.alarm())
        self._keepers[address] = keeper
        keeper.task = self._tasks.start(self._keep_up(keeper), f"keep {address} connected")
        return keeper

    async def _assign(self, keeper: _Keeper, peer_id: str) -> None:
        """Take down whom a keeper keeps; nobody is kept by two, whoever was dialed last stays."""
        gone = self._topology.get(keeper.peer_id)
        if gone is not None and gone.peer_id != peer_id and gone.address == keeper.address:
            self._topology.remove(gone.peer_id)
            self._tell(PeerForgotten(self._collector_id, gone.peer_id, f"{peer_id} is there now"))
            self._let_go(gone.link)
        keeper.peer_id = peer_id
        for other in list(self._keepers.values()):
            if other is not keeper and other.peer_id == peer_id:
                await self._release(other.address)

    async def _release(self, address: str) -> None:
        keeper = self._keepers.pop(address)
        if keeper.task is not None:
            await keeper.task.stop()

    async def _keep_up(self, keeper: _Keeper) -> None:
        failures = 0
        told = ""
        while True:
            connection = self._topology.get(keeper.peer_id)
            if connection is not None and connection.state == "live":
                await keeper.alarm.wait(self.times.refresh)
            try:
                connection = await self._dial(keeper.address, timeout=self.times.dial)
            except MeshError as error:
                reason = str(error)
                self._lose(self._topology.get(keeper.peer_id), reason, address=keeper.address)
                if reason != told:
                    self._tell(DialFailed(self._collector_id, keeper.address, reason))
                    told = reason
                failures += 1
                await keeper.alarm.wait(self._backoff.pause(failures, dice=self._dice))
            else:
                failures = 0
                told = ""
                await self._assign(keeper, connection.peer_id)

    async def _dial(self, address: str, *, timeout: float) -> Connection:
        link = self._link_in_use(address) or self._transport.open(address, caller=self._collector_id)
        offer = Offer(self._collector_id, self.address, self._handlers.namespaces)
        try:
            welcome = await link.connect(offer, timeout=timeout)
            connection = self._connection(address, link, offer, welcome)
        except BaseException:
            if self._link_in_use(address) is not link:
                self._let_go(link)
            raise
        self.adopt(connection)
        return connection

    def _link_in_use(self, address: str) -> Link | None:
        keeper = self._keepers.get(address)
        connection = self._topology.get(keeper.peer_id) if keeper else None
        if connection is None or connection.state != "live" or connection.address != address:
            return None
        return connection.link

    def _connection(self, address: str, link: Link, offer: Offer, welcome: Welcome) -> Connection:
        status = welcome.status
        if status.code != OK.code:
            text = status.message or f"status {status.code}"
            raise error_for(status.code, f"{address} refuses: {text}", status.details)
        peer_id = welcome.collector_id
        if not NAME.fullmatch(peer_id):
            raise UnavailableError(f"{address} gives {quoted(peer_id)} for its collector id")
        if peer_id == self._collector_id:
            raise InvalidCallError("cannot connect to itself")
        theirs = frozenset(welcome.shared_namespaces)
        return Connection(
            peer_id,
            address,
            welcome.connection_id,
            tuple(namespace for namespace in offer.namespaces if namespace in theirs),
            link,
            dialed=True,
            last_news=self._clock.now(),
        )

    def _lose(self, connection: Connection | None, reason: str, *, address: str = "") -> None:
        if connection is None or connection.state == "reconnecting":
            return
        if address and connection.address != address:
            return
        connection.state = "reconnecting"
        self._tell(PeerLost(self._collector_id, connection.peer_id, connection.address, reason))

    async def _forget_silent(self) -> None:
        alarm = self._clock.alarm()
        while True:
            await alarm.wait(self.times.expiry / 12)
            oldest = self._clock.now() - self.times.expiry
            for connection in self._topology:
                if not connection.dialed and connection.last_news < oldest:
                    self._topology.remove(connection.peer_id)
                    self._tell(PeerForgotten(self._collector_id, connection.peer_id, "not heard of"))
                    self._let_go(connection.link)

    def _let_go(self, link: Link) -> None:
        # Whoever still waits for an answer over it gets one in time, or none at all.
        work = link.aclose(grace=self.times.expiry)
        self._tasks.start(work, f"close the link to {link.address}")

    def _tell(self, event: Event) -> None:
        self._observer.tell(event)
