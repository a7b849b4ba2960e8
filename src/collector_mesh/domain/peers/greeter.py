"""What becomes of an introduction: the rules of Connect (WIRE §3)."""

from collector_mesh.domain.model.errors import (
    MAX_QUOTED,
    ConflictError,
    InvalidCallError,
    MeshError,
    OverloadedError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.events import PeerRefused
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.status import Status, status_of
from collector_mesh.domain.peers.peering import Peering
from collector_mesh.domain.policies.strangers import StrangerRule
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.link import Link
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.membership import Membership
from collector_mesh.domain.topology.topology import Topology

MAX_STRANGERS = 1024
"""Most peers that have connected by themselves (WIRE §3)."""

_WORTH_TELLING = (403, 409, 429)


class Greeter:
    """Answers those who introduce themselves, from state alone: it does not dial them."""

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        topology: Topology,
        membership: Membership,
        peering: Peering,
        *,
        transport: Transport,
        clock: Clock,
        dice: Randomness,
        observer: Observer,
        strangers: StrangerRule,
    ) -> None:
        self.is_draining = False
        """Whether everybody is refused."""
        self._membership = membership
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology
        self._peering = peering
        self._transport = transport
        self._clock = clock
        self._dice = dice
        self._observer = observer
        self._strangers = strangers

    async def connect(self, offer: Offer) -> Welcome:
        """Take a collector as a peer, or refuse it; the answer says which."""
        try:
            self._check(offer)
            await self._check_holder(offer)
            connection = self._adopt(offer)
        except MeshError as error:
            if error.code in _WORTH_TELLING:
                self._observer.tell(
                    PeerRefused(self._collector_id, offer.collector_id, offer.address, str(error))
                )
            return Welcome(status_of(error), collector_id=self._collector_id)
        shared = connection.shared_namespaces
        return Welcome(
            Status(200, f"Connected with {len(shared)} shared namespaces"),
            connection.connection_id,
            shared,
            self._collector_id,
        )

    def _check(self, offer: Offer) -> None:
        if not offer.address:
            raise InvalidCallError("address is required")
        check_name("collector_id", offer.collector_id)
        self._strangers.check(offer.address)
        self._transport.check_address(offer.address)
        for namespace in offer.namespaces:
            check_name("namespaces", namespace)
        if self.is_draining:
            raise UnavailableError(f"collector {quoted(self._collector_id)} is draining")
        if offer.collector_id == self._collector_id:
            if offer.address == self._peering.address:
                raise InvalidCallError("cannot connect to itself")
            raise ConflictError(f"collector id {quoted(self._collector_id)} is held by this collector")

    async def _check_holder(self, offer: Offer) -> None:
        """Refuse an id that is known at another address, if it is still there."""
        while True:
            holder = self._topology.get(offer.collector_id)
            if holder is None:
                return
            if holder.engine is not None:
                if holder.is_up:
                    raise ConflictError(
                        f"collector id {quoted(offer.collector_id)} is held by a collector that has a link"
                    )
                return
            if holder.address == offer.address:
                return
            # Only a link that can be asked is without an engine.
            found = await self._peering.who_is_at(holder.link)  # type: ignore[arg-type]
            if self._topology.get(offer.collector_id) is not holder:
                continue
            if found == offer.collector_id:
                raise ConflictError(
                    f"collector id {quoted(offer.collector_id)} is held by a live collector at {holder.address[:MAX_QUOTED]}"
                )
            return

    def _adopt(self, offer: Offer) -> Connection:
        earlier = self._topology.get(offer.collector_id)
        if earlier is None and self._count_strangers() >= MAX_STRANGERS:
            raise OverloadedError.after(self._peering.times.expiry)
        link: Link
        if (
            earlier is not None
            and earlier.engine is None
            and earlier.is_up
            and earlier.address == offer.address
        ):
            link = earlier.link
        else:
            link = self._transport.unary(offer.address)
        connection = Connection(
            offer.collector_id,
            offer.address,
            self._dice.token(),
            tuple(filter(self._handlers.has_namespace, dict.fromkeys(offer.namespaces))),
            link,
            dialed=earlier is not None and earlier.dialed and earlier.address == offer.address,
            last_news=self._clock.now(),
        )
        self._membership.adopt(connection)
        return connection

    def _count_strangers(self) -> int:
        if len(self._topology) < MAX_STRANGERS:
            return 0
        return sum(not connection.dialed for connection in self._topology)
