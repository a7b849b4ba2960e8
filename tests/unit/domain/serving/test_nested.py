"""Calls that handlers make, and what callers of those handlers are told of them."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.domain.serving.threads import Threads
from tests.unit.domain.world import ECHO, World

from collector_mesh.app.testing.contexts import FakeCalls
from collector_mesh.app.testing.fakes import FakeTasks, run
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CURRENT, CallContext, current_call
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    NotFoundError,
    OutcomeUnknownError,
)
from collector_mesh.domain.model.events import HandlerFailed
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.serving.failures import ChosenFailure, HandlerFailures
from collector_mesh.domain.serving.nested import NestedCalls
from collector_mesh.domain.serving.plain import Place, PlainFunctions

NAMES = ("orders", "OrderService", "Count")


class Asked(FakeCalls):
    """A collector that takes down for whom it is called."""

    def __init__(self, answers: Any = None) -> None:
        super().__init__(answers if answers is not None else {"/".join(NAMES): Payload("x", b"7")})
        self.callers: list[CallContext | None] = []

    async def dispatch(self, *names_and_request: Any, **options: Any) -> Reply:
        self.callers.append(current_call())
        return await super().dispatch(*names_and_request, **options)


@pytest.fixture
def tasks() -> FakeTasks:
    return FakeTasks()


@pytest.fixture
def calls(tasks: FakeTasks) -> NestedCalls:
    return NestedCalls(tasks)


@pytest.fixture
def context(calls: NestedCalls) -> CallContext:
    return CallContext(Call(ECHO, deadline=10.0, metadata=(("a", "b"),)), "self", lambda: 0.0, calls)


@pytest.fixture(params=["awaited", "blocking"])
def dispatch(request: pytest.FixtureRequest, context: CallContext) -> Callable[..., Reply]:
    """Makes a call of the handler, in the loop or in a thread."""
    if request.param == "blocking":
        return context.blocking.dispatch
    return lambda *names, **options: run(context.dispatch(*names, **options))


def test_a_call_is_made_at_the_collector_with_all_that_it_was_given(
    calls: NestedCalls, dispatch: Callable[..., Reply]
) -> None:
    asked = Asked()
    calls.caller = lambda: asked

    reply = dispatch(
        *NAMES,
        Payload("y", b"1"),
        target="other",
        timeout=3.0,
        hints={"h": "1"},
        metadata=(("k", "v"),),
        idempotent=True,
    )

    (made,) = asked.made
    assert reply.payload == Payload("x", b"7")
    assert (made.method, made.request) == ("/".join(NAMES), Payload("y", b"1"))
    assert made.options == {
        "target": "other",
        "timeout": 3.0,
        "hints": {"h": "1"},
        "metadata": (("k", "v"),),
        "idempotent": True,
    }


def test_a_call_belongs_to_the_handler_whose_context_makes_it_and_to_nothing_after(
    calls: NestedCalls, context: CallContext, dispatch: Callable[..., Reply]
) -> None:
    asked = Asked()
    calls.caller = lambda: asked
    assert CURRENT.get() is None

    dispatch(*NAMES)

    # What the collector takes from it: the deadline, and metadata that is to travel.
    assert asked.callers == [context]
    assert CURRENT.get() is None


def test_after_a_call_that_fails_nothing_belongs_to_the_handler(
    calls: NestedCalls, dispatch: Callable[..., Reply]
) -> None:
    asked = Asked()
    calls.caller = lambda: asked

    with pytest.raises(TypeError, match="namespace must be a str"):
        dispatch(5, "S", "M")

    assert CURRENT.get() is None


def test_the_context_of_a_handler_that_has_ended_makes_no_calls(
    calls: NestedCalls, context: CallContext, dispatch: Callable[..., Reply]
) -> None:
    asked = Asked()
    calls.caller = lambda: asked
    context.has_ended = True

    with pytest.raises(RuntimeError, match=r"the handler of users/UserService\.Echo has ended"):
        dispatch(*NAMES)

    assert asked.made == []


def test_the_context_of_a_collector_that_is_closed_makes_no_calls(dispatch: Callable[..., Reply]) -> None:
    with pytest.raises(RuntimeError, match="collector 'self' is closed, and makes no calls"):
        dispatch(*NAMES)


def test_a_context_that_no_collector_has_made_makes_no_calls() -> None:
    lone = CallContext(Call(ECHO), "self", lambda: 0.0)

    with pytest.raises(RuntimeError, match=r"call_context\(calls=\.\.\.\)"):
        run(lone.dispatch(*NAMES))


def test_in_another_loop_or_thread_there_is_no_awaiting(
    monkeypatch: pytest.MonkeyPatch, calls: NestedCalls, context: CallContext
) -> None:
    asked = Asked()
    calls.caller = lambda: asked
    monkeypatch.setattr(FakeTasks, "is_here", lambda _: False)

    with pytest.raises(
        RuntimeError, match=r"of users/UserService\.Echo is for the event loop.*context\.blocking\.call"
    ):
        run(context.dispatch(*NAMES))

    assert asked.made == []


def test_the_error_of_a_call_names_the_call_and_who_failed(
    calls: NestedCalls, dispatch: Callable[..., Reply]
) -> None:
    asked = Asked({"/".join(NAMES): NotFoundError("no such order")})
    calls.caller = lambda: asked

    with pytest.raises(NotFoundError) as raised:
        dispatch(*NAMES).raise_for_status()

    assert str(raised.value) == "call of orders/OrderService/Count failed: 404 at fake: no such order"
    assert raised.value.called == "orders/OrderService/Count"


def test_a_result_that_is_not_what_was_asked_for_names_the_call_too(
    calls: NestedCalls, dispatch: Callable[..., Reply]
) -> None:
    asked = Asked()
    calls.caller = lambda: asked

    with pytest.raises(MeshError, match="call of orders/OrderService/Count failed: 400 at fake") as raised:
        dispatch(*NAMES).unpack(dict)

    assert raised.value.executed is Executed.YES


class Slow(FakeCalls):
    """A collector that never answers."""

    def __init__(self, tasks: FakeTasks) -> None:
        super().__init__()
        self._tasks = tasks

    async def dispatch(self, *_names: Any, **_options: Any) -> Reply:
        await self._tasks.promise()
        return Reply(OK)


def test_a_call_of_a_plain_handler_that_nobody_waits_for_ends_and_is_named_as_well(world: World) -> None:
    tasks = Threads()
    nested = NestedCalls(tasks)
    slow = Slow(tasks)
    nested.caller = lambda: slow
    context = CallContext(Call(ECHO, deadline=world.clock.time + 5.0), "self", world.clock.now, nested)
    context.place = Place(PlainFunctions(1, world.limit(1), tasks))

    context.blocking.dispatch(*NAMES)
    (waiting,) = tasks.waits
    assert not waiting.is_over
    context.place.leave(context)
    waiting.step()

    assert waiting.result.status.code == OutcomeUnknownError.code
    with pytest.raises(MeshError, match="call of orders/OrderService/Count failed: 502 at self"):
        waiting.result.raise_for_status()


def failing(error: Exception | BaseExceptionGroup[Any]) -> Any:
    async def handler(_request: object, _context: CallContext) -> None:
        raise error

    return handler


def nested_error_of(error: MeshError) -> MeshError:
    """What a call in a handler raises, that was refused by this error elsewhere."""
    reply = Reply.refused(error)
    reply.nested = (NAMES, "self")
    with pytest.raises(MeshError) as raised:
        reply.raise_for_status()
    return raised.value


@pytest.mark.parametrize("is_in_group", [False, True])
def test_a_failure_that_the_handler_does_not_catch_is_a_500_that_tells_of_the_call(
    world: World, is_in_group: bool
) -> None:
    error = nested_error_of(NotFoundError("no such order", executed=Executed.YES, handled_by="far"))
    world.method(ECHO, failing(ExceptionGroup("some", [error]) if is_in_group else error))

    reply = world.serve(ECHO)

    assert (reply.status.code, reply.executed, reply.handled_by) == (500, Executed.YES, "self")
    assert reply.status.details == {
        "nested_code": "404",
        "nested_method": "orders/OrderService/Count",
        "nested_handled_by": "far",
    }
    if not is_in_group:
        assert reply.status.message == f"handler error: {error}"
    assert len(world.observer.of(HandlerFailed)) == 1


def test_hidden_errors_hide_what_was_called(world: World) -> None:
    hiding = HandlerFailures("self", world.dice, world.observer, expose=False)

    reply = hiding.reply(ECHO, nested_error_of(NotFoundError("no such order")), None)

    (event,) = world.observer.of(HandlerFailed)
    assert isinstance(event, HandlerFailed)
    assert reply.status.message == f"handler error: {event.correlation_id}"
    assert reply.status.details == {}


@pytest.mark.parametrize(("left", "code"), [(0.0, 504), (0.01, 504), (1.0, 500)])
def test_a_call_that_has_used_up_the_time_of_its_handler_is_late_and_no_failure_of_it(
    world: World, left: float, code: int
) -> None:
    given = CallContext(Call(ECHO, deadline=world.clock.time + left), "self", world.clock.now)
    failures = HandlerFailures("self", world.dice, world.observer, expose=True)

    reply = failures.reply(ECHO, nested_error_of(DeadlineExceededError("deadline exceeded")), given)

    assert (reply.status.code, reply.executed) == (code, Executed.YES)
    assert "call of orders/OrderService/Count failed: 504" in reply.status.message
    assert len(world.observer.of(HandlerFailed)) == (code == 500)


def test_hidden_errors_say_of_a_call_that_was_late_only_that(world: World) -> None:
    given = CallContext(Call(ECHO, deadline=world.clock.time), "self", world.clock.now)
    hiding = HandlerFailures("self", world.dice, world.observer, expose=False)

    reply = hiding.reply(ECHO, nested_error_of(DeadlineExceededError("deadline exceeded")), given)

    assert (reply.status.code, reply.status.message) == (504, "deadline exceeded")


@pytest.mark.parametrize("expose", [True, False])
def test_a_status_that_was_chosen_before_a_failure_stands_and_the_failure_is_told(
    world: World, expose: bool
) -> None:
    failures = HandlerFailures("self", world.dice, world.observer, expose=expose)
    failure = ChosenFailure(ValueError("boom"), lambda text: MeshError(text, code=409))

    reply = failures.reply(ECHO, failure, None)

    (event,) = world.observer.of(HandlerFailed)
    assert isinstance(event, HandlerFailed)
    assert event.error is failure.error
    told = "boom" if expose else event.correlation_id
    assert (reply.status.code, reply.status.message) == (409, f"handler error: {told}")
    assert (reply.executed, reply.handled_by) == (Executed.YES, "self")


def test_an_error_that_changes_no_reply_is_told(world: World) -> None:
    error = ValueError("of a callback")

    HandlerFailures("self", world.dice, world.observer, expose=True).tell(ECHO, error)

    assert [event.error for event in world.observer.of(HandlerFailed)] == [error]  # type: ignore[attr-defined]  # it has one


def test_a_handler_that_raises_a_code_of_its_own_for_a_failed_call_is_heard(world: World) -> None:
    async def handler(_request: object, _context: CallContext) -> None:
        try:
            raise nested_error_of(NotFoundError("no such order"))
        except NotFoundError as error:
            raise MeshError("not now", code=503) from error

    world.method(ECHO, handler)

    reply = world.serve(ECHO)

    assert (reply.status.code, reply.status.message, reply.status.details) == (503, "not now", {})
    assert world.observer.events == []
