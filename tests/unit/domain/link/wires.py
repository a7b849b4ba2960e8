"""Two engines and what lies between them: frames move, and time passes, when a test says so."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.link.health import Heartbeats
from collector_mesh.domain.link.host import LinkHost
from collector_mesh.domain.link.recovery import Recovery
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import (
    Catalog,
    Frame,
    Hello,
    Introduction,
    Limits,
    Mode,
    Role,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.status import OK, Reply

ECHO = MethodKey("users", "UserService", "Echo")
PROVED = Identity(uris=("spiffe://example.org/left",))
START = 1000.0
MAX_PAYLOAD = 4 << 20


def answer(taken: TakenCall, payload: Payload | None = None) -> None:
    """Answer a call: its handler ran."""
    by = taken.call.target or "somebody"
    taken.answer(Reply(OK, payload or taken.call.payload, by, Executed.YES))


@attrs.define(eq=False)
class Outcome:
    """A call that was sent, and what came of it."""

    sent: SentCall
    replies: list[Reply]

    @property
    def reply(self) -> Reply:
        """The only reply."""
        (reply,) = self.replies
        return reply

    @property
    def code(self) -> int:
        """Its code."""
        return self.reply.status.code


class End:
    """One end: a host that writes down what it is told."""

    def __init__(self, name: str, wire: "Wire") -> None:
        self.name = name
        self.wire = wire
        self.told: list[str] = []
        self.failures: list[Exception] = []
        self.reach: list[Reach] = []
        self.taken: list[TakenCall] = []
        self.handler: Callable[[TakenCall], None] | None = None
        self.on_hello: Callable[[LinkEngine, Hello], None] = welcome
        self.on_opened: Callable[[LinkEngine], None] | None = None
        self.names = Catalog(("users",))
        self.catalogs = 0
        self.arriving: deque[Frame] = deque()
        self.written: list[Frame] = []
        self.engine: LinkEngine

    def catalog(self) -> Catalog:
        self.catalogs += 1
        return self.names

    def is_dialing(self, dial: int) -> bool:
        return False

    def greeted(self, engine: LinkEngine, hello: Hello) -> None:
        self.told.append("greeted")
        self.on_hello(engine, hello)

    def opened(self, engine: LinkEngine) -> None:
        self.told.append("opened")
        if self.on_opened is not None:
            self.on_opened(engine)

    def confirmed(self, engine: LinkEngine) -> None:
        self.told.append("confirmed")

    def take(self, taken: TakenCall, /) -> None:
        self.taken.append(taken)
        if self.handler is not None:
            self.handler(taken)

    def changed(self, engine: LinkEngine) -> None:
        self.told.append("changed")

    def reached(self, engine: LinkEngine, news: tuple[Reach, ...]) -> None:
        self.reach += news

    def ended(self, engine: LinkEngine) -> None:
        self.told.append("ended")

    def failed(self, engine: LinkEngine, error: Exception) -> None:
        self.failures.append(error)

    @property
    def last(self) -> TakenCall:
        """The call that came last."""
        return self.taken[-1]

    def send(self, call: Call | None = None, mode: Mode = Mode.SERVE) -> Outcome:
        """Send a call, without any frame yet."""
        replies: list[Reply] = []
        sent = SentCall(call or Call(ECHO), mode, replies.append)
        self.engine.send(sent)
        return Outcome(sent, replies)

    def send_bytes(self, size: int, *, timeout: float = float("inf")) -> Outcome:
        """Send a call with a payload of a size."""
        return self.send(Call(ECHO, Payload("type", bytes(size)), self.wire.now + timeout))

    def write(self, *, with_credit: bool = False) -> list[Frame]:
        """Put what waits on the wire; give the frames."""
        frames = []
        while (frame := self.engine.next_frame(self.wire.now, with_credit=with_credit)) is not None:
            frames.append(frame)
        self.written += frames
        self.other.arriving.extend(frames)
        return frames

    def read(self) -> bool:
        """Take one frame from the wire."""
        if not self.arriving:
            return False
        self.engine.receive(self.arriving.popleft(), self.wire.now)
        return True

    @property
    def other(self) -> "End":
        """The other end."""
        return self.wire.right if self is self.wire.left else self.wire.left

    def receive(self, frame: Frame) -> None:
        """Take a frame that the other end has not written."""
        self.engine.receive(frame, self.wire.now)


def welcome(engine: LinkEngine, _hello: Hello) -> None:
    """Welcome everybody."""
    engine.welcome("connection-1", ("users",))


class Wire:
    """Two ends; the left one has dialed."""

    def __init__(
        self,
        *,
        batching: Batching | None = None,
        heartbeats: Heartbeats | None = None,
        role: Role = Role.COLLECTOR,
        max_payload: int = MAX_PAYLOAD,
        window: int = 4,
        identity: Identity | None = None,
        raises: bool = False,
        catalog: Catalog | None = None,
        now: float = START,
        recoveries: tuple[Recovery | None, Recovery | None] = (None, None),
        identities: tuple[Identity | None, Identity | None] | None = None,
        incarnations: tuple[str, str] = ("left-1", "right-1"),
    ) -> None:
        self.now = now
        self.raises = raises
        """Whether a test wants that its own functions raise."""
        self.left = End("left", self)
        self.right = End("right", self)
        proved = identities or (None, identity)
        for end, recovery, incarnation, shown in zip(
            (self.left, self.right), recoveries, incarnations, proved, strict=True
        ):
            end.names = catalog or end.names
            me = Introduction(
                collector_id=end.name,
                address=f"{end.name}:1",
                incarnation=incarnation,
                catalog=end.names,
                limits=Limits(max_payload, window),
            )
            end.engine = LinkEngine(
                me,
                end,
                now=self.now,
                dial=1 if end is self.left else 0,
                role=role if end is self.left else Role.COLLECTOR,
                batching=batching,
                heartbeats=heartbeats,
                identity=shown,
                recovery=recovery,
            )

    def settle(self) -> None:
        """Move frames until there are none, also those that are written only for their credit."""
        self._move()
        for failure in (*self.left.failures, *self.right.failures):
            if not self.raises:
                raise failure

    def _move(self) -> None:
        for _ in range(10_000):
            moved = [end.write() or end.read() for end in (self.left, self.right)]
            if any(moved):
                continue
            moved = [end.write(with_credit=True) for end in (self.left, self.right)]
            if not any(moved):
                return
        raise AssertionError("it never becomes quiet")

    def wait(self, seconds: float, *, moves: bool = True) -> None:
        """Let time pass: each end looks at it when it wants to."""
        until = self.now + seconds
        for _ in range(100_000):
            if moves:
                self.settle()
            ends = [end for end in (self.left, self.right) if end.engine.phase is not Phase.ENDED]
            due = min((end.engine.next_tick for end in ends), default=until)
            if due > until:
                break
            self.now = max(self.now, due)
            for end in ends:
                if end.engine.next_tick <= self.now:
                    end.engine.tick(self.now)
            if not ends:
                break
        self.now = until
        if moves:
            self.settle()

    def cut(self) -> None:
        """Break the stream; what was on its way is gone."""
        for end in (self.left, self.right):
            end.arriving.clear()
            end.engine.lost("the stream is broken")


def opened(
    *,
    batching: Batching | None = None,
    heartbeats: Heartbeats | None = None,
    role: Role = Role.COLLECTOR,
    max_payload: int = MAX_PAYLOAD,
    window: int = 4,
    identity: Identity | None = None,
    raises: bool = False,
    catalog: Catalog | None = None,
) -> Wire:
    """A wire whose ends have greeted each other."""
    wire = Wire(
        batching=batching,
        heartbeats=heartbeats,
        role=role,
        max_payload=max_payload,
        window=window,
        identity=identity,
        raises=raises,
        catalog=catalog,
    )
    wire.settle()
    return wire


if TYPE_CHECKING:
    _fits: type[LinkHost] = End
