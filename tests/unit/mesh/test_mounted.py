"""Servicers that are mounted: what is served, and what is refused."""

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from mesh_test import users_pb2, users_pb2_grpc
from tests.generated.generations import Generation
from tests.generated.servicers import Audit, BlockingUsers, Users
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import (
    CallContext,
    Collector,
    DuplicateMethodError,
    InvalidCallError,
    LoopbackNetwork,
    NotFoundError,
    Payload,
    Reply,
    Service,
    Settings,
    current_call,
)
from collector_mesh.adapters.wire.grpc_codes import grpc_status_of

SERVICE = "mesh.test.users.v1.UserService"
AUDIT = "mesh.test.users.v1.AuditService"
add_users = users_pb2_grpc.add_UserServiceServicer_to_server
add_audit = users_pb2_grpc.add_AuditServiceServicer_to_server


class GetUser(users_pb2_grpc.UserServiceServicer):  # type: ignore[misc]  # generated code has no types
    """A servicer of one method, which is given as a function."""

    def __init__(self, body: Callable[[Any, Any], Any]) -> None:
        self.GetUser = body


async def returns_a_user(request: Any, context: Any) -> Any:
    return users_pb2.User(id=request.id, name="async")


def returns_a_user_from_a_thread(request: Any, context: Any) -> Any:
    return users_pb2.User(id=request.id, name=threading.current_thread().name)


def collector(**options: Any) -> Collector:
    return Collector("users-1", transport=LoopbackNetwork(), **options)


async def get(caller: Collector, request: object = None, method: str = "GetUser", **options: Any) -> Reply:
    request = users_pb2.GetUserRequest(id=7) if request is None else request
    return await caller.dispatch("users", SERVICE, method, request, timeout=LIMIT_SECONDS, **options)  # type: ignore[arg-type]  # some are wrong on purpose


def served(its: Collector) -> dict[str, tuple[str, bool]]:
    """The kind of each method, and whether it may run twice."""
    return {
        f"{each.key.service}.{each.key.method}": (each.kind, each.idempotent)
        for each in its.snapshot().methods
    }


# ---- what is served ------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_every_generation_of_generated_code_is_served(generation: Generation) -> None:
    class Its(generation.users_grpc.UserServiceServicer):  # type: ignore[misc, name-defined]  # it is a module at run time
        async def GetUser(self, request: Any, context: Any) -> Any:
            return generation.users.User(id=request.id)

        def PutUser(self, request: Any, context: Any) -> Any:
            return request

        def ListUsers(self, request: Any, context: Any) -> Any:
            yield request

        async def ImportUsers(self, requests: Any, context: Any) -> Any: ...

        async def Talk(self, requests: Any, context: Any) -> Any: ...

    async with collector() as users:
        services = users.mount("users", generation.users_grpc.add_UserServiceServicer_to_server, Its())

        assert services == (SERVICE,)
        assert served(users) == {
            f"{SERVICE}.GetUser": ("unary", True),
            f"{SERVICE}.ImportUsers": ("client", False),
            f"{SERVICE}.ListUsers": ("server", False),
            f"{SERVICE}.PutUser": ("unary", True),
            f"{SERVICE}.Talk": ("both", False),
        }
        assert (await get(users, generation.users.GetUserRequest(id=7))).unpack(generation.users.User).id == 7
        put = await get(users, generation.users.User(id=8), "PutUser")
        assert put.unpack(generation.users.User).id == 8
        assert (await get(users, method="ListUsers")).status.code == 501


@pytest.mark.asyncio
async def test_peers_are_told_of_what_is_mounted_and_taken_away_while_they_are_connected() -> None:
    network = LoopbackNetwork()
    async with (
        Collector("users-1", transport=network) as users,
        Collector("front", transport=network, namespaces=["users"], peers=["users-1"]) as front,
    ):
        await front.wait_for()
        await asyncio.to_thread(users.mount, "users", add_users, Users())
        await front.wait_for(methods=[f"users/{SERVICE}/GetUser"])

        assert (await get(front)).unpack(users_pb2.User).name == "user 7"

        users.remove_service(SERVICE)
        await until(lambda: not front.snapshot().connections[0].methods)
        assert (await get(front)).status.code == 404


@pytest.mark.asyncio
async def test_methods_of_one_servicer_may_be_async_and_plain() -> None:
    class Mixed(users_pb2_grpc.UserServiceServicer):  # type: ignore[misc]  # as above
        async def GetUser(self, request: Any, context: Any) -> Any:
            return users_pb2.User(name=str(threading.current_thread() is threading.main_thread()))

        def PutUser(self, request: Any, context: Any) -> Any:
            return users_pb2.User(name=str(threading.current_thread() is threading.main_thread()))

    users = collector()
    users.mount("users", add_users, Mixed())
    async with users:
        assert (await get(users)).unpack(users_pb2.User).name == "True"
        assert (await get(users, users_pb2.User(), "PutUser")).unpack(users_pb2.User).name == "False"


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["type.googleapis.com/", "other.example/mesh.test.users.v1.GetUserRequest"])
async def test_a_request_may_be_of_a_type_that_nobody_has_named(url: str) -> None:
    async with collector() as users:
        users.mount("users", add_users, Users())

        reply = await get(users, Payload(url, users_pb2.GetUserRequest(id=7).SerializeToString()))

        assert reply.payload.type_url == "type.googleapis.com/mesh.test.users.v1.User"
        assert reply.unpack(users_pb2.User).id == 7


@pytest.mark.asyncio
@pytest.mark.parametrize("interceptors", [[], ["aio"], ["plain"]], ids=str)
@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (
            users_pb2.Line(text="x"),
            (
                "payload is a 'type.googleapis.com/mesh.test.users.v1.Line', expected"
                " 'type.googleapis.com/mesh.test.users.v1.GetUserRequest'"
            ),
        ),
        (
            Payload("", b""),
            "payload is missing, expected 'type.googleapis.com/mesh.test.users.v1.GetUserRequest'",
        ),
        (
            Payload("type.googleapis.com/", b"\x08"),
            "payload cannot be read as mesh.test.users.v1.GetUserRequest",
        ),
    ],
)
async def test_a_request_that_the_method_does_not_take_is_refused(
    request_: Any, text: str, interceptors: list[str]
) -> None:
    made = {"aio": AioLog, "plain": PlainLog}
    async with collector() as users:
        users.mount("users", add_users, Users(), interceptors=[made[name]([]) for name in interceptors])

        reply = await get(users, request_)

        assert (reply.status.code, reply.status.message) == (400, text)
        assert grpc_status_of(reply).code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [ValueError("secret"), SystemExit(3), asyncio.CancelledError()], ids=repr)
async def test_a_reader_that_raises_refuses_one_request_and_says_nothing_of_why(error: BaseException) -> None:
    def reads(value: bytes) -> Any:
        raise error

    handlers: dict[str, Any] = {"Do": grpc.unary_unary_rpc_method_handler(print, request_deserializer=reads)}
    async with collector() as users:
        users.mount("users", grpc.method_handlers_generic_handler("by.Hand", handlers))

        reply = await users.dispatch("users", "by.Hand", "Do", Payload("any.example/x", b"abc"))

        assert (reply.status.code, reply.status.message) == (
            400,
            "payload cannot be read as what the method takes",
        )


@pytest.mark.asyncio
async def test_a_response_that_is_too_large_is_an_error_of_the_handler() -> None:
    async with collector(settings=Settings(max_payload_bytes=1024)) as users:
        users.mount("users", add_users, Users())

        reply = await get(users, users_pb2.Behavior(size=2000), "Behave")

        assert reply.status.code == 500
        assert "over the limit of 1024 bytes" in reply.status.message


@pytest.mark.asyncio
async def test_a_servicer_finds_its_call_and_makes_calls_of_its_own() -> None:
    async def asynchronous(request: Any, context: Any) -> Any:
        call = current_call()
        assert isinstance(call, CallContext)
        return await call.call("users", AUDIT, "Record", users_pb2.User(name="x"), returns=None)

    def plain(request: Any, context: Any) -> Any:
        call = current_call()
        assert isinstance(call, CallContext)
        reply = call.blocking.dispatch("users", SERVICE, "PutUser", users_pb2.User(id=request.id))
        return reply.unpack(users_pb2.User)

    class Both(Users):
        GetUser = staticmethod(plain)

    async with collector() as users:
        users.mount("users", add_users, Both())

        assert (await get(users)).unpack(users_pb2.User).id == 7


@pytest.mark.asyncio
async def test_a_decorated_async_method_is_awaited_where_calls_belong() -> None:
    def decorated(request: Any, context: Any) -> Any:
        return returns_a_user(request, context)

    async with collector() as users:
        users.mount("users", add_users, GetUser(decorated))

        assert (await get(users)).unpack(users_pb2.User).name == "async"


# ---- handlers without generated code -------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_generic_handler_is_mounted_without_an_adder() -> None:
    async def shout(request: bytes, context: Any) -> bytes:
        return request.upper()

    handlers: dict[str, Any] = {"Shout": grpc.unary_unary_rpc_method_handler(shout)}
    async with collector() as users:
        services = users.mount("users", grpc.method_handlers_generic_handler("by.Hand", handlers))

        reply = await users.dispatch("users", "by.Hand", "Shout", Payload("any.example/x", b"abc"))

        assert services == ("by.Hand",)
        assert reply.payload == Payload("type.googleapis.com/", b"ABC")
        assert users.container.descriptors().services("users") == {}


@pytest.mark.asyncio
async def test_a_descriptor_that_contradicts_its_handlers_is_not_believed() -> None:
    handler = grpc.unary_unary_rpc_method_handler(
        lambda request, context: users_pb2.Line(text=request.text),
        request_deserializer=users_pb2.Line.FromString,
        response_serializer=users_pb2.Line.SerializeToString,
    )
    async with collector() as users:
        users.mount("users", grpc.method_handlers_generic_handler(SERVICE, {"GetUser": handler}))

        reply = await get(users, users_pb2.Line(text="x"))

        assert reply.unpack(users_pb2.Line).text == "x"
        assert users.container.descriptors().find("users", SERVICE) is None


# ---- descriptors ---------------------------------------------------------------------------------------


def test_descriptors_are_known_as_long_as_their_service_is_served() -> None:
    users = collector()
    users.mount("users", add_users, Users())
    users.mount("users", add_audit, Audit())
    users.mount("other", add_audit, Audit())
    descriptors = users.container.descriptors()

    assert [*descriptors.services("users")] == [AUDIT, SERVICE]
    assert descriptors.services("users")[SERVICE].methods_by_name["Echo"].input_type.name == "Everything"

    users.remove_service(f"users/{AUDIT}")
    assert [*descriptors.services("users")] == [SERVICE]
    assert [*descriptors.services("other")] == [AUDIT]

    users.remove_namespace("users")
    assert descriptors.services("users") == {}
    assert descriptors.find("other", AUDIT) is not None


def _version(field: str) -> Any:
    """A message class, its service's descriptor, and an adder: of one file that has this field."""
    file = descriptor_pb2.FileDescriptorProto(name="versions.proto", package="versions", syntax="proto3")
    file.message_type.add(name="Thing").field.add(name=field, number=1, type=9, label=1)
    method = file.service.add(name="Things").method.add(name="Get")
    method.input_type = method.output_type = ".versions.Thing"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    thing = message_factory.GetMessageClass(pool.FindMessageTypeByName("versions.Thing"))
    handler = grpc.unary_unary_rpc_method_handler(
        lambda request, context: request,
        request_deserializer=thing.FromString,
        response_serializer=thing.SerializeToString,
    )
    return grpc.method_handlers_generic_handler("versions.Things", {"Get": handler})


def test_two_namespaces_have_their_own_versions_of_one_file() -> None:
    users = collector()
    users.mount("old", _version("before"))
    users.mount("new", _version("after"))
    descriptors = users.container.descriptors()

    fields = [
        found.methods[0].input_type.fields[0].name
        for namespace in ("old", "new")
        if (found := descriptors.find(namespace, "versions.Things")) is not None
    ]
    assert fields == ["before", "after"]


# ---- changes -------------------------------------------------------------------------------------------


def test_what_is_mounted_twice_is_refused_as_a_whole() -> None:
    users = collector(services=[_service("users", AUDIT, "Record")])

    def both(servicer: Any, server: Any) -> None:
        add_users(Users(), server)
        add_audit(Audit(), server)

    with pytest.raises(DuplicateMethodError, match=f"method users/{AUDIT}.Record is registered already"):
        users.mount("users", both, object())
    assert [*served(users)] == [f"{AUDIT}.Record"]

    users.mount("users", both, object(), replace=True)
    assert f"{SERVICE}.GetUser" in served(users)


@pytest.mark.asyncio
async def test_of_many_threads_that_mount_the_same_one_does() -> None:
    async with collector() as users:

        def mounts() -> bool:
            try:
                users.mount("users", add_users, Users())
            except DuplicateMethodError:
                return False
            return True

        outcomes = await asyncio.gather(*(asyncio.to_thread(mounts) for _ in range(8)))

        assert sorted(outcomes) == [False] * 7 + [True]
        assert (await get(users)).status.code == 200


@pytest.mark.asyncio
async def test_nothing_of_a_call_is_left_for_the_garbage_collector() -> None:
    contexts: list[weakref.ref[Any]] = []

    class Kept(Users):
        async def GetUser(self, request: Any, context: Any) -> Any:
            contexts.append(weakref.ref(context))
            context.add_done_callback(lambda its: its)
            return await super().GetUser(request, context)

        def PutUser(self, request: Any, context: Any) -> Any:
            contexts.append(weakref.ref(context))
            context.add_callback(context.is_active)
            return request

    async with collector() as users:
        users.mount("users", add_users, Kept())
        gc.collect()
        gc.disable()
        try:
            for id_ in (0, 1):
                await get(users, users_pb2.GetUserRequest(id=id_))
                await get(users, users_pb2.User(id=id_), "PutUser")
            await until(lambda: not any(context() for context in contexts))
        finally:
            gc.enable()

        assert len(contexts) == 4


def test_a_service_is_removed_by_its_name() -> None:
    users = collector(services=[_service("users", "Native", "Do")])
    users.mount("users", add_audit, Audit())
    users.mount("other", add_audit, Audit())

    with pytest.raises(InvalidCallError, match=r"served in several namespaces.*'other/mesh.*other, users"):
        users.remove_service(AUDIT)
    with pytest.raises(NotFoundError, match="service 'Nothing' is not served here: there are other/mesh"):
        users.remove_service("Nothing")
    users.remove_service(f"other/{AUDIT}")
    users.remove_service(AUDIT)
    users.remove_service("Native")

    assert served(users) == {}
    assert users.namespaces == ("users", "other")


def _service(namespace: str, name: str, method: str) -> Service:
    service = Service(namespace, name)
    service.add(method, lambda: None)
    return service


# ---- what cannot be mounted ----------------------------------------------------------------------------


def _adds_nothing(servicer: Any, server: Any) -> None: ...


def _raises(servicer: Any, server: Any) -> None:
    raise RuntimeError("boom")


def _listens(servicer: Any, server: Any) -> None:
    server.add_insecure_port("127.0.0.1:0")


def _adds_what_is_no_handler(servicer: Any, server: Any) -> None:
    server.add_registered_method_handlers("a.B", {"C": print})


def _adds_what_cannot_be_called(servicer: Any, server: Any) -> None:
    handler: Any = grpc.unary_unary_rpc_method_handler(7)  # type: ignore[arg-type]  # on purpose
    server.add_registered_method_handlers("a.B", {"C": handler})


def _has_a_malformed_name(servicer: Any, server: Any) -> None:
    handler: Any = grpc.unary_unary_rpc_method_handler(print)
    server.add_registered_method_handlers("a.B", {"no-name": handler})


class _Nameless(grpc.GenericRpcHandler):
    def service(self, handler_call_details: Any) -> None: ...


async def _async_adder(servicer: Any, server: Any) -> None: ...


@pytest.mark.parametrize(
    ("adder", "servicer", "kind", "text"),
    [
        (Users(), add_users, TypeError, "adder must be a function that adds .*got Users; adder and servicer seem to be swapped"),
        (Users, Users(), TypeError, "adder must be a function that adds .*got the class Users"),
        ("add", Users(), TypeError, "adder must be a function that adds .*got str"),
        (add_users, Users, TypeError, r"servicer must be an instance, got the class Users: give Users\(\)"),
        (add_users, None, TypeError, "servicer is missing: add_UserServiceServicer_to_server adds the methods of one"),
        (add_users, add_users, TypeError, "servicer must be an instance of a servicer, got the function add_User"),
        (add_users, Audit(), TypeError, "add_UserServiceServicer_to_server cannot add Audit: 'Audit' object has no attribute"),
        (add_users, users_pb2_grpc.UserServiceServicer(), ValueError, "UserServiceServicer overrides none of its methods: mesh"),
        (_adds_nothing, Users(), ValueError, "_adds_nothing has added no method"),
        (_raises, Users(), ValueError, "_raises has raised RuntimeError: boom"),
        (_listens, Users(), ValueError, "_listens has raised RuntimeError: the server of a mount takes handlers only"),
        (_adds_what_is_no_handler, Users(), TypeError, r"handler of a\.B/C must be a grpc.RpcMethodHandler, got builtin"),
        (_adds_what_cannot_be_called, Users(), TypeError, r"handler of a\.B/C is not callable: int"),
        (_has_a_malformed_name, Users(), InvalidCallError, "method_name must match"),
        (_Nameless(), None, ValueError, "_Nameless is a generic handler that does not say for which methods"),
        (grpc.method_handlers_generic_handler("a.B", {}), Users(), TypeError, "mounted without a servicer, got Users"),
        (_async_adder, Users(), TypeError, "got an async one: _async_adder"),
    ],
)  # fmt: skip
def test_what_cannot_be_mounted_is_said_in_one_text(
    adder: Any, servicer: Any, kind: type[Exception], text: str
) -> None:
    users = collector()

    with pytest.raises(kind, match=text):
        users.mount("users", adder, servicer)
    assert (users.namespaces, served(users)) == ((), {})


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"interceptors": "log"}, TypeError, "interceptors must be a list of grpc.aio.ServerInterceptor"),
        ({"interceptors": [print]}, TypeError, "each of interceptors must be .*got builtin_function"),
        ({"interceptors": ["aio class"]}, TypeError, "got the class AioLog: an instance of it is needed"),
        ({"interceptors": ["aio", "plain"]}, TypeError, "or all of grpc.ServerInterceptor, got both: AioLog, PlainLog"),
        ({"replace": "yes"}, TypeError, "replace must be True or False, got str"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, Any], kind: type[Exception], text: str) -> None:
    made = {"aio class": AioLog, "aio": AioLog([]), "plain": PlainLog([])}
    if isinstance(given := options.get("interceptors"), list):
        options = {
            "interceptors": [made.get(each, each) if isinstance(each, str) else each for each in given]
        }
    users = collector()

    with pytest.raises(kind, match=text):
        users.mount("users", add_users, Users(), **options)


@pytest.mark.parametrize("namespace", ["", "a b", "x" * 200])
def test_a_malformed_namespace_is_refused(namespace: str) -> None:
    with pytest.raises(InvalidCallError, match="namespace"):
        collector().mount(namespace, add_users, Users())


# ---- interceptors --------------------------------------------------------------------------------------

SEEN: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="")


class AioLog(grpc.aio.ServerInterceptor):
    """Takes down what it is told."""

    def __init__(self, log: list[Any], name: str = "aio") -> None:
        self.log = log
        self.name = name

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        pairs = [tuple(pair) for pair in handler_call_details.invocation_metadata]
        self.log.append((self.name, handler_call_details.method, pairs))
        SEEN.set(self.name)
        return await continuation(handler_call_details)


class PlainLog(grpc.ServerInterceptor):
    """The same, for threads."""

    def __init__(self, log: list[Any], name: str = "plain") -> None:
        self.log = log
        self.name = name

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        pairs = [tuple(pair) for pair in handler_call_details.invocation_metadata]
        self.log.append((self.name, handler_call_details.method, pairs))
        SEEN.set(self.name)
        return continuation(handler_call_details)


def says_what_it_has_seen(request: Any, context: Any) -> Any:
    return users_pb2.User(name=SEEN.get())


async def says_it_in_the_loop(request: Any, context: Any) -> Any:
    return users_pb2.User(name=SEEN.get())


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "body"),
    [(AioLog, says_it_in_the_loop), (AioLog, says_what_it_has_seen), (PlainLog, says_what_it_has_seen)],
)
async def test_interceptors_are_met_in_order_and_share_their_context_with_the_handler(
    kind: Any, body: Any
) -> None:
    log: list[Any] = []
    async with collector() as users:
        users.mount("users", add_users, GetUser(body), interceptors=[kind(log, "one"), kind(log, "two")])

        reply = await get(users, metadata=[("k", "v")])

        assert reply.unpack(users_pb2.User).name == "two"
        path = f"/{SERVICE}/GetUser"
        assert log == [("one", path, [("k", "v")]), ("two", path, [("k", "v")])]


def _handler(body: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        body,
        request_deserializer=users_pb2.GetUserRequest.FromString,
        response_serializer=users_pb2.User.SerializeToString,
    )


def _refuses(request: Any, context: Any) -> Any:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you")


async def _refuses_in_the_loop(request: Any, context: Any) -> Any:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you")


class Answers(grpc.aio.ServerInterceptor):
    """Gives what it is told to, in place of the handler."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        return self.answer()


class AnswersFromAThread(grpc.ServerInterceptor):
    """The same, for threads."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        return self.answer()


def _fails() -> Any:
    raise ValueError("boom")


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", [Answers, AnswersFromAThread])
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: _handler(returns_a_user), (0, "")),
        (lambda: _handler(returns_a_user_from_a_thread), (0, "")),
        (lambda: _handler(_refuses), (16, "who are you")),
        (lambda: _handler(_refuses_in_the_loop), (16, "who are you")),
        (lambda: None, (12, "Method not found!")),
        (_fails, (2, "handler error: boom")),
        (lambda: 7, (2, "handler error: an interceptor has given int, expected a grpc.RpcMethodHandler")),
        (
            lambda: grpc.unary_stream_rpc_method_handler(print),
            (12, "an interceptor has given a handler of the kind server for a unary call"),
        ),
    ],
)
async def test_an_interceptor_may_answer_itself(kind: Any, answer: Any, told: tuple[int, str]) -> None:
    async with collector() as users:
        users.mount("users", add_users, Users(), interceptors=[kind(answer)])

        status = grpc_status_of(await get(users))

        assert (status.code, status.text) == told


@pytest.mark.asyncio
async def test_interceptors_for_threads_are_met_by_calls_of_async_methods_too() -> None:
    log: list[Any] = []
    async with collector() as users:
        users.mount("users", add_users, Users(), interceptors=[PlainLog(log)])

        reply = await get(users)

        assert reply.unpack(users_pb2.User).id == 7
        assert log == [("plain", f"/{SERVICE}/GetUser", [])]


@pytest.mark.asyncio
async def test_an_interceptor_may_ask_for_another_method_of_the_mount() -> None:
    class Redirects(grpc.aio.ServerInterceptor):
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            return await continuation(handler_call_details._replace(method=f"/{SERVICE}/PutUser"))

    async with collector() as users:
        users.mount("users", add_users, Users(), interceptors=[Redirects()])

        assert (await get(users, users_pb2.User(id=9))).unpack(users_pb2.User).id == 9


# ---- threads -------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_plain_servicers_run_in_the_threads_of_the_collector() -> None:
    running, most, lock, go = 0, 0, threading.Lock(), threading.Event()

    def body(request: Any, context: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(LIMIT_SECONDS)
        with lock:
            running -= 1
        return users_pb2.User(id=request.id)

    async with collector(settings=Settings(max_threads=4)) as users:
        users.mount("users", add_users, GetUser(body))
        calls = [asyncio.ensure_future(get(users, users_pb2.GetUserRequest(id=id_))) for id_ in range(12)]
        await until(lambda: most == 4)
        go.set()
        replies = await asyncio.gather(*calls)

        assert [reply.unpack(users_pb2.User).id for reply in replies] == [*range(12)]
        assert most == 4


@pytest.mark.asyncio
async def test_a_plain_servicer_keeps_nothing_of_a_call_when_it_has_ended() -> None:
    async with collector() as users:
        users.mount("users", add_users, BlockingUsers())

        replies = [await get(users, users_pb2.GetUserRequest(id=id_)) for id_ in (1, 0, 2)]

        assert [grpc_status_of(reply).code for reply in replies] == [0, 5, 0]
        assert [reply.metadata for reply in replies] == [(), (("looked-at", "3"),), ()]
