from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

from collector_mesh import (
    CallContext,
    Collector,
    DuplicateMethodError,
    InvalidCallError,
    LoopbackNetwork,
    MeshError,
    Payload,
    Reply,
    Service,
)

if TYPE_CHECKING:
    from collections.abc import Callable


async def reply_of(handler: Callable[..., Any], request: Any = None) -> Reply:
    service = Service("n", "S")
    service.add("m", handler)
    async with Collector("a", transport=LoopbackNetwork(), services=[service]) as collector:
        return await collector.dispatch("n", "S", "m", request)


async def typed(request: StringValue) -> StringValue:
    return StringValue(value=f"typed {request.value}")


async def with_context(request: StringValue, context: CallContext) -> StringValue:
    return StringValue(value=f"{request.value} at {context.collector_id}")


async def bare_context(request: StringValue, context) -> StringValue:  # type: ignore[no-untyped-def]  # noqa: ANN001
    return StringValue(value=f"{request.value} in {context.namespace}")


async def only_context(context: CallContext) -> StringValue:
    return StringValue(value=f"at {context.collector_id}")


def plain(request: StringValue) -> StringValue:
    return StringValue(value=f"plain {request.value}")


async def with_default(request: StringValue, greeting: str = "hello") -> StringValue:
    return StringValue(value=f"{greeting} {request.value}")


class Handlers:
    async def method(self, request: StringValue) -> StringValue:
        return StringValue(value=f"method {request.value}")

    async def __call__(self, request: StringValue) -> StringValue:
        return StringValue(value=f"called {request.value}")


async def prefixed(prefix: str, request: StringValue) -> StringValue:
    return StringValue(value=f"{prefix} {request.value}")


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (typed, "typed x"),
        (with_context, "x at a"),
        (bare_context, "x in n"),
        (only_context, "at a"),
        (plain, "plain x"),
        (with_default, "hello x"),
        (Handlers().method, "method x"),
        (Handlers(), "called x"),
        (partial(prefixed, "partial"), "partial x"),
    ],
)
@pytest.mark.asyncio
async def test_handlers_of_every_form_are_called(handler: Callable[..., Any], answer: str) -> None:
    reply = await reply_of(handler, StringValue(value="x"))

    assert reply.unpack(StringValue).value == answer


@pytest.mark.parametrize("annotation", [Payload, Any, None])
@pytest.mark.asyncio
async def test_without_a_message_class_the_payload_is_raw(annotation: Any) -> None:
    async def raw(request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        assert type(request) is Payload
        return request

    if annotation is not None:
        raw.__annotations__["request"] = annotation

    assert (await reply_of(raw, Payload("x", b"y"))).payload == Payload("x", b"y")


@pytest.mark.asyncio
async def test_nothing_may_be_sent_to_who_takes_an_empty_message() -> None:
    async def take(request: Empty) -> Int64Value:
        return Int64Value(value=request.ByteSize())

    take.__annotations__["request"] = Empty

    assert (await reply_of(take)).unpack(Int64Value).value == 0
    assert (await reply_of(take, Payload())).status.code == 200


@pytest.mark.asyncio
async def test_a_handler_without_parameters_is_called_whatever_is_sent() -> None:
    async def nothing() -> None:
        return None

    assert (await reply_of(nothing, StringValue(value="x"))).status.code == 200


async def too_many(a: StringValue, b: CallContext, c: int) -> None: ...


async def wrong_request(request: bytes) -> None: ...


async def wrong_context(request: StringValue, context: int) -> None: ...


async def keyword(request: StringValue, *, other: StringValue) -> None: ...


async def unresolvable(request: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


async def stream(request: StringValue) -> Any:
    yield request


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (too_many, "takes too many arguments"),
        (wrong_request, "request is annotated with bytes, which is no type of requests"),
        (wrong_context, "context is no context"),
        (keyword, "other is no context"),
        (unresolvable, "'Nowhere' of request cannot be resolved"),
        (stream, "streaming methods are not supported yet"),
        (7, "is not callable"),
    ],
)
def test_a_handler_of_another_form_is_refused_when_it_is_registered(handler: Any, said: str) -> None:
    service = Service("n", "S")

    with pytest.raises(TypeError, match=said):
        service.method("m")(handler)

    assert service.methods == ()


def test_names_are_checked_when_they_are_given() -> None:
    with pytest.raises(InvalidCallError, match="namespace must match"):
        Service("a b", "S")
    with pytest.raises(InvalidCallError, match="service is required"):
        Service("a", "")
    with pytest.raises(InvalidCallError, match="method_name must match"):
        Service("a", "S").method("get user")(typed)


def test_a_method_is_defined_once() -> None:
    service = Service("n", "S")
    service.method("m", idempotent=True)(typed)

    with pytest.raises(DuplicateMethodError, match=r"n/S\.m is registered already"):
        service.add("m", plain)
    with pytest.raises(DuplicateMethodError):
        Collector("a", services=[service, service])

    assert repr(service) == "Service('n', 'S', methods=['m'])"
    assert [method.idempotent for method in service.methods] == [True]


@pytest.mark.asyncio
async def test_methods_are_registered_at_a_running_collector() -> None:
    async with Collector("a", transport=LoopbackNetwork(), namespaces=["n"]) as collector:
        collector.register("n", "S", "m", typed)
        with pytest.raises(ValueError, match="registered already"):
            collector.register("n", "S", "m", plain)
        collector.register("n", "S", "m", plain, replace=True)
        with pytest.raises(MeshError, match="'other' is not one of this collector: it has n"):
            collector.register("other", "S", "m", plain)

        result = await collector.call("n", "S", "m", StringValue(value="x"), returns=StringValue)

    assert result.value == "plain x"


@pytest.mark.asyncio
async def test_a_plain_handler_does_not_hold_up_the_loop() -> None:
    loop = asyncio.get_running_loop()
    release = asyncio.Event()

    def block() -> None:
        # It waits for what only the loop can do.
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)

    service = Service("n", "S")
    service.add("m", block)
    async with Collector("a", transport=LoopbackNetwork(), services=[service]) as collector:
        call = asyncio.create_task(collector.dispatch("n", "S", "m"))
        await asyncio.sleep(0)
        release.set()

        assert (await call).status.code == 200
