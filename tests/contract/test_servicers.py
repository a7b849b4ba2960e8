"""A servicer that is mounted answers as on a server of grpc: the same bodies run on both, and callers see the same.

What differs on purpose is in docs/grpc.md, and here under its own name.
"""

import asyncio
import threading
from collections import namedtuple
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import grpc
import grpc.aio
import pytest
from mesh_test import users_pb2, users_pb2_grpc
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import Collector, Executed, HandlerError, LoopbackNetwork, NotFoundError, Reply, Settings
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import HandlerFailed

SERVICE = "mesh.test.users.v1.UserService"
METADATA = (("k", "1"), ("k", "2"), ("raw-bin", b"\x00\xff"))

Status = namedtuple("Status", "code details trailing_metadata")  # noqa: PYI024  # as grpcio-status makes one
OK, NOT_FOUND, ABORTED = grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ABORTED
RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
RICH = (("grpc-status-details-bin", b"\x08\x05\x12\x02no"),)


class Seen(NamedTuple):
    """What a caller sees of a call."""

    code: str
    details: str | None
    initial: tuple[Any, ...]
    trailing: tuple[Any, ...]
    name: str | None


class AsyncServicer(users_pb2_grpc.UserServiceServicer):  # type: ignore[misc]  # generated code has no types
    def __init__(self, body: Any) -> None:
        self.body = body

    async def GetUser(self, request: Any, context: Any) -> Any:
        return await self.body(request, context)


class PlainServicer(AsyncServicer):
    def GetUser(self, request: Any, context: Any) -> Any:
        return self.body(request, context)


async def on_aio(body: Any, interceptors: Any = ()) -> Seen:
    server = grpc.aio.server(interceptors=interceptors)
    users_pb2_grpc.add_UserServiceServicer_to_server(AsyncServicer(body), server)
    return await _called(server, server.add_insecure_port("127.0.0.1:0"))


async def on_threads(body: Any) -> Seen:
    server = grpc.server(ThreadPoolExecutor(1))
    users_pb2_grpc.add_UserServiceServicer_to_server(PlainServicer(body), server)
    return await _called(_Started(server), server.add_insecure_port("127.0.0.1:0"))


class _Started:
    def __init__(self, server: Any) -> None:
        self.server = server

    async def start(self) -> None:
        self.server.start()

    async def stop(self, _grace: None) -> None:
        await asyncio.to_thread(self.server.stop(None).wait)


async def _called(server: Any, port: int) -> Seen:
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            return await _seen(channel)
    finally:
        await server.stop(None)


async def _seen(channel: grpc.aio.Channel) -> Seen:
    stub = users_pb2_grpc.UserServiceStub(channel)
    call = stub.GetUser(users_pb2.GetUserRequest(id=7), metadata=METADATA, timeout=LIMIT_SECONDS)
    user = None
    with suppress(grpc.aio.AioRpcError):
        user = await call
    initial, trailing = await call.initial_metadata(), await call.trailing_metadata()
    return Seen(
        (await call.code()).name,
        await call.details(),
        tuple(initial or ()),
        tuple(trailing or ()),
        None if user is None else user.name,
    )


@asynccontextmanager
async def mounted(servicer: object, interceptors: Any = (), **options: Any) -> AsyncIterator[Collector]:
    """A collector that has a servicer mounted."""
    options.setdefault("transport", LoopbackNetwork())
    async with Collector("users-1", **options) as collector:
        add_users = users_pb2_grpc.add_UserServiceServicer_to_server
        collector.mount("users", add_users, servicer, interceptors=interceptors)
        yield collector


async def get(collector: Collector, **options: Any) -> Reply:
    """Call the method that all servicers here have."""
    return await collector.dispatch(
        "users", SERVICE, "GetUser", users_pb2.GetUserRequest(id=7), timeout=LIMIT_SECONDS, **options
    )


async def on_mesh(servicer: object, **options: Any) -> Seen:
    """What a client of gRPC sees through the gateway of a collector, which knows nothing of the mesh."""
    async with mounted(servicer, listen="127.0.0.1:0", transport=None, **options) as collector:
        return await _called(_Running(), int(collector.address.rpartition(":")[2]))


class _Running:
    async def start(self) -> None: ...

    async def stop(self, _grace: None) -> None: ...


async def on_link(servicer: object) -> Seen:
    """What a stub sees at another collector, over a link."""
    network = LoopbackNetwork()
    async with (
        mounted(servicer, transport=network),
        Collector("front", transport=network, namespaces=["users"], peers=["users-1"]) as front,
    ):
        await front.wait_for()
        return await _seen(front.channel("users"))


class Async:
    """Bodies of async methods."""

    async def returns(self, request: Any, context: Any) -> Any:
        return users_pb2.User(name=f"user {request.id}")

    async def sends_metadata(self, request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("first", "1"),))
        context.set_trailing_metadata((("last", "2"), ("raw-bin", b"\x00\xff")))
        return users_pb2.User()

    async def aborts(self, request: Any, context: Any) -> Any:
        await context.abort(NOT_FOUND, "nö", (("why", "so"), ("raw-bin", b"\xff")))

    async def aborts_without_a_text(self, request: Any, context: Any) -> Any:
        await context.abort(NOT_FOUND)

    async def aborts_with_a_number(self, request: Any, context: Any) -> Any:
        await context.abort(5, "no")

    async def aborts_with_what_is_no_code(self, request: Any, context: Any) -> Any:
        await context.abort(99, "no")

    async def swallows_its_abort(self, request: Any, context: Any) -> Any:
        with suppress(Exception):
            await context.abort(NOT_FOUND, "no")
        context.set_code(ABORTED)
        context.set_details("later")
        return users_pb2.User(name="swallowed")

    async def hides_its_abort(self, request: Any, context: Any) -> Any:
        try:
            await context.abort(NOT_FOUND, "no")
        finally:
            raise ValueError("hidden")

    async def aborts_twice(self, request: Any, context: Any) -> Any:
        with suppress(Exception):
            await context.abort(NOT_FOUND, "no")
        await context.abort(ABORTED, "again")

    async def aborts_and_keeps_what_was_set(self, request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("kept", "1"),))
        context.set_details("kept too")
        await context.abort(NOT_FOUND)

    async def aborts_and_replaces_what_was_set(self, request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("kept", "1"),))
        context.set_details("kept too")
        await context.abort(NOT_FOUND, "other", (("other", "2"),))

    async def sets_metadata_after_its_abort(self, request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("before", "1"),))
        try:
            await context.abort(NOT_FOUND, "no")
        finally:
            context.set_trailing_metadata((("after", "2"),))

    async def aborts_after_initial_metadata(self, request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("first", "1"),))
        await context.abort(NOT_FOUND, "no")

    async def aborts_with_a_long_text(self, request: Any, context: Any) -> Any:
        await context.abort(NOT_FOUND, "long " * 600)

    async def aborts_with_a_status(self, request: Any, context: Any) -> Any:
        await context.abort(NOT_FOUND, "no", RICH)

    async def says_when_to_try_again(self, request: Any, context: Any) -> Any:
        await context.abort(RESOURCE_EXHAUSTED, "full", (("grpc-retry-pushback-ms", "40"), ("why", "so")))

    async def sets_a_code(self, request: Any, context: Any) -> Any:
        context.set_code(FAILED_PRECONDITION)
        context.set_details("not now")
        context.set_trailing_metadata([("why", "so")])
        return users_pb2.User(name="dropped")

    async def sets_a_code_and_returns_nothing(self, request: Any, context: Any) -> Any:
        context.set_code(FAILED_PRECONDITION)

    async def sets_a_number(self, request: Any, context: Any) -> Any:
        context.set_code(9)
        return users_pb2.User()

    async def sets_ok(self, request: Any, context: Any) -> Any:
        context.set_code(FAILED_PRECONDITION)
        context.set_code(OK)
        return users_pb2.User(name="kept")

    async def shows_what_it_knows(self, request: Any, context: Any) -> Any:
        known = [tuple(pair) for pair in context.invocation_metadata() if pair.key in {"k", "raw-bin"}]
        state = [context.code(), context.details(), context.trailing_metadata(), context.peer_identities()]
        state += [
            context.peer_identity_key(),
            context.time_remaining() > 0,
            context.done(),
            context.cancelled(),
        ]
        context.set_code(ABORTED)
        context.set_details("text")
        context.set_trailing_metadata((("a", "b"),))
        state += [context.code(), context.details(), context.trailing_metadata()[0][1]]
        context.set_compression(grpc.Compression.Gzip)
        context.disable_next_message_compression()
        context.set_code(OK)
        context.set_details("")  # earlier grpcio sends it with OK too
        return users_pb2.User(name=repr((known, state)))

    async def sets_a_code_when_it_has_returned(self, request: Any, context: Any) -> Any:
        asyncio.get_running_loop().call_soon(context.set_code, NOT_FOUND)
        return users_pb2.User(name="returned")

    async def raises_in_a_callback(self, request: Any, context: Any) -> Any:
        context.add_done_callback(lambda _context: 1 / 0)
        return users_pb2.User(name="returned")


class Plain:
    """Bodies of plain methods."""

    def returns(self, request: Any, context: Any) -> Any:
        return users_pb2.User(name=f"user {request.id}")

    def sends_metadata(self, request: Any, context: Any) -> Any:
        context.send_initial_metadata((("first", "1"),))
        context.set_trailing_metadata((("last", "2"), ("raw-bin", b"\x00\xff")))
        return users_pb2.User()

    def aborts(self, request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("why", "so"), ("raw-bin", b"\xff")))
        context.abort(NOT_FOUND, "nö")

    def aborts_without_a_text(self, request: Any, context: Any) -> Any:
        context.abort(NOT_FOUND, "")

    def aborts_with_bytes(self, request: Any, context: Any) -> Any:
        context.abort(NOT_FOUND, b"bytes")

    def aborts_with_what_is_no_code(self, request: Any, context: Any) -> Any:
        context.abort("no code", "no")

    def aborts_with_ok(self, request: Any, context: Any) -> Any:
        context.abort(OK, "fine")

    def swallows_its_abort(self, request: Any, context: Any) -> Any:
        with suppress(Exception):
            context.abort(NOT_FOUND, "no")
        return users_pb2.User(name="swallowed")

    def hides_its_abort(self, request: Any, context: Any) -> Any:
        try:
            context.abort(NOT_FOUND, "no")
        finally:
            raise ValueError("hidden")

    def aborts_twice(self, request: Any, context: Any) -> Any:
        with suppress(Exception):
            context.abort(NOT_FOUND, "no")
        context.abort(ABORTED, "again")

    def sets_metadata_after_its_abort(self, request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("before", "1"),))
        try:
            context.abort(NOT_FOUND, "no")
        finally:
            context.set_trailing_metadata((("after", "2"),))

    def sets_metadata_when_it_has_cancelled(self, request: Any, context: Any) -> Any:
        context.cancel()
        context.set_trailing_metadata((("after", "2"),))
        return users_pb2.User()

    def aborts_with_a_status(self, request: Any, context: Any) -> Any:
        context.abort_with_status(Status(NOT_FOUND, "no", RICH))

    def sets_a_code(self, request: Any, context: Any) -> Any:
        context.set_code(FAILED_PRECONDITION)
        context.set_details("not now")
        context.set_trailing_metadata([("why", "so")])
        return users_pb2.User(name="dropped")

    def sets_a_code_and_raises(self, request: Any, context: Any) -> Any:
        context.set_code(FAILED_PRECONDITION)
        context.set_details("not now")
        raise ValueError("boom")

    def sets_a_text_and_raises(self, request: Any, context: Any) -> Any:
        context.set_details("not now")
        raise ValueError("boom")

    def cancels(self, request: Any, context: Any) -> Any:
        context.cancel()
        return users_pb2.User(name="cancelled")

    def is_not_implemented(self, request: Any, context: Any) -> Any:
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("Method not implemented!")
        raise NotImplementedError("Method not implemented!")

    def shows_what_it_knows(self, request: Any, context: Any) -> Any:
        known = [tuple(pair) for pair in context.invocation_metadata() if pair.key in {"k", "raw-bin"}]
        state = [context.code(), context.details(), context.trailing_metadata(), context.peer_identities()]
        state += [context.peer_identity_key(), context.time_remaining() > 0, context.is_active()]
        context.set_code(ABORTED)
        context.set_details("text")
        context.set_trailing_metadata((("a", "b"),))
        state += [context.code(), context.details(), context.trailing_metadata()]
        context.set_compression(grpc.Compression.Gzip)
        context.disable_next_message_compression()
        context.set_code(OK)
        context.set_details("")
        return users_pb2.User(name=repr((known, state)))

    def raises_in_a_callback(self, request: Any, context: Any) -> Any:
        assert context.add_callback(lambda: 1 / 0)
        return users_pb2.User(name="returned")


def _bodies(kind: type) -> list[str]:
    return [name for name in vars(kind) if not name.startswith("_")]


@pytest.mark.filterwarnings(
    "ignore:.*:pytest.PytestUnhandledThreadExceptionWarning"
)  # grpc's own, of the callback
@pytest.mark.parametrize("name", _bodies(Async))
@pytest.mark.asyncio
async def test_an_async_servicer_answers_as_on_grpcs_asyncio_server(name: str) -> None:
    body = getattr(Async(), name)

    seen = await on_aio(body)

    assert await on_mesh(AsyncServicer(body)) == seen
    assert await on_link(AsyncServicer(body)) == seen


@pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnhandledThreadExceptionWarning")  # as above
@pytest.mark.parametrize("name", _bodies(Plain))
@pytest.mark.asyncio
async def test_a_plain_servicer_answers_as_on_grpcs_server_for_threads(name: str) -> None:
    body = getattr(Plain(), name)

    seen = await on_threads(body)

    assert await on_mesh(PlainServicer(body)) == seen
    assert await on_link(PlainServicer(body)) == seen


class AsyncOnPurpose:
    """Bodies of async methods for which the mesh has an answer of its own: the code and the text."""

    async def raises(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: boom"
        raise ValueError("boom")

    async def sets_a_code_and_raises(self, request: Any, context: Any) -> Any:
        "FAILED_PRECONDITION not now"
        context.set_code(FAILED_PRECONDITION)
        context.set_details("not now")
        raise ValueError("boom")

    async def sets_a_code_without_a_text_and_raises(self, request: Any, context: Any) -> Any:
        "FAILED_PRECONDITION handler error: boom"
        context.set_code(FAILED_PRECONDITION)
        raise ValueError("boom")

    async def aborts_with_ok(self, request: Any, context: Any) -> Any:
        "UNKNOWN"
        await context.abort(OK, "fine")

    async def gives_bytes_for_a_text(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: details must be a str, got bytes"
        await context.abort(NOT_FOUND, b"no")

    async def returns_nothing(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: cannot send the result: the servicer has returned None, expected mesh.test.users.v1.User"

    async def returns_another_message(self, request: Any, context: Any) -> Any:
        """UNKNOWN handler error: cannot send the result: the servicer has returned mesh.test.users.v1.Line, \
expected mesh.test.users.v1.User"""
        return users_pb2.Line(text="x")

    async def returns_a_text(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: cannot send the result: the servicer has returned str, expected mesh.test.users.v1.User"
        return "x"

    async def sends_initial_metadata_twice(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: Send initial metadata failed: already sent"
        await context.send_initial_metadata((("first", "1"),))
        await context.send_initial_metadata((("first", "1"),))

    async def writes(self, request: Any, context: Any) -> Any:
        """UNKNOWN handler error: users/mesh.test.users.v1.UserService.GetUser is a unary method: it returns its response, \
and writes none"""
        await context.write(users_pb2.User())

    async def is_cancelled_by_itself(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: CancelledError"
        raise asyncio.CancelledError

    async def exits(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: SystemExit: 3"
        raise SystemExit(3)

    async def adds_what_cannot_be_called(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: a callback must be callable, got int"
        context.add_done_callback(7)

    async def sends_what_cannot_travel(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: metadata has 9001 bytes, at most 8192 are allowed"
        context.set_trailing_metadata((("k", "x" * 9000),))

    async def ends_as_generators_do(self, request: Any, context: Any) -> Any:
        "ABORTED first"
        try:
            await context.abort(ABORTED, "first")
        finally:
            raise GeneratorExit


class PlainOnPurpose:
    """The same of plain methods."""

    def raises(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: boom"
        raise ValueError("boom")

    def stops_an_iteration(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: over"
        raise StopIteration("over")

    def aborts_with_a_number(self, request: Any, context: Any) -> Any:
        "NOT_FOUND no"
        context.abort(5, "no")

    def aborts_as_on_an_asyncio_server(self, request: Any, context: Any) -> Any:
        "NOT_FOUND kept"
        context.set_details("kept")
        context.abort(NOT_FOUND, trailing_metadata=(("why", "so"),))

    def returns_nothing(self, request: Any, context: Any) -> Any:
        "INTERNAL handler error: cannot send the result: the servicer has returned None, expected mesh.test.users.v1.User"

    def sets_another_code_after_an_abort(self, request: Any, context: Any) -> Any:
        "NOT_FOUND no"
        with suppress(Exception):
            context.abort(NOT_FOUND, "no")
        context.set_code(ABORTED)
        context.set_details("later")

    def exits(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: SystemExit: 3"
        raise SystemExit(3)

    def sets_a_code_and_raises_an_error_of_the_mesh(self, request: Any, context: Any) -> Any:
        "ABORTED not now"
        context.set_code(ABORTED)
        context.set_details("not now")
        raise HandlerError("unsaid")

    def raises_an_error_of_the_mesh(self, request: Any, context: Any) -> Any:
        "NOT_FOUND no such user"
        context.set_details("unsaid")
        raise NotFoundError("no such user")

    def adds_what_cannot_be_called(self, request: Any, context: Any) -> Any:
        "UNKNOWN handler error: a callback must be callable, got int"
        context.add_callback(7)


@pytest.mark.parametrize("name", _bodies(AsyncOnPurpose))
@pytest.mark.asyncio
async def test_an_async_servicer_is_answered_for_where_grpcs_server_says_less(name: str) -> None:
    body = getattr(AsyncOnPurpose(), name)

    seen = await on_mesh(AsyncServicer(body))

    assert f"{seen.code} {seen.details}".strip() == body.__doc__


@pytest.mark.parametrize("name", _bodies(PlainOnPurpose))
@pytest.mark.asyncio
async def test_a_plain_servicer_is_answered_for_where_grpcs_server_says_less(name: str) -> None:
    body = getattr(PlainOnPurpose(), name)

    seen = await on_mesh(PlainServicer(body))

    assert f"{seen.code} {seen.details}".strip() == body.__doc__


@pytest.mark.asyncio
async def test_the_text_of_an_exception_is_hidden_where_the_collector_hides_it() -> None:
    async def body(request: Any, context: Any) -> Any:
        context.set_code(FAILED_PRECONDITION)
        raise ValueError("secret")

    seen = await on_mesh(AsyncServicer(body), settings=Settings(expose_handler_errors=False))

    assert seen.code == "FAILED_PRECONDITION"
    assert "secret" not in (seen.details or "")


@pytest.mark.asyncio
async def test_done_callbacks_are_called_with_the_context_also_where_the_call_was_cancelled() -> None:
    begun, done = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def body(request: Any, context: Any) -> Any:
        context.add_done_callback(lambda its: done.set_result((its is context, its.done(), its.cancelled())))
        begun.set()
        await asyncio.Event().wait()

    async with mounted(AsyncServicer(body)) as collector:
        call = asyncio.ensure_future(get(collector))
        await begun.wait()
        call.cancel()

        assert await done == (True, True, True)


@pytest.mark.asyncio
async def test_a_plain_servicer_is_told_when_its_caller_has_gone() -> None:
    begun, gone, seen = threading.Event(), threading.Event(), []

    def body(request: Any, context: Any) -> Any:
        context.add_callback(gone.set)
        begun.set()
        seen.append(gone.wait(LIMIT_SECONDS))
        seen.append(context.is_active())
        seen.append(context.add_callback(gone.set))

    async with mounted(PlainServicer(body)) as collector:
        call = asyncio.ensure_future(get(collector))
        await asyncio.to_thread(begun.wait)
        call.cancel()
        await asyncio.wait([call])
        await until(lambda: len(seen) == 3)

    assert seen == [True, False, False]


@pytest.mark.asyncio
async def test_a_callback_may_wait_for_what_its_servicer_holds_while_that_waits_for_the_loop() -> None:
    begun, told, holds, ends = threading.Event(), threading.Event(), threading.Lock(), asyncio.Event()
    seen: list[object] = []
    loop = asyncio.get_running_loop()

    def callback() -> None:
        with holds:
            told.set()

    def body(request: Any, context: Any) -> Any:
        with holds:
            context.add_callback(callback)
            begun.set()
            seen.append(asyncio.run_coroutine_threadsafe(ends.wait(), loop).result(LIMIT_SECONDS / 10))

    async with mounted(PlainServicer(body)) as collector:
        call = asyncio.ensure_future(get(collector))
        await asyncio.to_thread(begun.wait)
        call.cancel()
        await asyncio.wait([call])
        ends.set()
        await until(told.is_set)

    assert seen == [True]


async def in_group(context: Any, *beside: Any) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(context.abort(NOT_FOUND, "no"))
        for work in beside:
            group.create_task(work)


async def fails() -> None:
    raise ValueError("beside")


@pytest.mark.asyncio
@pytest.mark.parametrize(("beside", "told"), [((), 0), ((fails,), 1)], ids=["alone", "with a defect"])
async def test_an_abort_in_a_task_group_is_no_news_and_what_fails_beside_it_is(
    beside: tuple[Any, ...], told: int
) -> None:
    async def body(request: Any, context: Any) -> Any:
        await in_group(context, *(work() for work in beside))

    observer = FakeObserver()
    async with mounted(AsyncServicer(body), observer=observer) as collector:
        reply = await get(collector)

    assert (reply.status.message, reply.status.details["grpc-status"]) == ("no", "5")
    assert len(observer.of(HandlerFailed)) == told


class Answers(grpc.aio.ServerInterceptor):
    """Gives what it is told to, in place of the handler."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        return self.answer


class Asks(grpc.aio.ServerInterceptor):
    """Lets calls pass whose metadata say so, and answers others itself."""

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        if ("k", "2") in [tuple(pair) for pair in handler_call_details.invocation_metadata]:
            return await continuation(handler_call_details)
        return None


def _handler(body: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        body,
        request_deserializer=users_pb2.GetUserRequest.FromString,
        response_serializer=users_pb2.User.SerializeToString,
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("is_intercepted", [False, True])
async def test_a_plain_method_for_which_there_is_no_thread_has_not_run(is_intercepted: bool) -> None:
    begun, gone = threading.Event(), threading.Event()

    def body(request: Any, context: Any) -> Any:
        begun.set()
        gone.wait(LIMIT_SECONDS)
        return users_pb2.User()

    interceptors = [Answers(_handler(body))] if is_intercepted else []
    settings = Settings(max_threads=1, max_waiting=0)
    async with mounted(PlainServicer(body), interceptors, settings=settings) as collector:
        runs = asyncio.ensure_future(get(collector))
        await asyncio.to_thread(begun.wait)
        shed = await get(collector)
        gone.set()

        assert (shed.status.code, shed.executed) == (429, Executed.NO)
        assert (await runs).executed is Executed.YES


class Awaited:
    """What a plain method gives that is to be awaited."""

    def __init__(self) -> None:
        self.is_closed = threading.Event()

    def __await__(self) -> Any:
        yield

    def close(self) -> None:
        self.is_closed.set()


@pytest.mark.asyncio
@pytest.mark.parametrize("is_intercepted", [False, True])
async def test_what_is_to_be_awaited_is_closed_where_the_caller_has_gone_meanwhile(
    is_intercepted: bool,
) -> None:
    begun, gone, awaited = threading.Event(), threading.Event(), Awaited()

    def body(request: Any, context: Any) -> Any:
        begun.set()
        gone.wait(LIMIT_SECONDS)
        return awaited

    interceptors = [Answers(_handler(body))] if is_intercepted else []
    async with mounted(PlainServicer(body), interceptors) as collector:
        call = asyncio.ensure_future(get(collector))
        await asyncio.to_thread(begun.wait)
        call.cancel()
        await asyncio.wait([call])
        gone.set()
        await until(awaited.is_closed.is_set)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "interceptors",
    [
        [Asks()],
        [Asks(), Asks()],
        [Asks(), Answers(None)],
        [Answers(_handler(Async().returns)), Asks()],
        [Answers(_handler(Async().aborts))],
        [Asks(), Answers(_handler(Plain().aborts))],
    ],
    ids=["pass", "both pass", "none", "answers", "refuses", "refuses in a thread"],
)
async def test_interceptors_answer_as_on_grpcs_asyncio_server(interceptors: Any) -> None:
    body = Async().sends_metadata

    seen = await on_aio(body, interceptors)

    assert await on_mesh(AsyncServicer(body), interceptors=interceptors) == seen


def _names(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}


@pytest.mark.parametrize("kind", [grpc.aio.ServicerContext, grpc.ServicerContext])
@pytest.mark.asyncio
async def test_contexts_have_all_that_this_grpcio_promises(kind: type, request: Any) -> None:
    found: list[Callable[..., Any]] = []

    async def async_body(request: Any, context: Any) -> Any:
        found.append(context)
        return users_pb2.User()

    def plain_body(request: Any, context: Any) -> Any:
        found.append(context)
        return users_pb2.User()

    is_aio = kind is grpc.aio.ServicerContext
    await on_mesh(AsyncServicer(async_body) if is_aio else PlainServicer(plain_body))

    its = type(found[0])
    assert issubclass(its, kind)
    assert {name for name in _names(kind) if getattr(its, name) is getattr(kind, name)} == set()
