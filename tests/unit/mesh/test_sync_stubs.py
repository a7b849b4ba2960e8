"""Stubs in threads: what is the mesh's own about them; what they share with grpc's is in tests/contract."""

import asyncio
import math
import os
import pickle
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import grpc
import pytest
import pytest_asyncio
from mesh_test import users_pb2, users_pb2_grpc
from tests.limits import LIMIT_SECONDS, until
from tests.signals import handling

from collector_mesh import (
    CallContext,
    Collector,
    InvalidCallError,
    LoopbackNetwork,
    MeshClient,
    Service,
    Settings,
    SyncMeshClient,
)
from collector_mesh.adapters.runtime.loop_thread import LoopThread

pytestmark = pytest.mark.asyncio

Stub = Any
NAME = "mesh.test.users.v1.UserService"
SOMEBODY = users_pb2.GetUserRequest(id=7)


class Users:
    """Handlers, and what has come to them."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.ended = 0
        self.left: list[float] = []
        self.service = Service("users", NAME)
        self.service.add("GetUser", self.get, idempotent=True)
        self.service.add("Behave", self.behave)

    async def get(self, request: users_pb2.GetUserRequest, context: CallContext) -> users_pb2.User:
        self.left.append(context.time_remaining())
        return users_pb2.User(id=request.id, name=context.collector_id)

    async def behave(self, request: users_pb2.Behavior) -> users_pb2.Behaved:
        self.begun += 1
        try:
            await asyncio.sleep(request.wait)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1
        return users_pb2.Behaved()


def stub_of(channel: grpc.Channel) -> Stub:
    return users_pb2_grpc.UserServiceStub(channel)


def waiting() -> users_pb2.Behavior:
    return users_pb2.Behavior(wait=LIMIT_SECONDS)


@pytest.fixture
def network() -> LoopbackNetwork:
    return LoopbackNetwork()


@pytest.fixture
def users() -> Users:
    return Users()


@pytest_asyncio.fixture
async def collector(network: LoopbackNetwork, users: Users) -> AsyncIterator[Collector]:
    settings = Settings(drain_timeout=0.01)
    async with Collector("a", services=[users.service], transport=network, settings=settings) as collector:
        yield collector


async def test_the_ways_to_a_channel_for_threads_are_the_same(
    network: LoopbackNetwork, collector: Collector
) -> None:
    async with MeshClient("a", transport=network) as client:
        sync = SyncMeshClient("a", transport=network)
        channels = [
            collector.sync_channel("users"),
            collector.blocking.sync_channel("users"),
            client.sync_channel("users"),
            sync.sync_channel("users"),
        ]

        def work() -> list[str]:
            return [stub_of(channel).GetUser(SOMEBODY).name for channel in channels]

        assert await asyncio.to_thread(work) == ["a"] * 4
        await asyncio.to_thread(sync.close)


USES: dict[str, Callable[[Stub], object]] = {
    "a call": lambda stub: stub.GetUser(SOMEBODY),
    "with_call": lambda stub: stub.GetUser.with_call(SOMEBODY),
    "result": lambda stub: stub.Behave.future(waiting()).result(),
    "exception": lambda stub: stub.Behave.future(waiting()).exception(1.0),
    "code": lambda stub: stub.Behave.future(waiting()).code(),
    "trailing metadata": lambda stub: stub.Behave.future(waiting()).trailing_metadata(),
}


@pytest.mark.parametrize("use", USES)
async def test_to_wait_in_the_loop_itself_is_an_error_that_names_the_way_there(
    collector: Collector, use: str
) -> None:
    with pytest.raises(RuntimeError, match=r"collector 'a' would wait .*use a stub of collector\.channel"):
        USES[use](stub_of(collector.sync_channel("users")))


@pytest.mark.parametrize("use", USES)
async def test_to_wait_in_another_loop_is_an_error_that_names_the_ways(
    collector: Collector, use: str
) -> None:
    async def elsewhere() -> None:
        USES[use](stub_of(collector.sync_channel("users")))

    with pytest.raises(
        RuntimeError, match=r"would block the event loop that runs in this thread: use a stub"
    ):
        await asyncio.to_thread(asyncio.run, elsewhere())


async def test_a_call_that_may_not_wait_is_not_made(collector: Collector, users: Users) -> None:
    with pytest.raises(RuntimeError):
        stub_of(collector.sync_channel("users")).Behave(waiting())
    await asyncio.sleep(0)
    await collector.dispatch("users", NAME, "GetUser", SOMEBODY)

    assert users.begun == 0


async def test_a_future_may_be_begun_in_the_loop_and_looked_at_once_it_has_ended(
    collector: Collector,
) -> None:
    call = stub_of(collector.sync_channel("users")).GetUser.future(SOMEBODY)

    await until(call.done)
    assert (call.result().id, call.code(), call.exception()) == (7, grpc.StatusCode.OK, None)


async def test_a_future_may_be_cancelled_in_the_loop(collector: Collector, users: Users) -> None:
    call = stub_of(collector.sync_channel("users")).Behave.future(waiting())
    await until(lambda: users.begun)

    assert call.cancel()
    await until(lambda: users.cancelled)
    assert call.cancelled()


@pytest.mark.parametrize("use", ["GetUser", "with_call", "future"])
async def test_before_the_collector_is_entered_and_after_it_was_left_it_is_an_error(
    network: LoopbackNetwork, use: str
) -> None:
    collector = Collector("a", transport=network, namespaces=["users"])
    method = stub_of(collector.sync_channel("users")).GetUser
    called = method if use == "GetUser" else getattr(method, use)

    with pytest.raises(RuntimeError, match="collector 'a' is new"):
        await asyncio.to_thread(called, SOMEBODY)
    async with collector:
        pass
    with pytest.raises(RuntimeError, match="collector 'a' is closed"):
        await asyncio.to_thread(called, SOMEBODY)


async def test_in_a_forked_process_it_is_an_error_and_here_it_goes_on(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, users: Users
) -> None:
    stub = stub_of(collector.sync_channel("users"))
    pending = stub.Behave.future(waiting())
    await until(lambda: users.begun)
    uses = [lambda: stub.GetUser(SOMEBODY), lambda: stub.GetUser.future(SOMEBODY)]
    number = os.getpid()

    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: number + 1)
        for use in (*uses, pending.result, pending.exception, pending.code, pending.cancel):
            with pytest.raises(RuntimeError, match="belongs to the process that this one was forked from"):
                await asyncio.to_thread(use)
        assert (pending.done(), pending.running()) == (False, True)

    assert (await asyncio.to_thread(stub.GetUser, SOMEBODY)).id == 7
    assert pending.cancel()


async def test_futures_that_are_under_way_end_with_their_collector(
    network: LoopbackNetwork, users: Users
) -> None:
    told: list[object] = []
    settings = Settings(drain_timeout=0.01)
    async with Collector("a", services=[users.service], transport=network, settings=settings) as collector:
        stub = stub_of(collector.sync_channel("users"))
        calls = [stub.Behave.future(waiting()) for _ in range(20)]
        for call in calls:
            call.add_done_callback(told.append)
        waits = [asyncio.create_task(asyncio.to_thread(call.exception)) for call in calls]
        await until(lambda: users.begun == 20)

    errors: list[Any] = [await wait for wait in waits]
    await until(lambda: len(told) == 20)
    assert {error.code() for error in errors} <= {grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE}
    assert set(told) == set(calls)


async def test_futures_that_have_not_been_begun_end_with_their_collector(
    network: LoopbackNetwork, users: Users
) -> None:
    collector = Collector("a", services=[users.service], transport=network)
    await collector.start()
    channel = collector.sync_channel("users")
    # Posted, and begun by a turn of the loop that comes when the collector is closed already.
    closing = asyncio.ensure_future(collector.stop())
    calls = []
    with suppress(RuntimeError):
        while True:
            calls.append(stub_of(channel).GetUser.future(SOMEBODY))
            await asyncio.sleep(0)
    await closing

    await until(lambda: all(call.done() for call in calls))
    codes = {call.code() for call in calls}
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    assert grpc.StatusCode.UNAVAILABLE in codes


async def test_a_client_that_is_closed_ends_what_is_under_way(
    network: LoopbackNetwork, collector: Collector, users: Users
) -> None:
    client = SyncMeshClient("a", transport=network)
    stub = stub_of(client.sync_channel("users"))
    call = await asyncio.to_thread(stub.Behave.future, waiting())
    await until(lambda: users.begun)

    await asyncio.to_thread(client.close)

    assert await asyncio.to_thread(call.code) is grpc.StatusCode.UNKNOWN
    with pytest.raises(RuntimeError, match="the client of a is closed"):
        await asyncio.to_thread(stub.GetUser, SOMEBODY)


async def test_a_call_that_is_cancelled_before_the_loop_has_begun_it_never_runs(
    collector: Collector, users: Users
) -> None:
    stub = stub_of(collector.sync_channel("users"))

    calls = [stub.Behave.future(waiting()) for _ in range(50)]
    assert all(call.cancel() for call in calls)
    await collector.dispatch("users", NAME, "GetUser", SOMEBODY)

    assert (users.begun, users.cancelled) == (0, 0)


async def test_calls_that_are_cancelled_at_any_time_leave_nothing(collector: Collector, users: Users) -> None:
    stub, done = stub_of(collector.sync_channel("users")), threading.Event()

    def work() -> int:
        cancelled = 0
        for n in range(60):
            calls = [stub.Behave.future(waiting()) for _ in range(5)]
            if n % 3 == 1:
                stub.GetUser(SOMEBODY)
            elif n % 3 == 2:
                done.wait(0.001)
            cancelled += sum(call.cancel() for call in calls)
        return cancelled

    counts = await asyncio.gather(*(asyncio.to_thread(work) for _ in range(4)))

    assert counts == [300] * 4
    await until(lambda: users.begun == users.cancelled and not collector.snapshot().running)


async def test_whoever_is_interrupted_cancels_its_call() -> None:
    users, network, thread = Users(), LoopbackNetwork(), LoopThread("collectors")

    async def enter() -> Collector:
        return await Collector("a", services=[users.service], transport=network).__aenter__()

    collector = asyncio.run_coroutine_threadsafe(enter(), thread.loop).result(LIMIT_SECONDS)
    stub, seen = stub_of(collector.sync_channel("users")), []

    def interrupt() -> None:
        raise KeyboardInterrupt

    def wait() -> None:
        with handling(interrupt) as start:
            start(0.2)
            try:
                stub.Behave(waiting())
            except KeyboardInterrupt:
                seen.append("interrupted")

    # The main thread runs the loop of this test, and is where signals come.
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        wait()
        for _ in range(1000):  # turns of the loop, in which the handler ends
            if users.cancelled:
                break
            stub.GetUser(SOMEBODY)
    finally:
        asyncio._set_running_loop(loop)

    assert (seen, users.cancelled) == (["interrupted"], 1)
    await asyncio.to_thread(
        lambda: asyncio.run_coroutine_threadsafe(collector.stop(), thread.loop).result(LIMIT_SECONDS)
    )
    thread.end()


async def test_a_thread_goes_on_when_the_time_of_its_call_is_up_also_where_the_loop_stands_still(
    collector: Collector,
) -> None:
    stub, going, ended = stub_of(collector.sync_channel("users")), threading.Event(), threading.Event()
    seen: list[Any] = []

    def work() -> None:
        going.wait(LIMIT_SECONDS)
        for ends in (
            lambda: stub.GetUser(SOMEBODY, timeout=0.01),
            stub.GetUser.future(SOMEBODY, timeout=0.01).result,
        ):
            try:
                ends()
            except grpc.RpcError as error:
                seen.append(error)
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    going.set()
    stood_still = ended.wait(LIMIT_SECONDS)
    thread.join()

    assert stood_still
    assert [error.code() for error in seen] == [grpc.StatusCode.DEADLINE_EXCEEDED] * 2
    assert (await asyncio.to_thread(stub.GetUser, SOMEBODY)).id == 7


class Nested:
    """Plain handlers that call through a stub for threads, on the collector that they run on."""

    def __init__(self) -> None:
        self.stub: Stub = None
        self.left: list[float] = []
        self.ended: list[object] = []
        self.service = Service("users", "Plain")
        self.service.add("Down", self.down)
        self.service.add("Wait", self.wait)

    def down(self, request: users_pb2.GetUserRequest) -> users_pb2.User:
        if request.id == 0:
            return users_pb2.User(name="there")
        path = self.stub.unary_unary(
            "/Plain/Down", users_pb2.GetUserRequest.SerializeToString, users_pb2.User.FromString
        )
        less = users_pb2.GetUserRequest(id=request.id - 1)
        user: users_pb2.User = path.future(less).result() if request.id % 2 else path(less)
        return user

    def wait(self, request: users_pb2.GetUserRequest) -> users_pb2.User:
        stub = stub_of(self.stub)
        call = stub.Behave.future(waiting())
        try:
            call.result()
        except BaseException as error:
            self.ended.append(error)
            raise
        return users_pb2.User()


async def test_plain_handlers_that_wait_in_a_stub_do_not_count_among_those_that_run(
    network: LoopbackNetwork,
) -> None:
    nested = Nested()
    async with Collector(
        "a", services=[nested.service], transport=network, settings=Settings(max_threads=1)
    ) as collector:
        nested.stub = collector.sync_channel("users")

        user = await collector.call(
            "users", "Plain", "Down", users_pb2.GetUserRequest(id=20), returns=users_pb2.User
        )

        assert user.name == "there"
        await until(lambda: not collector.container.plain().threads)
        assert collector.container.plain().running == 0


@pytest.mark.parametrize("ends", ["in time", "cancelled"])
async def test_what_a_plain_handler_calls_through_a_stub_ends_with_its_own_call(
    network: LoopbackNetwork, users: Users, ends: str
) -> None:
    nested = Nested()
    async with Collector("a", services=[nested.service, users.service], transport=network) as collector:
        nested.stub = collector.sync_channel("users")
        timeout = 0.2 if ends == "in time" else LIMIT_SECONDS
        call = asyncio.create_task(
            collector.dispatch("users", "Plain", "Wait", users_pb2.GetUserRequest(), timeout=timeout)
        )
        await until(lambda: users.begun)
        if ends == "cancelled":
            call.cancel()
        with suppress(asyncio.CancelledError):
            assert (await call).status.code == 504

        await until(lambda: nested.ended and users.cancelled)
        error: Any = nested.ended[0]
        expected = {"in time": grpc.StatusCode.DEADLINE_EXCEEDED, "cancelled": grpc.StatusCode.CANCELLED}
        assert error.code() is expected[ends]


async def test_a_call_that_a_plain_handler_makes_by_a_client_of_another_loop_ends_with_its_own_too(
    network: LoopbackNetwork, collector: Collector, users: Users
) -> None:
    other, thread = LoopbackNetwork(), LoopThread("collectors")

    async def enter() -> Collector:
        return await Collector("far", services=[users.service], transport=other).__aenter__()

    far = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(enter(), thread.loop))
    client, nested = SyncMeshClient("far", transport=other), Nested()
    nested.stub = client.sync_channel("users")
    collector.add_service(nested.service)

    call = asyncio.create_task(collector.dispatch("users", "Plain", "Wait", users_pb2.GetUserRequest()))
    await until(lambda: users.begun)
    call.cancel()

    await until(lambda: nested.ended and users.cancelled)
    error: Any = nested.ended[0]
    assert error.code() is grpc.StatusCode.CANCELLED
    await asyncio.to_thread(client.close)
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(far.stop(), thread.loop))
    thread.end()


async def test_a_plain_handler_that_goes_on_although_nobody_waits_for_it_makes_no_more_calls(
    collector: Collector, users: Users
) -> None:
    stub, begun, go = stub_of(collector.sync_channel("users")), threading.Event(), threading.Event()
    seen: list[grpc.StatusCode] = []

    def goes_on() -> None:
        begun.set()
        go.wait(LIMIT_SECONDS)
        seen.append(stub.Behave.future(waiting()).code())

    collector.register("users", "Plain", "GoesOn", goes_on)
    call = asyncio.create_task(collector.dispatch("users", "Plain", "GoesOn"))
    await asyncio.to_thread(begun.wait, LIMIT_SECONDS)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    go.set()

    await until(lambda: seen)
    assert seen == [grpc.StatusCode.CANCELLED]
    await until(lambda: users.begun == users.cancelled)


async def test_a_call_has_the_time_that_the_mesh_allows_unless_it_says_so(
    collector: Collector, users: Users
) -> None:
    stub = stub_of(collector.sync_channel("users"))

    def work() -> None:
        stub.GetUser(SOMEBODY)
        stub.GetUser(SOMEBODY, timeout=LIMIT_SECONDS)
        stub.GetUser(SOMEBODY, timeout=float("inf"))

    await asyncio.to_thread(work)

    assert users.left[0] <= 15.0 < users.left[1] <= LIMIT_SECONDS
    assert users.left[2] == float("inf")


async def test_a_callback_that_is_none_is_a_type_error_where_it_is_given(collector: Collector) -> None:
    channel = collector.sync_channel("users")
    call = stub_of(channel).GetUser.future(SOMEBODY)

    adds: list[Any] = [call.add_done_callback, call.add_callback, channel.subscribe]
    for add in adds:
        with pytest.raises(TypeError, match="callback must be callable, got None"):
            add(None)
    await until(call.done)
    with pytest.raises(TypeError, match="callback must be callable"):
        call.add_done_callback(7)


@pytest.mark.parametrize("timeout", ["1", True, object()])
async def test_a_timeout_that_is_no_number_is_a_type_error(collector: Collector, timeout: object) -> None:
    stub = stub_of(collector.sync_channel("users"))

    for use in (stub.GetUser, stub.GetUser.with_call, stub.GetUser.future):
        with pytest.raises(TypeError, match="timeout must be a number of seconds"):
            await asyncio.to_thread(use, SOMEBODY, timeout=timeout)
    call = stub.GetUser.future(SOMEBODY)
    for wait in (call.result, call.exception, call.traceback):
        with pytest.raises(TypeError, match="timeout must be a number of seconds"):
            await asyncio.to_thread(wait, timeout)


async def test_a_timeout_that_is_nan_is_the_outcome_of_the_call(collector: Collector) -> None:
    stub = stub_of(collector.sync_channel("users"))

    call = await asyncio.to_thread(stub.GetUser.future, SOMEBODY, timeout=math.nan)

    assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert call.details() == "timeout must be at least 0 seconds, got nan"


@pytest.mark.parametrize("timeout", [10**400, float("inf"), 1e300])
async def test_times_beyond_all_measure_are_no_limit(collector: Collector, timeout: float) -> None:
    stub = stub_of(collector.sync_channel("users"))

    def work() -> int:
        call = stub.GetUser.future(SOMEBODY, timeout=timeout)
        assert call.result(timeout=timeout).id == stub.GetUser(SOMEBODY, timeout=timeout).id
        return int(call.result().id)

    assert await asyncio.to_thread(work) == 7


async def test_a_target_runs_all_calls_of_a_channel_or_one(network: LoopbackNetwork, users: Users) -> None:
    other = Users()
    async with (
        Collector("a", services=[users.service], transport=network) as a,
        Collector("b", services=[other.service], transport=network),
    ):
        await a.connect("b")
        ours, theirs = a.sync_channel("users"), a.sync_channel("users", target="b")

        def work() -> list[str]:
            return [
                stub_of(ours).GetUser(SOMEBODY).name,
                stub_of(theirs).GetUser(SOMEBODY).name,
                stub_of(ours).GetUser(SOMEBODY, metadata=(("collector-target", "b"),)).name,
            ]

        assert await asyncio.to_thread(work) == ["a", "b", "b"]


async def test_interceptors_are_given_with_the_channel_too(collector: Collector) -> None:
    class Renames(grpc.UnaryUnaryClientInterceptor):
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            return continuation(details, users_pb2.GetUserRequest(id=request.id + 1))

    stub = stub_of(collector.sync_channel("users", interceptors=[Renames(), Renames()]))

    assert (await asyncio.to_thread(stub.GetUser, SOMEBODY)).id == 9


async def test_what_a_channel_is_made_from_is_looked_at_when_it_is_made(collector: Collector) -> None:
    with pytest.raises(InvalidCallError, match="namespace"):
        collector.sync_channel("no name")
    with pytest.raises(InvalidCallError, match="target"):
        collector.sync_channel("users", target="no name")
    with pytest.raises(TypeError, match="namespace"):
        collector.sync_channel(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="target"):
        collector.sync_channel("users", target=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"one of grpc's client interceptors for threads, as .*, got int"):
        collector.sync_channel("users", interceptors=[7])  # type: ignore[list-item]
    channel = collector.sync_channel("users")
    for make in (channel.unary_unary, channel.unary_stream, channel.stream_unary, channel.stream_stream):
        with pytest.raises(ValueError, match=r"/package\.Service/Method"):
            make("GetUser", bytes, bytes)


STREAMS: dict[str, Callable[[Stub], object]] = {
    "responses": lambda stub: next(stub.ListUsers(users_pb2.ListUsersRequest())),
    "all responses": lambda stub: list(stub.ListUsers(users_pb2.ListUsersRequest())),
    "a result of responses": lambda stub: stub.ListUsers(users_pb2.ListUsersRequest()).result(),
    "requests": lambda stub: stub.ImportUsers(iter([users_pb2.User()])),
    "requests, with_call": lambda stub: stub.ImportUsers.with_call(iter([]), timeout=1.0),
    "requests, future": lambda stub: stub.ImportUsers.future(iter([])).result(),
    "both": lambda stub: next(stub.Talk(iter([]), metadata=(("a", "b"),))),
}


@pytest.mark.parametrize("use", STREAMS)
async def test_methods_with_streams_are_not_implemented(collector: Collector, use: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        STREAMS[use](stub_of(collector.sync_channel("users")))

    error: Any = raised.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert f"/{NAME}/" in error.details()
    assert "streaming" in error.details()


async def test_credentials_of_a_call_are_refused_as_grpc_does_without_tls(collector: Collector) -> None:
    stub = stub_of(collector.sync_channel("users"))

    with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
        await asyncio.to_thread(
            lambda: stub.GetUser(SOMEBODY, credentials=grpc.access_token_call_credentials("x"))
        )


async def test_metadata_that_cannot_be_sent_is_the_outcome_of_the_call(collector: Collector) -> None:
    stub = stub_of(collector.sync_channel("users"))

    def work() -> list[grpc.StatusCode]:
        return [
            stub.GetUser.future(SOMEBODY, metadata=metadata).code()
            for metadata in ((("UPPER", "x"),), (("a", "\n"),), 7, (("a", object()),))
        ]

    assert await asyncio.to_thread(work) == [grpc.StatusCode.INVALID_ARGUMENT] * 4


async def test_an_error_is_shown_with_what_is_foreign_escaped_and_travels_between_processes(
    collector: Collector,
) -> None:
    def fail() -> None:
        raise ValueError("two\nlines")

    collector.register("users", "Plain", "Fail", fail)
    method: Any = collector.sync_channel("users").unary_unary("/Plain/Fail", lambda _: b"", bytes)

    with pytest.raises(grpc.RpcError) as raised:
        await asyncio.to_thread(method, None)

    error: Any = raised.value
    assert "two\\nlines" in str(error)
    assert "two\nlines" in error.details()
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.code(), copied.details()) == (error.code(), error.details())


async def test_states_follow_the_collector(network: LoopbackNetwork) -> None:
    seen: list[grpc.ChannelConnectivity] = []
    async with Collector("a", transport=network, namespaces=["users"]) as collector:
        channel = collector.sync_channel("users")
        channel.subscribe(seen.append)
        await until(lambda: seen)

    await until(lambda: seen[-1] is grpc.ChannelConnectivity.SHUTDOWN)


async def test_a_subscriber_that_raises_harms_nobody(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    channel = collector.sync_channel("users")
    seen: list[object] = []

    def fail(_state: object) -> None:
        raise ValueError("by itself")

    channel.subscribe(fail)
    channel.subscribe(seen.append)

    await until(lambda: seen)
    channel.close()
    assert any("by itself" in record.getMessage() for record in caplog.records)
