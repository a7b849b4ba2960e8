"""Who may be a peer, however they come: what they say of themselves is checked, and whoever has their id is asked."""

from collections.abc import Callable

import attrs

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.errors import (
    MAX_QUOTED,
    ConflictError,
    InvalidCallError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.frames import Hello, Introduction, Role
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.limits import MAX_WEIGHT
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.peers.waiting import holds_within
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.transport import Transport

_ROUND_TRIPS = 3
"""How many of its round trips a holder gets to answer."""


class ItselfError(InvalidCallError):
    """A collector has dialed itself; whoever has asked for that hears of it, and nobody is warned of a stranger."""


@attrs.frozen
class Claim:
    """What somebody says of itself who wants to be a peer.

    Attributes:
        introduction: who it is.
        identity: what the transport has proved about it, or None.
        dialed: the address at which this side has dialed it, empty where it has come by itself.
        dial: counts the links that it has opened, where it has come by itself.
        has_link: whether it has a link; else it has sent a unary Connect, and is dialed back at its address.
    """

    introduction: Introduction
    identity: Identity | None = None
    dialed: str = ""
    dial: int = 0
    has_link: bool = True

    @property
    def peer_id(self) -> str:
        """Its id, as it says."""
        return self.introduction.collector_id


class Admission:
    """Decides who may be a peer: a hello, the answer to one, and a unary Connect are checked alike.

    Args:
        collector_id: of this collector.
        incarnation: of this collector.
        roster: who the peers are.
        transport: knows addresses.
        access: who may be a peer, and serve which namespace.
        clock: tells the time.
        probe: seconds within which a collector whose id somebody else claims has to answer, at least; it gets three of
            its round trips.
    """

    def __init__(
        self,
        collector_id: str,
        incarnation: str,
        roster: Roster,
        *,
        transport: Transport,
        access: AccessPolicy,
        clock: Clock,
        probe: float,
    ) -> None:
        self.address = ""
        """Where peers dial this collector, empty while it does not listen."""
        self.is_draining = False
        """Whether everybody is refused."""
        self.on_links_claimed: Callable[[UnaryWay], None] = _ignore
        """Told of a peer without links, which is there, when somebody who has links claims its id."""
        self.incarnation = incarnation
        self.key_store = incarnation
        """Which store the replies to idempotency keys are kept in, as others are told; one that nobody shares is that of this start."""
        self._collector_id = collector_id
        self._roster = roster
        self._transport = transport
        self._access = access
        self._clock = clock
        self._probe = probe

    def check_hello(self, hello: Hello, identity: Identity | None) -> None:
        """See that whoever has said hello may have a link.

        Raises:
            MeshError: it may not; see `check`.
        """
        if hello.role == Role.CLIENT:
            self._check_open()
            self.check_client(identity)
            return
        if hello.role != Role.COLLECTOR:
            raise InvalidCallError(f"role must be 0 (collector) or 1 (client), got {hello.role}")
        self.check(Claim(hello.introduction, identity))
        if not hello.dial:
            raise InvalidCallError("dial must be at least 1, got 0")

    def check_client(self, identity: Identity | None) -> None:
        """See that a client may have a link; what it may call is another question.

        Raises:
            UnauthenticatedError: it has shown wrong credentials, or such as are known no longer.
        """
        self._access.check_credentials(identity)

    def check(self, claim: Claim) -> None:
        """See that somebody may be a peer, as far as can be told at once.

        Raises:
            InvalidCallError: it is this very collector, or what it says of itself is malformed.
            UnauthenticatedError: it has shown no credentials, or wrong ones, where it needs some.
            ForbiddenError: it may not come in this way, its id does not follow from what it has proved, or it offers
                methods in a namespace that it may not serve.
            UnavailableError: this collector is draining.
            ConflictError: it has the id of this collector, or a later start of it is known.
        """
        peer = claim.introduction
        self._access.check_credentials(claim.identity)
        if claim.has_link:
            self._check_open()
            self._check_start(peer)
            if not claim.dialed:
                self._access.check_stranger(claim.identity, peer.collector_id)
        elif not peer.address:
            raise InvalidCallError("address is required")
        check_name("collector_id", peer.collector_id)
        if not claim.has_link:
            self._access.check_stranger(claim.identity, peer.collector_id, peer.address)
        if peer.address:
            self._transport.check_address(peer.address)
        if peer.weight > MAX_WEIGHT:
            raise InvalidCallError(f"weight must be at most {MAX_WEIGHT}, got {peer.weight}")
        for namespace in peer.catalog.namespaces:
            check_name("namespaces", namespace)
        for method in peer.catalog.methods:
            method.key.check()
        self._check_open()
        self._access.check_peer(claim.identity, claim.peer_id, was_dialed=bool(claim.dialed))
        self._check_id(claim)
        for namespace in dict.fromkeys(method.key.namespace for method in peer.catalog.methods):
            self._access.check_serve(claim.identity, claim.peer_id, namespace, was_dialed=bool(claim.dialed))

    def check_linkless(self, identity: Identity | None, peer_id: str, *, was_dialed: bool) -> None:
        """See that somebody without links, who is a peer, may go on being one.

        Raises:
            MeshError: it may not; see `check`.
        """
        self._access.check_peer(identity, peer_id, was_dialed=was_dialed)

    def _check_open(self) -> None:
        if self.is_draining:
            raise UnavailableError(f"collector {quoted(self._collector_id)} is draining")

    def _check_start(self, peer: Introduction) -> None:
        if peer.incarnation == self.incarnation:
            raise ItselfError("cannot connect to itself")
        if not peer.incarnation or len(peer.incarnation) > 64:
            raise InvalidCallError("incarnation must have 1 to 64 characters")

    def _check_id(self, claim: Claim) -> None:
        peer_id, peer = claim.peer_id, claim.introduction
        if peer_id == self._collector_id:
            if not claim.has_link and peer.address == self.address:
                raise ItselfError("cannot connect to itself")
            raise ConflictError(f"collector id {quoted(self._collector_id)} is held by this collector")
        known = self._roster.get(peer_id)
        if known is not None and claim.has_link and known.is_superseded(peer.incarnation):
            raise ConflictError(f"this start of collector {quoted(peer_id)} was superseded by a later one")

    # ---- whose id it is ------------------------------------------------------------------------------

    def is_contested(self, claim: Claim) -> bool:
        """Whether the id is held by somebody who may still be there, and has to be asked."""
        return self._holder(claim) is not None or self._same_start(claim) is not None

    async def contest(self, claim: Claim) -> None:
        """Find out whether whoever holds the id is still there.

        Raises:
            ConflictError: it is.
        """
        while (holder := self._holder(claim)) is not None:
            patience = self._patience(holder)
            if isinstance(holder, LinkEngine):
                is_there = await self._answers(holder, patience)
                address = holder.peer.address if holder.peer is not None else ""
            else:
                is_there = await holder.is_there(self._collector_id, timeout=patience)
                address = holder.link.address
            if self._holder(claim) is not holder:
                continue
            if not is_there:
                return
            if isinstance(holder, UnaryWay) and claim.has_link:
                self.on_links_claimed(holder)
            raise self._conflict(claim, address)
        while (link := self._same_start(claim)) is not None:
            is_its_own = await self._is_its_own(link, claim.dial)
            if self._same_start(claim) is not link:
                continue
            if is_its_own:
                return
            raise self._conflict(claim, link.peer.address if link.peer is not None else "")

    @staticmethod
    def _conflict(claim: Claim, address: str) -> ConflictError:
        where = f" at {address[:MAX_QUOTED]}" if address else ""
        return ConflictError(f"collector id {quoted(claim.peer_id)} is held by a live collector{where}")

    def _holder(self, claim: Claim) -> LinkEngine | UnaryWay | None:
        """Who holds an id against a newcomer, unless that has proved that the id is its own."""
        peer = self._roster.get(claim.peer_id)
        linked = peer.holder_against(claim.introduction.incarnation) if peer is not None else None
        if linked is not None:
            return None if self._is_proved_against(claim, linked.identity) else linked
        connection = self._roster.connection(claim.peer_id)
        # One that is being dialed again may be there: it is asked where it was.
        if connection is None or not isinstance(connection.way, UnaryWay):
            return None
        # At the address where calls go already it can only be the same one again.
        claimed = claim.dialed if claim.has_link else claim.introduction.address
        if claimed == connection.address or self._is_proved_against(claim, connection.way.identity):
            return None
        return connection.way

    def _same_start(self, claim: Claim) -> LinkEngine | None:
        """A link to the very start that a newcomer says to be, unless it was dialed here or has proved its id.

        What tells a start from others is known to all of its peers, so it proves nothing.
        """
        if not claim.has_link or claim.dialed:
            return None
        peer = self._roster.get(claim.peer_id)
        link = peer.link_to(claim.introduction.incarnation) if peer is not None else None
        return None if link is None or self._is_proved_against(claim, link.identity) else link

    async def _is_its_own(self, link: LinkEngine, dial: int) -> bool:
        """Whether whoever has a link is opening another one; so it is where nobody is there to say no.

        Earlier versions do not say, and are believed as before.
        """
        pongs, patience = link.pongs, self._patience(link)
        question = link.ask_about(dial)

        def is_settled() -> bool:
            return question.is_answered or link.phase is not Phase.OPEN

        try:
            await holds_within(self._clock, patience, is_settled)
        finally:
            link.no_more_about(question)
        if question.is_answered:
            return question.is_own_dial is not False
        return link.phase is not Phase.OPEN or link.pongs == pongs

    def _patience(self, holder: LinkEngine | UnaryWay) -> float:
        return max(self._probe, _ROUND_TRIPS * (holder.round_trip or 0.0))

    def _is_proved_against(self, claim: Claim, holder: Identity | None) -> bool:
        """Whether an id belongs to whoever claims it, as far as anything is proved."""
        return self._access.holds_id(claim.identity, claim.peer_id, holder)

    async def _answers(self, holder: LinkEngine, patience: float) -> bool:
        before = holder.pongs
        holder.ask()

        def is_settled() -> bool:
            return holder.phase is not Phase.OPEN or holder.pongs > before

        await holds_within(self._clock, patience, is_settled)
        return holder.phase is Phase.OPEN and holder.pongs > before


def _ignore(_way: UnaryWay) -> None:
    """Tell nobody of a claim."""
