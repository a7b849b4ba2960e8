"""The link of a program outside the mesh: it dispatches, and takes no calls."""

from collections.abc import Callable

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.link.peer_link import PeerLink
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    InvalidCallError,
    UnavailableError,
    error_for,
)
from collector_mesh.domain.model.frames import Catalog, Hello, Introduction, Limits, Role
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import FrameStream, Pump
from collector_mesh.domain.ports.link import Link
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport

DIAL_SECONDS = 2.0
"""How long one dial may take, the answer included."""

_TRIES = 3
"""A stream may break while whoever takes it says why it does not; what it has said is lost then."""

_LOOK_SECONDS = 0.005


class ClientLink:
    """Dials when there is a call and no link; one dial for all calls that wait for it.

    A collector without links is called with one request for each call.
    """

    def __init__(
        self,
        address: str,
        *,
        transport: Transport,
        pump: Pump,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        rules: LinkRules,
    ) -> None:
        self.address = address
        self._transport = transport
        self._pump = pump
        self._tasks = tasks
        self._clock = clock
        self._name = f"client-{dice.token()[:12]}"
        self._incarnation = dice.token()
        self._rules = rules
        self._link: PeerLink | None = None
        self._unary: Link | None = None
        self._dials = 0
        self._dialing: list[Alarm] | None = None
        self._running: set[LinkEngine] = set()
        self._is_closed = False

    async def serve(self, call: Call) -> Reply:
        """Have the collector run one of its own methods."""
        link = await self._ready(call)
        if isinstance(link, PeerLink):
            # A client may dispatch only: to the collector itself, which then passes it on to nobody.
            call.target = link.engine.peer_id
            return await link.dispatch(call)
        return await link.serve(call)

    async def dispatch(self, call: Call) -> Reply:
        """See the port."""
        return await (await self._ready(call)).dispatch(call)

    async def aclose(self, *, grace: float = 0.0) -> None:
        """See the port."""
        self._is_closed = True
        if self._unary is not None:
            await self._unary.aclose(grace=grace)
        for engine in self._running:
            if engine.phase is Phase.GREETING:
                engine.lost("the client was closed")
            engine.close(200, "the client was closed")
        until = self._clock.now() + self._rules.goodbye
        alarm = self._clock.alarm()
        while self._running and self._clock.now() < until:
            await alarm.wait(_LOOK_SECONDS)

    async def _ready(self, call: Call) -> Link:
        if self._unary is not None:
            return self._unary
        link = self._link
        if link is not None and link.engine.is_usable and not link.engine.peer_is_draining:
            return link
        if self._is_closed:
            raise UnavailableError(f"the link to {self.address} is closed")
        left = call.deadline - self._clock.now()
        if left <= 0:
            raise DeadlineExceededError("deadline exceeded", executed=Executed.NO)
        if self._dialing is not None:
            alarm = self._clock.alarm()
            self._dialing.append(alarm)
            if not await alarm.wait(min(left, DIAL_SECONDS * 2)):
                raise DeadlineExceededError("deadline exceeded", executed=Executed.NO)
            if self._unary is None and (self._link is None or not self._link.engine.is_usable):
                raise UnavailableError(f"nobody has answered at {self.address}")
            return self._unary or self._link
        self._dialing = []
        try:
            return await self._dial(min(left, DIAL_SECONDS))
        finally:
            waiting, self._dialing = self._dialing, None
            for alarm in waiting:
                alarm.ring()

    async def _dial(self, timeout: float) -> Link:
        until = self._clock.now() + timeout
        for _ in range(_TRIES):
            engine = await self._open_stream(until - self._clock.now())
            if engine.has_no_link:
                self._unary = self._transport.unary(self.address)
                return self._unary
            if engine.refusal is not None:
                refusal = engine.refusal
                raise error_for(refusal.code, visible(refusal.message), refusal.details)
            if engine.phase is Phase.OPEN:
                self._link = PeerLink(engine, self.address, self._tasks.promise)
                return self._link
            if self._is_closed or self._clock.now() >= until:
                break
        raise UnavailableError(engine.reason)

    async def _open_stream(self, timeout: float) -> LinkEngine:
        """Dial once; gives an engine that has been answered, or has ended."""
        self._dials += 1
        host = _ClientHost(self._clock.alarm(), self._report)
        rules = self._rules
        me = Introduction(
            collector_id=self._name,
            incarnation=self._incarnation,
            limits=Limits(rules.max_payload_bytes, rules.batching.window),
        )
        engine = LinkEngine(
            me,
            host,
            now=self._clock.now(),
            dial=self._dials,
            role=Role.CLIENT,
            batching=rules.batching,
            heartbeats=rules.heartbeats,
        )
        self._running.add(engine)
        self._tasks.start(
            self._run(engine, self._transport.dial(self.address, is_patient=False)), f"link to {self.address}"
        )
        try:
            is_answered = await host.opened_or_ended.wait(timeout)
        except BaseException:
            engine.lost("not wanted anymore")
            raise
        if not is_answered:
            engine.lost("no answer")
            raise UnavailableError(f"nobody has answered at {self.address} within {timeout:g} s")
        return engine

    def _report(self, error: Exception) -> None:
        """Have whoever looks after tasks hear of an error that nobody waits for."""

        async def fail() -> None:
            raise error

        self._tasks.start(fail(), f"link to {self.address}")

    async def _run(self, engine: LinkEngine, stream: FrameStream) -> None:
        try:
            await self._pump.run(stream, engine)
        finally:
            engine.lost("the stream has ended")
            self._running.discard(engine)


class _ClientHost:
    """What a client makes of what its engine tells."""

    def __init__(self, opened_or_ended: Alarm, report: Callable[[Exception], None]) -> None:
        self.opened_or_ended = opened_or_ended
        self._report = report

    def catalog(self) -> Catalog:
        return Catalog()

    def greeted(self, engine: LinkEngine, hello: Hello) -> None:
        """Nobody says hello to a client."""

    def opened(self, engine: LinkEngine) -> None:
        _ = engine
        self.opened_or_ended.ring()

    def confirmed(self, engine: LinkEngine) -> None:
        """A client says hello itself."""

    def take(self, engine: LinkEngine, taken: TakenCall) -> None:
        """Nobody may call a client."""
        _ = engine
        taken.answer(Reply.refused(InvalidCallError("a client takes no calls")))

    def changed(self, engine: LinkEngine) -> None:
        """What the collector serves is its own business."""

    def reached(self, engine: LinkEngine, news: tuple[Reach, ...]) -> None:
        """Whom the collector passes calls on to is its own business."""

    def ended(self, engine: LinkEngine) -> None:
        _ = engine
        self.opened_or_ended.ring()

    def failed(self, engine: LinkEngine, error: Exception) -> None:
        _ = engine
        self._report(error)
