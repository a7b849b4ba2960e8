"""One end of a link: frames and time go in, frames and decisions come out; no input or output happens here."""

from collections.abc import Callable, Iterable
from enum import Enum

import attrs

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.link.handshake import read_handshake
from collector_mesh.domain.link.health import Health, Heartbeats, Vital
from collector_mesh.domain.link.host import LinkHost
from collector_mesh.domain.link.inbox import Inbox, ProtocolError
from collector_mesh.domain.link.notices import Notices
from collector_mesh.domain.link.outbox import Outbox, expired
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    HandlerError,
    MeshError,
    OutcomeUnknownError,
    PayloadTooLargeError,
    UnavailableError,
    clipped,
    quoted,
)
from collector_mesh.domain.model.frames import (
    Control,
    Frame,
    Goodbye,
    Greeting,
    Heartbeat,
    Hello,
    Introduction,
    Role,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.status import OK, Reply, Status

SWEEP_SECONDS = 0.02
"""How often deadlines are looked at: one look for all calls instead of a timer for each."""

HELLO_SECONDS = 5.0
"""How long a link that was opened may say nothing."""

FAREWELL_SECONDS = 1.0
"""How long a goodbye may wait to be written, before the link ends without."""

_LATE_SECONDS = 0.25
"""Less is not told: every loop is a little late."""


class Phase(Enum):
    """How far a link has come."""

    GREETING = "greeting"
    OPEN = "open"
    ENDED = "ended"


def _nobody() -> None:
    """Tell nobody of work."""


class LinkEngine:
    """The state of one link.

    Args:
        me: who this side is.
        host: whom it tells.
        now: the time, in seconds, as in every `now` below.
        role: of this side.
        dial: counts the links that this side has opened; 0 where the other side has dialed.
        batching: how calls are put into frames.
        heartbeats: when to send signs of life.
        identity: what the transport has proved about the other side.
    """

    def __init__(  # a link has that much state
        self,
        me: Introduction,
        host: LinkHost,
        *,
        now: float,
        dial: int = 0,
        role: Role = Role.COLLECTOR,
        batching: Batching | None = None,
        heartbeats: Heartbeats | None = None,
        identity: Identity | None = None,
    ) -> None:
        batching = batching or Batching()
        self._me = me
        self._host = host
        self._role = role
        self._queue_bytes = batching.queue_bytes
        self._outbox = Outbox(me.collector_id, batching)
        self._inbox = Inbox(
            self._outbox.waiting,
            self._take,
            self._make,
            self._refuse_large,
            max_payload_bytes=me.limits.max_payload_bytes,
            # Calls and replies each fill the other side's queue at most, but for the last one.
            max_partial_bytes=2 * (batching.queue_bytes + me.limits.max_payload_bytes),
        )
        self._health = Health(heartbeats or Heartbeats(), now)
        self._taken: dict[int, TakenCall] = {}
        self._told_credit = 0
        self._notices = Notices()
        self._farewell: tuple[int, str] | None = None
        self._farewell_at_once = False
        self._farewell_by = 0.0
        self._next_tick = now + HELLO_SECONDS
        self.time = now
        """When it was last told the time."""
        self.on_work: Callable[[], None] = _nobody
        """Called when `next_frame` may have something to give."""
        self.on_over: Callable[[], None] = _nobody
        """Called when `is_over` has become true."""
        self.began = now
        self.is_dialer = dial > 0
        self.dial = dial
        self.phase = Phase.GREETING
        self.peer: Introduction | None = None
        """Who is at the other end, once it has said so."""
        self.peer_role: int = Role.COLLECTOR
        self.identity = identity
        self.connection_id = ""
        self.refusal: Status | None = None
        """Why the other side does not want this link, if it does not."""
        self.has_no_link = False
        """Whether the other side does not know of links."""
        self.has_failed = False
        """Whether this side has ended it, because of something that the other side did or did not do."""
        self.is_confirmed = False
        self.is_retiring = False
        self.peer_is_draining = False
        self.draining_was_seen = False
        self.reason = ""
        """Why it has ended."""
        self.was_clean = False
        """Whether the other side has said goodbye with all calls answered."""
        self.vital = Vital.LIVE
        if self.is_dialer:
            self._notices.hello = Hello(me, role, dial)
        self._inbox.identity = identity

    # ---- what others see ---------------------------------------------------------------------------

    @property
    def peer_id(self) -> str:
        """Id of the other side, empty until it has told."""
        return self.peer.collector_id if self.peer is not None else ""

    @property
    def is_usable(self) -> bool:
        """Whether calls may be sent."""
        return self.phase is Phase.OPEN and self._farewell is None and not self.is_retiring

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to write, so that the stream can be closed."""
        return self.phase is Phase.ENDED

    @property
    def in_flight(self) -> int:
        """Calls of this side that are not answered."""
        return self._outbox.in_flight

    @property
    def running(self) -> int:
        """Calls of the other side that are not answered."""
        return len(self._taken)

    @property
    def queued_bytes(self) -> int:
        """What waits to be written."""
        return self._outbox.queued_bytes

    @property
    def round_trip(self) -> float | None:
        """Of the last heartbeat, in seconds."""
        return self._health.round_trip

    @property
    def pongs(self) -> int:
        """Pings that were answered."""
        return self._health.pongs

    # ---- the handshake, for the host ---------------------------------------------------------------

    def welcome(self, connection_id: str, shared: tuple[str, ...]) -> None:
        """Accept who has said hello."""
        if self.phase is not Phase.GREETING or self.peer is None:
            return
        self.connection_id = connection_id
        text = f"Connected with {len(shared)} shared namespaces"
        self._notices.greeting = Greeting(
            Status(200, text), attrs.evolve(self._me, catalog=self._host.catalog()), connection_id, shared
        )
        self._open(self.peer)
        self.on_work()

    def refuse(self, status: Status) -> None:
        """Turn away who has said hello."""
        if self.phase is not Phase.GREETING:
            return
        self._notices.greeting = Greeting(status, self._me)
        self.fail(status.message, status.code)

    def _open(self, peer: Introduction) -> None:
        self.peer = peer
        self.phase = Phase.OPEN
        # From now on it is time for heartbeats, which may be due before a hello would have been late.
        self._next_tick = min(self._next_tick, self._health.next_look(self.time))
        self._outbox.narrow(peer.limits.window)
        inbox = self._inbox
        inbox.peer_id = peer.collector_id
        if self.peer_role == Role.COLLECTOR:
            inbox.caller = peer.collector_id
        else:
            inbox.origin = Origin.CLIENT

    # ---- calls -------------------------------------------------------------------------------------

    def send(self, sent: SentCall) -> None:
        """Send a call; what comes of it goes to its `settle`, which may happen before this returns."""
        value = sent.call.payload.value
        size = len(value)
        peer = self.peer
        if peer is None or not self.is_usable:
            text = f"the link to {quoted(self.peer_id)} is {'about to end' if self.phase is Phase.OPEN else 'down'}"
            self._settle(sent, Reply.refused(UnavailableError(text)))
        elif size > peer.limits.max_payload_bytes:
            error = PayloadTooLargeError.of(size, peer.limits.max_payload_bytes)
            self._settle(sent, Reply.refused(error))
        elif self._outbox.queued_bytes + size > self._queue_bytes:
            text = (
                f"{quoted(self.peer_id)} is too slow: {self._outbox.queued_bytes} bytes wait to be sent to it"
            )
            self._settle(sent, Reply.refused(UnavailableError(text)))
        else:
            self._outbox.put(sent, value)
            self.on_work()

    def cancel(self, sent: SentCall) -> None:
        """Wait for a call no longer; the other side is told if it knows of it."""
        if sent.is_done:
            return
        sent.is_done = True
        self._outbox.drop(sent)
        self._inbox.forget_reply(sent.number)
        self.on_work()

    def answer(self, taken: TakenCall, reply: Reply) -> None:
        """Answer a call of the other side."""
        if taken.is_done or self.phase is Phase.ENDED or self._farewell_at_once:
            return
        if self._taken.pop(taken.number, None) is None:
            return
        value = reply.payload.value
        limit = self.peer.limits.max_payload_bytes if self.peer is not None else 0
        if len(value) > limit:
            text = f"handler error: result of {len(value)} bytes is over the limit of {limit} bytes"
            reply = Reply.refused(HandlerError(text, handled_by=reply.handled_by))
            value = b""
        taken.reply = reply
        outbox = self._outbox
        outbox.put(taken, value)
        if outbox.reply_bytes > self._queue_bytes:
            outbox.drop_late_replies(self.time)
            if outbox.reply_bytes > self._queue_bytes:
                self.fail(
                    f"{quoted(self.peer_id)} is a slow consumer: {outbox.reply_bytes} bytes of replies wait"
                )
        self.on_work()

    def _settle(self, sent: SentCall, reply: Reply) -> None:
        # Whoever was told of an earlier one may have cancelled it.
        if not sent.is_done:
            sent.is_done = True
            sent.settle(reply)

    def _make(self, number: int, call: Call, mode: int) -> TakenCall:
        taken = TakenCall(self, number, call, mode)
        self._taken[number] = taken
        return taken

    def _take(self, taken: TakenCall) -> None:
        # It may have been cancelled, or the link have ended, while its payload came in.
        if taken.number in self._taken:
            self._host.take(self, taken)

    def _refuse_large(self, taken: TakenCall, size: int) -> None:
        if taken.number in self._taken:
            error = PayloadTooLargeError.of(size, self._me.limits.max_payload_bytes)
            taken.answer(Reply.refused(error))

    # ---- notices -----------------------------------------------------------------------------------

    def tell_catalog(self) -> None:
        """What this side serves has changed: the other side is told once, however often this is called."""
        # A hello that is on its way has an old one; a welcome is made when it is sent.
        if self.phase is Phase.OPEN or (self.phase is Phase.GREETING and self.is_dialer):
            self._notices.catalog = True
            self.on_work()

    def tell_reach(self, news: Iterable[Reach]) -> None:
        """Tell who can be reached through this side; of two things said of one collector the later counts."""
        if self.phase is Phase.OPEN and self.peer_role == Role.COLLECTOR:
            for reach in news:
                self._notices.reach[reach.collector_id] = reach
            self.on_work()

    def tell_draining(self) -> None:
        """Announce that this side takes no new calls; see `draining_was_seen`."""
        if self.phase is Phase.OPEN:
            self._notices.draining = True
            self.on_work()

    def ask(self) -> None:
        """Have a ping sent; `pongs` counts the answers."""
        self._health.ask()
        self.on_work()

    def retire(self, reason: str) -> None:
        """Take no new calls, and say goodbye once all calls of both sides have been answered."""
        if self.phase is Phase.OPEN and self._farewell is None:
            self.is_retiring = True
            self.reason = reason
            self.on_work()

    def restore(self) -> bool:
        """Take back `retire`; False if it is too late."""
        if self.phase is not Phase.OPEN or self._farewell is not None:
            return False
        self.is_retiring = False
        self.reason = ""
        return True

    def close(self, code: int, reason: str) -> None:
        """Say goodbye once what waits has been written."""
        if self.phase is Phase.ENDED or self._farewell is not None:
            return
        self._farewell = (code, clipped(reason))
        self.on_work()

    def fail(self, reason: str, code: int = 400) -> None:
        """Say goodbye at once."""
        if self.phase is Phase.ENDED:
            return
        self.has_failed = True
        self._farewell, self._farewell_at_once = (code, clipped(reason)), True
        self._farewell_by = self.time + FAREWELL_SECONDS
        self.on_work()

    # ---- what comes in -----------------------------------------------------------------------------

    def lost(self, reason: str, *, has_no_link: bool = False) -> None:
        """The stream has ended or is broken, or whoever is there does not know of links."""
        self.has_no_link = self.has_no_link or has_no_link
        self._end(reason, clean=False)

    def receive(self, frame: Frame, now: float) -> None:
        """Take what the other side has written."""
        if self.phase is Phase.ENDED or self._farewell_at_once:
            return
        self.time = now
        self._health.heard(now)
        if self.vital is not Vital.LIVE:
            self.vital = Vital.LIVE
            self._host.changed(self)
        try:
            self._read(frame, now)
        except ProtocolError as error:
            self.fail(f"protocol error: {error}")

    def _read(self, frame: Frame, now: float) -> None:
        control = frame.control
        if self.phase is Phase.GREETING:
            if not self._read_handshake(frame):
                return
        elif control is not None and (control.hello is not None or control.greeting is not None):
            raise ProtocolError("a second hello")
        if not self.is_confirmed:
            self._confirm()
        if frame.credit and not self._outbox.take_credit(frame.credit, now):
            raise ProtocolError(
                f"credit for {frame.credit} frames, of which only {self._outbox.written} were sent"
            )
        self._inbox.read(frame, now, self._outbox.last_number)
        for number in frame.cancels:
            self._inbox.forget(number)
            taken = self._taken.pop(number, None)
            if taken is not None:
                taken.cancel()
        if control is not None:
            self._read_control(control, now)
        self.on_work()

    def _read_handshake(self, frame: Frame) -> bool:
        """Read a hello or the answer to one; True if there may be more in the frame."""
        said = read_handshake(frame, is_dialer=self.is_dialer, has_greeted=self.peer is not None)
        if isinstance(said, Greeting):
            # Whoever welcomes this side may have put calls into the same frame.
            return self._read_greeting(said)
        if isinstance(said, Hello):
            self.peer, self.peer_role, self.dial = said.introduction, said.role, said.dial
            self._host.greeted(self, said)
        elif said is not None:
            self._end(said.reason, clean=True)
        return False

    def _read_greeting(self, greeting: Greeting) -> bool:
        """Read the answer to hello; True if the link is open and wanted."""
        status = greeting.status
        if status.code != OK.code:
            self.refusal = status
            self.peer = greeting.introduction
            self._end(status.message or f"refused with the code {status.code}", clean=True)
            return False
        self.connection_id = greeting.connection_id
        self._open(greeting.introduction)
        # So that the other side knows that its answer has come; and to have a round trip.
        self._health.ask()
        self.is_confirmed = True
        self.on_work()
        self._host.opened(self)
        return self.phase is Phase.OPEN and not self._farewell_at_once

    def _confirm(self) -> None:
        self.is_confirmed = True
        self._host.confirmed(self)

    def _read_control(self, control: Control, now: float) -> None:
        if control.ping is not None:
            self._notices.pong = Heartbeat(control.ping.number)
            self._health.peer_was_late(control.ping.lag)
        if control.pong is not None:
            self._health.ponged(control.pong.number, now)
        if control.catalog is not None and self.peer is not None:
            self.peer = attrs.evolve(self.peer, catalog=control.catalog)
            self._host.changed(self)
        if control.reach and self.peer_role == Role.COLLECTOR:
            self._host.reached(self, control.reach)
        if control.draining and not self.peer_is_draining:
            self.peer_is_draining = True
            self._host.changed(self)
            self._notices.draining_seen = True
        if control.draining_seen:
            self.draining_was_seen = True
            self._host.changed(self)
        if control.goodbye is not None:
            self._end(control.goodbye.reason, clean=control.goodbye.is_clean)

    # ---- what goes out -----------------------------------------------------------------------------

    @property
    def owes_credit(self) -> bool:
        """Whether the other side waits to hear that its frames were taken."""
        return self._inbox.taken_frames > self._told_credit and self.phase is Phase.OPEN

    def next_frame(self, now: float, *, with_credit: bool = False) -> Frame | None:
        """What to write now, or None; `with_credit` writes a frame only to tell of frames taken, if need be."""
        if self.phase is Phase.ENDED:
            return None
        outbox = self._outbox
        has_control = self._has_control(now)
        credit = self._inbox.taken_frames
        with_credit = with_credit and credit > self._told_credit
        if not (has_control or with_credit) and outbox.is_empty:
            return None  # so ends each round of writing, and nearly each look after a frame has come
        control = self._control(now) if has_control else None
        frame = None
        # It may just have said goodbye.
        if self.phase is Phase.OPEN and not self._farewell_at_once:
            frame = outbox.write(now, self._expire, credit, control)
            if frame is None and control is None and (self.is_retiring or self._farewell is not None):
                # What was too late to be sent may have been all that a goodbye has waited for.
                control = self._control(now)
        if frame is None:
            if control is None and not with_credit:
                return None
            frame = Frame(credit, control)
        self._told_credit = credit
        self._health.wrote(now)
        return frame

    def _has_control(self, now: float) -> bool:
        is_open = self.phase is Phase.OPEN
        return (
            self._farewell is not None
            or self.is_retiring
            or self._notices.wait(is_open=is_open)
            or (is_open and self._health.is_ping_due(now))
        )

    def _control(self, now: float) -> Control | None:
        is_open = self.phase is Phase.OPEN
        ping = Heartbeat(*self._health.ping(now)) if is_open and self._health.is_ping_due(now) else None
        return self._notices.take(self._host.catalog, ping, self._goodbye(), is_open=is_open)

    def _goodbye(self) -> Goodbye | None:
        """A goodbye, if it is time for one; then nothing is written anymore."""
        is_done = self._outbox.is_empty and not self._taken
        if self._farewell is None:
            if not (self.is_retiring and is_done and not self._outbox.waiting):
                return None
            self._farewell = (200, self.reason)
        if not (self._farewell_at_once or self._outbox.is_empty):
            return None
        code, reason = self._farewell
        self._end(reason, clean=False)
        return Goodbye(code, reason, is_done)

    def _expire(self, sent: SentCall) -> None:
        self._settle(sent, expired())

    # ---- time --------------------------------------------------------------------------------------

    @property
    def next_tick(self) -> float:
        """When `tick` is due: soon while somebody waits for a reply."""
        return self._next_tick

    @property
    def has_deadlines(self) -> bool:
        """Whether calls have to be looked at every `SWEEP_SECONDS`."""
        return self._farewell_at_once or bool(self._outbox.waiting) or not self._outbox.is_empty

    def tick(self, now: float) -> None:
        """Look at deadlines and at the other side's health."""
        if self.phase is Phase.ENDED:
            return
        self.time = now
        late = now - self._next_tick
        if late > _LATE_SECONDS:
            self._health.was_late(late)
        if self._farewell_at_once and self._farewell is not None:
            self._next_tick = now + SWEEP_SECONDS
            if now >= self._farewell_by:
                self._end(self._farewell[1], clean=False)
            return
        if self.phase is Phase.GREETING:
            self._look_at_greeting(now)
            return
        self._look_at_deadlines(now)
        vital = self._health.look(now)
        if vital is Vital.DEAD:
            self._end(f"nothing heard for {self._health.silent_for(now):.0f} s", clean=False)
            return
        if vital is not self.vital:
            self.vital = vital
            self._host.changed(self)
        if self._health.is_ping_due(now):
            self.on_work()
        self._next_tick = now + SWEEP_SECONDS if self.has_deadlines else self._health.next_look(now)

    def hurry(self, now: float) -> None:
        """Have the next tick come soon, because a call has been sent."""
        self._next_tick = min(self._next_tick, now + SWEEP_SECONDS)

    def _look_at_greeting(self, now: float) -> None:
        self._next_tick = now + HELLO_SECONDS
        if now < self.began + HELLO_SECONDS:
            self._next_tick = self.began + HELLO_SECONDS
        elif self.peer is None:
            self.fail(f"nothing was said for {HELLO_SECONDS:g} s", code=504)

    def _look_at_deadlines(self, now: float) -> None:
        outbox = self._outbox
        for sent in outbox.late(now):
            if sent.is_done:  # whoever was told of an earlier one has cancelled it
                continue
            executed = Executed.MAYBE
            if not sent.number or outbox.is_partly_sent(sent):
                executed = Executed.NO
            self.cancel(sent)
            sent.settle(Reply.refused(DeadlineExceededError("deadline exceeded", executed=executed)))
            if executed is Executed.MAYBE:
                self._health.probe(now)

    # ---- the end -----------------------------------------------------------------------------------

    def _end(self, reason: str, *, clean: bool) -> None:
        if self.phase is Phase.ENDED:
            return
        self.phase = Phase.ENDED
        self.reason = clipped(reason or "no reason given")
        self.was_clean = clean
        not_sent, sent_whole = self._outbox.take_all()
        self._inbox.clear()
        # First of all, so that calls which go elsewhere find another link to the same peer.
        self._host.ended(self)
        who = f"the link to {quoted(self.peer_id)} has ended: {self.reason}"
        for sent in not_sent:
            self._settle(sent, Reply.refused(UnavailableError(who)))
        for sent in sent_whole:
            if not clean:
                error: MeshError = OutcomeUnknownError(f"outcome unknown: {who}")
            elif sent.deadline <= self.time:
                # It may have run: a reply that is too late is not sent.
                error = DeadlineExceededError("deadline exceeded")
            else:
                error = UnavailableError(who)
            self._settle(sent, Reply.refused(error))
        for taken in self._taken.values():
            taken.cancel()
        self._taken.clear()
        self.on_over()
