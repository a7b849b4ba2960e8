"""Stubs in threads, over a channel of grpc's own and over channels of the mesh: the same to whoever uses them."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from typing import Any

import grpc
import pytest
from mesh_test import users_pb2, users_pb2_grpc
from tests.generated import servicers
from tests.generated.servicers import BlockingUsers
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, LoopbackNetwork, MeshClient, Settings, SyncMeshClient
from collector_mesh.adapters.runtime.loop_thread import LoopThread

Stub = Any
NOBODY = users_pb2.GetUserRequest(id=-1)
SOMEBODY = users_pb2.GetUserRequest(id=7)


def waiting(seconds: float = LIMIT_SECONDS) -> users_pb2.Behavior:
    return users_pb2.Behavior(wait=seconds)


class Users(BlockingUsers):
    """Waits no longer than somebody waits for it."""

    def Behave(self, request: users_pb2.Behavior, context: Any) -> users_pb2.Behaved:  # its name
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(request.wait)
        request.wait = 0
        return super().Behave(request, context)


@contextmanager
def over_grpc() -> Iterator[grpc.Channel]:
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    users_pb2_grpc.add_UserServiceServicer_to_server(Users(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            yield channel
    finally:
        server.stop(None).wait()


@contextmanager
def collectors() -> Iterator[tuple[LoopThread, Collector, LoopbackNetwork]]:
    """A collector that has the users, and one that is connected to it."""
    network, thread, opened = LoopbackNetwork(), LoopThread("collectors"), AsyncExitStack()

    async def enter() -> Collector:
        there = Collector("there", transport=network, settings=Settings(drain_timeout=0.01))
        there.mount("users", users_pb2_grpc.add_UserServiceServicer_to_server, servicers.Users())
        here = Collector("here", namespaces=["users"], transport=network)
        await opened.enter_async_context(there)
        await opened.enter_async_context(here)
        await here.connect("there")
        return here

    here = asyncio.run_coroutine_threadsafe(enter(), thread.loop).result(LIMIT_SECONDS)
    try:
        yield thread, here, network
    finally:
        asyncio.run_coroutine_threadsafe(opened.aclose(), thread.loop).result(LIMIT_SECONDS)
        thread.end()


@contextmanager
def over_a_collector() -> Iterator[grpc.Channel]:
    with collectors() as (_, here, _), here.sync_channel("users") as channel:
        yield channel


@contextmanager
def over_a_client() -> Iterator[grpc.Channel]:
    with collectors() as (thread, _, network):
        client = MeshClient("here", transport=network)
        asyncio.run_coroutine_threadsafe(client.start(), thread.loop).result(LIMIT_SECONDS)
        with client.sync_channel("users") as channel:
            yield channel
        asyncio.run_coroutine_threadsafe(client.stop(), thread.loop).result(LIMIT_SECONDS)


@contextmanager
def over_a_client_for_threads() -> Iterator[grpc.Channel]:
    with collectors() as (_, _, network), SyncMeshClient("here", transport=network) as client:
        yield client.sync_channel("users")


CHANNELS: dict[str, Callable[[], AbstractContextManager[grpc.Channel]]] = {
    "grpc": over_grpc,
    "collector": over_a_collector,
    "client": over_a_client,
    "client for threads": over_a_client_for_threads,
}


@pytest.fixture(scope="module", params=CHANNELS)
def channel(request: pytest.FixtureRequest) -> Iterator[grpc.Channel]:
    with CHANNELS[request.param]() as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.Channel) -> Stub:
    return users_pb2_grpc.UserServiceStub(channel)


@pytest.fixture(scope="module", params=[name for name in CHANNELS if name != "grpc"])
def ours(request: pytest.FixtureRequest) -> Iterator[grpc.Channel]:
    """A channel of the mesh."""
    with CHANNELS[request.param]() as channel:
        yield channel


def test_a_call_gives_the_response(stub: Stub) -> None:
    user = stub.GetUser(SOMEBODY, timeout=LIMIT_SECONDS)

    assert (user.id, user.name) == (7, "user 7")


def test_with_call_gives_the_response_and_a_call_that_has_ended(stub: Stub) -> None:
    user, call = stub.GetUser.with_call(SOMEBODY, timeout=LIMIT_SECONDS)

    assert user.id == 7
    assert (call.code(), call.details(), call.is_active()) == (grpc.StatusCode.OK, "", False)
    assert dict(call.initial_metadata()) == {}
    assert call.add_callback(lambda: None) is False


def test_metadata_of_a_call_reach_the_servicer_in_their_order(stub: Stub) -> None:
    metadata = (("a", "1"), ("b-bin", b"\x00\xff"), ("a", "2"))

    behaved = stub.Behave(users_pb2.Behavior(), metadata=metadata)

    ours = [(pair.key, pair.value) for pair in behaved.metadata if pair.key in ("a", "b-bin")]
    assert ours == [("a", b"1"), ("b-bin", b"\x00\xff"), ("a", b"2")]


def test_a_failure_is_an_error_that_is_an_ended_call_too(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.GetUser(NOBODY)

    error: Any = raised.value
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no user -1")
    assert ("looked-at", "3") in [tuple(pair) for pair in error.trailing_metadata()]
    assert dict(error.initial_metadata()) == {}
    assert isinstance(error, grpc.Call)
    assert isinstance(error, grpc.Future)
    assert (error.done(), error.running(), error.cancelled(), error.cancel()) == (True, False, False, False)
    assert error.exception() is error
    assert error.traceback() is not None
    with pytest.raises(grpc.RpcError) as again:
        error.result()
    assert again.value is error
    told: list[object] = []
    error.add_done_callback(told.append)
    assert told == [error]
    assert "NOT_FOUND" in str(error)
    assert "no user -1" in repr(error)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_each_code_arrives_as_it_was_chosen(stub: Stub, code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.Behave(users_pb2.Behavior(code=code.value[0], details="as chosen"))

    error: Any = raised.value
    assert (error.code(), error.details()) == (code, "as chosen")


def test_an_exception_of_a_servicer_is_unknown(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.Behave(users_pb2.Behavior(raises="by itself"))

    error: Any = raised.value
    assert error.code() is grpc.StatusCode.UNKNOWN


def test_metadata_of_a_reply_come_with_the_call(stub: Stub) -> None:
    request = users_pb2.Behavior(
        initial_metadata=[users_pb2.Pair(key="first", value=b"1")],
        trailing_metadata=[users_pb2.Pair(key="last-bin", value=b"\x00")],
    )

    _, call = stub.Behave.with_call(request)

    assert [(pair.key, pair.value) for pair in call.initial_metadata() if pair.key == "first"] == [
        ("first", "1")
    ]
    assert [tuple(pair) for pair in call.trailing_metadata() if pair[0] == "last-bin"] == [
        ("last-bin", b"\x00")
    ]


def test_a_future_is_under_way_until_it_has_its_result(stub: Stub) -> None:
    call = stub.Behave.future(waiting(), timeout=LIMIT_SECONDS)

    assert (call.done(), call.running(), call.is_active(), call.cancelled()) == (False, True, True, False)
    assert 0 < call.time_remaining() <= LIMIT_SECONDS
    call.cancel()
    call = stub.Behave.future(waiting(0.01), timeout=LIMIT_SECONDS)
    behaved = call.result(LIMIT_SECONDS)
    assert call.result() is behaved
    assert (call.done(), call.running(), call.is_active(), call.cancelled()) == (True, False, False, False)
    assert (call.exception(), call.traceback()) == (None, None)
    assert (call.code(), call.details()) == (grpc.StatusCode.OK, "")
    assert call.cancel() is False
    assert call.result() is behaved


def test_a_future_that_fails_raises_and_gives_the_error(stub: Stub) -> None:
    call = stub.GetUser.future(NOBODY)

    error = call.exception(LIMIT_SECONDS)
    assert isinstance(error, grpc.RpcError)
    assert call.code() is grpc.StatusCode.NOT_FOUND
    assert call.details() == "no user -1"
    assert call.traceback(LIMIT_SECONDS) is not None
    with pytest.raises(grpc.RpcError) as raised:
        call.result()
    error = raised.value
    assert error.code() is grpc.StatusCode.NOT_FOUND


def test_whoever_waits_for_a_future_no_longer_leaves_it_under_way(stub: Stub) -> None:
    call = stub.Behave.future(waiting())

    for wait in (call.result, call.exception, call.traceback):
        with pytest.raises(grpc.FutureTimeoutError):
            wait(0.01)
    assert call.running()
    call.cancel()


def test_many_threads_wait_for_one_future(stub: Stub) -> None:
    call = stub.Behave.future(waiting(0.1))

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: call.result(LIMIT_SECONDS), range(8)))

    assert all(result is results[0] for result in results)


def test_a_future_is_cancelled_once(stub: Stub) -> None:
    call = stub.Behave.future(waiting())

    assert call.cancel() is True
    assert call.cancel() is False
    assert (call.cancelled(), call.done(), call.running(), call.is_active()) == (True, True, False, False)
    assert (call.code(), call.details()) == (
        grpc.StatusCode.CANCELLED,
        "Locally cancelled by application!",
    )
    assert call.time_remaining() is None or call.time_remaining() >= 0
    for wait in (call.result, call.exception, call.traceback):
        with pytest.raises(grpc.FutureCancelledError):
            wait(LIMIT_SECONDS)


def test_whoever_waits_hears_that_a_future_is_cancelled(stub: Stub) -> None:
    call = stub.Behave.future(waiting())

    with ThreadPoolExecutor(4) as threads:
        waits = [threads.submit(call.result, LIMIT_SECONDS) for _ in range(4)]
        call.cancel()

    assert [type(wait.exception(LIMIT_SECONDS)) for wait in waits] == [grpc.FutureCancelledError] * 4


def test_a_call_whose_time_is_up_says_so(stub: Stub) -> None:
    call = stub.Behave.future(waiting(), timeout=0.05)

    for ended in (lambda: stub.Behave(waiting(), timeout=0.05), call.result):
        with pytest.raises(grpc.RpcError) as raised:
            ended()
        error: Any = raised.value
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert call.time_remaining() < 1


def test_a_call_without_any_time_is_late(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.GetUser(SOMEBODY, timeout=-1)

    error: Any = raised.value
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


class Told:
    """Callbacks, and what they were told, in their order."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, threading.Thread]] = []
        self.all = threading.Event()

    def __call__(self, what: object = None) -> None:
        self.seen.append((what, threading.current_thread()))

    def last(self, _what: object = None) -> None:
        self.all.set()

    def wait(self) -> list[object]:
        assert self.all.wait(LIMIT_SECONDS)
        return [what for what, _ in self.seen]


def test_callbacks_run_in_their_order_in_another_thread_once_a_future_has_ended(stub: Stub) -> None:
    told, call = Told(), stub.Behave.future(waiting())

    call.add_done_callback(told)
    assert call.add_callback(told) is True
    call.add_done_callback(lambda ended: told(ended.done()))
    call.add_done_callback(told.last)
    call.cancel()

    assert told.wait() == [call, None, True]
    assert threading.current_thread() not in [thread for _, thread in told.seen]


def test_a_callback_that_comes_late_is_called_at_once(stub: Stub) -> None:
    told, call = Told(), stub.GetUser.future(SOMEBODY)
    call.result(LIMIT_SECONDS)
    call.code()

    call.add_done_callback(told)

    assert told.seen == [(call, threading.current_thread())]
    assert call.add_callback(told) is False


def test_a_callback_that_raises_harms_nothing(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    told, call = Told(), stub.Behave.future(waiting())

    def fail(_call: object) -> None:
        raise ValueError("by itself")

    call.add_done_callback(fail)
    call.add_done_callback(told)
    call.add_done_callback(told.last)
    call.cancel()

    assert told.wait() == [call]
    assert call.code() is grpc.StatusCode.CANCELLED
    assert any("by itself" in record.getMessage() for record in caplog.records)


def test_a_callback_may_look_at_the_future_and_call_again(stub: Stub) -> None:
    told, call = Told(), stub.GetUser.future(SOMEBODY)

    def again(ended: Any) -> None:
        told(ended.result().id)
        told(stub.GetUser(users_pb2.GetUserRequest(id=ended.result().id + 1)).id)
        stub.GetUser.future(SOMEBODY).add_done_callback(told.last)

    call.add_done_callback(again)

    assert told.wait() == [7, 8]


def test_callbacks_hear_of_a_future_that_was_cancelled(stub: Stub) -> None:
    told, call = Told(), stub.Behave.future(waiting())

    call.add_done_callback(lambda ended: told(ended.cancelled()))
    call.add_done_callback(told.last)
    call.cancel()

    assert told.wait() == [True]


class Adds(grpc.UnaryUnaryClientInterceptor):
    """Adds metadata, as most interceptors do."""

    def __init__(self, value: str) -> None:
        self.value = value

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        class Details(grpc.ClientCallDetails):
            method, timeout = details.method, details.timeout
            metadata = (*(details.metadata or ()), ("by", self.value))
            credentials, wait_for_ready, compression = None, None, None

        return continuation(Details(), request)


class Again(grpc.UnaryUnaryClientInterceptor):
    """Repeats what was not found, with another request."""

    def __init__(self) -> None:
        self.codes: list[grpc.StatusCode] = []

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        call = continuation(details, request)
        self.codes.append(call.code())
        if call.code() is grpc.StatusCode.NOT_FOUND:
            assert isinstance(call.exception(), grpc.RpcError)
            call = continuation(details, SOMEBODY)
        assert call.result(LIMIT_SECONDS).id == 7
        return call


def test_interceptors_of_grpc_go_over_it_the_first_outermost(channel: grpc.Channel) -> None:
    stub = users_pb2_grpc.UserServiceStub(grpc.intercept_channel(channel, Adds("outer"), Adds("inner")))

    for behaved in (
        stub.Behave(users_pb2.Behavior()),
        stub.Behave.with_call(users_pb2.Behavior())[0],
        stub.Behave.future(users_pb2.Behavior()).result(LIMIT_SECONDS),
    ):
        assert [pair.value for pair in behaved.metadata if pair.key == "by"] == [b"outer", b"inner"]


def test_an_interceptor_looks_at_calls_and_repeats_them(channel: grpc.Channel) -> None:
    again = Again()
    stub = users_pb2_grpc.UserServiceStub(grpc.intercept_channel(channel, again))

    assert stub.GetUser(NOBODY).id == 7
    assert stub.GetUser.with_call(SOMEBODY)[0].id == 7
    assert stub.GetUser.future(NOBODY).result(LIMIT_SECONDS).id == 7
    assert again.codes == [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND]


def test_an_interceptor_lets_errors_through(channel: grpc.Channel) -> None:
    stub = users_pb2_grpc.UserServiceStub(grpc.intercept_channel(channel, Adds("me")))
    ways: list[Callable[[], object]] = [
        lambda: stub.GetUser(NOBODY),
        lambda: stub.GetUser.future(NOBODY).result(LIMIT_SECONDS),
    ]

    for fails in ways:
        with pytest.raises(grpc.RpcError) as raised:
            fails()
        error: Any = raised.value
        assert error.code() is grpc.StatusCode.NOT_FOUND


def test_what_cannot_be_written_or_read_is_an_internal_error(channel: grpc.Channel) -> None:
    def fail(_given: object) -> Any:
        raise ValueError("not this")

    path = "/mesh.test.users.v1.UserService/GetUser"
    unwritten = channel.unary_unary(path, fail, users_pb2.User.FromString)
    unread = channel.unary_unary(path, users_pb2.GetUserRequest.SerializeToString, fail)

    for method, text in ((unwritten, "serializing request"), (unread, "deserializing response")):
        with pytest.raises(grpc.RpcError, match=f"Exception {text}!") as raised:
            method(SOMEBODY)
        error: Any = raised.value
        assert error.code() is grpc.StatusCode.INTERNAL
    call = unread.future(SOMEBODY)
    assert isinstance(call.exception(LIMIT_SECONDS), grpc.RpcError)
    assert call.code() is grpc.StatusCode.INTERNAL


def test_without_serializers_it_takes_and_gives_bytes(channel: grpc.Channel) -> None:
    call: Any = channel.unary_unary("/mesh.test.users.v1.UserService/GetUser")

    assert users_pb2.User.FromString(call(SOMEBODY.SerializeToString())).id == 7


def test_a_method_that_is_not_there_is_not_implemented(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/mesh.test.users.v1.UserService/Nothing", bytes, bytes)(b"")

    error: Any = raised.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


# Not over a channel of grpc's own: what watches one has a thread that fails where that is closed.
def test_whoever_waits_for_the_channel_to_be_ready_goes_on(ours: grpc.Channel) -> None:
    grpc.channel_ready_future(ours).result(LIMIT_SECONDS)


def test_subscribers_are_told_of_the_state_until_they_unsubscribe(ours: grpc.Channel) -> None:
    ready = threading.Event()

    def told(state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            ready.set()

    ours.subscribe(told, try_to_connect=True)
    assert ready.wait(LIMIT_SECONDS)
    ours.unsubscribe(told)
    ours.unsubscribe(told)


@pytest.mark.parametrize("kind", CHANNELS)
def test_the_end_of_a_channel_ends_its_calls_and_it_takes_no_others(kind: str) -> None:
    with CHANNELS[kind]() as channel:
        stub: Stub = users_pb2_grpc.UserServiceStub(channel)
        told, call = Told(), stub.Behave.future(waiting())
        call.add_done_callback(told)
        call.add_done_callback(told.last)
        with ThreadPoolExecutor(1) as threads:
            waits = threads.submit(call.result, LIMIT_SECONDS)
            channel.close()
            error: Any = waits.exception(LIMIT_SECONDS)

        assert (error.code(), error.details()) == (grpc.StatusCode.CANCELLED, "Channel closed!")
        assert (call.done(), call.cancelled(), told.wait()) == (True, False, [call])
        for use in (stub.GetUser, stub.GetUser.with_call, stub.GetUser.future):
            with pytest.raises(ValueError, match="Cannot invoke RPC"):
                use(SOMEBODY)
        with pytest.raises(ValueError, match="Cannot invoke RPC"):
            stub.ListUsers(users_pb2.ListUsersRequest())
        with pytest.raises(ValueError, match="Cannot invoke RPC"):
            stub.ImportUsers(iter([]))
        channel.close()


def test_stubs_of_each_generation_of_compilers_work(channel: grpc.Channel, generation: Any) -> None:
    stub = generation.users_grpc.UserServiceStub(channel)

    assert stub.GetUser(generation.users.GetUserRequest(id=3)).name == "user 3"
    assert stub.GetUser.future(generation.users.GetUserRequest(id=4)).result(LIMIT_SECONDS).id == 4


def test_many_threads_use_one_stub(stub: Stub) -> None:
    with ThreadPoolExecutor(16) as threads:
        ids = list(
            threads.map(lambda each: stub.GetUser(users_pb2.GetUserRequest(id=each)).id, range(1, 301))
        )

    assert ids == list(range(1, 301))
