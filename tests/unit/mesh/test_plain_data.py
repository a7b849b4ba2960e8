"""Handlers and callers that exchange what JSON has, without any message class."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh import (
    CallContext,
    Collector,
    Executed,
    HandlerError,
    InvalidCallError,
    LoopbackNetwork,
    MeshClient,
    Payload,
    PayloadTooLargeError,
    Service,
    Settings,
)

pytestmark = pytest.mark.asyncio


def service() -> Service:
    made = Service("plain", "Plain")

    @made.method("Wrap")
    async def wrap(request: dict[str, Any]) -> dict[str, Any]:
        return {"got": request}

    @made.method("Half")
    def half(request: list[int]) -> list[float]:
        return [number / 2 for number in request]

    @made.method("Kind")
    async def kind(request: int | str | None) -> str:
        return type(request).__name__

    @made.method("Float")
    async def as_float(request: float) -> bool:
        return type(request) is float

    @made.method("Raw")
    async def raw(request: Payload) -> Payload:
        return request

    @made.method("Open")
    async def left_open(request: Payload):  # type: ignore[no-untyped-def]  # noqa: ANN202  # the point
        return request.unpack(dict).get("give")

    @made.method("Nested")
    async def nested(request: dict[str, Any], context: CallContext) -> dict[str, Any]:
        return await context.call("plain", "Plain", "Wrap", {"inner": request}, returns=dict)

    @made.method("Bad")
    async def bad() -> dict[str, Any]:
        return {"a": [{"b": b"secret"}]}

    @made.method("Wrong")
    async def wrong() -> dict[str, int]:
        return {"a": "x"}  # type: ignore[dict-item]  # the point

    @made.method("Cycle")
    async def cycle() -> list[Any]:
        found: list[Any] = []
        found.append(found)
        return found

    return made


@asynccontextmanager
async def mesh(settings: Settings | None = None) -> AsyncIterator[tuple[Collector, MeshClient]]:
    network = LoopbackNetwork(through_codec=True)
    async with (
        Collector("b", transport=network, services=[service()], settings=settings) as back,
        Collector("a", transport=network, namespaces=["plain"], settings=settings) as front,
        MeshClient("a", transport=network, settings=settings) as client,
    ):
        await front.connect(back.address)
        yield front, client


CALL = ("plain", "Plain")
ORDER: dict[str, Any] = {
    "id": "order-1",
    "lines": [{"sku": "a", "count": 2, "price": 9.5}, {"sku": "ü", "count": 1, "price": 3}],
    "paid": False,
    "note": None,
}


async def test_a_dict_goes_to_a_handler_and_comes_back() -> None:
    async with mesh() as (front, client):
        over_link = await front.call(*CALL, "Wrap", ORDER, returns=dict)
        of_client = await client.call(*CALL, "Wrap", ORDER, returns=dict[str, Any])
        reply = await client.dispatch(*CALL, "Wrap", ORDER)
        nested = await client.call(*CALL, "Nested", {"a": 1}, returns=dict)

    assert over_link == of_client == reply.unpack(dict) == {"got": ORDER}
    assert nested == {"got": {"inner": {"a": 1}}}
    assert [type(line["price"]) for line in of_client["got"]["lines"]] == [float, int]


@pytest.mark.parametrize(
    ("method", "request_", "returns", "found"),
    [
        ("Half", [1, 2], list[float], [0.5, 1.0]),
        ("Kind", 7, str, "int"),
        ("Kind", "7", str, "str"),
        ("Kind", None, str, "NoneType"),
        ("Float", 3, bool, True),
        ("Raw", {"a": 1}, dict, {"a": 1}),
        ("Open", {"give": "x"}, str, "x"),
        ("Open", {"give": [1]}, list, [1]),
        ("Open", {}, dict | None, None),
    ],
)
async def test_handlers_get_and_give_what_they_are_annotated_with(
    method: str, request_: Any, returns: Any, found: object
) -> None:
    async with mesh() as (_, client):
        assert await client.call(*CALL, method, request_, returns=returns) == found


async def test_messages_of_protobuf_are_the_same_to_a_handler() -> None:
    message = Struct()
    message.update({"a": 1})
    async with mesh() as (_, client):
        of_struct = await client.call(*CALL, "Wrap", message, returns=dict)
        of_value = await client.call(*CALL, "Wrap", Value(struct_value=message), returns=dict)
        as_message = await client.call(*CALL, "Wrap", {"a": 1}, returns=Struct)

    assert of_struct == of_value == {"got": {"a": 1}}
    assert as_message.fields["got"].struct_value.fields["a"].number_value == 1


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"a": [b"x"]}, "a[0]: bytes is no plain data"),
        ({"a": 2**53 + 1}, "a: the int is beyond 2^53"),
        ({"a": float("nan")}, "a: nan is no number that JSON has"),
        ([1, 2], "payload is list, expected dict"),
    ],
)
async def test_a_bad_request_is_a_400_that_names_the_field_and_runs_nothing(request_: Any, text: str) -> None:
    async with mesh() as (front, client):
        replies = [await each.dispatch(*CALL, "Wrap", request_) for each in (front, client)]
        with pytest.raises(InvalidCallError):
            await client.call(*CALL, "Wrap", request_, returns=dict)

    assert [(reply.status.code, reply.executed) for reply in replies] == [(400, Executed.NO)] * 2
    assert all(text in reply.status.message for reply in replies)


async def test_what_a_handler_is_not_annotated_with_is_a_400_by_its_path() -> None:
    async with mesh() as (_, client):
        with pytest.raises(InvalidCallError, match=r"payload: \[1\] is str, expected int"):
            await client.call(*CALL, "Half", [1, "x"], returns=list)


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("Bad", r"cannot send the result: a\[0\]\.b: bytes is no plain data"),
        ("Wrong", r"annotated to return dict\[str, int\]: a is str, expected int"),
        ("Cycle", r"cannot send the result: \[0\]: the list contains itself"),
    ],
)
async def test_a_bad_result_is_a_500_that_names_the_field(method: str, text: str) -> None:
    async with mesh() as (_, client):
        with pytest.raises(HandlerError, match=text) as raised:
            await client.call(*CALL, method)

    assert "secret" not in str(raised.value)


async def test_too_large_a_request_is_a_413_and_too_large_a_result_a_500() -> None:
    async with mesh(Settings(max_payload_bytes=1000)) as (front, client):
        for caller in (front, client):
            with pytest.raises(PayloadTooLargeError):
                await caller.call(*CALL, "Wrap", {"a": "x" * 1000})
        with pytest.raises(HandlerError, match="over the limit of 1000 bytes"):
            await client.call(*CALL, "Wrap", {"a": "x" * 980})


@pytest.mark.parametrize("value", [(1,), {1}, b"x", object(), dict])
async def test_what_is_no_request_at_all_is_a_type_error(value: Any) -> None:
    async with mesh() as (_, client):
        with pytest.raises(
            TypeError,
            match=r"request: expected a protobuf message, a Payload or None, got .*; plain data is dict, list",
        ):
            await client.call(*CALL, "Wrap", value)


@pytest.mark.parametrize("hint", [bytes, set, tuple, dict[int, str], list[bytes], dict[str, set[int]]])
async def test_what_cannot_be_plain_data_is_no_annotation(hint: Any) -> None:
    made = Service("plain", "Plain")

    def handle(request: Any) -> None: ...

    handle.__annotations__["request"] = hint
    with pytest.raises(TypeError, match="which is no type of requests"):
        made.add("Odd", handle)


async def test_what_plain_data_is_to_a_type_checker() -> None:
    async with mesh() as (_, client):
        wrapped: dict[str, Any] = await client.call(*CALL, "Wrap", {"a": 1}, returns=dict[str, Any])
        numbers: list[float] = await client.call(*CALL, "Half", [2], returns=list[float])
        name: str = await client.call(*CALL, "Kind", 1, returns=str)
        raw: Payload = await client.call(*CALL, "Kind", None)

    assert (wrapped, numbers, name, raw.unpack(str)) == ({"got": {"a": 1}}, [1.0], "int", "NoneType")


@pytest.mark.parametrize(
    ("value", "found"),
    [("x", "str x"), (7, "int 7"), ([1], "list [1]"), (None, "NoneType None"), ({"a": 1}, "dict {'a': 1}")],
)
async def test_plain_data_beside_messages_in_an_annotation_goes_to_the_type_that_fits(
    value: Any, found: str
) -> None:
    made = Service("plain", "Plain")

    @made.method("Any")
    async def of_any(
        request: int | StringValue | str | list[int] | dict[str, Any] | None,
    ) -> str | StringValue:
        return f"{type(request).__name__} {request}"

    network = LoopbackNetwork()
    async with (
        Collector("b", transport=network, services=[made]),
        MeshClient("b", transport=network) as client,
    ):
        reply = await client.dispatch("plain", "Plain", "Any", value)
        wrapped = await client.dispatch("plain", "Plain", "Any", StringValue(value="m"))

    assert reply.unpack(str) == found
    assert wrapped.unpack(str).startswith("StringValue")
