"""Errors that are large, or have words of gRPC's own, as a client of the gateway with the limits of grpcio sees them."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from tests.integration.services.processes import LOOPBACK
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    MeshError,
    OverloadedError,
    Payload,
    Service,
    UnavailableError,
)
from collector_mesh.adapters.wire.grpc_codes import Code, chosen_error

pytestmark = pytest.mark.asyncio

shop = Service("shop", "shop.v1.Shop")


@shop.method("Fail")
async def fail(request: Payload, context: CallContext) -> None:
    size, character, beside = request.value.decode().split(",")
    context.set_trailing_metadata([("k", "x" * int(beside))] if int(beside) else [])
    raise chosen_error(Code.FAILED_PRECONDITION, character * int(size))


@shop.method("Shed")
async def shed(_request: Payload) -> None:
    raise OverloadedError.after(1.5)


@shop.method("OfHttp")
async def of_http(_request: Payload, context: CallContext) -> Payload:
    of_http = [("content-type", "text/html"), ("te", "x"), ("host", "x"), ("collector-handled-by", "nobody")]
    context.send_initial_metadata([*of_http, ("mine", "1")])
    context.set_trailing_metadata([*of_http, ("mine", "2")])
    return Payload()


@shop.method("Pass")
async def passes(_request: Payload, context: CallContext) -> None:
    await context.call("shop", "shop.v1.Shop", "Fail", Payload("", b"3,x,0"))


@shop.method("Wraps")
async def wraps(_request: Payload) -> None:
    raise MeshError("outcome unknown: the link has ended", code=502, details={"grpc-status": "14"})


@shop.method("Away")
async def away(_request: Payload) -> None:
    raise UnavailableError("later")


@pytest_asyncio.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    async with (
        Collector("shop-1", listen=LOOPBACK, services=[shop]) as collector,
        Collector("edge", listen=LOOPBACK, namespaces=["shop"]) as edge,
    ):
        await edge.connect(collector.address)
        async with grpc.aio.insecure_channel(edge.address) as channel:
            yield channel


async def asked(channel: grpc.aio.Channel, method: str, value: str = "") -> tuple[str, str, dict[str, Any]]:
    stub: Any = channel.unary_unary(f"/shop.v1.Shop/{method}")
    call = stub(value.encode(), timeout=LIMIT_SECONDS)
    code, text = await call.code(), await call.details()
    return code.name, text, dict(await call.trailing_metadata())


@pytest.mark.parametrize(
    ("size", "character", "beside", "arrives"),
    [
        (2000, "x", 0, 2000),
        (8192, "x", 0, 7680),
        (2000, "é", 0, 1280),
        (2000, "x", 4000, 2000),
        (8000, "x", 4000, 3647),
        (8000, "x", 8000, 1024),
        (8000, "%", 8000, 341),
    ],
)
async def test_a_long_text_arrives_with_its_code_as_far_as_clients_take_it(
    channel: grpc.aio.Channel, size: int, character: str, beside: int, arrives: int
) -> None:
    # Beyond its limit grpc refuses some at random.
    for _ in range(5 if beside < 8000 else 1):
        code, text, trailing = await asked(channel, "Fail", f"{size},{character},{beside}")
        if beside >= 8000 and code == "RESOURCE_EXHAUSTED":
            return  # so it is with any server of grpc that sends as much metadata
        assert (code, text) == ("FAILED_PRECONDITION", character * arrives)
        assert len(trailing.get("k", "")) == beside


async def test_whoever_is_shed_is_told_when_to_try_again(channel: grpc.aio.Channel) -> None:
    assert await asked(channel, "Shed") == (
        "RESOURCE_EXHAUSTED",
        "overloaded",
        {"grpc-retry-pushback-ms": "1500"},
    )


async def test_a_handler_cannot_say_what_http_or_the_mesh_says(channel: grpc.aio.Channel) -> None:
    stub: Any = channel.unary_unary("/shop.v1.Shop/OfHttp")
    call = stub(b"", timeout=LIMIT_SECONDS)
    await call

    assert list(await call.initial_metadata()) == [("mine", "1")]
    assert list(await call.trailing_metadata()) == [("mine", "2")]


@pytest.mark.parametrize(
    ("method", "code"), [("Pass", "UNKNOWN"), ("Wraps", "UNKNOWN"), ("Away", "UNAVAILABLE")]
)
async def test_only_a_handler_that_says_so_itself_is_unavailable(
    channel: grpc.aio.Channel, method: str, code: str
) -> None:
    assert (await asked(channel, method))[0] == code
