"""Middleware around handlers: in the task and the context of the call, and harmless whatever it does."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any

import pytest
from tests.unit.domain.serving.threads import Cancelled, Threads, Work
from tests.unit.domain.world import ECHO, MAX_PAYLOAD, World, echo

from collector_mesh.app.testing.fakes import FakePromise
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.context import CURRENT, CallContext
from collector_mesh.domain.model.errors import (
    Executed,
    ForbiddenError,
    HandlerError,
    InvalidCallError,
    NotFoundError,
    OutcomeUnknownError,
)
from collector_mesh.domain.model.events import HandlerFailed
from collector_mesh.domain.model.middleware import IncomingCall, Middleware, ServeNext
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply, Status
from collector_mesh.domain.serving.around import Around
from collector_mesh.domain.serving.life import Life

Does = Callable[[IncomingCall, ServeNext], Awaitable[Reply]]
WHO: ContextVar[str] = ContextVar("who", default="nobody")


class Doing(Middleware):
    def __init__(self, does: Does) -> None:
        self._does = does

    async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
        return await self._does(call, call_next)


def around(*does: Does) -> Around:
    made = Around.of(tuple(map(Doing, does)))
    assert made is not None
    return made


def serve(world: World, *does: Does, function: Any = echo, **options: Any) -> Reply:
    """What comes of a call to a handler with middleware around it."""
    world.method(ECHO, function, around=around(*does), **options)
    return world.serve(ECHO, Payload("t", b"x"))


def raising(error: BaseException, *, first: bool = True) -> Does:
    async def does(call: IncomingCall, call_next: ServeNext) -> Reply:
        if not first:
            await call_next(call)
        raise error

    return does


async def goes_on(call: IncomingCall, call_next: ServeNext) -> Reply:
    return await call_next(call)


def told(reply: Reply) -> tuple[int, Executed, str]:
    return reply.status.code, reply.executed, reply.handled_by


def test_only_middleware_that_has_something_to_do_here_is_around_a_handler() -> None:
    doing = Doing(goes_on)

    assert Around.of((Middleware(), doing)) == Around((doing,))
    assert Around.of((Middleware(),)) is Around.of(()) is None


def test_that_of_the_collector_is_outside_that_of_the_service() -> None:
    outer, inner = Doing(goes_on), Doing(goes_on)

    assert Around((outer,)).outside(None) == Around((outer,))
    assert Around((outer,)).outside(Around((inner,))) == Around((outer, inner))


def test_it_runs_in_the_context_of_the_handler_and_nobody_else_sees_what_it_sets(world: World) -> None:
    async def sets(call: IncomingCall, call_next: ServeNext) -> Reply:
        WHO.set("ann")
        assert CURRENT.get() is call.context
        return await call_next(call)

    async def who(_request: object, context: CallContext) -> Payload:
        assert CURRENT.get() is context
        return Payload("t", WHO.get().encode())

    assert serve(world, sets, function=who).payload.value == b"ann"
    assert WHO.get() == "nobody"


def test_the_handler_gets_what_it_makes_of_the_call_in_its_request_and_its_context(world: World) -> None:
    async def changes(call: IncomingCall, call_next: ServeNext) -> Reply:
        return await call_next(call.replace(payload=Payload("t", b"other"), metadata={"a": "1"}))

    async def both(request: Payload, context: CallContext) -> Payload:
        return Payload(request.type_url, request.value + str(context.metadata).encode())

    assert serve(world, changes, function=both).payload.value == b"other(('a', '1'),)"


def test_a_request_that_it_makes_too_large_does_not_reach_the_handler(world: World) -> None:
    async def grows(call: IncomingCall, call_next: ServeNext) -> Reply:
        return await call_next(call.replace(payload=Payload("t", bytes(MAX_PAYLOAD + 1))))

    async def never(_request: object, _context: CallContext) -> object:
        raise AssertionError

    assert told(serve(world, grows, function=never)) == (413, Executed.NO, "")


def test_the_outcome_of_a_call_that_was_refused_before_its_handler_can_be_raised_and_says_so(
    world: World,
) -> None:
    def unreadable(_payload: Payload) -> object:
        raise InvalidCallError("no such message")

    async def raises(call: IncomingCall, call_next: ServeNext) -> Reply:
        return (await call_next(call)).raise_for_status()

    assert told(serve(world, raises, read=unreadable)) == (400, Executed.NO, "")
    assert told(serve(world, goes_on, read=unreadable)) == (400, Executed.NO, "")


def test_after_the_handler_it_may_still_make_calls_and_nobody_may_after_it(world: World) -> None:
    ended: list[bool] = []
    kept: list[CallContext] = []

    async def looks(call: IncomingCall, call_next: ServeNext) -> Reply:
        reply = await call_next(call)
        ended.append(call.context.has_ended)
        kept.append(call.context)
        return reply

    serve(world, looks)

    assert ended == [False]
    assert kept[0].has_ended


def test_an_answer_in_the_place_of_the_handlers_is_given_and_nothing_has_run(world: World) -> None:
    async def answers(call: IncomingCall, _call_next: ServeNext) -> Reply:
        return call.reply(Payload("t", b"cached"))

    reply = serve(world, answers)

    assert (reply.status.code, reply.payload.value, reply.executed) == (200, b"cached", Executed.NO)


def test_an_answer_that_does_not_wait_for_a_handler_that_has_begun_says_that_it_has_run(world: World) -> None:
    left: list[Any] = []

    async def answers(call: IncomingCall, call_next: ServeNext) -> Reply:
        left.append(call_next(call))
        left[0].send(None)
        return call.reply()

    async def waits(request: object, _context: CallContext) -> object:
        await FakePromise()
        return request

    assert serve(world, answers, function=waits).executed is Executed.YES
    left[0].close()


def test_a_404_of_its_own_is_an_answer_and_does_not_say_that_the_method_is_elsewhere(world: World) -> None:
    async def refuses(_call: IncomingCall, _call_next: ServeNext) -> Reply:
        return Reply(Status(404, "method of payment not found"))

    assert serve(world, refuses).executed is Executed.YES


def test_what_it_raises_is_as_of_a_handler_and_the_observer_is_told(world: World) -> None:
    reply = serve(world, raising(ValueError("no")))

    assert (reply.status.code, reply.status.message) == (500, "handler error: no")
    (event,) = world.observer.of(HandlerFailed)
    assert isinstance(event, HandlerFailed)
    assert event.key == ECHO


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ForbiddenError("not you", executed=Executed.NO), (403, Executed.NO, "")),
        (OutcomeUnknownError("lost"), (502, Executed.MAYBE, "")),
        (NotFoundError("no", executed=Executed.YES), (404, Executed.YES, "self")),
        (HandlerError("mine"), (500, Executed.YES, "self")),
    ],
)
def test_an_error_before_the_handler_says_itself_whether_one_has_run(
    world: World, error: Exception, expected: tuple[int, Executed, str]
) -> None:
    assert told(serve(world, raising(error))) == expected


@pytest.mark.parametrize("error", [ForbiddenError("late", executed=Executed.NO), ValueError("late")])
def test_an_error_after_the_handler_never_says_that_none_has_run(world: World, error: Exception) -> None:
    reply = serve(world, raising(error, first=False))

    assert (reply.executed, reply.handled_by) == (Executed.YES, "self")


def test_a_handler_that_fails_is_a_reply_to_it(world: World) -> None:
    codes: list[int] = []

    async def mends(call: IncomingCall, call_next: ServeNext) -> Reply:
        reply = await call_next(call)
        codes.append(reply.status.code)
        return call.reply(Payload("t", b"mended"))

    async def fails(_request: object, _context: CallContext) -> object:
        raise ValueError("no")

    reply = serve(world, mends, function=fails)

    assert codes == [500]
    assert (reply.payload.value, *told(reply)) == (b"mended", 200, Executed.YES, "self")


def test_the_state_of_a_service_is_there_for_it_and_is_in_use_while_it_runs(world: World) -> None:
    life = Life(nullcontext())
    life.state = "opened"
    seen: list[tuple[Any, int]] = []

    async def looks(call: IncomingCall, call_next: ServeNext) -> Reply:
        seen.append((call.context.state, life.running))
        reply = await call_next(call)
        seen.append((call.context.state, life.running))
        return reply

    assert serve(world, looks, life=life).status.code == 200
    assert seen == [("opened", 1), ("opened", 1)]
    assert life.running == 0


def test_a_call_that_is_cancelled_in_it_leaves_nothing_behind_and_is_nobodys_failure(world: World) -> None:
    life = Life(nullcontext())
    contexts: list[CallContext] = []

    async def waits(call: IncomingCall, _call_next: ServeNext) -> Reply:
        contexts.append(call.context)
        await FakePromise()
        raise AssertionError

    world.tasks = Threads()
    world.executor._tasks = world.tasks
    world.executor.is_cancellation = world.tasks.is_cancellation
    world.method(ECHO, echo, around=around(waits), life=life)
    job = world.executor.execute(Call(ECHO, origin=Origin.CLIENT), lambda _reply: None)
    assert job is not None
    (work,) = world.tasks.begun
    assert life.running == 1
    job.cancel()

    assert isinstance(work, Work)
    assert isinstance(work.error, Cancelled)
    assert (life.running, world.running.taken, contexts[0].has_ended) == (0, 0, True)
    assert world.observer.events == []


def test_after_its_handler_was_cancelled_it_makes_no_more_calls() -> None:
    world, ended = World(), list[bool]()

    async def looks(call: IncomingCall, call_next: ServeNext) -> Reply:
        reply = await call_next(call)
        ended.append(call.context.has_ended)
        return reply

    async def cancelled(request: object, context: CallContext) -> object:
        context._is_cancelled = True
        return request

    serve(world, looks, function=cancelled)

    assert ended == [True]
