"""Stubs where the mesh has more to say than gRPC: targets, limits, where they may be used, and what is bad input."""

import asyncio
import gc
import math
import os
import traceback
import weakref
from collections.abc import AsyncIterator, Callable
from itertools import repeat
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.wrappers_pb2 import BytesValue, StringValue
from grpc import aio
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    InvalidCallError,
    LoopbackNetwork,
    MeshClient,
    OutcomeUnknownError,
    OverloadedError,
    Payload,
    Service,
)
from collector_mesh.adapters.stubs.answered import AnsweredCall

pytestmark = pytest.mark.asyncio

PATH = "/demo.Echo/"


class Echo:
    """A collector with a service, and what has become of its calls."""

    def __init__(self, collector_id: str, network: LoopbackNetwork) -> None:
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()
        service = Service("demo", "demo.Echo")

        @service.method("Echo", idempotent=True)
        async def echo(request: StringValue) -> StringValue:
            return request

        @service.method("Who", idempotent=True)
        async def who(context: CallContext) -> StringValue:
            return StringValue(value=context.collector_id)

        @service.method("Metadata")
        async def metadata(context: CallContext) -> StringValue:
            return StringValue(value=repr(context.metadata))

        @service.method("Left")
        async def left(context: CallContext) -> StringValue:
            return StringValue(value=str(context.time_remaining()))

        @service.method("Wait")
        async def wait() -> StringValue:
            self.begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            return StringValue()

        @service.method("Dict")
        async def plain() -> dict[str, Any]:
            return {"a": 1}

        @service.method("Raw")
        async def raw(request: Payload) -> Payload:
            return Payload("odd", request.value)

        @service.method("Unknown")
        async def unknown() -> None:
            raise OutcomeUnknownError("outcome unknown: nobody knows")

        @service.method("Busy")
        async def busy() -> None:
            raise OverloadedError.after(1.5)

        self.collector = Collector(collector_id, services=[service], transport=network)


def method(channel: aio.Channel, name: str, *, returns: Any = StringValue) -> Any:
    return channel.unary_unary(PATH + name, StringValue.SerializeToString, returns.FromString)


@pytest.fixture
def network() -> LoopbackNetwork:
    return LoopbackNetwork()


@pytest_asyncio.fixture
async def echo(network: LoopbackNetwork) -> AsyncIterator[Echo]:
    echo = Echo("a", network)
    async with echo.collector:
        yield echo


@pytest_asyncio.fixture
async def front(network: LoopbackNetwork, echo: Echo) -> AsyncIterator[Collector]:
    async with Collector("front", namespaces=["demo"], transport=network) as front:
        await front.connect("a")
        yield front


async def failure(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as raised:
        await call
    return raised.value.code(), raised.value.details() or ""


async def test_a_channel_may_have_one_target_and_a_call_another(
    front: Collector, network: LoopbackNetwork
) -> None:
    async with Echo("b", network).collector:
        await front.connect("b")
        who = method(front.channel("demo", target="b"), "Who")
        found = [(await who(StringValue())).value for _ in range(4)]
        other = await who(StringValue(), metadata=[("collector-target", "a")])

    assert found == ["b"] * 4
    assert other.value == "a"


async def test_a_target_that_is_not_connected_is_unavailable(front: Collector) -> None:
    code, details = await failure(method(front.channel("demo", target="nobody"), "Who")(StringValue()))

    assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "no connection to collector 'nobody'")


async def test_no_key_of_the_mesh_reaches_a_handler(front: Collector) -> None:
    metadata = [("k", "v"), ("collector-namespace", "demo"), ("collector-target", "a"), ("collector-x", "y")]

    found = await method(front.channel("demo"), "Metadata")(StringValue(), metadata=metadata)

    assert found.value == "(('k', 'v'),)"


def _raise(*_arguments: object) -> Any:
    raise ValueError("mine")


BAD_METADATA: dict[str, tuple[Callable[[], Any], str]] = {
    "capitals": (lambda: [("K", "v")], "metadata key must match"),
    "reserved": (lambda: [("grpc-x", "v")], "not start with grpc-"),
    "text in -bin": (lambda: [("k-bin", "v")], "must be bytes"),
    "no ASCII": (lambda: [("k", "ä")], "printable ASCII"),
    "bytes that are no text": (lambda: [("k", b"\xff")], "printable ASCII"),
    "a line": (lambda: [("k", "a\nb")], "printable ASCII"),
    "no pairs": (lambda: 5, "metadata must be a mapping or pairs"),
    "a text": (lambda: "ab", "metadata must be a mapping or pairs"),
    "three parts": (lambda: [("k", "v", "w")], "got tuple of 3"),
    "no text": (lambda: [("k", 5)], "must be a str or bytes, got int"),
    "no end": (lambda: repeat(("k", "v")), "metadata has more than"),
    "what raises": (lambda: (_raise() for _ in range(1)), "got generator: mine"),
    "too much": (lambda: [("k", "v" * 8192)], "at most 8192 are allowed"),
    "another namespace": (lambda: [("collector-namespace", "other")], "the channel is for namespace 'demo'"),
    "no name": (lambda: [("collector-target", "a b")], "collector-target"),
}


class Passing(aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(client_call_details, request)


@pytest.mark.parametrize("interceptors", [[], [Passing()]], ids=["alone", "through an interceptor"])
@pytest.mark.parametrize("name", BAD_METADATA)
async def test_bad_metadata_is_how_that_call_ends(
    front: Collector, name: str, interceptors: list[Any]
) -> None:
    make, text = BAD_METADATA[name]
    metadata = make()
    echo = method(front.channel("demo", interceptors=interceptors), "Echo")
    call = echo(StringValue(), metadata=metadata)

    code, details = await failure(call)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text in details
    assert await echo(StringValue(value="x")) == StringValue(value="x")


async def test_without_a_timeout_a_call_has_that_of_the_mesh(front: Collector) -> None:
    left = method(front.channel("demo"), "Left")
    call, endless = left(StringValue()), left(StringValue(), timeout=math.inf)

    assert 0 < call.time_remaining() <= 15
    assert 0 < float((await call).value) <= 15
    assert endless.time_remaining() is None
    assert (await endless).value == "inf"
    code, details = await failure(left(StringValue(), timeout=math.nan))
    assert (code, "timeout must be at least 0" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    code, _ = await failure(left(StringValue(), timeout=0))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("interceptors", [[], [Passing()]], ids=["alone", "through an interceptor"])
async def test_an_argument_that_grpc_does_not_have_is_a_type_error(
    front: Collector, interceptors: list[Any]
) -> None:
    with pytest.raises(TypeError, match="timout"):
        method(front.channel("demo", interceptors=interceptors), "Echo")(StringValue(), timout=1)


async def test_an_unknown_outcome_is_never_unavailable(front: Collector) -> None:
    call = method(front.channel("demo"), "Unknown")(StringValue())

    assert await call.code() is grpc.StatusCode.UNKNOWN
    assert "502, executed: yes, by 'a'" in await call.debug_error_string()


async def test_a_handler_that_is_overloaded_is_an_exhausted_resource(front: Collector) -> None:
    call = method(front.channel("demo"), "Busy")(StringValue())

    assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("serialize", "text"),
    [
        (_raise, "Exception serializing request! /demo.Echo/Echo: ValueError: mine"),
        (lambda _request: None, "what the serializer gives must be bytes, got NoneType"),
        (lambda _request: "text", "what the serializer gives must be bytes, got str"),
        (None, "a request without a serializer must be bytes, got StringValue"),
    ],
)
async def test_a_request_that_has_no_bytes_is_how_its_call_ends(
    front: Collector, serialize: Any, text: str
) -> None:
    call: Any = front.channel("demo").unary_unary(f"{PATH}Echo", serialize)(StringValue())

    assert call.done()
    code, details = await failure(call)
    assert (code, text in details) == (grpc.StatusCode.INTERNAL, True)
    assert call.time_remaining() is None
    assert not call.cancel()


@pytest.mark.parametrize("request_", [None, 5, BytesValue, object()])
async def test_a_request_that_is_no_message_is_how_its_call_ends(front: Collector, request_: Any) -> None:
    code, _ = await failure(method(front.channel("demo"), "Echo")(request_))

    assert code is grpc.StatusCode.INTERNAL


async def test_a_message_of_another_type_is_refused_by_the_method(front: Collector) -> None:
    code, details = await failure(method(front.channel("demo"), "Echo")(BytesValue(value=b"x")))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "google.protobuf.BytesValue" in details


async def test_a_response_that_cannot_be_read_is_how_its_call_ends(front: Collector) -> None:
    channel = front.channel("demo")
    call = channel.unary_unary(f"{PATH}Echo", StringValue.SerializeToString, _raise)(StringValue())

    code, details = await failure(call)

    assert code is grpc.StatusCode.INTERNAL
    assert details == "Exception deserializing response! /demo.Echo/Echo: ValueError: mine"
    assert await call.code() is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize("name", ["Dict", "Raw"])
async def test_a_response_that_is_another_message_is_how_its_call_ends(front: Collector, name: str) -> None:
    code, details = await failure(method(front.channel("demo"), name)(StringValue()))

    assert code is grpc.StatusCode.INTERNAL
    assert "expected 'type.googleapis.com/google.protobuf.StringValue'" in details


@pytest.mark.parametrize("path", ["", "/", "Echo", "/demo.Echo", "/demo.Echo/", "//Echo", "/a/b/c", 5, None])
async def test_what_is_no_path_of_a_method_is_refused_where_it_is_given(front: Collector, path: Any) -> None:
    channel = front.channel("demo")

    for make in (channel.unary_unary, channel.unary_stream, channel.stream_unary, channel.stream_stream):
        with pytest.raises(ValueError, match="a method must be"):
            make(path)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"namespace": ""}, InvalidCallError, "namespace"),
        ({"namespace": "a b"}, InvalidCallError, "namespace"),
        ({"namespace": 5}, TypeError, "namespace must be a str"),
        ({"target": "a b"}, InvalidCallError, "target"),
        ({"target": None}, TypeError, "target must be a str"),
        ({"interceptors": [object()]}, TypeError, "each of interceptors must be an instance"),
        ({"interceptors": 5}, TypeError, "interceptors must be several"),
    ],
)
async def test_what_cannot_be_a_channel_is_refused(
    front: Collector, arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        front.channel(**{"namespace": "demo", **arguments})


async def test_a_stub_is_used_while_its_collector_is_open(network: LoopbackNetwork) -> None:
    collector = Echo("one", network).collector
    channel = collector.channel("demo")
    call = method(channel, "Echo")

    assert channel.get_state() is grpc.ChannelConnectivity.IDLE
    with pytest.raises(RuntimeError, match="collector 'one' is new"):
        call(StringValue())
    async with collector:
        assert await call(StringValue(value="x")) == StringValue(value="x")
    assert channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN
    assert await asyncio.to_thread(channel.get_state) is grpc.ChannelConnectivity.SHUTDOWN
    with pytest.raises(RuntimeError, match="collector 'one' is closed"):
        call(StringValue())
    with pytest.raises(RuntimeError, match="is closed"):
        await channel.channel_ready()
    await channel.close()


async def test_a_stub_is_used_while_its_client_is_open(network: LoopbackNetwork, echo: Echo) -> None:
    client = MeshClient("a", transport=network)
    channel = client.channel("demo")

    with pytest.raises(RuntimeError, match="the client of a is new"):
        method(channel, "Echo")(StringValue())
    async with client:
        assert channel.get_state() is grpc.ChannelConnectivity.IDLE
        await asyncio.wait_for(channel.channel_ready(), LIMIT_SECONDS)
        assert await method(channel, "Who")(StringValue()) == StringValue(value="a")
    with pytest.raises(RuntimeError, match="the client of a is closed"):
        method(channel, "Echo")(StringValue())


async def test_a_stub_is_used_in_the_loop_of_its_collector(front: Collector) -> None:
    call = method(front.channel("demo"), "Echo")

    async def use() -> None:
        call(StringValue())

    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        await asyncio.to_thread(asyncio.run, use())
    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        await asyncio.to_thread(call, StringValue())
    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        await asyncio.to_thread(front.channel("demo").get_state)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_stub_is_not_used_in_a_forked_process(front: Collector) -> None:
    call = method(front.channel("demo"), "Echo")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            call(StringValue())
            told = "it was used"
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is told
            told = "".join(traceback.format_exception_only(error))
        os.write(writing, told.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = await asyncio.to_thread(pipe.read)
    os.waitpid(child, 0)

    assert "RuntimeError" in said
    assert "a forked process needs one of its own" in said


async def test_calls_that_are_under_way_end_with_their_collector(
    network: LoopbackNetwork, echo: Echo
) -> None:
    from collector_mesh import Settings

    front = Collector("front", namespaces=["demo"], transport=network, settings=Settings(drain_timeout=0.05))
    async with front:
        await front.connect("a")
        call = method(front.channel("demo"), "Wait")(StringValue())
        await asyncio.wait_for(echo.begun.wait(), LIMIT_SECONDS)

    code, _ = await asyncio.wait_for(failure(call), LIMIT_SECONDS)
    assert code is grpc.StatusCode.UNKNOWN
    await asyncio.wait_for(echo.cancelled.wait(), LIMIT_SECONDS)


async def test_a_call_goes_on_where_nothing_of_its_stub_is_held(front: Collector) -> None:
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    channel = front.channel("demo")
    held = weakref.ref(channel)
    method(channel, "Echo")(StringValue(value="x")).add_done_callback(told.set_result)

    del channel
    gc.collect()

    assert await asyncio.wait_for(told, LIMIT_SECONDS) is not None
    assert await told.result() == StringValue(value="x")
    assert held() is None


async def test_what_has_ended_is_no_garbage(front: Collector) -> None:
    call = method(front.channel("demo"), "Echo")
    await call(StringValue())
    gc.collect()
    gc.disable()
    try:
        ended = call(StringValue(value="x"))
        await ended
        held = weakref.ref(ended)
        del ended
        assert held() is None
    finally:
        gc.enable()


async def test_done_callbacks_that_raise_stop_nothing(front: Collector) -> None:
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))
    told: list[object] = []
    echo, wait = method(front.channel("demo"), "Echo"), method(front.channel("demo"), "Wait")
    call, cancelled = echo(StringValue(value="x")), wait(StringValue())
    for each in (call, cancelled):
        each.add_done_callback(_raise)
        each.add_done_callback(told.append)

    assert await call == StringValue(value="x")
    assert cancelled.cancel()

    assert told == [call, cancelled]
    assert [str(context["exception"]) for context in said] == ["mine", "mine"]
    with pytest.raises(ValueError, match="mine"):
        call.add_done_callback(_raise)
    with pytest.raises(TypeError, match="a done callback must be callable, got int"):
        call.add_done_callback(5)


async def test_a_call_in_a_handler_has_no_more_time_than_that_and_is_cancelled_with_it(
    network: LoopbackNetwork, echo: Echo
) -> None:
    front = Collector("front", namespaces=["demo"], transport=network)
    channel = front.channel("demo")
    service = Service("demo", "demo.Nested")

    @service.method("Left")
    async def left() -> StringValue:
        found: StringValue = await method(channel, "Left")(StringValue(), timeout=1e6)
        return found

    @service.method("Wait")
    async def wait() -> None:
        await method(channel, "Wait")(StringValue())

    front.add_service(service)
    async with front:
        await front.connect("a")
        given = await front.call("demo", "demo.Nested", "Left", timeout=LIMIT_SECONDS, returns=StringValue)
        waiting = asyncio.create_task(front.dispatch("demo", "demo.Nested", "Wait", timeout=LIMIT_SECONDS))
        await asyncio.wait_for(echo.begun.wait(), LIMIT_SECONDS)
        waiting.cancel()
        await asyncio.wait_for(echo.cancelled.wait(), LIMIT_SECONDS)

    assert 0 < float(given.value) <= LIMIT_SECONDS


async def test_what_a_handler_has_begun_and_does_not_await_is_cancelled_with_it(
    network: LoopbackNetwork, echo: Echo
) -> None:
    front = Collector("front", namespaces=["demo"], transport=network)
    stubs, service = front.channel("demo"), Service("demo", "demo.Nested")
    begun: list[Any] = []

    @service.method("Wait")
    async def wait() -> None:
        begun.append(method(stubs, "Wait")(StringValue()))
        begun.append(method(stubs, "Echo")(StringValue(value="x")))
        await asyncio.Event().wait()

    @service.method("Leave")
    async def leave() -> None:
        begun.append(method(stubs, "Echo")(StringValue(value="left")))

    front.add_service(service)
    async with front:
        await front.connect("a")
        waiting = asyncio.create_task(front.dispatch("demo", "demo.Nested", "Wait", timeout=LIMIT_SECONDS))
        await asyncio.wait_for(echo.begun.wait(), LIMIT_SECONDS)
        assert await begun[1] == StringValue(value="x")
        waiting.cancel()
        await asyncio.wait_for(echo.cancelled.wait(), LIMIT_SECONDS)
        code, details = await failure(begun[0])
        await front.dispatch("demo", "demo.Nested", "Leave")
        left = await begun[2]

    assert (code, details) == (
        grpc.StatusCode.CANCELLED,
        "the handler that has made the call was cancelled",
    )
    # What outlives a handler that has ended by itself goes on.
    assert left == StringValue(value="left")


class Careless(aio.UnaryUnaryClientInterceptor):
    """Begins a call and never looks at it."""

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        await continuation(client_call_details, request)
        await asyncio.Event().wait()


async def test_what_an_interceptor_has_begun_is_cancelled_with_its_call(front: Collector, echo: Echo) -> None:
    call = method(front.channel("demo", interceptors=[Careless()]), "Wait")(StringValue())
    await asyncio.wait_for(echo.begun.wait(), LIMIT_SECONDS)

    call.cancel()

    await asyncio.wait_for(echo.cancelled.wait(), LIMIT_SECONDS)


class Mute(AnsweredCall):
    """A call of somebody's own, which tells nobody of its end."""

    def done(self) -> bool:
        return False

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        raise NotImplementedError


class Muting(aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return Mute(StringValue(value="mine"))


async def test_a_call_of_an_interceptor_that_tells_nobody_of_its_end_counts_as_ended(
    front: Collector,
) -> None:
    said: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))
    told = asyncio.Event()
    call = method(front.channel("demo", interceptors=[Muting()]), "Echo")(StringValue())
    call.add_done_callback(lambda _call: told.set())

    assert await call == StringValue(value="mine")

    await asyncio.wait_for(told.wait(), LIMIT_SECONDS)
    assert [context["message"] for context in said] == [
        "nobody can be told of the end of what an interceptor has given, Mute"
    ]


async def test_a_channel_is_ready_when_somebody_is_there(network: LoopbackNetwork, echo: Echo) -> None:
    async with Collector("front", namespaces=["demo"], transport=network) as front:
        channel = front.channel("demo")
        assert channel.get_state() is grpc.ChannelConnectivity.IDLE
        waiting = asyncio.create_task(channel.channel_ready())
        changed = asyncio.create_task(channel.wait_for_state_change(grpc.ChannelConnectivity.IDLE))
        await front.connect("a")

        await asyncio.wait_for(asyncio.gather(waiting, changed), LIMIT_SECONDS)

        assert channel.get_state() is grpc.ChannelConnectivity.READY
        assert front.channel("demo", target="a").get_state() is grpc.ChannelConnectivity.READY
        assert front.channel("other").get_state() is grpc.ChannelConnectivity.IDLE
