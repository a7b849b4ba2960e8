"""Middleware around calls that are dispatched: which calls meet it, and what becomes of a call whatever it does."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from tests.unit.domain.serving.threads import Cancelled, Threads, Work
from tests.unit.domain.watching.noted import Inner, done
from tests.unit.domain.world import ECHO, World

from collector_mesh.app.testing.fakes import FakePromise
from collector_mesh.domain.calls.around import AroundDispatcher
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    ForbiddenError,
    MeshError,
    NotFoundError,
    OutcomeUnknownError,
)
from collector_mesh.domain.model.events import HookFailed
from collector_mesh.domain.model.middleware import DispatchNext, Middleware, OutgoingCall
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply, Status

T = TypeVar("T")
Does = Callable[[OutgoingCall, DispatchNext], Awaitable[Reply]]


class Doing(Middleware):
    def __init__(self, does: Does) -> None:
        self._does = does

    async def dispatch(self, call: OutgoingCall, call_next: DispatchNext) -> Reply:
        return await self._does(call, call_next)


class Impatient(Threads):
    """Tasks for which time is up as soon as work waits, where that is asked for."""

    is_late = False
    deadlines: list[float]

    async def awaited(self, work: Coroutine[Any, Any, T], deadline: float) -> T:
        self.deadlines = [deadline]
        if not self.is_late:
            return await work
        begun = Work(work)
        begun.cancel()
        raise DeadlineExceededError("deadline exceeded")


class Around:
    """A dispatcher with middleware around it, and the two forms of a call."""

    def __init__(self, *does: Does, expose: bool = True) -> None:
        self.world, self.tasks, self.inner = World(), Impatient(), Inner(at_once=done())
        self.replies: list[Reply] = []
        self.begun: Any = None
        self.dispatcher = AroundDispatcher(
            self.inner,
            tuple(map(Doing, does)),
            collector_id="self",
            checks=self.world.checks,
            tasks=self.tasks,
            clock=self.world.clock,
            observer=self.world.observer,
            max_payload_bytes=100,
            expose=expose,
        )

    def awaited(self, **options: Any) -> Reply:
        work = Work(self.dispatcher.dispatch(Call(ECHO, **options)))
        if work.error is not None:
            raise work.error
        assert isinstance(work.result, Reply)
        return work.result

    def told(self, **options: Any) -> Reply:
        self.begun = self.dispatcher.submit(Call(ECHO, **options), self.replies.append)
        return self.replies[-1]

    def failures(self) -> list[tuple[str, str]]:
        return [
            (event.hook, str(event.error))
            for event in self.world.observer.events
            if isinstance(event, HookFailed)
        ]


FORMS = pytest.mark.parametrize("form", ["awaited", "told"])


def run_in(around: Around, form: str, **options: Any) -> Reply:
    reply: Reply = getattr(around, form)(**options)
    return reply


def raising(error: BaseException, *, first: bool = True) -> Does:
    async def does(call: OutgoingCall, call_next: DispatchNext) -> Reply:
        if not first:
            await call_next(call)
        raise error

    return does


async def waits(_call: OutgoingCall, _call_next: DispatchNext) -> Reply:
    await FakePromise()
    raise AssertionError


async def goes_on(call: OutgoingCall, call_next: DispatchNext) -> Reply:
    return await call_next(call)


@FORMS
@pytest.mark.parametrize(("origin", "meets"), [(Origin.LOCAL, 1), (Origin.CLIENT, 1), (Origin.PEER, 0)])
def test_calls_of_this_process_and_of_clients_meet_it_and_those_of_peers_do_not(
    form: str, origin: Origin, meets: int
) -> None:
    met: list[OutgoingCall] = []

    async def meet(call: OutgoingCall, call_next: DispatchNext) -> Reply:
        met.append(call)
        return await call_next(call)

    around = Around(meet)

    assert run_in(around, form, origin=origin) == done()
    assert len(met) == meets
    assert len(around.inner.seen) == 1


@FORMS
def test_a_client_that_may_not_call_is_refused_before_any_middleware_sees_it(form: str) -> None:
    around = Around(raising(AssertionError()))
    around.world.checks.is_draining = True

    reply = run_in(around, form, origin=Origin.CLIENT)

    assert (reply.status.code, reply.status.message) == (503, "collector 'self' is draining")
    assert around.begun is None
    assert around.failures() == []


@FORMS
def test_calls_that_middleware_makes_itself_do_not_meet_it_again(form: str) -> None:
    met: list[OutgoingCall] = []
    around: Around
    asked: list[Reply] = []

    async def asks(call: OutgoingCall, call_next: DispatchNext) -> Reply:
        met.append(call)
        own = Call(ECHO, Payload("own", b""))
        await around.dispatcher.dispatch(own)
        around.dispatcher.submit(own, asked.append)
        return await call_next(call)

    around = Around(asks)

    assert run_in(around, form) == done()
    assert len(met) == 1
    assert [call.payload.type_url == "own" for call in around.inner.seen] == [True, True, False]
    assert asked == [done()]


@FORMS
def test_calls_that_are_made_behind_it_or_after_it_meet_it(form: str) -> None:
    met: list[OutgoingCall] = []
    around: Around

    async def meet(call: OutgoingCall, call_next: DispatchNext) -> Reply:
        met.append(call)
        return await call_next(call)

    class Nested(Inner):
        """What runs the call makes one more."""

        async def dispatch(self, call: Call) -> Reply:
            if not call.hops:
                await around.dispatcher.dispatch(Call(ECHO, hops=1))
            return await super().dispatch(call)

    around = Around(meet)
    around.inner = around.dispatcher.dispatcher = Nested(at_once=done())

    run_in(around, form)
    run_in(around, form)

    assert len(met) == 4


@FORMS
def test_what_it_makes_of_call_and_reply_is_what_counts(form: str) -> None:
    async def changes(call: OutgoingCall, call_next: DispatchNext) -> Reply:
        reply = await call_next(call.replace(target="b"))
        reply.metadata = (("a", "1"),)
        return reply

    around = Around(changes)

    assert run_in(around, form).metadata == (("a", "1"),)
    assert around.inner.seen[0].target == "b"


@FORMS
@pytest.mark.parametrize(
    ("expose", "text"), [(True, "middleware error: a secret"), (False, "middleware error")]
)
def test_what_it_raises_is_told_to_the_observer_and_to_callers_where_that_is_allowed(
    form: str, *, expose: bool, text: str
) -> None:
    around = Around(raising(ValueError("a secret")), expose=expose)

    reply = run_in(around, form)

    assert (reply.status.code, reply.status.message, reply.executed) == (500, text, Executed.NO)
    assert around.failures() == [("middleware.dispatch", "a secret")]
    assert around.inner.seen == []


@FORMS
def test_an_error_with_a_code_is_its_outcome_and_no_news(form: str) -> None:
    around = Around(raising(ForbiddenError("not you")))

    reply = run_in(around, form)

    assert (reply.status.code, reply.status.message, reply.executed) == (403, "not you", Executed.NO)
    assert around.failures() == []


@FORMS
@pytest.mark.parametrize("error", [ValueError("late"), NotFoundError("late", executed=Executed.NO)])
def test_once_a_handler_has_run_an_error_says_so(form: str, error: Exception) -> None:
    around = Around(raising(error, first=False))

    reply = run_in(around, form)

    assert (reply.status.code, reply.executed, reply.handled_by) == (
        error.code if isinstance(error, MeshError) else 500,
        Executed.YES,
        "b",
    )


@FORMS
def test_a_code_that_no_error_may_have_is_a_failure(form: str) -> None:
    class OddError(MeshError):
        code = 3

    assert run_in(Around(raising(OddError("odd"))), form).status.code == 500


@FORMS
def test_an_error_that_says_itself_that_a_handler_may_have_run_is_believed(form: str) -> None:
    reply = run_in(Around(raising(OutcomeUnknownError("lost"))), form)

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)


@FORMS
def test_an_answer_that_does_not_wait_for_what_was_called_on_says_that_a_handler_may_have_run(
    form: str,
) -> None:
    left: list[Any] = []

    async def answers(call: OutgoingCall, call_next: DispatchNext) -> Reply:
        left.append(call_next(call))
        left[0].send(None)
        return call.reply()

    around = Around(answers)
    around.inner.at_once = None

    assert run_in(around, form).executed is Executed.MAYBE
    # Where that is closed may be anywhere: calls that are made there meet middleware all the same.
    left.pop().close()
    assert run_in(around, form).executed is Executed.MAYBE
    assert len(left) == 1
    left.pop().close()


def test_an_awaited_call_whose_time_is_up_in_middleware_has_not_run_and_ends_shortly_after_its_deadline() -> (
    None
):
    around = Around(waits)
    around.tasks.is_late = True

    reply = around.awaited(deadline=1010.0)

    assert (reply.status.code, reply.executed) == (504, Executed.NO)
    assert around.failures() == []
    assert 1010.0 < around.tasks.deadlines[0] <= 1010.1


def test_an_awaited_call_whose_time_is_up_behind_middleware_may_have_run() -> None:
    around = Around(goes_on)
    around.inner.at_once = None
    around.tasks.is_late = True

    reply = around.awaited()

    assert (reply.status.code, reply.executed) == (504, Executed.MAYBE)


def test_a_cancellation_goes_through_and_is_nobodys_failure() -> None:
    around = Around(waits)
    work = Work(around.dispatcher.dispatch(Call(ECHO)))

    work.cancel()

    assert isinstance(work.error, Cancelled)
    assert around.failures() == []


def test_the_user_at_the_terminal_is_heard() -> None:
    with pytest.raises(KeyboardInterrupt):
        Around(raising(KeyboardInterrupt())).awaited()


def waiting(does: Does = goes_on) -> tuple[Around, Work]:
    """A call that nobody awaits, and that waits behind middleware, or in it."""
    around = Around(does)
    around.inner.at_once = None
    around.begun = around.dispatcher.submit(Call(ECHO, deadline=1010.0), around.replies.append)
    (work,) = around.tasks.begun
    return around, work


def test_a_call_that_nobody_awaits_and_that_waits_is_answered_once_it_goes_on() -> None:
    around, work = waiting()
    assert (around.replies, around.begun.time_remaining()) == ([], 10.0)

    around.inner.promise.set_result(done())
    work.step()

    assert around.replies == [done()]


def test_a_call_that_nobody_awaits_can_be_cancelled_and_middleware_cannot_call_on_then() -> None:
    kept: list[Any] = []

    async def keeps(call: OutgoingCall, call_next: DispatchNext) -> Reply:
        kept.extend((call, call_next))
        return await waits(call, call_next)

    around, work = waiting(keeps)
    around.begun.cancel()

    assert work.is_over
    assert around.replies == []
    call, call_next = kept
    with pytest.raises(RuntimeError, match="after the call has ended"):
        call_next(call)


@pytest.mark.parametrize(
    ("does", "executed"), [(waits, Executed.NO), (goes_on, Executed.MAYBE)], ids=["in it", "behind it"]
)
@pytest.mark.parametrize("error", [DeadlineExceededError("late"), OutcomeUnknownError("ended")])
def test_a_call_that_nobody_awaits_and_that_is_ended_may_have_run_only_if_it_has_gone_on(
    does: Does, executed: Executed, error: MeshError
) -> None:
    around, work = waiting(does)

    work.end(error)

    assert [(reply.status.code, reply.executed) for reply in around.replies] == [(error.code, executed)]
    assert around.failures() == []


def test_a_call_that_cannot_be_begun_is_answered_all_the_same() -> None:
    around = Around(goes_on)
    around.tasks.error = OutcomeUnknownError("it has cancelled itself")

    reply = around.told()

    assert (reply.status.code, reply.executed) == (502, Executed.NO)
    assert around.begun is None


def test_only_middleware_that_has_something_to_do_here_is_around_and_the_rest_is_the_dispatchers() -> None:
    doing = Doing(goes_on)
    around = Around(goes_on)

    assert AroundDispatcher.of((Middleware(), doing, Middleware())) == (doing,)
    assert around.dispatcher.refuse(Call(ECHO), NotFoundError("no")).status == Status(404, "no")
    assert around.dispatcher.known_key == around.inner.known_key
