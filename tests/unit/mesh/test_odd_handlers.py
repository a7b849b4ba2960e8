"""Handlers that raise odd errors, or return odd things: their callers hear 500, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh import Collector, Executed, LoopbackNetwork, MeshError, Payload, Service


def error_class(**attributes: object) -> type[MeshError]:
    return type("OwnError", (MeshError,), attributes)


@asynccontextmanager
async def pair(handler: Any) -> AsyncIterator[tuple[Collector, asyncio.Task[Any]]]:
    """A collector that reaches another one with such a handler, and a call that is running there."""
    network = LoopbackNetwork(through_codec=True)
    service = Service("n", "S")
    service.add("Odd", handler)
    release, started = asyncio.Event(), asyncio.Event()

    @service.method("Wait")
    async def wait() -> None:
        started.set()
        await release.wait()

    async with (
        Collector("b", transport=network, services=[service]) as b,
        Collector("a", transport=network, namespaces=["n"]) as a,
    ):
        await a.connect(b.address)
        innocent = asyncio.create_task(a.dispatch("n", "S", "Wait"))
        await started.wait()
        yield a, innocent
        release.set()
        assert (await innocent).status.code == 200
        assert not a.snapshot().ended


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "code", [200, None, "404", 40_400_000_000, -1, 404.5, 42, property(lambda _self: 1 / 0)]
)
async def test_a_code_that_is_none_is_a_500_of_whoever_ran_it(code: object) -> None:
    async def odd() -> None:
        raise error_class(code=code)("no such thing")

    async with pair(odd) as (a, _innocent):
        reply = await a.dispatch("n", "S", "Odd")

    assert (reply.status.code, reply.status.message) == (500, "handler error: no such thing")
    assert (reply.executed, reply.handled_by) == (Executed.YES, "b")


@pytest.mark.asyncio
@pytest.mark.parametrize("is_plain", [False, True], ids=["async", "plain"])
async def test_what_an_error_says_of_who_ran_is_not_believed(is_plain: bool) -> None:
    def raised() -> None:
        error = error_class(executed="no", handled_by=7)("sold out", code=422)
        raise error

    async def odd() -> None:
        raised()

    async with pair(raised if is_plain else odd) as (a, _innocent):
        reply = await a.dispatch("n", "S", "Odd")

    assert (reply.status.code, reply.executed, reply.handled_by) == (422, Executed.YES, "b")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "details",
    [None, [("a", "b")], {"a": None, 2: b"x"}, {"a": "\ud800"}, {"a": "x" * 5_000_000}],
    ids=["none", "pairs", "no texts", "no Unicode", "huge"],
)
async def test_odd_details_reach_the_caller_as_texts_or_not_at_all(details: object) -> None:
    async def odd() -> None:
        raise error_class(code=422, details=details)("sold out")

    async with pair(odd) as (a, _innocent):
        reply = await a.dispatch("n", "S", "Odd")

    assert (reply.status.code, reply.status.message) == (422, "sold out")
    assert {type(part) for pair in reply.status.details.items() for part in pair} <= {str}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "result",
    [
        {1: "a"},
        b"bytes",
        [b"bytes"],
        StringValue,
        Mock(),
        Payload("x", "text"),  # type: ignore[arg-type]  # which is the point
        Payload(None, b""),  # type: ignore[arg-type]  # the same
        Payload("\ud800", b""),
        SimpleNamespace(DESCRIPTOR=SimpleNamespace(full_name="x"), SerializeToString=lambda: None),
    ],
    ids=lambda result: type(result).__name__,
)
async def test_a_result_that_cannot_be_sent_is_a_500(result: object) -> None:
    async def odd() -> object:
        return result

    async with pair(odd) as (a, _innocent):
        reply = await a.dispatch("n", "S", "Odd")

    assert reply.status.code == 500
    assert reply.status.message.startswith("handler error: cannot send the result: ")
    assert (reply.executed, reply.handled_by) == (Executed.YES, "b")


class OddFloat(int):
    def __float__(self) -> float:
        raise SystemExit("odd")


class OddMessage:
    DESCRIPTOR = SimpleNamespace(full_name="x.Odd")

    def SerializeToString(self) -> bytes:  # as protobuf names it
        raise SystemExit("odd")


@pytest.mark.asyncio
@pytest.mark.parametrize("is_plain", [False, True])
async def test_whatever_a_result_does_when_it_is_written_is_a_500_and_nothing_else(is_plain: bool) -> None:
    async def odd() -> object:
        return OddMessage()

    def odd_plainly() -> object:
        return OddMessage()

    async with pair(odd_plainly if is_plain else odd) as (a, innocent):
        reply = await a.dispatch("n", "S", "Odd")
        again = await a.dispatch("n", "S", "Odd")

        assert not innocent.done()

    assert (reply.status.code, again.status.code) == (500, 500)
    assert reply.status.message == "handler error: cannot send the result: odd"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "number", [2**53 + 1, -(10**400), OddFloat(2**60)], ids=["odd", "huge", "of a class"]
)
async def test_an_int_that_no_float_is_equal_to_is_no_result_of_a_float(number: int) -> None:
    async def odd() -> list[float]:
        return [0.5, number]

    async with pair(odd) as (a, _innocent):
        reply = await a.dispatch("n", "S", "Odd")

    assert reply.status.code == 500
    assert "[1]: the int is beyond 2^53" in reply.status.message


@pytest.mark.asyncio
async def test_an_int_of_a_class_of_its_own_is_a_float_by_its_value() -> None:
    async def odd() -> float:
        return OddFloat(7)

    async with pair(odd) as (a, _innocent):
        reply = await a.dispatch("n", "S", "Odd")

    assert reply.unpack(float) == 7.0
