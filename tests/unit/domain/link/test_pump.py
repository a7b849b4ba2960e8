"""The pump: moves frames, keeps times, and survives whatever a machine or a stream raises."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from tests.unit.domain.link.wires import ECHO, Outcome, Wire, answer

from collector_mesh.app.testing.fakes import FakeClock, FakeTasks
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.pump import FAREWELL_SECONDS, LinkPump
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.frame_stream import (
    FrameStream,
    MalformedFrameError,
    NoLinkError,
    PushStream,
    StreamBrokenError,
    StreamEnd,
    UnsendableFrameError,
)

STEP = 0.01


class HandStream:
    """A stream that asks for frames when a test says so, and is closed once."""

    identity: Identity | None = None

    def __init__(self, address: str = "peer:1") -> None:
        self.address = address
        self.written: list[Frame] = []
        self.is_stuck = False
        self.is_closed = False
        self.broken: dict[str, Exception] = {}
        """What it raises where."""
        self.end: StreamEnd | None = None
        self._is_woken = False

    def _break(self, where: str) -> None:
        if where in self.broken:
            raise self.broken[where]

    def open(self, end: StreamEnd) -> None:
        self._break("open")
        self.end = end
        self._is_woken = True

    def wake(self) -> None:
        self._break("wake")
        self._is_woken = True

    def ask(self) -> None:
        """Ask for all that there is."""
        while self._is_woken and not self.is_stuck and not self.is_closed and self.end is not None:
            self._is_woken = False
            frame = self.end.next_frame()
            if frame is None:
                continue
            self._is_woken = True
            try:
                self._break("write")
            except UnsendableFrameError as error:
                del self.broken["write"]
                self.end.unsendable(frame, error)
            except Exception as error:  # noqa: BLE001  # as adapters do
                self.end.ended(error)
                self._is_woken = False
            else:
                self.written.append(frame)

    async def read(self) -> Frame | None:
        raise NotImplementedError

    async def write(self, frame: Frame) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        self.is_closed = True
        self._break("aclose")


class Pumped:
    """A link whose left end is pumped; the right one is moved by hand."""

    def __init__(self, *, is_welcome: bool = True) -> None:
        self.wire = Wire(raises=True)
        self.left, self.right = self.wire.left, self.wire.right
        self.engine = self.left.engine
        self.clock = FakeClock(time=self.wire.now)
        self.tasks = FakeTasks()
        self.stream = HandStream()
        self.has_ended = False
        self._carried = 0
        self.tasks.start(self._run(), "link")
        if is_welcome:
            self.until(lambda: self.right.engine.is_confirmed)

    async def _run(self) -> None:
        try:
            await LinkPump(self.clock, self.tasks, _never).run(self.stream, self.engine)
        finally:
            self.has_ended = True

    def step(self, seconds: float = 0.0) -> None:
        """Let time pass, and everybody do what there is to do."""
        self.clock.time += seconds
        self.wire.now = self.clock.time
        self.clock.ring()
        self.tasks.step()
        self.stream.ask()
        for frame in self.stream.written[self._carried :]:
            self._carried += 1
            self.right.receive(frame)
        self.right.write(with_credit=True)
        if self.stream.end is not None and not self.stream.is_closed:
            while self.left.arriving:
                self.stream.end.received(self.left.arriving.popleft())
        self.tasks.step()

    def until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        """Go on until something is so."""
        until = self.clock.time + seconds
        while not condition():
            assert self.clock.time < until, "it takes too long"
            self.step(STEP)

    def three_calls(self) -> tuple[Outcome, Outcome, Outcome]:
        """One that the other side runs, and two that are not out, because the stream is stuck."""
        ran = self.left.send(Call(ECHO, deadline=self.clock.time + 60.0))
        self.until(lambda: self.right.taken)
        self.stream.is_stuck = True
        waiting = [self.left.send(Call(ECHO, deadline=self.clock.time + 60.0)) for _ in range(2)]
        self.step()
        return ran, waiting[0], waiting[1]


def _never(stream: FrameStream) -> NoReturn:
    raise AssertionError(f"it pushes by itself: {stream}")


class OddError(Exception):
    """What nobody has thought of."""


def raises(error: Exception) -> Callable[..., Any]:
    def function(*_arguments: object, **_options: object) -> NoReturn:
        raise error

    return function


def test_frames_move_both_ways_until_a_goodbye_and_then_the_stream_is_closed() -> None:
    pumped = Pumped()
    outcome = pumped.left.send()
    pumped.until(lambda: pumped.right.taken)
    answer(pumped.right.last)
    pumped.until(lambda: outcome.replies)

    pumped.engine.close(200, "enough")
    pumped.until(lambda: pumped.has_ended)

    assert outcome.code == 200
    assert pumped.stream.is_closed
    assert pumped.stream.written[-1].control is not None
    assert pumped.stream.written[-1].control.goodbye is not None
    assert [timer for timer in pumped.clock.timers if not timer.is_over] == []


def test_a_credit_waits_for_a_frame_that_it_can_go_with_and_then_goes_alone() -> None:
    pumped = Pumped()
    pumped.right.handler = answer
    pumped.left.handler = lambda taken: answer(taken) if len(pumped.left.taken) == 1 else None
    for _ in range(3):
        pumped.step()
    before = len(pumped.stream.written)

    pumped.right.send()  # is answered at once
    for _ in range(4):
        pumped.step()
    pumped.right.send()  # is not answered
    for _ in range(4):
        pumped.step()

    first, second = pumped.stream.written[before:]
    assert (first.credit, first.replies is None) == (1, False)
    assert (second.credit, second.replies is None) == (2, True)


def test_what_comes_while_the_machine_is_asked_is_not_forgotten() -> None:
    pumped = Pumped()
    engine, real = pumped.engine, pumped.engine.next_frame
    outcomes: list[Outcome] = []

    def asked(now: float, *, with_credit: bool = False) -> Frame | None:
        frame = real(now, with_credit=with_credit)
        if frame is None and not outcomes:
            outcomes.append(pumped.left.send())
        return frame

    engine.next_frame = asked  # type: ignore[method-assign]  # somebody who is told of a late call makes another
    pumped.engine.ask()
    for _ in range(4):
        pumped.step()  # no time passes, so no timer helps

    assert len(pumped.right.taken) == 1


def test_deadlines_are_kept_while_the_stream_takes_nothing() -> None:
    pumped = Pumped()
    pumped.stream.is_stuck = True
    pumped.engine.ask()
    pumped.step(1.0)

    outcome = pumped.left.send(Call(ECHO, deadline=pumped.clock.time + 0.1))
    begin = pumped.clock.time
    pumped.until(lambda: outcome.replies)

    assert outcome.code == 504
    assert pumped.clock.time - begin <= 0.15


def test_a_link_that_fails_ends_soon_though_the_stream_takes_nothing() -> None:
    pumped = Pumped()
    pumped.stream.is_stuck = True
    pumped.engine.fail("enough")

    pumped.until(lambda: pumped.has_ended, 1.1 + FAREWELL_SECONDS)

    assert pumped.stream.is_closed


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "the other side has ended the stream without a goodbye"),
        (StreamBrokenError("the cable is cut"), "the cable is cut"),
        (OddError("what is this"), "internal error"),
    ],
)
def test_a_stream_that_ends_ends_the_link(error: Exception | None, reason: str) -> None:
    pumped = Pumped()
    ran, *_ = pumped.three_calls()

    assert pumped.stream.end is not None
    pumped.stream.end.ended(error)
    pumped.until(lambda: pumped.has_ended)

    assert pumped.engine.reason == reason
    assert (ran.code, ran.reply.executed) == (502, Executed.MAYBE)
    assert pumped.left.failures == ([error] if isinstance(error, OddError) else [])


def test_a_stream_without_links_at_its_other_end_is_told_apart() -> None:
    pumped = Pumped(is_welcome=False)
    pumped.step()

    assert pumped.stream.end is not None
    pumped.stream.end.ended(NoLinkError("unimplemented"))
    pumped.until(lambda: pumped.has_ended)

    assert pumped.engine.has_no_link


def test_what_is_no_frame_is_answered_with_a_goodbye() -> None:
    pumped = Pumped()

    assert pumped.stream.end is not None
    pumped.stream.end.ended(MalformedFrameError("a message that is no frame"))
    pumped.until(lambda: pumped.has_ended)

    last = pumped.stream.written[-1].control
    assert last is not None
    assert last.goodbye is not None
    assert last.goodbye.reason == "a message that is no frame"


@pytest.mark.parametrize("where", ["receive", "next_frame", "tick", "next_tick", "is_over", "owes_credit"])
@pytest.mark.parametrize("is_stubborn", [False, True])
def test_whatever_the_machine_raises_ends_its_link_with_news_and_nobody_waits(
    where: str, *, is_stubborn: bool
) -> None:
    pumped = Pumped()
    calls = pumped.three_calls()
    error = OddError(where)
    engine = pumped.engine
    pumped.stream.is_stuck = False

    class Broken(type(engine)):  # type: ignore[misc]  # a class that is known when it runs
        pass

    if where in ("next_tick", "is_over", "owes_credit"):
        setattr(Broken, where, property(raises(error)))
    else:
        setattr(Broken, where, raises(error))
    if is_stubborn:
        Broken.failed = raises(OddError("again"))
    engine.__class__ = Broken
    engine.ask()
    pumped.right.send()
    pumped.until(lambda: all(call.replies for call in calls), 30.0)
    engine.__class__ = Broken.__mro__[1]
    pumped.until(lambda: pumped.has_ended)

    assert calls[0].reply.executed is Executed.MAYBE
    for call in calls[1:]:
        assert call.code in (502, 503)
        # It is known of those that are not in any frame.
        assert call.reply.executed is (Executed.NO if not call.sent.number else Executed.MAYBE)
    assert engine.phase is Phase.ENDED
    assert pumped.stream.is_closed
    if not is_stubborn:
        assert error in pumped.left.failures


@pytest.mark.parametrize("where", ["open", "wake", "write"])
def test_whatever_a_stream_raises_ends_its_link_with_news_and_nobody_waits(where: str) -> None:
    error = OddError(where)
    if where == "open":
        pumped = Pumped(is_welcome=False)
        pumped.stream.broken[where] = error
        calls = [pumped.left.send()]
    else:
        pumped = Pumped()
        calls = list(pumped.three_calls())
        pumped.stream.is_stuck = False
        pumped.stream.broken[where] = error
        pumped.step()
        calls.append(pumped.left.send())

    pumped.until(lambda: pumped.has_ended)

    assert all(call.replies for call in calls)
    assert pumped.left.failures[0] is error
    assert pumped.stream.is_closed


def test_a_stream_that_raises_when_it_is_closed_is_told_to_whoever_runs_the_link() -> None:
    pumped = Pumped()
    pumped.stream.broken["aclose"] = OddError("no")

    pumped.engine.lost("enough")
    with pytest.raises(OddError):
        pumped.until(lambda: pumped.has_ended)


def test_calls_of_a_frame_that_cannot_be_encoded_have_not_run_and_the_other_side_hears_goodbye() -> None:
    pumped = Pumped()
    ran, first, second = pumped.three_calls()
    error = UnsendableFrameError("a lone surrogate")
    pumped.stream.is_stuck = False
    pumped.stream.broken["write"] = error

    pumped.until(lambda: pumped.has_ended)

    assert (ran.code, ran.reply.executed) == (502, Executed.MAYBE)
    for call in (first, second):
        assert (call.code, call.reply.executed) == (503, Executed.NO)
    assert pumped.left.failures == [error]
    assert pumped.stream.written[-1].control is not None
    assert pumped.stream.written[-1].control.goodbye is not None


if TYPE_CHECKING:
    _pushes: type[PushStream] = HandStream
    _stream_fits: type[FrameStream] = HandStream
