"""Middleware around calls that are dispatched and around handlers: in order, once, and harmless whatever it does."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
from mesh_test import users_pb2, users_pb2_grpc
from tests.generated.servicers import BlockingUsers, Users

from collector_mesh import (
    Collector,
    Contract,
    DispatchNext,
    Executed,
    ForbiddenError,
    IncomingCall,
    LoopbackNetwork,
    MeshClient,
    MethodKey,
    Middleware,
    OutgoingCall,
    Payload,
    Reply,
    ServeNext,
    Service,
    Settings,
    Status,
    implements,
    method,
)
from collector_mesh.domain.model.events import HandlerFailed, HookFailed
from collector_mesh.ports import Event
from collector_mesh.testing import incoming_call, outgoing_call

pytestmark = pytest.mark.asyncio

USERS = "mesh.test.users.v1.UserService"

SHORT = 0.1
"""Seconds that a call has whose middleware takes for ever."""

LIMIT = 20.0

WHO: ContextVar[str] = ContextVar("who", default="nobody")

Does = Callable[[Any, Callable[[Any], Awaitable[Reply]]], Awaitable[Reply]]


class Dispatch(Middleware):
    """Does something around calls that are dispatched."""

    def __init__(self, does: Does) -> None:
        self._does = does

    async def dispatch(self, call: OutgoingCall, call_next: DispatchNext) -> Reply:
        return await self._does(call, call_next)


class Serve(Middleware):
    """Does something around handlers."""

    def __init__(self, does: Does) -> None:
        self._does = does

    async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
        return await self._does(call, call_next)


BOTH = pytest.mark.parametrize("kind", [Dispatch, Serve])


class Events:
    def __init__(self) -> None:
        self.all: list[Event] = []

    def tell(self, event: Event) -> None:
        self.all.append(event)


def service(ran: list[str] | None = None, **options: Any) -> Service:
    made = Service("n", "S", **options)

    @made.method
    async def echo(text: str) -> str:
        if ran is not None:
            ran.append(text)
        return f"{text} for {WHO.get()}"

    @made.method
    def plain(text: str) -> str:
        return f"{text} in a thread for {WHO.get()}"

    return made


async def outcome(*middleware: Middleware, name: str = "echo", timeout: float = LIMIT, **more: Any) -> Reply:
    """What comes of one call where all middleware is around it."""
    options: dict[str, Any] = {"services": [service()], **more}
    async with Collector("c", transport=LoopbackNetwork(), middleware=middleware, **options) as collector:
        return await asyncio.wait_for(collector.dispatch("n", "S", name, "a", timeout=timeout), LIMIT)


def noting(notes: list[str], name: str) -> Does:
    async def note(call: Any, call_next: Any) -> Reply:
        notes.append(f"{name} before")
        reply: Reply = await call_next(call)
        notes.append(f"{name} after")
        return reply

    return note


async def test_calls_meet_all_of_it_in_order_and_that_of_the_collector_before_that_of_the_service() -> None:
    notes: list[str] = []
    inner = service(middleware=[Serve(noting(notes, "inner"))])

    reply = await outcome(
        Serve(noting(notes, "outer")), Dispatch(noting(notes, "on its way")), services=[inner]
    )

    assert reply.unpack(str) == "a for nobody"
    assert notes == [
        *("on its way before", "outer before", "inner before"),
        *("inner after", "outer after", "on its way after"),
    ]


@pytest.mark.parametrize("name", ["echo", "plain"])
async def test_what_it_sets_in_the_context_and_makes_of_the_call_reaches_handlers_of_both_kinds(
    name: str,
) -> None:
    async def sets(call: IncomingCall, call_next: ServeNext) -> Reply:
        WHO.set("ann")
        return await call_next(call.replace(payload="b", metadata={"a": "1"}))

    reply = await outcome(Serve(sets), name=name)

    assert reply.unpack(str) in {"b for ann", "b in a thread for ann"}
    assert WHO.get() == "nobody"


async def test_a_class_that_marks_methods_has_middleware_of_its_own() -> None:
    notes: list[str] = []

    class Marked:
        namespace, service = "n", "S"
        middleware = (Serve(noting(notes, "its own")),)

        @method
        async def echo(self, text: str) -> str:
            return text

    await outcome(services=[Marked])

    assert notes == ["its own before", "its own after"]


@BOTH
async def test_an_answer_of_its_own_is_the_reply_and_no_handler_runs(kind: Any) -> None:
    async def answers(call: Any, _next: Any) -> Reply:
        reply: Reply = call.reply("kept", metadata={"from": "cache"})
        return reply

    ran: list[str] = []
    reply = await outcome(kind(answers), services=[service(ran)])

    assert (reply.unpack(str), reply.executed, reply.metadata, ran) == (
        "kept",
        Executed.NO,
        (("from", "cache"),),
        [],
    )


async def _forbids(_call: Any, _next: Any) -> Reply:
    raise ForbiddenError("not you")


async def _exits(_call: Any, _next: Any) -> Reply:
    raise SystemExit(3)


async def _closes(_call: Any, _next: Any) -> Reply:
    raise GeneratorExit


async def _cancels(_call: Any, _next: Any) -> Reply:
    raise asyncio.CancelledError


async def _fails_late(call: Any, call_next: Any) -> Reply:
    await call_next(call)
    raise ValueError("late")


async def _calls_twice(call: Any, call_next: Any) -> Reply:
    await call_next(call)
    reply: Reply = await call_next(call)
    return reply


async def _gives_text(_call: Any, _next: Any) -> Any:
    return "text"


async def _passes_text(_call: Any, call_next: Any) -> Any:
    return await call_next("text")


async def _grows(call: Any, call_next: Any) -> Any:
    return await call_next(call.replace(payload="x" * 2000))


async def _answers_much(call: Any, _next: Any) -> Any:
    return call.reply("x" * 2000)


async def _odd_status(_call: Any, _next: Any) -> Any:
    return Reply(Status(77, "odd"))


async def _odd_payload(call: Any, call_next: Any) -> Any:
    reply = await call_next(call)
    reply.payload = Payload("t", "text")  # type: ignore[arg-type]  # on purpose
    return reply


@BOTH
@pytest.mark.parametrize(
    ("does", "code", "text"),
    [
        (_forbids, 403, "not you"),
        (_exits, 500, "SystemExit: 3"),
        (_cancels, 500, "CancelledError"),
        (_fails_late, 500, "late"),
        (_calls_twice, 500, "called on twice"),
        (_gives_text, 500, "must give a collector_mesh.Reply, got str"),
        (_passes_text, 500, "must call on with a collector_mesh."),
        (_grows, 413, "over the limit of 1024 bytes"),
        (_answers_much, 500, "over the limit of 1024 bytes"),
        (_odd_status, 500, "the code 200 or 400 to 599"),
        (_odd_payload, 500, "the value of a Payload must be bytes"),
    ],
)
async def test_whatever_it_does_is_the_outcome_of_that_call(
    kind: Any, does: Does, code: int, text: str
) -> None:
    notes: list[str] = []

    reply = await outcome(
        kind(noting(notes, "outer")), kind(does), settings=Settings(max_payload_bytes=1024), observer=Events()
    )

    assert (reply.status.code, text in reply.status.message, notes) == (
        code,
        True,
        ["outer before", "outer after"],
    )


@BOTH
async def test_to_raise_what_closes_coroutines_is_an_error_like_any_other(kind: Any) -> None:
    assert (await outcome(kind(_closes), observer=Events())).status.code == 500


async def test_that_a_handler_has_run_is_told_whatever_middleware_makes_of_the_reply() -> None:
    async def covers(call: Any, call_next: Any) -> Reply:
        await call_next(call)
        reply: Reply = call.reply("instead")
        return reply

    for kind in (Dispatch, Serve):
        for does in (covers, _fails_late):
            reply = await outcome(kind(does), observer=Events())

            assert (reply.executed, reply.handled_by) == (Executed.YES, "c")


async def _hangs(_call: Any, _next: Any) -> Any:
    await asyncio.Event().wait()


def swallowing(until: asyncio.Event) -> Does:
    """Does not end when it is cancelled, until the test lets it."""

    async def swallows(call: Any, _next: Any) -> Any:
        while not until.is_set():
            try:
                await until.wait()
            except asyncio.CancelledError:
                continue
        return call.reply("too late")

    return swallows


@BOTH
async def test_what_hangs_or_swallows_its_cancellation_ends_with_the_time_of_the_call(kind: Any) -> None:
    freed = asyncio.Event()
    async with (
        asyncio.timeout(LIMIT),
        Collector("a", transport=LoopbackNetwork(), services=[service()], middleware=[kind(_hangs)]) as hung,
        Collector(
            "b", transport=LoopbackNetwork(), services=[service()], middleware=[kind(swallowing(freed))]
        ) as deaf,
    ):
        told: list[Reply] = []
        deaf.submit(MethodKey("n", "S", "echo"), Payload(), told.append, timeout=SHORT)
        replies = await asyncio.gather(
            *(each.dispatch("n", "S", "echo", "a", timeout=SHORT) for each in (hung, deaf))
        )
        cancelled = asyncio.create_task(deaf.dispatch("n", "S", "echo", "a"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cancelled, SHORT)
        freed.set()

    assert [reply.status.code for reply in (*replies, *told)] == [504] * 3
    assert {reply.executed for reply in replies} == {Executed.NO}
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_time_limit_of_its_own_ends_what_it_is_around_and_nothing_else() -> None:
    async def limits(call: Any, _next: Any) -> Reply:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            reply: Reply = call.reply("in time")
            return reply
        raise AssertionError

    for kind in (Dispatch, Serve):
        assert (await outcome(kind(limits))).unpack(str) == "in time"


async def test_calls_of_clients_meet_it_once_they_may_go_on_and_those_passed_on_for_peers_do_not() -> None:
    class Nobody:
        def may_use(self, _identity: object, _namespace: str, /) -> bool:
            return False

    network, notes = LoopbackNetwork(), list[str]()
    middleware = [Dispatch(noting(notes, "hub"))]
    async with (
        Collector("shop", transport=network, services=[service()]),
        Collector("hub", transport=network, namespaces=["n"], peers=["shop"], middleware=middleware) as hub,
        Collector(
            "shut", transport=network, services=[service()], authorizer=Nobody(), middleware=middleware
        ),
        MeshClient("hub", transport=network) as client,
        MeshClient("shut", transport=network) as stranger,
    ):
        await hub.wait_for(peers="all")
        allowed = await client.dispatch("n", "S", "echo", "a")
        refused = await stranger.dispatch("n", "S", "echo", "a")

    assert (allowed.status.code, refused.status.code) == (200, 403)
    assert notes == ["hub before", "hub after"]


async def test_a_repeat_is_the_same_call_whether_middleware_is_on_its_way_or_not() -> None:
    network, ran = LoopbackNetwork(), list[str]()
    # A key of this form is made one of the caller's, as it is for whoever has proved an identity.
    key = "of:one"
    async with (
        Collector("shop", transport=network, services=[service(ran)]),
        Collector("hub", transport=network, namespaces=["n"], peers=["shop"]) as hub,
        Collector(
            "other",
            transport=network,
            namespaces=["n"],
            peers=["shop"],
            middleware=[Dispatch(noting([], ""))],
        ) as other,
        MeshClient("hub", transport=network) as client,
        MeshClient("other", transport=network) as second,
    ):
        await hub.wait_for(peers="all")
        await other.wait_for(peers="all")
        for asked in (client, second):
            await asked.call("n", "S", "echo", "a", key=key)

    assert ran == ["a"]


async def test_calls_that_handlers_make_and_those_that_nobody_awaits_meet_it() -> None:
    notes: list[str] = []
    asks = Service("n", "Asks")

    @asks.method
    async def twice(text: str, context: Any) -> str:
        return str(await context.call("n", "S", "echo", text, returns=str))

    async with Collector(
        "c",
        transport=LoopbackNetwork(),
        services=[service(), asks],
        middleware=[Dispatch(noting(notes, "it"))],
    ) as collector:
        await collector.call("n", "Asks", "twice", "a", returns=str)
        told: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        request = Payload.pack("a")
        collector.submit(MethodKey("n", "S", "echo"), request, told.set_result)
        reply = await asyncio.wait_for(told, LIMIT)

    assert (reply.status.code, notes) == (
        200,
        ["it before"] * 2 + ["it after"] * 2 + ["it before", "it after"],
    )


@BOTH
async def test_the_log_has_what_it_raises_and_callers_need_not(kind: Any) -> None:
    events = Events()

    reply = await outcome(kind(_fails_late), observer=events, settings=Settings(expose_handler_errors=False))

    assert "late" not in reply.status.message
    assert [str(event.error) for event in events.all if isinstance(event, HookFailed | HandlerFailed)] == [
        "late"
    ]


async def test_calls_that_it_makes_itself_do_not_meet_it_again() -> None:
    made: list[Collector] = []
    notes: list[str] = []

    async def tells(call: Any, call_next: Any) -> Reply:
        notes.append(f"before {call.method}")
        reply: Reply = await call_next(call)
        await made[0].call("n", "S", "echo", "told")
        notes.append(f"after {call.method}")
        return reply

    async with Collector(
        "c", transport=LoopbackNetwork(), services=[service()], middleware=[Dispatch(tells)]
    ) as collector:
        made.append(collector)
        for name in ("echo", "plain"):
            await asyncio.wait_for(collector.call("n", "S", name, "a"), LIMIT)

    assert notes == ["before echo", "after echo", "before plain", "after plain"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("Audit", "must be a list of collector_mesh.Middleware"),
        ([Middleware], "an instance of it is needed"),
        ([object()], "must be a collector_mesh.Middleware, got object"),
    ],
)
async def test_what_is_no_middleware_is_refused_where_it_is_given(given: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Service("n", "S", middleware=given)
    with pytest.raises(TypeError, match=text):
        Collector("c", transport=LoopbackNetwork(), middleware=given)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"timeout": "1"}, TypeError),
        ({"timeout": float("nan")}, ValueError),
        ({"idempotent": 1}, TypeError),
        ({"metadata": {"Upper": "x"}}, ValueError),
        ({"payload": object()}, TypeError),
        ({"target": 7}, TypeError),
        ({"hints": {"a": 1}}, TypeError),
    ],
)
async def test_changes_of_a_call_are_looked_at(change: dict[str, Any], error: type[Exception]) -> None:
    seen: list[BaseException] = []

    async def changes(call: OutgoingCall, call_next: DispatchNext) -> Reply:
        try:
            call.replace(**change)
        except Exception as raised:  # noqa: BLE001  # which one it is is looked at below
            seen.append(raised)
        kept = call.replace(timeout=1e9, target="c", hints={"a": "b"}, idempotent=True)
        assert max(kept.time_remaining(), call.time_remaining()) <= LIMIT
        assert (kept.target, kept.hints, kept.idempotent) == ("c", {"a": "b"}, True)
        return await call_next(kept)

    reply = await outcome(Dispatch(changes))

    assert (reply.status.code, len(seen)) == (200, 1)
    assert isinstance(seen[0], error) or getattr(seen[0], "code", 0) == 400


async def test_it_is_tested_alone_by_calls_that_a_test_makes() -> None:
    async def answers(call: Any) -> Reply:
        reply: Reply = call.reply({"text": call.payload.unpack(str)})
        return reply

    async def asks(call: Any, call_next: Any) -> Reply:
        return await call_next(call.replace(payload=f"{call.method} {call.metadata}"))  # type: ignore[no-any-return]

    came = await Serve(asks).serve(incoming_call("a", metadata={"b": "c"}), answers)
    sent = await Dispatch(asks).dispatch(outgoing_call("a", method="n/S/M", target="t"), answers)

    assert came.unpack(dict) == {"text": "Test (('b', 'c'),)"}
    assert sent.unpack(dict) == {"text": "M ()"}


class Shop(Contract, namespace="n"):
    async def price(self, article: str) -> int: ...  # type: ignore[empty-body]  # of a contract


async def test_it_is_around_contracts_and_servicers_of_grpc_too_and_not_around_repeats_of_a_key() -> None:
    notes: list[str] = []

    @implements(Shop)
    class Its:
        middleware = (Serve(noting(notes, "the contract's")),)

        async def price(self, article: str) -> int:
            return len(article)

    async with Collector(
        "c",
        transport=LoopbackNetwork(),
        services=[service(), Its],
        middleware=[Serve(noting(notes, "its"))],
    ) as collector:
        for servicer in (Users(), BlockingUsers()):
            collector.mount("users", users_pb2_grpc.add_UserServiceServicer_to_server, servicer, replace=True)
            await collector.call("users", USERS, "CreateUser", users_pb2.User())
        mounted, notes[:] = list(notes), []
        assert await Shop.client(collector).price("tea") == 3
        priced, notes[:] = list(notes), []
        for _ in range(2):
            await collector.call("n", "S", "echo", "a", key="once")

    assert mounted == ["its before", "its after"] * 2
    assert priced == ["its before", "the contract's before", "the contract's after", "its after"]
    assert notes == ["its before", "its after"]
