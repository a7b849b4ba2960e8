"""What becomes of a unary Connect (WIRE §3)."""

from collections import Counter

from collector_mesh.domain.model.errors import MeshError, OverloadedError
from collector_mesh.domain.model.events import PeerRefused
from collector_mesh.domain.model.frames import Catalog, Introduction
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import Status, status_of
from collector_mesh.domain.peers.admission import Admission, Claim
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.policies.callers import CALLER_SHARE, name_of
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology

MAX_STRANGERS = 1024
"""Most peers that have connected by themselves (WIRE §3)."""

_WORTH_TELLING = (403, 409, 429)


class Greeter:
    """Answers those who introduce themselves, from state alone: it does not dial them.

    Args:
        collector_id: of this collector.
        handlers: what this collector serves.
        topology: who is connected.
        roster: who the peers are.
        admission: who may be one.
        transport: the way back to them.
        clock: tells the time.
        dice: makes up ids of connections.
        retry_after: what is told whoever comes when there are too many, in seconds.
    """

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        topology: Topology,
        roster: Roster,
        admission: Admission,
        *,
        transport: Transport,
        clock: Clock,
        dice: Randomness,
        retry_after: float,
    ) -> None:
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology
        self._roster = roster
        self._admission = admission
        self._transport = transport
        self._clock = clock
        self._dice = dice
        self._retry_after = retry_after

    async def connect(self, offer: Offer) -> Welcome:
        """Take a collector as a peer, or refuse it; the answer says which."""
        introduction = Introduction(
            collector_id=offer.collector_id, address=offer.address, catalog=Catalog(offer.namespaces)
        )
        claim = Claim(introduction, offer.identity, has_link=False)
        try:
            self._admission.check(claim)
            await self._admission.contest(claim)
            connection = self._adopt(offer)
        except MeshError as error:
            if error.code in _WORTH_TELLING:
                self._roster.tell(
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

    def _adopt(self, offer: Offer) -> Connection:
        earlier = self._topology.get(offer.collector_id)
        caller = name_of(offer.identity, offer.source)
        if earlier is None:
            self._make_room(caller)
        is_same = earlier is not None and earlier.address == offer.address
        if is_same and earlier is not None and earlier.is_up and isinstance(earlier.way, UnaryWay):
            way = earlier.way
            way.identity = way.identity or offer.identity
        else:
            way = self._roster.way_over(self._transport.unary(offer.address), offer.identity)
            way.caller = caller
        only = self._roster.offers(offer.collector_id)
        offered = frozenset(self._roster.offered(self._handlers.namespaces, only))
        connection = Connection(
            offer.collector_id,
            offer.address,
            self._dice.token(),
            tuple(
                namespace
                for namespace in dict.fromkeys(offer.namespaces)
                if namespace in offered and not way.is_refused(namespace)
            ),
            way,
            dialed=is_same and earlier is not None and earlier.dialed,
            last_news=self._clock.now(),
        )
        self._roster.adopt(connection)
        return connection

    def _make_room(self, caller: str) -> None:
        """See that there is room for one more who has connected by itself.

        Where there is none, a caller that has named more than three quarters of them loses one to another caller: the
        latest of those that have never answered, or the latest.

        Raises:
            OverloadedError: there is none.
        """
        if len(self._topology) < MAX_STRANGERS:
            return
        strangers = [
            (connection, connection.way)
            for connection in self._topology
            if isinstance(connection.way, UnaryWay) and not connection.dialed
        ]
        if len(strangers) < MAX_STRANGERS:
            return
        ((largest, number),) = Counter(way.caller for _, way in strangers).most_common(1)
        if largest == caller or number <= CALLER_SHARE * MAX_STRANGERS:
            raise OverloadedError.after(self._retry_after)
        theirs = [(connection, way) for connection, way in strangers if way.caller == largest]
        going, _ = max(theirs, key=lambda one: (not one[1].has_answered, one[0].since))
        self._roster.forget(going, "makes room for another caller")
