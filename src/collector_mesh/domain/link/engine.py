"""One end of a link: frames and time go in, frames and decisions come out; no input or output happens here."""

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.calls import LinkCalls
from collector_mesh.domain.link.closing import FAILING, Phase
from collector_mesh.domain.link.deadlines import HELLO_SECONDS, Deadlines
from collector_mesh.domain.link.health import Heartbeats, Vital
from collector_mesh.domain.link.host import LinkHost
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.recovery import Recovery
from collector_mesh.domain.link.talk import LinkTalk
from collector_mesh.domain.link.telling import DEFECT, Telling
from collector_mesh.domain.model.frames import (
    Asked,
    Control,
    Frame,
    Heartbeat,
    Hello,
    Introduction,
    Role,
)
from collector_mesh.domain.model.identity import Identity


class LinkEngine(LinkTalk):
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
        offered: the only namespaces that the other side is told of; all without it.
        recovery: finds out what became of calls where links are lost; nobody does without it.
    """

    def __init__(
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
        offered: frozenset[str] | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        super().__init__(
            me, host, now=now, dial=dial, heartbeats=heartbeats, identity=identity, recovery=recovery
        )
        self.offered = offered
        self._telling = Telling(host, self)
        self._calls = LinkCalls(me, batching or Batching(), self._closing, self._telling, self)
        # Of the parts of these what is asked for every frame is at hand.
        self._news = self._telling.news
        self.send, self.answer = self._calls.send, self._calls.answer
        self._inbox, self._outbox = self._calls.inbox, self._calls.outbox
        self._inbox.identity = identity
        self._outbox.on_growth = self.weigh
        self._deadlines = Deadlines(self._calls, self._closing, self._health, now)
        self._told_credit = 0
        if self.is_dialer:
            self._notices.add(hello=Hello(self._introduced(self._told_of(me.catalog)), role, dial))

    # ---- what comes in -------------------------------------------------------------------------------

    def receive(self, frame: Frame, now: float) -> None:
        """Take what the other side has written."""
        if not self._closing.state.reads:
            return
        self.time = now
        self._health.heard(now)
        if self.vital is not Vital.LIVE:
            self.vital = Vital.LIVE
            self._tell_of_change()
        try:
            # Nearly every frame comes over a link that is open, and says nothing of the link itself.
            if (self.is_confirmed and frame.control is None) or self._read_greeting(frame):
                self._read(frame, now)
        except ProtocolError as error:
            self.fail(f"protocol error: {error}")
        if self._news:
            self._telling.tell()

    def _read(self, frame: Frame, now: float) -> None:
        outbox = self._outbox
        if frame.credit and not outbox.window.take_credit(frame.credit, now):
            written = outbox.window.written
            raise ProtocolError(f"credit for {frame.credit} frames, of which only {written} were sent")
        if frame.control is not None and frame.control.asked is not None:
            self._calls.asked(frame.control.asked, self.recovery)
        self._inbox.read(frame, now, outbox.last_number)
        if frame.cancels:
            self._calls.cancelled(frame.cancels)
        if frame.control is not None:
            self._read_control(frame.control, now)
        # Where there is no wire, a frame does not say what it has cost there.
        self._arrived += frame.size or _size(frame)
        if self._arrived >= self._weigh_at or frame.methods or frame.texts or frame.control is not None:
            self.weigh()
        # Nearly every frame only wakes callers here, or handlers, and these say themselves what there is to be written. A
        # call of which something is to come has a time that is to be looked at.
        if (
            frame.control is not None
            or not outbox.is_empty
            or self._closing.state.leaves
            or (frame.calls is not None and frame.calls.extras)
        ):
            self.on_work()

    # ---- what goes out -------------------------------------------------------------------------------

    @property
    def owes_credit(self) -> bool:
        """Whether the other side waits to hear that its frames were taken."""
        return self._inbox.taken_frames > self._told_credit and self._closing.phase is Phase.OPEN

    def next_frame(self, now: float, *, with_credit: bool = False) -> Frame | None:
        """What to write now, or None; `with_credit` writes a frame only to tell of frames taken, if need be."""
        closing, outbox, notices = self._closing, self._outbox, self._notices
        if closing.phase is Phase.ENDED:
            return None
        is_open = closing.phase is Phase.OPEN
        has_control = (
            closing.state.leaves
            or (notices.may_wait and notices.wait(is_open=is_open))
            or (is_open and now >= self._health.ping_at)
        )
        credit = self._inbox.taken_frames
        with_credit = with_credit and credit > self._told_credit
        if not (has_control or with_credit) and outbox.is_empty:
            return None  # so ends each round of writing, and nearly each look after a frame has come
        control = self._control(now) if has_control else None
        frame = None
        if closing.state.answers:  # it may just have said goodbye
            frame = outbox.write(now, credit, control)
            if frame is None and control is None and closing.state.leaves:
                # What was too late to be sent may have been all that a goodbye has waited for.
                control = self._control(now)
        if frame is None and (control is not None or with_credit):
            frame = Frame(credit, control)
        if frame is not None:
            self._told_credit = credit
            self._health.wrote(now)
        if self._news:
            self._telling.tell()
        return frame

    def _control(self, now: float) -> Control | None:
        is_open = self._closing.phase is Phase.OPEN
        ping = None
        if is_open and now >= self._health.ping_at:
            number, lag = self._health.ping(now)
            ping = Heartbeat(number, lag, self._questions.take(number))
        goodbye = None
        if self._closing.state.leaves:
            calls = self._calls
            goodbye = self._closing.goodbye(
                nothing_waits=calls.nothing_waits and not self._notices.asks,
                owes_nothing=calls.owes_nothing,
                all_is_said=calls.all_is_said,
                awaits_nothing=calls.awaits_nothing,
            )
        asked = self._next_asked() if is_open and goodbye is None else None
        control = self._notices.take(self._catalog, ping, goodbye, is_open=is_open, asked=asked)
        if goodbye is not None:
            self._end(goodbye.reason, clean=False)
        return control

    def _next_asked(self) -> Asked | None:
        """What is asked of calls over an earlier link, which are calls of this one from now on."""
        asks, outbox = self._notices.asks, self._outbox
        while asks:
            found = asks.popleft().ask(self, outbox.last_number + 1)
            if found is not None:
                asked, resumed = found
                outbox.resume(resumed)
                return asked
        return None

    # ---- time ----------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Look at deadlines and at the other side's health."""
        closing = self._closing
        if closing.phase is Phase.ENDED:
            return
        self.time = now
        self._deadlines.came(now)
        if closing.state is FAILING:
            if now >= closing.farewell_by:
                self._end(closing.reason, clean=False)
        elif closing.phase is Phase.OPEN:
            self._look(now)
        elif self.peer is None and not self.is_dialer and now >= self._deadlines.greeting_by:
            # Whoever has dialed knows best how long to wait.
            self.fail(f"nothing was said for {HELLO_SECONDS:g} s", code=504)
        self._deadlines.looked(now)
        self._telling.tell()

    def _look(self, now: float) -> None:
        try:
            self._take_in()
        except ProtocolError as error:
            self.fail(f"protocol error: {error}")
        if self._calls.expire(now):
            self._health.probe(now)
        vital = self._health.look(now)
        if vital is Vital.DEAD:
            self._end(f"nothing heard for {self._health.silent_for(now):.0f} s", clean=False, is_loss=True)
            return
        if vital is not self.vital:
            self.vital = vital
            self._tell_of_change()
        if now >= self._health.ping_at:
            self.on_work()

    # ---- the end -------------------------------------------------------------------------------------

    def lost(self, reason: str, *, has_no_link: bool = False, nobody_listens: bool = False) -> None:
        """The stream has ended or is broken; whoever is there may not know of links, or nobody is there."""
        self.has_no_link = self.has_no_link or has_no_link
        self.nobody_listens = self.nobody_listens or nobody_listens
        self._end(reason, clean=False, is_loss=True)
        self._telling.tell()

    def failed(self, error: Exception, unsent: Frame | None = None) -> None:
        """Something has raised that must not, here or in the stream; `unsent` is a frame that was not written."""
        if unsent is not None and unsent.calls is not None:
            self._calls.were_not_sent(unsent.calls)
        self.fail(DEFECT.message, DEFECT.code)
        self._tell(lambda: self._host.failed(self, error))
        self._telling.tell()


def _size(frame: Frame) -> int:
    """The payloads of a frame, whole and in pieces."""
    size = sum(len(chunk.value) for chunk in frame.chunks) if frame.chunks else 0
    return size if frame.calls is None else size + sum(map(len, frame.calls.values))
