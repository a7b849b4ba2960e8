"""Whatever can be called is a handler, and gets what its parameters are named or annotated for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable  # annotations of handlers have to be known
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh import CallContext, Collector, LoopbackNetwork, Reply, Service

if TYPE_CHECKING:
    import collector_mesh as mesh


def text(value: object) -> StringValue:
    return StringValue(value=str(value))


async def reply_of(handler: Callable[..., Any], sent: Any) -> Reply:
    service = Service("n", "S")
    service.add("M", handler)
    async with Collector("a", transport=LoopbackNetwork(), services=[service]) as collector:
        return await collector.dispatch("n", "S", "M", sent)


async def plain_async(request: StringValue) -> StringValue:
    return text(request.value)


def plain(request: StringValue) -> StringValue:
    return text(request.value)


class KeepsWhatItWraps:
    """A decorator as people write it, with what it wraps under the name that a partial has for it."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    async def __call__(self, request: StringValue) -> StringValue:
        return text(self.func(request).value)


class AnswersEverything:
    def __getattr__(self, name: str) -> AnswersEverything:
        return AnswersEverything()

    async def __call__(self, request: StringValue) -> StringValue:
        return text(request.value)


class RefusesEverything:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __call__(self, request: StringValue) -> StringValue:
        return text(request.value)


class RaisingSignature:
    @property
    def __signature__(self) -> Any:
        raise RuntimeError("none")

    def __call__(self, request: StringValue) -> StringValue:
        return text(request.value)


def around(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    return wrapper


def injected(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return await function("from the wrapper:", request)

    return wrapper


async def prefixed(prefix: str, request: StringValue) -> StringValue:
    return text(f"{prefix} {request.value}")


class Holder:
    @around
    async def decorated(self, request: StringValue) -> StringValue:
        return text(request.value)

    @staticmethod
    async def static(request: StringValue) -> StringValue:
        return text(request.value)

    @classmethod
    def of_class(cls, request: StringValue) -> StringValue:
        return text(request.value)

    async def _any(self, _context: mesh.CallContext, request: StringValue) -> StringValue:
        return text(request.value)

    partial = functools.partialmethod(_any)

    async def named(self, request: StringValue) -> StringValue:
        return text(request.value)


class CalledWithoutItself:
    @staticmethod
    def __call__(request: StringValue) -> StringValue:
        return text(request.value)


class CalledWithItsClass:
    @classmethod
    async def __call__(cls, request: StringValue, _context: mesh.CallContext) -> StringValue:
        return text(request.value)


@functools.singledispatch
def dispatched(request: Any) -> StringValue:
    return text(type(request).__name__)


def gives_a_coroutine(request: StringValue) -> Awaitable[StringValue]:
    return plain_async(request)


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (KeepsWhatItWraps(plain), "x"),
        pytest.param(AnswersEverything(), "x", id="AnswersEverything"),
        pytest.param(RefusesEverything(), "x", id="RefusesEverything"),
        (RaisingSignature(), "x"),
        (around(plain), "x"),
        (around(plain_async), "x"),
        (around(around(plain_async)), "x"),
        (injected(prefixed), "from the wrapper: x"),
        (functools.partial(prefixed, "partial"), "partial x"),
        (functools.partial(prefixed, prefix="named"), "named x"),
        (functools.partial(around(plain_async)), "x"),
        (Holder().decorated, "x"),
        (Holder.static, "x"),
        (staticmethod(plain_async), "x"),
        (Holder().of_class, "x"),
        (Holder().partial, "x"),
        (around(Holder().named), "x"),
        (CalledWithoutItself(), "x"),
        (CalledWithItsClass(), "x"),
        (dispatched, "Payload"),
        (gives_a_coroutine, "x"),
        (lambda request: plain_async(request.unpack(StringValue)), "x"),
    ],
)
@pytest.mark.asyncio
async def test_whatever_can_be_called_is_a_handler(handler: Callable[..., Any], answer: str) -> None:
    reply = await reply_of(handler, text("x"))

    assert reply.unpack(StringValue).value == answer


@pytest.mark.parametrize(
    "mock",
    [
        Mock(return_value=text("mocked")),
        MagicMock(return_value=text("mocked")),
        AsyncMock(return_value=text("mocked")),
        AsyncMock(spec=plain_async, return_value=text("mocked")),
        Mock(spec=functools.partial, return_value=text("mocked")),
        create_autospec(plain_async, return_value=text("mocked")),
    ],
)
@pytest.mark.asyncio
async def test_a_mock_is_a_handler_and_is_called_with_the_request(mock: Any) -> None:
    reply = await reply_of(mock, text("x"))

    assert reply.unpack(StringValue).value == "mocked"
    assert len(mock.call_args.args) == 1
    assert mock.call_count == 1


async def context_first(context, input):  # type: ignore[no-untyped-def]  # noqa: A002, ANN001, ANN201
    return text(f"{context.method} {type(input).__name__}")


async def input_first(input: StringValue, context: Any) -> StringValue:  # noqa: A002
    return text(f"{context.method} {input.value}")


async def annotated_first(of_call: CallContext, what: StringValue) -> StringValue:
    return text(f"{of_call.method} {what.value}")


async def by_the_other_annotation(call, what: StringValue):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return text(f"{call.method} {what.value}")


async def called_context(context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return text(f"{context.method} alone")


async def request_called_context(context: StringValue) -> StringValue:
    return text(f"request {context.value}")


async def optional_context(request: StringValue, context: CallContext | None = None) -> StringValue:
    assert context is not None
    return text(f"{context.method} {request.value}")


async def by_keyword(*, context: CallContext, request: StringValue) -> StringValue:
    return text(f"{context.method} {request.value}")


async def for_the_type_checker(request: StringValue, context: mesh.CallContext) -> StringValue:
    return text(f"{context.method} {request.value}")


async def with_a_default_before(greeting: str = "dear", *, request: StringValue) -> StringValue:
    return text(f"{greeting} {request.value}")


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (context_first, "M Payload"),
        (input_first, "M x"),
        (annotated_first, "M x"),
        (by_the_other_annotation, "M x"),
        (called_context, "M alone"),
        (request_called_context, "request x"),
        (optional_context, "M x"),
        (by_keyword, "M x"),
        (for_the_type_checker, "M x"),
        (with_a_default_before, "dear x"),
    ],
)
@pytest.mark.asyncio
async def test_parameters_get_what_they_are_annotated_or_named_for(
    handler: Callable[..., Any], answer: str
) -> None:
    reply = await reply_of(handler, text("x"))

    assert reply.unpack(StringValue).value == answer


@pytest.mark.asyncio
async def test_what_has_no_signature_is_called_with_the_request() -> None:
    without = max
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(without)

    reply = await reply_of(without, text("x"))

    assert (reply.status.code, reply.status.message) == (
        500,
        "handler error: 'Payload' object is not iterable",
    )


@pytest.mark.asyncio
async def test_names_of_the_function_around_count_in_annotations() -> None:
    from google.protobuf.wrappers_pb2 import BoolValue  # here, since it is this that counts

    service = Service("n", "S")

    @service.method("M")
    async def turned(request: BoolValue) -> BoolValue:
        request.value = not request.value
        return request

    async with Collector("a", transport=LoopbackNetwork(), services=[service]) as collector:
        reply = await collector.dispatch("n", "S", "M", BoolValue(value=False))

    assert reply.unpack(BoolValue).value is True


@pytest.mark.parametrize(
    "body",
    [
        "@service.method('Get')\n    async def get(self, request): ...",
        "@service.method('Get')\n    async def get(self, request: int): ...",
        "@service.method\n    async def get(this): ...",
        "@staticmethod\n    @service.method('Get')\n    async def get(request): ...",
    ],
)
def test_a_function_of_a_class_body_is_refused_and_the_way_to_serve_a_class_is_told(body: str) -> None:
    service = Service("n", "S")

    with pytest.raises(TypeError, match=r"a function of the class Users.*@collector_mesh\.method"):
        exec(f"class Users:\n    {body}\n", {"service": service, "__name__": "anywhere"})

    assert service.methods == ()


def test_an_alias_of_what_is_not_there_is_a_type_error_that_names_it() -> None:
    class TypeAliasType:
        """As `type Bad = Missing` makes one, from Python 3.12 on."""

        @property
        def __value__(self) -> Any:
            raise NameError("name 'Missing' is not defined")

    async def handler(request: Any) -> None: ...

    handler.__annotations__["request"] = TypeAliasType()

    with pytest.raises(TypeError, match=r"of request cannot be resolved .*: name 'Missing' is not defined"):
        Service("n", "S").add("M", handler)


def test_what_is_around_a_method_without_its_instance_is_refused_too() -> None:
    with pytest.raises(TypeError, match="would be called without an instance"):
        Service("n", "S").add("M", around(Holder.named))


def test_a_method_without_its_instance_is_refused() -> None:
    with pytest.raises(TypeError, match=r"or give the method of an instance, Holder\(\)\.decorated"):
        Service("n", "S").add("M", Holder.decorated)


def test_a_class_is_no_handler_where_an_instance_is_meant() -> None:
    with pytest.raises(TypeError, match="is the class Holder: an instance of it is needed"):
        Service("n", "S").add("M", Holder)


def test_a_method_is_named_after_its_function_unless_it_is_told_its_name() -> None:
    service = Service("n", "S")

    @service.method
    async def bare(request: StringValue) -> StringValue:
        return request

    @service.method()
    async def empty() -> None: ...

    @service.method(idempotent=True)
    async def safe() -> None: ...

    assert [(method.key.method, method.idempotent) for method in service.methods] == [
        ("bare", False),
        ("empty", False),
        ("safe", True),
    ]
    assert inspect.iscoroutinefunction(bare)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "the name of a method must be a str, got int"),
        (functools.partial(plain), "partial has no name: say which one the method has"),
    ],
)
def test_what_is_neither_a_name_nor_has_one_is_refused(given: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Service("n", "S").method(given)


@pytest.mark.asyncio
async def test_a_cell_that_runs_again_replaces_its_method() -> None:
    service = Service("n", "S")

    async def first() -> StringValue:
        return text("first")

    async def second() -> StringValue:
        return text("second")

    service.method("Say", replace=True)(first)
    service.method("Say", replace=True)(second)

    async with Collector("a", transport=LoopbackNetwork(), services=[service]) as collector:
        reply = await collector.dispatch("n", "S", "Say")
        service.method("Say", replace=True)(first)
        collector.add_service(service, replace=True)
        again = await collector.dispatch("n", "S", "Say")

    assert (reply.unpack(StringValue).value, again.unpack(StringValue).value) == ("second", "first")
