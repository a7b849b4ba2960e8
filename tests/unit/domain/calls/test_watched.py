"""A watch is told once of each call that is dispatched, and of each attempt, however it ends."""

from collections.abc import Coroutine
from typing import Any

import attrs
import pytest
from tests.unit.domain.calls.scripted import ScriptedWay, says
from tests.unit.domain.serving.threads import Cancelled, Work
from tests.unit.domain.watching.noted import KEY, RECORDED, UNRECORDED, Inner, Noted, Submitted, done
from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fakes import FakeClock, run
from collector_mesh.domain.calls.attempt import Attempt
from collector_mesh.domain.calls.judge import Judge
from collector_mesh.domain.calls.sampled import SampledDispatcher, sampled_attempts
from collector_mesh.domain.calls.watched import WatchedAttempt, WatchedDispatcher
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, InvalidCallError, NotFoundError
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import Reply


@attrs.define
class Watched:
    """A dispatcher that is watched, and the time."""

    clock: FakeClock = attrs.field(factory=FakeClock)
    noted: Noted = attrs.field(factory=Noted)
    inner: Inner = attrs.field(factory=Inner)
    replies: list[Reply] = attrs.field(factory=list)

    @property
    def dispatcher(self) -> WatchedDispatcher:
        return WatchedDispatcher(self.inner, self.noted, self.clock)

    def submit(self, call: Call | None = None) -> Any:
        return self.dispatcher.submit(call or Call(KEY, deadline=1010.0), self.replies.append)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_an_awaited_call_is_told_with_its_reply_and_its_times_as_one_and_the_same_object(
    watched: Watched,
) -> None:
    call = Call(KEY)
    work = Work(watched.dispatcher.dispatch(call))
    assert (watched.noted.began, watched.noted.ended) == (["dispatch"], [])

    watched.clock.time += 2.0
    watched.inner.promise.set_result(done())
    work.step()

    assert work.result == done()
    assert watched.noted.ended == [("dispatch", 200, 1000.0, 1002.0)]
    assert all(each is call for each in watched.noted.calls)


def test_an_awaited_call_that_is_cancelled_ends_without_a_reply(watched: Watched) -> None:
    work = Work(watched.dispatcher.dispatch(Call(KEY)))

    work.cancel()

    assert isinstance(work.error, Cancelled)
    assert watched.noted.ended == [("dispatch", None, 1000.0, 1000.0)]


def test_a_call_that_nobody_awaits_is_told_when_it_is_answered_and_is_over_then(watched: Watched) -> None:
    begun = watched.submit()
    watched.clock.time += 3.0
    watched.inner.submitted[0].answer(done())
    begun.cancel()

    assert [reply.status.code for reply in watched.replies] == [200]
    assert watched.noted.ended == [("dispatch", 200, 1000.0, 1003.0)]
    assert not watched.inner.submitted[0].is_cancelled
    assert begun.time_remaining() == 7.0


def test_a_call_that_nobody_awaits_can_be_cancelled_and_ends_without_a_reply_once(watched: Watched) -> None:
    begun = watched.submit()

    begun.cancel()
    begun.cancel()

    assert watched.inner.submitted[0].is_cancelled
    assert watched.noted.ended == [("dispatch", None, 1000.0, 1000.0)]
    assert watched.replies == []


def test_a_call_that_is_answered_at_once_leaves_nothing_to_cancel(watched: Watched) -> None:
    watched.inner.at_once = done()

    assert watched.submit() is None
    assert watched.noted.ended == [("dispatch", 200, 1000.0, 1000.0)]


def test_a_call_that_is_answered_before_it_is_handed_back_is_not_cancelled_later(watched: Watched) -> None:
    inner = Submitted(watched.replies.append)

    class Hasty(Inner):
        def submit(self, call: Call, answer: Any) -> Submitted:
            answer(done())
            return inner

    watched.inner = Hasty()
    watched.submit().cancel()

    assert not inner.is_cancelled
    assert watched.noted.ended == [("dispatch", 200, 1000.0, 1000.0)]


def test_what_ends_the_process_while_a_call_is_begun_is_told_as_a_call_without_a_reply(
    watched: Watched,
) -> None:
    watched.inner.error = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        watched.submit()
    with pytest.raises(KeyboardInterrupt):
        run(watched.dispatcher.dispatch(Call(KEY)))

    assert watched.noted.ended == [("dispatch", None, 1000.0, 1000.0)] * 2


def test_whoever_waits_is_answered_even_if_the_watch_fails(watched: Watched) -> None:
    watched.noted.fails = True
    watched.submit()
    cancelled = watched.submit()
    first, second = watched.inner.submitted

    with pytest.raises(RuntimeError, match="the watch has failed"):
        first.answer(done())
    with pytest.raises(RuntimeError, match="the watch has failed"):
        cancelled.cancel()

    assert [reply.status.code for reply in watched.replies] == [200]
    assert second.is_cancelled


def test_a_call_that_is_refused_begins_and_ends_at_once(watched: Watched) -> None:
    reply = watched.dispatcher.refuse(Call(KEY), NotFoundError("no"))

    assert (reply.status.code, reply.executed) == (404, Executed.NO)
    assert watched.noted.began == ["dispatch"]
    assert watched.noted.ended == [("dispatch", 404, 1000.0, 1000.0)]
    assert watched.dispatcher.known_key(KEY) is KEY


def _drive(work: Coroutine[Any, Any, Reply]) -> Reply:
    return run(work)


@pytest.mark.parametrize(("trace", "is_told"), [(RECORDED, True), (UNRECORDED, False), (b"", False)])
def test_of_all_calls_those_that_are_recorded_are_told_in_each_form(trace: bytes, *, is_told: bool) -> None:
    clock, noted, inner, replies = FakeClock(), Noted(), Inner(at_once=done()), list[Reply]()
    dispatcher = SampledDispatcher(inner, noted, clock)
    call = Call(KEY, trace=trace)

    assert _drive(dispatcher.dispatch(call)) == done()
    assert dispatcher.submit(call, replies.append) is None
    assert dispatcher.refuse(call, InvalidCallError("no")).status.code == 400

    assert len(inner.seen) == 3
    assert replies == [done()]
    assert [code for _, code, _, _ in noted.ended] == [200, 200, 400] * is_told
    assert dispatcher.known_key(KEY) is KEY


class Tried:
    """One peer at which attempts are made that are watched."""

    def __init__(self, reply: Reply | None, kind: Any = WatchedAttempt, trace: bytes = b"") -> None:
        self.world, self.noted = World(), Noted()
        self.noted.sends = lambda call: attrs.evolve(call, hops=9)
        self.world.peer("a", methods=(MethodInfo(THERE, "unary", False),))
        connection = self.world.topology.get("a")
        assert connection is not None
        self.way = connection.way = ScriptedWay("a", self.world.clock, lambda: reply)
        self.call = Call(THERE, trace=trace)
        place = self.world.router.choose(self.call, tried=(), now=1000.0, dice=self.world.dice)
        assert place is not None
        self.replies: list[Reply] = []
        judge = Judge(self.world.clock, self.world.dice, goes_on_elsewhere=lambda *_: False)
        parts = self.call, place, self.way, self.replies.append, judge, 1000.0, 1010.0
        self.attempt: Attempt = (
            kind(self.noted, self.world.clock, *parts)
            if kind is WatchedAttempt
            else kind(self.noted, self.world.clock)(*parts)
        )


def test_an_attempt_is_sent_as_the_watch_says_and_told_with_its_times() -> None:
    tried = Tried(done("a"))
    tried.world.clock.time += 4.0

    tried.attempt.send()

    assert tried.way.sent[0].call.hops == 9
    assert tried.noted.began == ["attempt a"]
    assert tried.noted.ended == [("attempt a", 200, 1000.0, 1004.0)]
    assert tried.noted.calls == [tried.call, tried.way.sent[0].call]
    assert tried.replies == [done("a")]


def test_an_attempt_that_is_given_up_ends_without_a_reply_and_is_told_once_with_the_time_then() -> None:
    tried = Tried(None)
    tried.attempt.send()
    tried.world.clock.time += 4.0

    tried.attempt.cancel()
    tried.attempt.cancel()

    assert tried.noted.ended == [("attempt a", None, 1000.0, 1004.0)]
    assert tried.way.cancelled == [tried.attempt]


def test_an_attempt_that_has_been_answered_is_not_told_as_cancelled_later() -> None:
    tried = Tried(says(503))
    tried.attempt.send()

    tried.attempt.cancel()

    assert [code for _, code, _, _ in tried.noted.ended] == [503]
    assert tried.way.cancelled == []


def test_an_attempt_that_cannot_be_sent_ends_without_a_reply() -> None:
    tried = Tried(None)

    def broken(_sent: object) -> None:
        raise ValueError("no")

    tried.way.send = broken  # type: ignore[method-assign, assignment]  # it fails
    with pytest.raises(ValueError, match="no"):
        tried.attempt.send()

    assert [code for _, code, _, _ in tried.noted.ended] == [None]


def test_the_caller_hears_of_an_attempt_and_the_link_of_its_end_even_if_the_watch_fails() -> None:
    answered, given_up = Tried(done("a")), Tried(None)
    answered.noted.fails = given_up.noted.fails = True
    given_up.attempt.send()

    with pytest.raises(RuntimeError, match="the watch has failed"):
        answered.attempt.send()
    with pytest.raises(RuntimeError, match="the watch has failed"):
        given_up.attempt.cancel()

    assert answered.replies == [done("a")]
    assert given_up.way.cancelled == [given_up.attempt]


@pytest.mark.parametrize(("trace", "is_told"), [(RECORDED, True), (UNRECORDED, False), (b"", False)])
def test_of_all_attempts_those_of_calls_that_are_recorded_are_told(trace: bytes, *, is_told: bool) -> None:
    tried = Tried(done("a"), sampled_attempts, trace)

    tried.attempt.send()

    assert tried.noted.began == ["attempt a"] * is_told
    assert tried.way.sent[0].call.hops == 9 * is_told
    assert tried.replies == [done("a")]
