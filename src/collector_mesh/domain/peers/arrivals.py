"""What becomes of those who introduce themselves over a link: each is admitted, or turned away."""

from collections.abc import Callable

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.events import PeerRefused
from collector_mesh.domain.model.frames import Hello, Role
from collector_mesh.domain.model.status import status_of
from collector_mesh.domain.peers.admission import Admission, Claim, ItselfError
from collector_mesh.domain.peers.open_links import OpenLinks
from collector_mesh.domain.peers.peer import OpenLink
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.topology.connection import Connection


class Arrivals:
    """Has the other side of a link admitted, whichever side has dialed. What `Greeter` is for a unary Connect.

    Args:
        collector_id: of this collector.
        roster: who the peers are.
        admission: who may be one.
        links: those that there are.
        tasks: asks in the background who holds an id.
        dice: makes up ids of connections.
        admitted: called with a link whose other side has become a peer.
    """

    def __init__(
        self,
        collector_id: str,
        roster: Roster,
        admission: Admission,
        links: OpenLinks,
        *,
        tasks: Tasks,
        dice: Randomness,
        admitted: Callable[[OpenLink], None],
    ) -> None:
        self._collector_id = collector_id
        self._roster = roster
        self._admission = admission
        self._links = links
        self._tasks = tasks
        self._dice = dice
        self._admitted = admitted

    def greeted(self, engine: LinkEngine, hello: Hello) -> None:
        """Whoever has dialed this collector has said hello."""
        try:
            self._admission.check_hello(hello, engine.identity)
        except MeshError as error:
            self._turn_away(engine, error)
            return
        self._roster.sift(engine)
        if hello.role == Role.CLIENT:
            engine.welcome(self._dice.token(), self._roster.shared_with(engine))
        else:
            self._consider(engine)

    def opened(self, engine: LinkEngine) -> None:
        """Whoever was dialed has welcomed this collector."""
        try:
            self._admission.check(self._claim(engine))
        except MeshError as error:
            self._turn_away(engine, error)
        else:
            self._roster.sift(engine)
            self._consider(engine)

    def refusal(self, engine: LinkEngine) -> MeshError | None:
        """Why the other side of a link that is open may have it no longer; None if it may."""
        try:
            if engine.peer_role == Role.CLIENT:
                self._admission.check_client(engine.identity)
            else:
                self._admission.check(self._claim(engine))
        except MeshError as error:
            return error
        return None

    def refusal_of_linkless(self, connection: Connection, way: UnaryWay) -> MeshError | None:
        """The same of a peer without links."""
        try:
            self._admission.check_linkless(way.identity, connection.peer_id, was_dialed=connection.dialed)
        except MeshError as error:
            return error
        return None

    def _consider(self, engine: LinkEngine) -> None:
        """Admit a peer, unless its id is held by somebody who is still there."""
        claim = self._claim(engine)
        if self._admission.is_contested(claim):
            self._tasks.start(self._contest(engine, claim), f"who is {engine.peer_id}")
        else:
            self._admit(engine)

    def _claim(self, engine: LinkEngine) -> Claim:
        assert engine.peer is not None  # for the type checker: it has said who it is
        dialed = self._links.address_of(engine) if engine.is_dialer else ""
        return Claim(engine.peer, engine.identity, dialed, 0 if engine.is_dialer else engine.dial)

    async def _contest(self, engine: LinkEngine, claim: Claim) -> None:
        try:
            await self._admission.contest(claim)
            # Much may have happened meanwhile.
            self._admission.check(claim)
        except MeshError as error:
            if engine.phase is not Phase.ENDED:
                self._turn_away(engine, error)
            return
        if engine.phase is not Phase.ENDED:
            self._admit(engine)

    def _turn_away(self, engine: LinkEngine, error: MeshError) -> None:
        link = self._links.get(engine)
        if engine.phase is Phase.GREETING:
            engine.refuse(status_of(error))
        else:
            engine.refusal = status_of(error)
            engine.fail(str(error), error.code)
        if link is not None:
            link.settle(error=error)
        if (link is None or link.opened is None) and not isinstance(error, ItselfError):
            address = self._links.address_of(engine)
            self._roster.tell(PeerRefused(self._collector_id, engine.peer_id, address, str(error)))

    def _admit(self, engine: LinkEngine) -> None:
        link = self._links.get(engine) or OpenLink(engine, "")
        self._roster.join(link)
        if engine.offered is None and not engine.is_dialer:
            engine.offered = self._roster.offers(engine.peer_id)
        if engine.phase is Phase.GREETING:
            engine.welcome(self._dice.token(), self._roster.shared_with(engine))
        self._roster.settle(engine.peer_id)
        link.has_opened = True
        self._admitted(link)
