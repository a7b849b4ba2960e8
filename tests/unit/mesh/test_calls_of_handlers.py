"""Calls that handlers make: their time, what they carry on, how they fail, and where they cannot be made."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from dependency_injector import providers
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    Executed,
    LoopbackNetwork,
    MeshClient,
    MeshError,
    NotFoundError,
    Payload,
    Reply,
    Service,
    Settings,
    SettingsError,
)
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import HandlerFailed
from collector_mesh.testing import FakeCalls, call_context

pytestmark = pytest.mark.asyncio

NS = "ns"
EMPTY = Payload()


@asynccontextmanager
async def pair(front: Service, back: Service, **options: Any) -> AsyncIterator[tuple[Collector, MeshClient]]:
    """A client of `front`, whose handlers call those of `back`."""
    network = LoopbackNetwork()
    async with (
        Collector("front", transport=network, services=[front], settings=Settings(**options)) as a,
        Collector("back", transport=network, services=[back], settings=Settings(**options)) as b,
        MeshClient("front", transport=network) as client,
    ):
        await a.connect(b.address)
        yield a, client


def both(service: Service, target: str, *, returns: Any = None, **options: Any) -> None:
    """Two handlers, `Async` and `Plain`, that make the same call."""

    @service.method("Async")
    async def wait(request: Payload, context: CallContext) -> Any:
        return await context.call(NS, "Back", target, request, returns=returns, **options)

    @service.method("Plain")
    def plain(request: Payload, context: CallContext) -> Any:
        return context.blocking.call(NS, "Back", target, request, returns=returns, **options)


KINDS = pytest.mark.parametrize("kind", ["Async", "Plain"])


@KINDS
async def test_a_handler_calls_another_collector_within_the_time_and_with_the_metadata_of_its_own_call(
    kind: str,
) -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")
    seen: list[CallContext] = []

    @back.method("See")
    async def see(request: Payload, context: CallContext) -> Payload:
        seen.append(context)
        return request

    both(front, "See", timeout=1e6, metadata=[("own", "1"), ("user", "nested")])
    async with pair(front, back, forward_metadata=["trace-id", "user"]) as (_, client):
        metadata = [("trace-id", "7"), ("trace-id", "8"), ("secret", "x"), ("user", "outer")]
        given = await client.call(
            NS, "Front", kind, Payload("t", b"x"), timeout=LIMIT_SECONDS, metadata=metadata
        )
        (context,) = seen

    assert given == Payload("t", b"x")
    # What the call says of itself counts before what it takes over; nothing else is carried on.
    assert sorted(context.metadata) == [
        ("own", "1"), ("trace-id", "7"), ("trace-id", "8"), ("user", "nested"),
    ]  # fmt: skip
    assert context.caller == "front"
    assert context.time_remaining() <= LIMIT_SECONDS


async def test_no_metadata_is_carried_on_unless_that_is_set() -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")
    seen: list[Any] = []

    @back.method("See")
    async def see(context: CallContext) -> None:
        seen.append(context.metadata)

    both(front, "See")
    async with pair(front, back) as (_, client):
        await client.call(NS, "Front", "Async", metadata={"trace-id": "7"})

    assert seen == [()]


async def test_metadata_that_is_too_much_together_is_refused_in_the_handler() -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")
    back.add("See", lambda: None)
    both(front, "See", metadata={"own": "x" * 5000})
    async with pair(front, back, forward_metadata=["trace-id"]) as (_, client):
        reply = await client.dispatch(NS, "Front", "Async", metadata={"trace-id": "y" * 5000})

    assert reply.status.code == 500
    assert "failed: 400 at front: metadata has 10011 bytes, at most 8192 are allowed" in reply.status.message


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (["Trace"], r"forward_metadata must be metadata keys: metadata key must match .*, got 'Trace'"),
        (
            ["grpc-x"],
            "forward_metadata must be metadata keys: metadata key must match .* not start with grpc-",
        ),
        ("trace-id", "forward_metadata must be a list of metadata keys, got 'trace-id'"),
        ([7], r"forward_metadata must be a list of metadata keys, got \(7,\)"),
    ],
)
async def test_a_wrong_key_is_refused_when_it_is_set(keys: Any, text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        Settings(forward_metadata=keys)


@KINDS
async def test_what_a_nested_call_raises_says_which_call_it_was_and_who_has_failed(kind: str) -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")
    caught: list[MeshError] = []

    @back.method("Find")
    async def find() -> None:
        raise NotFoundError("no user 7", details={"user": "7"})

    @front.method("Async")
    async def wait(context: CallContext) -> None:
        try:
            await context.call(NS, "Back", "Find")
        except MeshError as error:
            caught.append(error)
            raise

    @front.method("Plain")
    def plain(context: CallContext) -> None:
        try:
            context.blocking.call(NS, "Back", "Find")
        except MeshError as error:
            caught.append(error)
            raise

    async with pair(front, back) as (_, client):
        reply = await client.dispatch(NS, "Front", kind)
    (error,) = caught

    assert isinstance(error, NotFoundError)
    assert str(error) == "call of ns/Back/Find failed: 404 at back: no user 7"
    assert (error.called, error.raised_by, error.handled_by) == ("ns/Back/Find", "back", "back")
    assert (error.code, error.executed, dict(error.details)) == (404, Executed.YES, {"user": "7"})
    # It is no 404 of the handler's own.
    assert reply.status.code == 500
    assert reply.status.message == "handler error: call of ns/Back/Find failed: 404 at back: no user 7"
    assert dict(reply.status.details) == {
        "nested_code": "404",
        "nested_method": "ns/Back/Find",
        "nested_handled_by": "back",
    }
    assert (reply.executed, reply.handled_by) == (Executed.YES, "front")


@KINDS
async def test_what_a_stub_raises_in_a_handler_is_told_like_the_failure_of_a_call(kind: str) -> None:
    back, front = Service(NS, "Back"), Service(NS, "Front")

    @back.method("Find")
    async def find() -> None:
        raise NotFoundError("no user 7", details={"user": "7"})

    async with pair(front, back) as (collector, client):

        def find_by(channel: Any) -> Any:
            return channel.unary_unary("/Back/Find", StringValue.SerializeToString, StringValue.FromString)

        @front.method("Async")
        async def wait() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.wait_for(find_by(collector.channel(NS))(StringValue()), None))

        @front.method("Plain")
        def plain() -> None:
            find_by(collector.sync_channel(NS))(StringValue())

        collector.add_service(front, replace=True)
        reply = await client.dispatch(NS, "Front", kind)

    assert reply.status.code == 500
    assert reply.status.message == "handler error: call of ns/Back/Find failed: 404 at back: no user 7"
    assert dict(reply.status.details) == {
        "nested_code": "404",
        "nested_method": "ns/Back/Find",
        "nested_handled_by": "back",
    }


@pytest.mark.parametrize("kind", ["blocking", "stub"])
async def test_a_plain_handler_whose_call_ends_since_its_caller_has_gone_has_not_failed(kind: str) -> None:
    begun, ended, over = asyncio.Event(), asyncio.Event(), threading.Event()
    back, front = Service(NS, "Back"), Service(NS, "Front")
    observer = FakeObserver()

    @back.method("Wait")
    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    @front.method("Plain")
    def plain(context: CallContext) -> None:
        try:
            if kind == "blocking":
                context.blocking.call(NS, "Back", "Wait")
            else:
                wait_for: Any = collector.sync_channel(NS).unary_unary("/Back/Wait")
                wait_for(b"")
        finally:
            over.set()

    network = LoopbackNetwork()
    collector = Collector("front", transport=network, services=[front, back])
    collector.container.observer.override(providers.Object(observer))
    async with collector, MeshClient("front", transport=network) as client:
        call = asyncio.create_task(client.dispatch(NS, "Front", "Plain"))
        await asyncio.wait_for(begun.wait(), LIMIT_SECONDS)
        call.cancel()
        await asyncio.wait_for(ended.wait(), LIMIT_SECONDS)
        assert await asyncio.to_thread(over.wait, LIMIT_SECONDS)

    # It has stopped: what the thread has to tell has been told.
    assert observer.of(HandlerFailed) == []


async def call_by_collector(collector: Collector, _client: MeshClient, _context: CallContext) -> object:
    return await collector.call(NS, "Back", "Nope")


async def raise_for_status(collector: Collector, _client: MeshClient, _context: CallContext) -> object:
    return (await collector.dispatch(NS, "Back", "Nope")).raise_for_status()


async def call_by_client(_collector: Collector, client: MeshClient, _context: CallContext) -> object:
    return await client.call(NS, "Back", "Nope")


async def call_by_context(_collector: Collector, _client: MeshClient, context: CallContext) -> object:
    return await context.call(NS, "Back", "Nope")


async def call_in_a_thread(collector: Collector, _client: MeshClient, _context: CallContext) -> object:
    return await asyncio.to_thread(collector.blocking.call, NS, "Back", "Nope")


async def call_in_a_thread_by_context(
    _collector: Collector, _client: MeshClient, context: CallContext
) -> object:
    return await asyncio.to_thread(context.blocking.call, NS, "Back", "Nope")


@pytest.mark.parametrize(
    "call",
    [
        call_by_collector,
        raise_for_status,
        call_by_client,
        call_by_context,
        call_in_a_thread,
        call_in_a_thread_by_context,
    ],
)
async def test_a_missing_method_of_a_nested_call_is_not_the_handlers_whatever_it_calls_by(call: Any) -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")

    @front.method("Call")
    async def handle(context: CallContext) -> None:
        await call(collector, client, context)

    async with pair(front, back) as (collector, client):
        reply = await client.dispatch(NS, "Front", "Call")
        outside = await client.dispatch(NS, "Back", "Nope")

    assert (reply.status.code, reply.executed) == (500, Executed.YES)
    assert reply.status.message.startswith("handler error: call of ns/Back/Nope failed: 404 at front: ")
    assert reply.status.details["nested_code"] == "404"
    with pytest.raises(NotFoundError) as raised:
        outside.raise_for_status()
    assert (raised.value.called, str(raised.value)) == ("", outside.status.message)


async def test_a_handler_that_wants_another_code_raises_its_own_error() -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")

    @front.method("Call")
    async def handle(context: CallContext) -> None:
        try:
            await context.call(NS, "Back", "Nope")
        except MeshError as error:
            raise MeshError("not now", code=error.code) from error

    async with pair(front, back) as (_, client):
        reply = await client.dispatch(NS, "Front", "Call")

    assert (reply.status.code, reply.status.message) == (404, "not now")


@KINDS
async def test_a_result_of_another_type_is_not_a_bad_request_of_the_caller(kind: str) -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")
    back.add("Text", lambda: StringValue(value="x"))
    both(front, "Text", returns=Int64Value)
    async with pair(front, back) as (_, client):
        reply = await client.dispatch(NS, "Front", kind)

    assert reply.status.code == 500
    assert "call of ns/Back/Text failed: 400 at back: payload is a" in reply.status.message
    assert reply.status.details["nested_handled_by"] == "back"


async def test_who_hides_the_errors_of_handlers_hides_those_of_nested_calls() -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")
    both(front, "Nope")
    async with pair(front, back, expose_handler_errors=False) as (_, client):
        reply = await client.dispatch(NS, "Front", "Async")

    assert reply.status.code == 500
    assert "Nope" not in reply.status.message
    assert dict(reply.status.details) == {}


async def test_of_several_calls_that_fail_at_once_the_first_is_told() -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")

    @front.method("Both")
    async def handle(context: CallContext) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(context.call(NS, "Back", "Nope"))
            group.create_task(context.call(NS, "Back", "Neither"))

    async with pair(front, back) as (_, client):
        reply = await client.dispatch(NS, "Front", "Both")

    assert reply.status.code == 500
    assert "call of ns/Back/Nope failed: 404" in reply.status.message
    assert reply.status.details["nested_method"] == "ns/Back/Nope"


@KINDS
async def test_where_the_time_of_the_outer_call_is_up_in_a_nested_one_that_is_a_504(kind: str) -> None:
    front, back = Service(NS, "Front"), Service(NS, "Back")

    @back.method("Hang")
    async def hang() -> None:
        await asyncio.Event().wait()

    both(front, "Hang")
    async with pair(front, back) as (_, client):
        reply = await client.dispatch(NS, "Front", kind, timeout=0.1)
        # The nested call alone is out of time: the outer one is not.
        both(soon := Service(NS, "Soon"), "Hang", timeout=0.01)
        _.add_service(soon)
        other = await client.dispatch(NS, "Soon", kind, timeout=LIMIT_SECONDS)

    assert reply.status.code == 504
    assert (other.status.code, other.status.details["nested_code"]) == (500, "504")


async def test_an_async_handler_is_told_to_await_and_a_plain_one_to_block() -> None:
    service = Service(NS, "Front")

    @service.method("Async")
    async def wait(context: CallContext) -> None:
        context.blocking.call(NS, "Front", "Leaf")

    @service.method("Plain")
    def plain(context: CallContext) -> None:
        asyncio.run(context.call(NS, "Front", "Leaf"))

    async with Collector("a", transport=LoopbackNetwork(), services=[service]) as a:
        blocks = await a.dispatch(NS, "Front", "Async")
        awaits = await a.dispatch(NS, "Front", "Plain")

    assert "use await context.call(...)" in blocks.status.message
    assert "a plain handler calls by context.blocking.call(...)" in awaits.status.message
    assert (blocks.status.code, awaits.status.code) == (500, 500)


async def test_once_the_handler_has_ended_its_context_makes_no_calls() -> None:
    service = Service(NS, "Front")
    kept: list[CallContext] = []

    @service.method("Keep")
    async def keep(context: CallContext) -> None:
        kept.append(context)

    async with Collector("a", transport=LoopbackNetwork(), services=[service]) as a:
        await a.call(NS, "Front", "Keep")
        (context,) = kept
        with pytest.raises(RuntimeError, match=r"handler of ns/Front\.Keep has ended"):
            await context.call(NS, "Front", "Leaf")
        with pytest.raises(RuntimeError, match=r"handler of ns/Front\.Keep has ended"):
            await asyncio.to_thread(context.blocking.dispatch, NS, "Front", "Leaf")


async def test_a_call_in_a_task_of_the_handler_is_of_the_handlers_call() -> None:
    service = Service(NS, "Front")
    left: list[float] = []

    @service.method("Leaf")
    async def leaf(context: CallContext) -> None:
        left.append(context.time_remaining())

    @service.method("Fan")
    async def fan(context: CallContext) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(context.call(NS, "Front", "Leaf"))
        # It has no context of its own, as variables go.
        thread = threading.Thread(target=lambda: context.blocking.call(NS, "Front", "Leaf"))
        thread.start()
        await asyncio.to_thread(thread.join)

    async with Collector("a", transport=LoopbackNetwork(), services=[service]) as a:
        await a.call(NS, "Front", "Fan", timeout=5.0)

    assert len(left) == 4
    assert max(left) <= 5.0


async def greet(request: StringValue, context: CallContext) -> StringValue:
    """A handler, as a user tests it."""
    name = await context.call("users", "UserService", "Name", request, returns=StringValue, timeout=1)
    return StringValue(value=f"Hello, {name.value}!")


def greet_plainly(request: StringValue, context: CallContext) -> StringValue:
    """The same, as a plain function."""
    name = context.blocking.call("users", "UserService", "Name", request, returns=StringValue)
    return StringValue(value=f"Hello, {name.value}!")


async def test_a_handler_is_tested_alone_with_a_context_whose_calls_go_to_a_table() -> None:
    calls = FakeCalls({"users/UserService/Name": lambda request: StringValue(value=str(len(request.value)))})
    context = call_context(calls, metadata={"a": "b"})

    assert (await greet(StringValue(value="x"), context)).value == "Hello, 3!"
    assert greet_plainly(StringValue(value="xy"), context).value == "Hello, 4!"
    assert [(call.method, dict(call.options)) for call in calls.made] == [
        ("users/UserService/Name", {"timeout": 1.0}),
        ("users/UserService/Name", {}),
    ]
    assert context.metadata == (("a", "b"),)


async def test_a_table_gives_errors_as_a_mesh_does() -> None:
    context = call_context({"users/UserService/Name": NotFoundError("no user")})

    with pytest.raises(NotFoundError, match="call of users/UserService/Name failed: 404 at fake: no user"):
        await greet(StringValue(value="x"), context)
    with pytest.raises(NotFoundError, match="no answer for users/UserService/Names: there are users/"):
        await context.call("users", "UserService", "Names")
    with pytest.raises(ValueError, match="method must be NAMESPACE/SERVICE/METHOD, got 'x'"):
        call_context(method="x")


async def test_a_table_has_plain_data_and_a_context_what_a_lifespan_would_have_yielded() -> None:
    context = call_context({"stock/Stock/Of": {"left": 7}}, state=["database"])

    left = await context.call("stock", "Stock", "Of", "tea", returns=dict)

    assert (left, context.state) == ({"left": 7}, ["database"])


@pytest.mark.parametrize(("name", "wrong"), [("target", 7), ("idempotent", "yes"), ("timeout", "long")])
async def test_a_table_refuses_the_arguments_that_a_mesh_refuses(name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=name):
        await call_context().dispatch("users", "UserService", "Name", **{name: wrong})


async def test_a_context_that_is_made_without_calls_says_where_there_is_one() -> None:
    from collector_mesh.domain.model.call import Call
    from collector_mesh.domain.model.names import MethodKey

    context = CallContext(Call(MethodKey("n", "s", "m")), "a", lambda: 0.0)

    with pytest.raises(RuntimeError, match=r"collector_mesh\.testing\.call_context"):
        await context.call("n", "s", "m")


async def test_a_validator_sees_who_calls_and_a_nested_call_is_this_collectors_own() -> None:
    from collector_mesh.domain.model.call import Call, Origin
    from collector_mesh.domain.serving.executor import Executor

    front = Service(NS, "Front")
    made: list[Call] = []
    both(front, "See")
    back = Service(NS, "Back")
    back.add("See", lambda: None)

    async with Collector("a", transport=LoopbackNetwork(), services=[front, back]) as a:
        run: Callable[..., Any] = a.container.executor().run

        async def watched(call: Call) -> Reply:
            made.append(call)
            given: Reply = await run(call)
            return given

        a.container.executor().run = watched  # type: ignore[method-assign]  # of this one alone
        assert isinstance(a.container.executor(), Executor)
        await a.call(NS, "Front", "Async")
        await a.call(NS, "Front", "Plain")

    nested = [call for call in made if call.key.service == "Back"]
    assert [(call.origin, call.identity, call.caller, call.source) for call in nested] == [
        (Origin.LOCAL, None, "", "")
    ] * 2
