"""Connects to collectors that have no links: a unary Connect, said again only when there is news or a loss."""

from collections.abc import Callable

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, UnavailableError, clipped, error_for, quoted
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.limits import MAX_ID_BYTES
from collector_mesh.domain.model.names import NAME
from collector_mesh.domain.model.status import OK
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology


@attrs.define
class _Known:
    """Somebody who had no links when asked, and when to ask again."""

    way: UnaryWay
    ask_again_at: float
    offered: Offer | None = None
    """What this collector has said of itself when it was taken."""


class Introducer:
    """Introduces this collector to those who have no links.

    Args:
        collector_id: of this collector.
        handlers: what this collector serves.
        topology: who is connected.
        roster: who the peers are.
        admission: knows where this collector listens.
        transport: the way to them.
        clock: tells the time.
        ask_again: seconds after which somebody who had no links is asked whether there are some now.
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
        ask_again: float,
    ) -> None:
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology
        self._roster = roster
        self._admission = admission
        self._transport = transport
        self._clock = clock
        self._ask_again = ask_again
        self.offered: Callable[[str], frozenset[str] | None] = lambda _address: None
        """The only namespaces that are offered to whoever is at an address, None for all."""
        self._known: dict[str, _Known] = {}

    def has_none(self, address: str) -> bool:
        """Whether somebody at an address is known to have no links, and need not be asked again yet."""
        known = self._known.get(address)
        return known is not None and self._clock.now() < known.ask_again_at

    def forget(self, address: str) -> None:
        """It may be somebody else there the next time, who has links."""
        self._known.pop(address, None)

    async def still_kept(self, address: str, *, timeout: float) -> Connection | None:
        """The connection to somebody who knows this collector as it is, and is still there; None if that is not so.

        A real Connect, which the Go original records each time, is only sent where this gives nothing.

        Raises:
            UnavailableError: nobody has answered in time; the next dial finds out whether anybody
                listens there.
        """
        known = self._known.get(address)
        if known is None or known.offered != self._offer(address):
            return None
        connection = self._topology.connection_over(known.way)
        if connection is None or not connection.is_up:
            return None
        try:
            who = await known.way.who_is_there(self._collector_id, timeout=timeout)
        except Exception as error:
            known.ask_again_at = self._clock.now()
            raise UnavailableError(f"{address} does not answer") from error
        if who != known.way.peer_id:
            self._roster.lose(connection, f"{quoted(who)} answers at {address}")
            return None
        if self._topology.get(connection.peer_id) is not connection or not connection.is_up:
            return None
        self._roster.is_there(connection)
        connection.last_news = self._clock.now()
        if not self.has_none(address):
            known.ask_again_at = connection.last_news + self._ask_again
        return connection

    def _offer(self, address: str) -> Offer:
        namespaces = self._roster.offered(self._handlers.namespaces, self.offered(address))
        return Offer(self._collector_id, self._admission.address, namespaces)

    async def introduce(self, address: str, *, timeout: float) -> Connection:
        """Connect to somebody who has just been found to have no links, or is known to have none.

        Raises:
            InvalidCallError: this collector does not listen, or it is this very collector.
            UnavailableError: nobody has answered in time, or with what is no id.
            MeshError: the other one has refused.
        """
        if not self._admission.address:
            raise InvalidCallError(
                f"{address} has no links, and only a collector that listens can connect to it:"
                " give this one an address to listen on"
            )
        if not self.has_none(address):
            known = self._known.get(address)
            way = known.way if known is not None else self._roster.way_over(self._transport.unary(address))
            self._known[address] = _Known(way, self._clock.now() + self._ask_again)
        way = self._known[address].way
        offer = self._offer(address)
        try:
            welcome = await way.introduce(offer, timeout=timeout)
            connection = self._connection(address, way, offer, welcome)
        except BaseException:
            self.forget(address)
            if self._topology.connection_over(way) is None:
                self._roster.close_way(way)
            raise
        self._roster.adopt(connection)
        if (now_known := self._known.get(address)) is not None:
            now_known.offered = offer
        return connection

    def _connection(self, address: str, way: UnaryWay, offer: Offer, welcome: Welcome) -> Connection:
        status = welcome.status
        if status.code != OK.code:
            text = visible(status.message) or f"status {status.code}"
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
            clipped(welcome.connection_id, MAX_ID_BYTES),
            tuple(namespace for namespace in offer.namespaces if namespace in theirs),
            way,
            dialed=True,
            last_news=self._clock.now(),
        )
