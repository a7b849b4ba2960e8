"""Classes whose methods are marked, and whatever else may be given for a service."""

import contextlib
import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh import (
    CallContext,
    Collector,
    DuplicateMethodError,
    InvalidCallError,
    LoopbackNetwork,
    NotFoundError,
    Service,
    method,
)


def text(value: object) -> StringValue:
    return StringValue(value=str(value))


class Users:
    namespace = "users"
    service = "UserService"

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    @method
    async def get(self, request: StringValue) -> StringValue:
        return text(self.names[request.value])

    @method("Put", idempotent=True)
    def put(self, request: StringValue, context: CallContext) -> None:
        self.names[request.value] = f"{request.value} by {context.collector_id}"

    @method()
    async def _private(self) -> StringValue:
        return text("private")

    @method
    @staticmethod
    async def apart(request: StringValue) -> StringValue:
        return request

    @staticmethod
    @method
    async def apart_too(request: StringValue) -> StringValue:
        return request

    @method
    @classmethod
    def of_class(cls) -> StringValue:
        return text(cls.__name__)

    async def not_served(self) -> None: ...


async def answer(collector: Collector, service: str, name: str, sent: str = "ann") -> str:
    return (await collector.call("users", service, name, text(sent), returns=StringValue)).value


@pytest.mark.asyncio
async def test_a_class_serves_what_it_marks_by_an_instance_for_each_collector() -> None:
    async with (
        Collector("a", transport=LoopbackNetwork(), services=[Users]) as a,
        Collector("b", transport=LoopbackNetwork(), services=[Users]) as b,
    ):
        await a.call("users", "UserService", "Put", text("ann"))
        await b.call("users", "UserService", "Put", text("ann"))
        both = [await answer(each, "UserService", "get") for each in (a, b)]
        others = [
            await answer(a, "UserService", name) for name in ("_private", "apart", "apart_too", "of_class")
        ]
        gone = await a.dispatch("users", "UserService", "not_served")

    assert both == ["ann by a", "ann by b"]
    assert others == ["private", "ann", "ann", "Users"]
    assert gone.status.code == 404
    assert a.namespaces == ("users",)
    assert [(info.key.method, info.idempotent) for info in a.snapshot().methods if info.idempotent] == [
        ("Put", True)
    ]


class Loud(Users):
    service = "LoudService"

    async def get(self, request: StringValue) -> StringValue:
        return text(f"LOUD {request.value}")

    @method("Drop")
    async def put(self, request: StringValue) -> StringValue:  # type: ignore[override]  # a method of its own
        return request

    apart = None  # type: ignore[assignment]  # it is not served


@pytest.mark.asyncio
async def test_a_subclass_serves_what_it_overrides_marks_anew_and_leaves_out() -> None:
    async with Collector("a", transport=LoopbackNetwork(), services=[Loud()]) as collector:
        overridden = await answer(collector, "LoudService", "get")
        names = [info.key.method for info in collector.snapshot().methods]

    assert overridden == "LOUD ann"
    assert sorted(names) == ["Drop", "_private", "apart_too", "get", "of_class"]


class WithLifespan:
    namespace, service = "users", "Lived"

    def __init__(self) -> None:
        self.database = "closed"

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[str]:
        self.database = "open"
        yield "state"
        self.database = "closed again"

    @method
    async def look(self, context: CallContext) -> StringValue:
        return text(f"{self.database}, {context.state}")


@pytest.mark.asyncio
async def test_the_lifespan_of_a_class_is_that_of_its_service() -> None:
    instance = WithLifespan()

    async with Collector("a", transport=LoopbackNetwork(), services=[instance]) as collector:
        seen = await answer(collector, "Lived", "look")
        await collector.add_service(instance, replace=True)
        again = await answer(collector, "Lived", "look")

    assert (seen, again, instance.database) == ("open, state", "open, state", "closed again")


class AnswersForAll(Users):
    """As what stands in for a client of something else."""

    service = "AnswersForAll"

    def __getattr__(self, name: str) -> Any:
        return lambda *_arguments: name


@pytest.mark.asyncio
async def test_a_lifespan_is_one_that_the_class_has_and_not_what_answers_for_any_name() -> None:
    async with Collector("a", transport=LoopbackNetwork(), services=[AnswersForAll]) as collector:
        reply = await collector.dispatch("users", "AnswersForAll", "of_class")

    assert reply.status.code == 200


def make() -> Service:
    service = Service("users", "Made")
    service.add("get", lambda: text("made"))
    return service


class Subclass(Service):
    def __init__(self) -> None:
        super().__init__("users", "Subclass")
        self.add("get", lambda: text("of a subclass"))


@pytest.mark.parametrize(
    ("offered", "name", "said"),
    [
        (make, "Made", "made"),
        (functools.partial(make), "Made", "made"),
        (Subclass, "Subclass", "of a subclass"),
        (lambda: Loud, "LoudService", "LOUD ann"),
        (Loud, "LoudService", "LOUD ann"),
    ],
)
@pytest.mark.asyncio
async def test_what_makes_a_service_may_be_given_for_one(offered: Any, name: str, said: str) -> None:
    async with Collector("a", transport=LoopbackNetwork()) as collector:
        collector.add_service(offered)

        assert await answer(collector, name, "get") == said


@pytest.mark.parametrize("removed", [Loud, Loud()])
@pytest.mark.asyncio
async def test_a_class_is_removed_by_itself_or_by_an_instance(removed: Any) -> None:
    async with Collector("a", transport=LoopbackNetwork(), services=[Loud]) as collector:
        collector.remove_service(removed)

        assert collector.snapshot().methods == ()
        with pytest.raises(NotFoundError, match=r"LoudService\.get is not registered"):
            collector.remove_service(removed)


class Nothing:
    namespace, service = "users", "Nothing"

    async def get(self) -> None: ...


class Nameless:
    @method
    async def get(self) -> None: ...


class Demanding(Users):
    def __init__(self, database: str) -> None:
        super().__init__()


class Both(Service):
    @method
    async def get(self) -> None: ...


class Odd(Users):
    lifespan = 30


async def make_later() -> Service:
    return make()


def gives_a_coroutine() -> Any:
    return make_later()


def make_nothing() -> None: ...


def make_number() -> int:
    return 7


def make_of(number: int) -> Service:
    return make()


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        (7, "a service must be a Service, a class that marks methods with @collector_mesh.method.*; got int"),
        (None, "; got None"),
        ([Users], "; got list"),
        (Nothing, "the class Nothing marks no method with @collector_mesh.method"),
        (Nothing(), "; got Nothing"),
        (Nameless, 'the class Nameless has to say its namespace and its service, as in namespace = "..."'),
        (
            Demanding,
            "Demanding has to be callable without arguments: missing a required argument: 'database'",
        ),
        (make_of, "make_of has to be callable without arguments: missing a required argument: 'number'"),
        (make_later, "must be a plain callable, got an async one.*belongs into a lifespan"),
        (gives_a_coroutine, "has made coroutine"),
        (make_nothing, "make_nothing must make a Service.*and has made None"),
        (make_number, "make_number must make a Service.*and has made int"),
        (lambda: make, "has made function"),
        (Both, r"Both is a Service and marks methods: leave out one of them|has to be callable without"),
        (Both("a", "b"), "Both is a Service and marks methods"),
        (Odd, "lifespan of users/UserService is int"),
    ],
)
def test_what_is_no_service_and_makes_none_is_refused_and_what_it_is_is_told(offered: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Collector("a", transport=LoopbackNetwork(), services=[offered])


class WithProperty(Users):
    @property
    @method
    def size(self) -> StringValue:
        return text("0")


def test_a_property_cannot_be_served() -> None:
    with pytest.raises(TypeError, match=r"WithProperty\.size is a property, and cannot be served"):
        Collector("a", transport=LoopbackNetwork(), services=[WithProperty])


@pytest.mark.parametrize("services", [Users, Users(), make(), "users", None, 7])
def test_services_are_a_list(services: Any) -> None:
    with pytest.raises(TypeError, match=r"services must be a list of services, as services=\[users\]; got "):
        Collector("a", transport=LoopbackNetwork(), services=services)


@pytest.mark.parametrize("offered", [make, 7, Nothing])
def test_what_was_never_added_cannot_be_removed(offered: Any) -> None:
    collector = Collector("a", transport=LoopbackNetwork())

    with pytest.raises(TypeError, match="a service to remove is one that was added, its class, or its name"):
        collector.remove_service(offered)


def test_what_makes_a_service_and_raises_is_heard_as_it_is() -> None:
    def raises() -> Iterator[Service]:
        raise OSError("no database")

    with pytest.raises(OSError, match="no database"):
        Collector("a", transport=LoopbackNetwork(), services=[raises])


def test_two_methods_of_a_class_have_two_names() -> None:
    class Twice:
        namespace, service = "users", "Twice"

        @method("Get")
        async def one(self) -> None: ...

        @method("Get")
        async def other(self) -> None: ...

    with pytest.raises(DuplicateMethodError, match=r"users/Twice\.Get is registered already"):
        Collector("a", transport=LoopbackNetwork(), services=[Twice])


a_property: Any = property(lambda self: self)


@pytest.mark.parametrize(
    ("mark", "error", "said"),
    [
        (lambda: method(7), TypeError, "the name of a method must be a str, got int"),  # type: ignore[call-overload]  # it is wrong
        (lambda: method("get user"), InvalidCallError, "method_name must match"),
        (lambda: method(Users), TypeError, "marks functions of a class, got the class Users"),
        (lambda: method(a_property), TypeError, "marks functions of a class, got property"),
        (lambda: method(len), TypeError, "cannot mark builtin_function_or_method"),
        (lambda: method("Get")(7), TypeError, "marks functions of a class, got int"),  # type: ignore[call-overload]  # it is wrong
    ],
)
def test_a_mark_that_cannot_be_is_refused_where_it_stands(
    mark: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        mark()
