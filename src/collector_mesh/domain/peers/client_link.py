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
    MeshError,
    UnavailableError,
    error_for,
    text_of,
)
from collector_mesh.domain.model.frames import Catalog, Hello, Introduction, Limits, Role
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.dialing import Dial
from collector_mesh.domain.peers.peer import OpenLink
from collector_mesh.domain.peers.times import LET_GO_SECONDS
from collector_mesh.domain.peers.waiting import holds_within
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import FrameStream, NoLinkError, Pump
from collector_mesh.domain.ports.link import Link
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport

ASK_AGAIN_SECONDS = 60.0
"""Seconds after which a collector that had no links is asked whether it has some now."""

_DIALS = 3
"""How often one call waits for a link: one may end as soon as it has opened."""

_WAIT_SECONDS = 3600.0
_LOOK_SECONDS = 0.005


class ClientLink:
    """Dials when there is a call and no link. The dial is nobody's: each call waits for it with its own time.

    A collector without links is called with one request for each call.

    Args:
        address: of the collector.
        transport: dials.
        pump: moves frames.
        tasks: runs links.
        clock: tells the time.
        dice: make up a name.
        rules: how links are kept.
        dial_timeout: seconds that one dial may take, the answer included.
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
        dial_timeout: float = 10.0,
    ) -> None:
        self.address = address
        self._transport = transport
        self._pump = pump
        self._tasks = tasks
        self._clock = clock
        self._name = f"client-{dice.token()[:12]}"
        self._incarnation = dice.token()
        self._rules = rules
        self._dial_timeout = dial_timeout
        self._link: PeerLink | None = None
        self._unary: Link | None = None
        self._ask_again_at = 0.0
        self._dials = 0
        self._is_dialing = False
        self._failure: MeshError | None = None
        """Why the last dial has failed."""
        self._waiting: dict[Alarm, None] = {}
        self._running: dict[LinkEngine, None] = {}
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
        for engine in list(self._running):
            if engine.phase is Phase.GREETING:
                engine.lost("the client was closed")
            engine.close(200, "the client was closed")
        await holds_within(self._clock, self._rules.goodbye, lambda: not self._running, look=_LOOK_SECONDS)

    async def _ready(self, call: Call) -> Link:
        """What a call goes over.

        Raises:
            UnavailableError: the client is closed, or nobody has answered.
            DeadlineExceededError: the time of the call is up.
            MeshError: the collector has refused.
        """
        for _ in range(_DIALS):
            if (link := self._link) is not None and _is_fine(link):
                return link
            if self._is_closed:
                raise UnavailableError(f"the link to {self.address} is closed")
            if self._unary is not None:
                if self._clock.now() >= self._ask_again_at:
                    self._start_dial()
                return self._unary
            await self._wait_for_dial(call.deadline)
            if (failure := self._failure) is not None:
                raise error_for(failure.code, str(failure), failure.details)
        raise UnavailableError(f"{self.address} has ended each link as soon as it was open")

    async def _wait_for_dial(self, deadline: float) -> None:
        alarm = self._clock.alarm()
        self._waiting[alarm] = None
        try:
            while (left := deadline - self._clock.now()) > 0:
                self._start_dial()
                if await alarm.wait(min(left, _WAIT_SECONDS)):
                    return
        finally:
            del self._waiting[alarm]
        raise DeadlineExceededError("deadline exceeded", executed=Executed.NO)

    def _start_dial(self) -> None:
        if not self._is_dialing:
            self._is_dialing = True
            self._failure = None
            self._tasks.start(self._dial(), f"dial {self.address}")

    async def _dial(self) -> None:
        try:
            # A refusal becomes a reply, which is the same over a link that is open already.
            dial = Dial(self.address, self._begin, self._clock, names_address=False)
            link = await dial.first(self._dial_timeout)
        except NoLinkError:
            self._has_no_link()
        except MeshError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001  # a transport of a user's may raise anything
            self._failure = UnavailableError(text_of(error))
        else:
            self._link = PeerLink(link.engine, self.address, self._tasks.promise)
            unary, self._unary = self._unary, None
            if unary is not None:
                self._tasks.start(unary.aclose(grace=LET_GO_SECONDS), f"close the link to {self.address}")
        finally:
            self._is_dialing = False
            for alarm in self._waiting:
                alarm.ring()

    def _has_no_link(self) -> None:
        self._ask_again_at = self._clock.now() + ASK_AGAIN_SECONDS
        if self._unary is None:
            try:
                self._unary = self._transport.unary(self.address)
            except MeshError as error:
                self._failure = error

    def _begin(self, opened: Alarm) -> OpenLink:
        if self._is_closed:
            raise UnavailableError("the client was closed")
        stream = self._transport.dial(self.address, is_patient=False)
        self._dials += 1
        rules = self._rules
        me = Introduction(
            collector_id=self._name,
            incarnation=self._incarnation,
            limits=Limits(rules.max_payload_bytes, rules.batching.window),
        )
        host = _ClientHost(self._report)
        engine = LinkEngine(
            me,
            host,
            now=self._clock.now(),
            dial=self._dials,
            role=Role.CLIENT,
            batching=rules.batching,
            heartbeats=rules.heartbeats,
        )
        link = host.link = OpenLink(engine, self.address, opened)
        self._running[engine] = None
        self._tasks.start(self._run(engine, stream), f"link to {self.address}")
        return link

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
            self._running.pop(engine, None)


def _is_fine(link: PeerLink) -> bool:
    return link.engine.is_usable and not link.engine.peer_is_draining


class _ClientHost:
    """What a client makes of what its engine tells."""

    def __init__(self, report: Callable[[Exception], None]) -> None:
        self.link: OpenLink | None = None
        self._report = report

    def catalog(self) -> Catalog:
        return Catalog()

    def is_dialing(self, dial: int) -> bool:
        """A client is nobody's peer."""
        _ = dial
        return False

    def greeted(self, engine: LinkEngine, hello: Hello) -> None:
        """Nobody says hello to a client."""

    def opened(self, engine: LinkEngine) -> None:
        _ = engine
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
        _ = engine
        if self.link is not None:
            self.link.settle()

    def failed(self, engine: LinkEngine, error: Exception) -> None:
        _ = engine
        self._report(error)
