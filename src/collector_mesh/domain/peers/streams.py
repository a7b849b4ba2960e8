"""Every link of a collector: opened and taken, run until it ends, told what is new."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.link.host import LinkHost
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.address import host_of
from collector_mesh.domain.model.errors import (
    MeshError,
    OverloadedError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.events import Defect, LinkFailed, NewsLeftOut, PeerRefused
from collector_mesh.domain.model.frames import Catalog, Hello, Introduction, Limits, Role
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import LinkEnd
from collector_mesh.domain.model.status import status_of
from collector_mesh.domain.peers.admission import Admission, Claim
from collector_mesh.domain.peers.crowding import of_too_many
from collector_mesh.domain.peers.dialing import Dial
from collector_mesh.domain.peers.ended import EndedLinks
from collector_mesh.domain.peers.holdings import Holdings
from collector_mesh.domain.peers.offered import Offered
from collector_mesh.domain.peers.peer import OpenLink
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.policies.callers import name_of
from collector_mesh.domain.policies.waiting_room import WaitingRoom
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import FrameStream, Pump
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.reachability import Reachability

_LOOK_SECONDS = 0.01
"""How often it is looked whether others have answered."""


class Streams:
    """Opens links and takes them, and has the roster know what comes of them.

    Args:
        collector_id: of this collector.
        handlers: what this collector serves.
        roster: who the peers are.
        admission: who may be one.
        reachability: who is reached through whom.
        transport: dials.
        pump: moves frames.
        tasks: runs links.
        clock: tells the time.
        dice: makes up ids of connections.
        rules: how many links there may be, and how they are kept.
    """

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        roster: Roster,
        admission: Admission,
        reachability: Reachability,
        *,
        transport: Transport,
        pump: Pump,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        rules: LinkRules,
    ) -> None:
        self.take: Callable[[TakenCall], None] = _not_ready
        """Runs what comes over a link."""
        self.holdings = Holdings(rules.max_held_bytes, tasks, reachability.held_bytes)
        self._collector_id = collector_id
        self._roster = roster
        self._admission = admission
        self._reachability = reachability
        self._transport = transport
        self._pump = pump
        self._tasks = tasks
        self._clock = clock
        self._dice = dice
        self._rules = rules
        self._open: dict[LinkEngine, OpenLink] = {}
        self._silent: WaitingRoom[LinkEngine] = WaitingRoom(rules.max_silent)
        self._dials = 0
        self._ended = EndedLinks()
        self._offered = Offered(handlers, roster, reachability, clock=clock, links=self._open.keys)

    # ---- for a snapshot ------------------------------------------------------------------------------

    @property
    def clients(self) -> int:
        """Links of programs outside the mesh."""
        return sum(
            1 for engine in self._open if engine.peer_role == Role.CLIENT and engine.phase is Phase.OPEN
        )

    @property
    def recently_ended(self) -> tuple[LinkEnd, ...]:
        """The links that have ended last, the latest first."""
        return self._ended.recently(self._clock.now())

    # ---- opening -------------------------------------------------------------------------------------

    def accept(self, stream: FrameStream) -> None:
        """Take a stream that somebody has opened."""
        engine = self._engine(identity=stream.identity)
        is_full = self._is_full()
        if is_full and not self._silent and self._make_room(name_of(stream.identity, stream.address)):
            is_full = False
        if is_full and not self._silent:
            engine.fail(f"there are {self._rules.max_links} links already, and no more are taken", code=429)
        else:
            gone = self._silent.enter(engine, host_of(stream.address), is_short=is_full)
            if gone is not None:
                gone.fail(f"{len(self._silent)} others have opened a link and said nothing yet", code=429)
        self._start(OpenLink(engine, stream.address), stream)

    async def dial(self, address: str, *, timeout: float, is_patient: bool = False) -> Connection:
        """Open a link to whoever is at an address; give the connection to that peer.

        Args:
            address: of whoever is dialed.
            timeout: seconds for the answer.
            is_patient: whether somebody may begin to listen there meanwhile.

        Raises:
            NoLinkError: whoever is there does not know of links.
            BrokenError: the stream has broken before it was answered.
            UnavailableError: nobody has answered within so many seconds.
            MeshError: the other side, or this one, does not want the link.
            Exception: what the transport raises when it is to dial.
        """
        begin = partial(self._begin, address, is_patient=is_patient)
        link = await Dial(address, begin, self._clock).first(timeout)
        connection = self._roster.connection(link.engine.peer_id)
        if connection is None or not connection.is_up:
            raise UnavailableError(link.engine.reason)
        return connection

    def _begin(self, address: str, opened: Alarm, *, is_patient: bool) -> OpenLink:
        if self._is_full() and not self._make_room():
            raise OverloadedError(f"there are {self._rules.max_links} links already")
        stream = self._transport.dial(address, is_patient=is_patient)
        self._dials += 1
        link = OpenLink(self._engine(dial=self._dials), address, opened)
        self._start(link, stream)
        return link

    def _engine(self, *, dial: int = 0, identity: Identity | None = None) -> LinkEngine:
        rules = self._rules
        me = Introduction(
            collector_id=self._collector_id,
            address=self._admission.address,
            incarnation=self._admission.incarnation,
            catalog=self.catalog(),
            labels=rules.labels,
            weight=rules.weight,
            limits=Limits(rules.max_payload_bytes, rules.batching.window),
        )
        return LinkEngine(
            me,
            self,
            now=self._clock.now(),
            dial=dial,
            batching=rules.batching,
            heartbeats=rules.heartbeats,
            identity=identity,
        )

    def _start(self, link: OpenLink, stream: FrameStream) -> None:
        link.stream = stream
        link.engine.comes_from(stream.address)
        self.holdings.add(link.engine)
        self._open[link.engine] = link
        self._tasks.start(self._run(link.engine, stream), f"link with {stream.address}")

    async def _run(self, engine: LinkEngine, stream: FrameStream) -> None:
        try:
            await self._pump.run(stream, engine)
        finally:
            engine.lost("the stream has ended")
            self._silent.leave(engine)
            self.holdings.remove(engine)
            del self._open[engine]

    def _is_full(self) -> bool:
        most = self._rules.max_links
        # Those that have to go take a moment to do so.
        return len(self._open) >= most and sum(not engine.has_failed for engine in self._open) >= most

    def _make_room(self, caller: str = "") -> bool:
        """Where somebody has more than its share of all links, end one of those; for this collector if for nobody else."""
        most = self._rules.max_links
        gone = of_too_many(self._open, most, caller)
        if gone is not None:
            gone.fail(
                f"more than three quarters of {most} links are from {gone.source}, and others want some",
                code=429,
            )
        return gone is not None

    # ---- the end -------------------------------------------------------------------------------------

    async def announce_drain(self) -> None:
        """Tell everybody that no new calls are taken, and wait until they know, but not for long."""
        self._admission.is_draining = True
        told = [engine for engine in self._open if engine.phase is Phase.OPEN]
        for engine in told:
            engine.tell_draining()
        until = self._clock.now() + self._rules.drain
        alarm = self._clock.alarm()
        while self._clock.now() < until and not all(_knows_of_drain(engine) for engine in told):
            await alarm.wait(_LOOK_SECONDS)

    async def close(self) -> None:
        """Say goodbye on every link and wait until all have ended, but not for long."""
        for engine in list(self._open):
            if engine.phase is Phase.GREETING:
                engine.lost("the collector has ended")
            engine.close(503, f"collector {quoted(self._collector_id)} has ended")
        until = self._clock.now() + self._rules.goodbye
        alarm = self._clock.alarm()
        while self._open and self._clock.now() < until:
            await alarm.wait(_LOOK_SECONDS)
        for engine in list(self._open):
            engine.lost("the collector has ended")

    # ---- what engines tell ---------------------------------------------------------------------------

    def catalog(self) -> Catalog:
        """See `LinkHost`."""
        return self._offered.catalog()

    def greeted(self, engine: LinkEngine, hello: Hello) -> None:
        """See `LinkHost`."""
        self._silent.leave(engine)
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
        """See `LinkHost`."""
        link = self._open.get(engine)
        if link is not None and link.stream is not None:
            # Some carriers show whom this side has dialed.
            engine.proved(link.stream.identity)
        try:
            self._admission.check(self._claim(engine))
        except MeshError as error:
            self._turn_away(engine, error)
        else:
            self._roster.sift(engine)
            self._consider(engine)

    def confirmed(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        if engine.peer_role == Role.COLLECTOR:
            self._roster.settle(engine.peer_id)

    def changed(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        self._tell_of_left_out(engine)
        self._roster.changed(engine)
        self._reachability.changed(engine.peer_id)
        link = self._open.get(engine)
        if link is not None and link.has_opened:
            self._tell_dialer(link)

    def reached(self, engine: LinkEngine, news: tuple[Reach, ...]) -> None:
        """See `LinkHost`."""
        self._reachability.heard(engine, news, engine.sieve)
        engine.weigh()
        self._tell_of_left_out(engine)

    def ended(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        self._silent.leave(engine)
        link, address = self._open.get(engine), self._address_of(engine)
        self._ended.note(self._clock.now(), engine.peer_id, address, engine.reason)
        was_waited_for = link is not None and link.opened is not None
        if link is not None:
            link.settle()
        if (
            not was_waited_for
            and engine.has_failed
            and engine.refusal is None
            and (link is None or link.error is None)
        ):
            self._roster.tell(LinkFailed(self._collector_id, engine.peer_id, address, engine.reason))
        self._roster.left(engine)

    def failed(self, engine: LinkEngine, error: Exception) -> None:
        """See `LinkHost`."""
        where = f"the link to {quoted(engine.peer_id) if engine.peer_id else self._address_of(engine)}"
        self._roster.tell(Defect(self._collector_id, where, error))

    # ---- who comes in --------------------------------------------------------------------------------

    def _consider(self, engine: LinkEngine) -> None:
        """Admit a peer, unless its id is held by somebody who is still there."""
        claim = self._claim(engine)
        if self._admission.is_contested(claim):
            self._tasks.start(self._contest(engine, claim), f"who is {engine.peer_id}")
        else:
            self._admit(engine)

    def _claim(self, engine: LinkEngine) -> Claim:
        assert engine.peer is not None  # for the type checker: it has said who it is
        dialed = self._address_of(engine) if engine.is_dialer else ""
        return Claim(engine.peer, engine.identity, dialed)

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
        link = self._open.get(engine)
        if engine.phase is Phase.GREETING:
            engine.refuse(status_of(error))
        else:
            engine.refusal = status_of(error)
            engine.fail(str(error), error.code)
        if link is not None:
            link.settle(error=error)
        if link is None or link.opened is None:
            address = self._address_of(engine)
            self._roster.tell(PeerRefused(self._collector_id, engine.peer_id, address, str(error)))

    def _admit(self, engine: LinkEngine) -> None:
        link = self._open.get(engine) or OpenLink(engine, "")
        self._roster.join(link)
        if engine.phase is Phase.GREETING:
            engine.welcome(self._dice.token(), self._roster.shared_with(engine))
        self._roster.settle(engine.peer_id)
        link.has_opened = True
        self._tell_of_left_out(engine)
        self._tell_dialer(link)

    @staticmethod
    def _tell_dialer(link: OpenLink) -> None:
        """Whoever waits for a link goes on when all is known that can be called over it."""
        if not link.is_settled and link.engine.knows_all:
            link.settle()

    def _tell_of_left_out(self, engine: LinkEngine) -> None:
        number, reason = engine.sieve.take()
        if number:
            address = self._address_of(engine)
            self._roster.tell(NewsLeftOut(self._collector_id, engine.peer_id, address, number, reason))

    def _address_of(self, engine: LinkEngine) -> str:
        link = self._open.get(engine)
        return link.address if link is not None else ""


def _knows_of_drain(engine: LinkEngine) -> bool:
    return engine.draining_was_seen or engine.phase is Phase.ENDED


def _not_ready(taken: TakenCall) -> None:
    raise RuntimeError(f"nobody runs calls yet: {taken.call.key}")


if TYPE_CHECKING:
    _fits: type[LinkHost] = Streams
