"""Every link of a collector: opened and taken, run until it ends, told what is new."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.link.host import LinkHost
from collector_mesh.domain.link.recovery import Recovery
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import (
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.events import Defect, LinkFailed, NewsLeftOut
from collector_mesh.domain.model.frames import Catalog, Hello, Introduction, Limits, Role
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import LinkEnd
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.arrivals import Arrivals
from collector_mesh.domain.peers.dialing import Dial
from collector_mesh.domain.peers.dismissals import Dismissals
from collector_mesh.domain.peers.ended import EndedLinks
from collector_mesh.domain.peers.holdings import Holdings
from collector_mesh.domain.peers.offered import Offered
from collector_mesh.domain.peers.open_links import OpenLinks
from collector_mesh.domain.peers.peer import OpenLink
from collector_mesh.domain.peers.renewals import Renewals
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.waiting import holds_within
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import FrameStream, Pump
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.reachability import Reachability


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
        counts: what is counted.
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
        counts: Counts | None = None,
    ) -> None:
        self.take: Callable[[TakenCall], None] = _not_ready
        """Runs what comes over a link."""
        self.offered: Callable[[str], frozenset[str] | None] = lambda _address: None
        """The only namespaces that are offered to whoever is at an address, None for all."""
        self.holdings = Holdings(rules.max_held_bytes, tasks, reachability.held_bytes)
        self.recovery = (
            Recovery(rules.recover, clock=clock, dice=dice, counts=counts) if rules.recover else None
        )
        """Finds out what became of calls whose links were lost."""
        if self.recovery is not None:
            self.holdings.of_lost = partial(getattr, self.recovery, "held_bytes")
        self._collector_id = collector_id
        self._roster = roster
        self._admission = admission
        self._reachability = reachability
        self._transport = transport
        self._pump = pump
        self._tasks = tasks
        self._clock = clock
        self._rules = rules
        self._open = OpenLinks(rules)
        self._dials = 0
        self._ended = EndedLinks()
        self._offered = Offered(
            handlers, roster, reachability, clock=clock, later=tasks.when_idle, links=self._open.engines
        )
        self._arrivals = Arrivals(
            collector_id, roster, admission, self._open, tasks=tasks, dice=dice, admitted=self._has_come_in
        )

        self.renewals = Renewals(collector_id, self._open, roster, self._dial_again, tasks=tasks, clock=clock)
        """Makes links anew."""
        self.dismissals = Dismissals(
            collector_id,
            self._open,
            self._arrivals,
            roster,
            reachability,
            self.renewals,
            tasks=tasks,
            clock=clock,
        )
        """Ends links of those who may have them no longer."""

    # ---- for a snapshot ------------------------------------------------------------------------------

    @property
    def clients(self) -> int:
        """Links of programs outside the mesh."""
        return sum(
            1 for engine in self._open if engine.peer_role == Role.CLIENT and engine.phase is Phase.OPEN
        )

    @property
    def number(self) -> int:
        """Links, those that are about to open or to end included."""
        return len(self._open)

    @property
    def recently_ended(self) -> tuple[LinkEnd, ...]:
        """The links that have ended last, the latest first."""
        return self._ended.recently(self._clock.now())

    def are_waited_for(self, peer_id: str) -> bool:
        """Whether calls of a lost link wait for the next one to the same peer."""
        return self.recovery is not None and self.recovery.waits_for(peer_id)

    # ---- opening -------------------------------------------------------------------------------------

    def accept(self, stream: FrameStream) -> None:
        """Take a stream that somebody has opened."""
        engine = self._engine(identity=stream.identity)
        self._open.make_room_for(engine, stream)
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
            UnavailableError: nobody has answered in time.
            MeshError: the other side, or this one, does not want the link.
            Exception: what the transport raises when it is to dial.
        """
        begin = partial(self._begin, address, is_patient=is_patient)
        link = await Dial(address, begin, self._clock).first(timeout)
        connection = self._roster.connection(link.engine.peer_id)
        if connection is None or not connection.is_up:
            raise UnavailableError(link.engine.reason)
        return connection

    async def _dial_again(self, address: str, timeout: float) -> None:
        await self.dial(address, timeout=timeout)

    def _begin(self, address: str, opened: Alarm, *, is_patient: bool) -> OpenLink:
        self._open.check_room()
        stream = self._transport.dial(address, is_patient=is_patient)
        self._dials += 1
        link = OpenLink(self._engine(dial=self._dials, offered=self.offered(address)), address, opened)
        link.engine.on_renewal = partial(self.renewals.asked, link.engine)
        self._start(link, stream)
        return link

    def _engine(
        self, *, dial: int = 0, identity: Identity | None = None, offered: frozenset[str] | None = None
    ) -> LinkEngine:
        rules = self._rules
        me = Introduction(
            collector_id=self._collector_id,
            address=self._admission.address,
            incarnation=self._admission.incarnation,
            key_store=self._admission.key_store,
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
            offered=offered,
            recovery=self.recovery,
        )

    def _start(self, link: OpenLink, stream: FrameStream) -> None:
        link.stream = stream
        link.engine.comes_from(stream.address)
        self.holdings.add(link.engine)
        self._open.add(link)
        self._tasks.start(self._run(link.engine, stream), f"link with {stream.address}")

    async def _run(self, engine: LinkEngine, stream: FrameStream) -> None:
        try:
            await self._pump.run(stream, engine)
        finally:
            engine.lost("the stream has ended")
            self.holdings.remove(engine)
            self._open.remove(engine)

    # ---- the end -------------------------------------------------------------------------------------

    async def announce_drain(self) -> None:
        """Tell everybody that no new calls are taken, and wait until they know, but not for long."""
        self._admission.is_draining = True
        told = [engine for engine in self._open if engine.phase is Phase.OPEN]
        for engine in told:
            engine.tell_draining()
        await holds_within(self._clock, self._rules.drain, lambda: all(map(_knows_of_drain, told)))

    async def close(self) -> None:
        """Say goodbye on every link and wait until all have ended, but not for long."""
        if self.recovery is not None:
            self.recovery.close()
        for engine in list(self._open):
            if engine.phase is Phase.GREETING:
                engine.lost("the collector has ended")
            engine.close(503, f"collector {quoted(self._collector_id)} has ended")
        await holds_within(self._clock, self._rules.goodbye, lambda: not self._open)
        for engine in list(self._open):
            engine.lost("the collector has ended")

    # ---- what engines tell ---------------------------------------------------------------------------

    def catalog(self) -> Catalog:
        """See `LinkHost`."""
        return self._offered.catalog()

    def is_dialing(self, dial: int) -> bool:
        """See `LinkHost`."""
        return self._open.is_dialing(dial)

    def greeted(self, engine: LinkEngine, hello: Hello) -> None:
        """See `LinkHost`."""
        self._open.spoke(engine)
        self._arrivals.greeted(engine, hello)

    def opened(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        link = self._open.get(engine)
        if link is not None and link.stream is not None:
            # Some carriers show whom this side has dialed.
            engine.proved(link.stream.identity)
        self._arrivals.opened(engine)

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
        self._open.spoke(engine)
        link, address = self._open.get(engine), self._open.address_of(engine)
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
        if self.recovery is not None and engine.is_dialer and (engine.nobody_listens or engine.has_no_link):
            self.recovery.nobody_at(engine.address)

    def failed(self, engine: LinkEngine, error: Exception) -> None:
        """See `LinkHost`."""
        where = f"the link to {quoted(engine.peer_id) if engine.peer_id else self._open.address_of(engine)}"
        self._roster.tell(Defect(self._collector_id, where, error))

    def _has_come_in(self, link: OpenLink) -> None:
        if self.recovery is not None:
            self.recovery.admitted(link.engine)
        self._tell_of_left_out(link.engine)
        self._tell_dialer(link)

    @staticmethod
    def _tell_dialer(link: OpenLink) -> None:
        """Whoever waits for a link goes on when all is known that can be called over it."""
        if not link.is_settled and link.engine.knows_all:
            link.settle()

    def _tell_of_left_out(self, engine: LinkEngine) -> None:
        number, reason = engine.sieve.take()
        if number:
            address = self._open.address_of(engine)
            self._roster.tell(NewsLeftOut(self._collector_id, engine.peer_id, address, number, reason))


def _knows_of_drain(engine: LinkEngine) -> bool:
    return engine.draining_was_seen or engine.phase is Phase.ENDED


def _not_ready(taken: TakenCall) -> None:
    raise RuntimeError(f"nobody runs calls yet: {taken.call.key}")


if TYPE_CHECKING:
    _fits: type[LinkHost] = Streams
