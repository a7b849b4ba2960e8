"""One end of a link: frames and time go in, frames and decisions come out; no input or output happens here."""

from collections.abc import Callable
from functools import partial

import attrs

from collector_mesh.domain.link.backlog import parts_of, parts_of_change
from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.calls import LinkCalls
from collector_mesh.domain.link.closing import FAILING, Phase
from collector_mesh.domain.link.deadlines import HELLO_SECONDS, Deadlines
from collector_mesh.domain.link.end import LinkEnd, nobody
from collector_mesh.domain.link.handshake import read_handshake
from collector_mesh.domain.link.health import Heartbeats, Vital
from collector_mesh.domain.link.host import LinkHost
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.sizes import cut_introduction
from collector_mesh.domain.link.telling import DEFECT, Telling
from collector_mesh.domain.model.errors import clipped, quoted
from collector_mesh.domain.model.frames import (
    Catalog,
    CatalogChange,
    Control,
    Frame,
    Greeting,
    Heartbeat,
    Hello,
    Introduction,
    Role,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.limits import MAX_ID_BYTES
from collector_mesh.domain.model.status import OK


class LinkEngine(LinkEnd):
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
    ) -> None:
        super().__init__(me, host, now=now, dial=dial, heartbeats=heartbeats, identity=identity)
        self._telling = Telling(host, self)
        self._calls = LinkCalls(me, batching or Batching(), self._closing, self._telling, self)
        # Of the parts of these what is asked for every frame is at hand.
        self._news = self._telling.news
        self._inbox, self._outbox = self._calls.inbox, self._calls.outbox
        self._inbox.identity = identity
        self._deadlines = Deadlines(self._calls, self._closing, self._health, now)
        self._told_credit = 0
        self.on_over: Callable[[], None] = nobody
        """Called when `is_over` has become true."""
        if self.is_dialer:
            self._notices.hello = Hello(self._introduced(me.catalog), role, dial)

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

    def _read_greeting(self, frame: Frame) -> bool:
        """Read what comes before a link is open; True if there may be more in the frame."""
        control = frame.control
        if self.phase is Phase.GREETING:
            said = read_handshake(frame, is_dialer=self.is_dialer, has_greeted=self.peer is not None)
            if isinstance(said, Hello):
                self.peer = peer = self._heard_of(said.introduction)
                self.peer_role, self.dial = said.role, said.dial
                self._closing.greeted()
                # What is malformed of its catalog is for the host to judge: it may refuse whoever says that.
                hello = attrs.evolve(said, introduction=attrs.evolve(peer, catalog=said.introduction.catalog))
                self._tell(lambda: self._host.greeted(self, hello))
            elif isinstance(said, Greeting):
                return self._read_answer(said)
            elif said is not None:
                self._end(said.reason, clean=True)
            return False
        if control is not None and (control.hello is not None or control.greeting is not None):
            raise ProtocolError("a second hello")
        if not self.is_confirmed:
            self.is_confirmed = True
            self._tell(lambda: self._host.confirmed(self))
            self._telling.tell()
        return True

    def _read_answer(self, greeting: Greeting) -> bool:
        """Read the answer to hello; True if the link is open and wanted."""
        status = greeting.status
        if status.code != OK.code:
            self.refusal = status
            self.peer = cut_introduction(greeting.introduction)
            self._end(status.message or f"refused with the code {status.code}", clean=True)
            return False
        self.connection_id = clipped(greeting.connection_id, MAX_ID_BYTES)
        self._open(self._heard_of(greeting.introduction))
        # So that the other side knows that its answer has come; and to have a round trip.
        self._health.ask()
        self.is_confirmed = True
        self.on_work()
        self._tell(lambda: self._host.opened(self))
        # Whoever welcomes this side may have put calls into the same frame, which the host may not want.
        self._telling.tell()
        return self._closing.state.reads

    def _read(self, frame: Frame, now: float) -> None:
        outbox = self._outbox
        if frame.credit and not outbox.window.take_credit(frame.credit, now):
            written = outbox.window.written
            raise ProtocolError(f"credit for {frame.credit} frames, of which only {written} were sent")
        self._inbox.read(frame, now, outbox.last_number)
        if frame.cancels:
            self._calls.cancelled(frame.cancels)
        if frame.control is not None:
            self._read_control(frame.control, now)
        self.on_work()

    def _read_control(self, control: Control, now: float) -> None:
        if control.ping is not None:
            self._notices.pong = Heartbeat(control.ping.number)
            self._health.peer_was_late(control.ping.lag)
        if control.pong is not None:
            self._health.ponged(control.pong.number, now)
        if control.catalog is not None or control.catalog_change is not None or control.reach:
            self._read_news(control)
        if control.draining and not self.peer_is_draining:
            self.peer_is_draining = True
            self._notices.draining_seen = True
            self._tell_of_change()
        if control.draining_seen:
            self.draining_was_seen = True
            self._tell_of_change()
        if control.goodbye is not None:
            self._end(control.goodbye.reason, clean=control.goodbye.is_clean)

    def _read_news(self, control: Control) -> None:
        """Take in what the other side serves and whom it reaches, or as much as does not take too long."""
        backlog, was_empty = self._backlog, self._backlog.is_empty
        if control.catalog is not None:
            backlog.forget_catalog()
            backlog.add(self._hearing.replace(control.catalog))
        if control.catalog_change is not None:
            backlog.add(parts_of_change(control.catalog_change))
        if self.peer_role == Role.COLLECTOR:
            backlog.add(parts_of(control.reach))
        if was_empty:
            self._take_in()

    def _take_in(self) -> None:
        """Take in the next part of the news that wait."""
        for news in self._backlog.take():
            if isinstance(news, CatalogChange):
                assert self.peer is not None  # for the type checker: it has said hello
                self.peer = attrs.evolve(self.peer, catalog=self._hearing.change(news))
                if self._shares_others(news):
                    self.tell_catalog()
                self._tell_of_change()
            else:
                self._tell(partial(self._host.reached, self, news))

    def _shares_others(self, change: CatalogChange) -> bool:
        """Whether a change of the other side's catalog is one of what it hears of this side's."""
        is_told_a_part = not self.is_dialer and self.peer_role == Role.COLLECTOR
        return is_told_a_part and bool(change.namespaces or change.removed_namespaces)

    # ---- what goes out -------------------------------------------------------------------------------

    @property
    def owes_credit(self) -> bool:
        """Whether the other side waits to hear that its frames were taken."""
        return self._inbox.taken_frames > self._told_credit and self._closing.phase is Phase.OPEN

    def next_frame(self, now: float, *, with_credit: bool = False) -> Frame | None:
        """What to write now, or None; `with_credit` writes a frame only to tell of frames taken, if need be."""
        closing, outbox = self._closing, self._outbox
        if closing.phase is Phase.ENDED:
            return None
        has_control = self._has_control(now)
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

    def _has_control(self, now: float) -> bool:
        is_open = self._closing.phase is Phase.OPEN
        return (
            self._closing.state.leaves
            or self._notices.wait(is_open=is_open)
            or (is_open and self._health.is_ping_due(now))
        )

    def _control(self, now: float) -> Control | None:
        is_open = self._closing.phase is Phase.OPEN
        ping = Heartbeat(*self._health.ping(now)) if is_open and self._health.is_ping_due(now) else None
        goodbye = None
        if self._closing.state.leaves:
            calls = self._calls
            goodbye = self._closing.goodbye(
                nothing_waits=calls.nothing_waits,
                owes_nothing=calls.owes_nothing,
                all_is_said=calls.all_is_said,
                awaits_nothing=calls.awaits_nothing,
            )
        control = self._notices.take(self._catalog, ping, goodbye, is_open=is_open)
        if goodbye is not None:
            self._end(goodbye.reason, clean=False)
        return control

    def _catalog(self) -> Catalog:
        """What this side serves now; what it has told before if its host cannot say."""
        try:
            return self._told_of(self._host.catalog())
        except Exception as error:  # noqa: BLE001  # a host may raise anything
            self._telling.broken(error)
            return self._notices.offering.told

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
            self._end(f"nothing heard for {self._health.silent_for(now):.0f} s", clean=False)
            return
        if vital is not self.vital:
            self.vital = vital
            self._tell_of_change()
        if self._health.is_ping_due(now):
            self.on_work()

    # ---- the end -------------------------------------------------------------------------------------

    def lost(self, reason: str, *, has_no_link: bool = False, nobody_listens: bool = False) -> None:
        """The stream has ended or is broken; whoever is there may not know of links, or nobody is there."""
        self.has_no_link = self.has_no_link or has_no_link
        self.nobody_listens = self.nobody_listens or nobody_listens
        self._end(reason, clean=False)
        self._telling.tell()

    def failed(self, error: Exception, unsent: Frame | None = None) -> None:
        """Something has raised that must not, here or in the stream; `unsent` is a frame that was not written."""
        if unsent is not None and unsent.calls is not None:
            self._calls.were_not_sent(unsent.calls)
        self.fail(DEFECT.message, DEFECT.code)
        self._tell(lambda: self._host.failed(self, error))
        self._telling.tell()

    def _tell(self, news: Callable[[], None]) -> None:
        self._telling.news.append(news)

    def _tell_of_change(self) -> None:
        self._tell(lambda: self._host.changed(self))

    def _end(self, reason: str, *, clean: bool) -> None:
        if not self._closing.end(reason, clean=clean):
            return
        # First of all, so that calls which go elsewhere find another link to the same peer.
        self._tell(lambda: self._host.ended(self))
        self._backlog.clear()
        self._calls.end(
            f"the link to {quoted(self.peer_id)} has ended: {self.reason}", self.time, clean=clean
        )
        self.on_over()
