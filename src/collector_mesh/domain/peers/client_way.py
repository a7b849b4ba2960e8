"""The way from a program outside the mesh to one collector: a link, or one request for each call where it has none."""

from collections.abc import Callable
from itertools import count

import attrs

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.link.health import Vital
from collector_mesh.domain.link.held import HeldCalls
from collector_mesh.domain.link.peer_link import PeerLink
from collector_mesh.domain.link.recovery import Recovery
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.errors import InvalidCallError, UnavailableError
from collector_mesh.domain.model.frames import Catalog, Hello, Introduction, Limits, Role
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.dialing import Dial
from collector_mesh.domain.peers.peer import OpenLink
from collector_mesh.domain.peers.times import LET_GO_SECONDS
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import FrameStream, NoLinkError, Pump
from collector_mesh.domain.ports.link import Link
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport

_ASK_FIRST_SECONDS = 0.02
_ASK_CAP_SECONDS = 0.25
"""Pauses between dials whose only end is to ask what has become of calls."""

ASK_AGAIN_SECONDS = 60.0
"""Seconds after which a collector that had no links is asked whether it has some now."""


@attrs.define(eq=False)
class ClientSide:
    """What all ways of one client have in common.

    Attributes:
        name: by which collectors know it.
        incarnation: of this client alone.
        transport: dials.
        pump: moves frames.
        tasks: runs links.
        clock: tells the time.
        rules: how links are kept.
        dial_timeout: seconds that one dial may take, the answer included.
        recovery: finds out what became of calls whose links were lost.
        dials: numbers of its dials: two addresses may lead to the same collector.
        is_closed: whether nothing is dialed anymore.
    """

    name: str
    incarnation: str
    transport: Transport
    pump: Pump
    tasks: Tasks
    clock: Clock
    rules: LinkRules
    dial_timeout: float
    recovery: Recovery | None = None
    dials: "count[int]" = attrs.field(factory=lambda: count(1))
    is_closed: bool = False


class ClientWay:
    """The way to the collector at one address.

    Args:
        address: where it is.
        side: whose way it is.
    """

    def __init__(self, address: str, side: ClientSide) -> None:
        self.address = address
        self._side = side
        self._link: PeerLink | None = None
        self._unary: Link | None = None
        self._ask_again_at = 0.0
        self._running: dict[LinkEngine, None] = {}
        self._asking: dict[HeldCalls, None] = {}
        """Calls of lost links for which the collector is dialed."""

    @property
    def usable(self) -> Link | None:
        """What calls go over; None where it has to be dialed first."""
        link = self._link
        if link is not None and link.engine.is_usable and not link.engine.peer_is_draining:
            return link
        return self._unary

    @property
    def is_suspect(self) -> bool:
        """Whether the collector has been silent for longer than it should."""
        return self._link is not None and self._link.engine.vital is not Vital.LIVE

    @property
    def is_to_be_asked(self) -> bool:
        """Whether it is time to ask a collector that had no links whether it has some now."""
        return self._unary is not None and self._side.clock.now() >= self._ask_again_at

    @property
    def is_open(self) -> bool:
        """Whether a link runs, or is about to."""
        return bool(self._running)

    async def dial(self) -> None:
        """Dial, and have something that calls go over.

        Raises:
            UnavailableError: nobody has answered in time.
            MeshError: the other side, or this one, does not want the link.
            Exception: what the transport raises when it is to dial.
        """
        side = self._side
        try:
            # A refusal becomes a reply, which is the same over a link that is open already.
            dial = Dial(self.address, self._begin, side.clock, names_address=False)
            link = await dial.first(side.dial_timeout)
        except NoLinkError:
            self._ask_again_at = side.clock.now() + ASK_AGAIN_SECONDS
            if self._unary is None:
                self._unary = side.transport.unary(self.address)
        else:
            self._link = PeerLink(link.engine, self.address, side.tasks.promise)
            self.drop_unary()

    def drop_unary(self) -> None:
        """Make no requests without a link anymore; those under way may finish."""
        unary, self._unary = self._unary, None
        if unary is not None:
            closing = unary.aclose(grace=LET_GO_SECONDS)
            self._side.tasks.start(closing, f"close the link to {self.address}")

    async def let_go(self) -> None:
        """Need it no longer; calls under way may finish."""
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()
        self.drop_unary()

    async def aclose(self, *, grace: float) -> None:
        """End it; calls under way have an unknown outcome."""
        if self._unary is not None:
            await self._unary.aclose(grace=grace)
        for engine in list(self._running):
            if engine.phase is Phase.GREETING:
                engine.lost("the client was closed")
            engine.close(200, "the client was closed")

    def _begin(self, opened: Alarm) -> OpenLink:
        side = self._side
        if side.is_closed:
            raise UnavailableError("the client was closed")
        stream = side.transport.dial(self.address, is_patient=False)
        rules = side.rules
        me = Introduction(
            collector_id=side.name,
            incarnation=side.incarnation,
            limits=Limits(rules.max_payload_bytes, rules.batching.window),
        )
        host = _ClientHost(self._report, self._lost, side.recovery)
        engine = LinkEngine(
            me,
            host,
            now=side.clock.now(),
            dial=next(side.dials),
            role=Role.CLIENT,
            batching=rules.batching,
            heartbeats=rules.heartbeats,
            recovery=side.recovery,
        )
        link = host.link = OpenLink(engine, self.address, opened, stream)
        self._running[engine] = None
        side.tasks.start(self._run(engine, stream), f"link to {self.address}")
        return link

    def _lost(self, held: HeldCalls) -> None:
        """A link is lost, and calls wait to be asked for."""
        if not self._side.is_closed and held not in self._asking:
            self._asking[held] = None
            self._side.tasks.start(self._ask(held), f"ask {self.address} for calls")

    async def _ask(self, held: HeldCalls) -> None:
        try:
            await self._dial_for(held)
        finally:
            del self._asking[held]

    async def _dial_for(self, held: HeldCalls) -> None:
        """Dial the collector again, if nobody else does: over whichever link opens first it is asked."""
        side, pause = self._side, _ASK_FIRST_SECONDS
        alarm = side.clock.alarm()
        while held.waits and not side.is_closed:
            if not any(engine.phase is Phase.GREETING for engine in self._running):
                try:
                    dial = Dial(self.address, self._begin, side.clock, names_address=False)
                    link = await dial.first(side.dial_timeout)
                except Exception:  # noqa: BLE001, S110  # what comes of the calls says it, and that is known in time
                    pass
                else:
                    # Calls that come meanwhile have a link of their own.
                    link.engine.retire("it was asked what had become of calls")
            if held.waits:
                await alarm.wait(pause)
                pause = min(pause * 2, _ASK_CAP_SECONDS)

    def _report(self, error: Exception) -> None:
        """Have whoever looks after tasks hear of an error that nobody waits for."""

        async def fail() -> None:
            raise error

        self._side.tasks.start(fail(), f"link to {self.address}")

    async def _run(self, engine: LinkEngine, stream: FrameStream) -> None:
        try:
            await self._side.pump.run(stream, engine)
        finally:
            engine.lost("the stream has ended")
            self._running.pop(engine, None)


class _ClientHost:
    """What a client makes of what its engine tells."""

    def __init__(
        self,
        report: Callable[[Exception], None],
        lost: Callable[[HeldCalls], None],
        recovery: Recovery | None,
    ) -> None:
        self.link: OpenLink | None = None
        self._report = report
        self._lost = lost
        self._recovery = recovery

    def catalog(self) -> Catalog:
        return Catalog()

    def is_dialing(self, dial: int) -> bool:
        """A client is nobody's peer."""
        _ = dial
        return False

    def greeted(self, engine: LinkEngine, hello: Hello) -> None:
        """Nobody says hello to a client."""

    def opened(self, engine: LinkEngine) -> None:
        if self._recovery is not None:
            self._recovery.admitted(engine)
        if self.link is not None:
            self.link.settle(has_opened=True)

    def confirmed(self, engine: LinkEngine) -> None:
        """A client says hello itself."""

    def take(self, taken: TakenCall, /) -> None:
        """Nobody may call a client."""
        taken.answer(Reply.refused(InvalidCallError("a client takes no calls")))

    def changed(self, engine: LinkEngine) -> None:
        """What the collector serves is its own business."""

    def reached(self, engine: LinkEngine, news: tuple[Reach, ...]) -> None:
        """Whom the collector passes calls on to is its own business."""

    def ended(self, engine: LinkEngine) -> None:
        recovery = self._recovery
        if recovery is not None:
            if engine.nobody_listens or engine.has_no_link:
                recovery.nobody_at(engine.address)
            held = recovery.held_of(engine)
            if held is not None:
                held.on_alone = self._lost
        if self.link is not None:
            self.link.settle()

    def failed(self, engine: LinkEngine, error: Exception) -> None:
        _ = engine
        self._report(error)
