"""Codes and metadata of replies over unary requests: in the status, and as headers and trailers of the RPC."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.processes import LOOPBACK
from tests.integration.services.wire import SERVICE, RawClient, call_of, fake_collector

from collector_mesh import CallContext, Collector, Executed, MeshClient, Service
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb
from collector_mesh.adapters.wire.grpc_codes import Code, chosen_error, grpc_status_of

pytestmark = pytest.mark.asyncio

INITIAL = (("first", "1"), ("first", "2"), ("raw-bin", b"\x00\xff"))
TRAILING = (("last", "x"), ("grpc-status-details-bin", b"\x08\x05\xff"))

texts = Service("texts", "Texts")


@texts.method("Works")
async def works(request: StringValue, context: CallContext) -> StringValue:
    context.send_initial_metadata(INITIAL)
    context.set_trailing_metadata(TRAILING)
    return request


@texts.method("Fails")
async def fails(request: StringValue, context: CallContext) -> None:
    context.send_initial_metadata(INITIAL)
    context.set_trailing_metadata(TRAILING)
    raise chosen_error(Code.DATA_LOSS, request.value)


@texts.method("Many")
async def many(_request: StringValue, context: CallContext) -> None:
    context.set_trailing_metadata([("k", "v")] * 1000)


@texts.method("Hop")
async def hop(_request: StringValue, context: CallContext) -> None:
    context.set_trailing_metadata([("content-type", "text/html"), ("te", "gzip"), ("mine", "1")])


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector("texts-1", listen=LOOPBACK, services=[texts], namespaces=["far"]) as entered:
        yield entered


async def asked(client: RawClient, rpc: str, method: str, value: str = "") -> tuple[Any, Any, Any]:
    """What an RPC gives: its answer, its headers, and its trailers."""
    request: Any = {"Serve": pb.ServeRequest, "Dispatch": pb.DispatchRequest}[rpc]()
    data = call_of(request, method, value, service="Texts").SerializeToString()
    call: Any = client.channel.unary_unary(f"/{SERVICE}/{rpc}")(data)
    answer: Any = {"Serve": pb.ServeResponse, "Dispatch": pb.DispatchResponse}[rpc]
    found = answer.FromString(await call)
    return found, tuple(await call.initial_metadata()), tuple(await call.trailing_metadata())


@pytest.mark.parametrize("rpc", ["Serve", "Dispatch"])
async def test_other_programs_get_metadata_as_headers_and_trailers(collector: Collector, rpc: str) -> None:
    async with RawClient(collector.address) as client:
        done, *metadata = await asked(client, rpc, "Works", "grüße")
        failed, *metadata_of_error = await asked(client, rpc, "Fails", "é" * 4096)
        none, *nothing = await asked(client, rpc, "Missing")

    assert (done.status.code, StringValue.FromString(done.output.value).value) == (200, "grüße")
    assert metadata == metadata_of_error == [INITIAL, TRAILING]
    assert (failed.status.code, failed.status.details["grpc-status"]) == (500, "15")
    assert failed.status.details["grpc-message"] == "é" * 4096
    assert len(failed.status.message.encode()) == 1024
    assert (none.status.code, nothing) == (404, [(), ()])


async def test_metadata_that_does_not_go_into_headers_is_left_out_and_the_answer_says_so(
    collector: Collector,
) -> None:
    async with RawClient(collector.address) as client, MeshClient(collector.address) as of_mesh:
        answer, _, trailers = await asked(client, "Dispatch", "Many")
        over_link = await of_mesh.dispatch("texts", "Texts", "Many", StringValue())

    assert (answer.status.code, trailers) == (200, ())
    assert answer.status.details["details-cut"] == (
        "metadata is left out: 1000 pairs take 34000 bytes of the headers of a response, 32 for each pair included, at"
        " most 15360 are allowed"
    )
    assert len(over_link.metadata) == 1000


async def test_what_http_itself_says_cannot_be_said_by_a_handler(collector: Collector) -> None:
    async with RawClient(collector.address) as client:
        answer, _, trailers = await asked(client, "Serve", "Hop")

    assert (answer.status.code, trailers) == (200, (("mine", "1"),))


async def test_what_a_peer_without_links_answers_goes_on_over_a_link(collector: Collector) -> None:
    async def answer(_data: bytes, context: "grpc.aio.ServicerContext[Any, Any]") -> bytes:
        await context.send_initial_metadata((*INITIAL, ("server", "nginx"), ("x-envoy-upstream", "1")))
        context.set_trailing_metadata((*TRAILING, ("via", "1.1 proxy")))
        details = {"grpc-status": "9", "grpc-message": "x" * 2000}
        status = pb.Status(code=400, message="x" * 1024, details=details)
        return pb.ServeResponse(status=status, executor_id="fake-1").SerializeToString()

    async with fake_collector(Serve=answer) as fake, MeshClient(collector.address) as client:
        await collector.connect(fake.address, namespaces=["far"])
        reply = await client.dispatch("far", "S", "M")

    assert grpc_status_of(reply) == (Code.FAILED_PRECONDITION, "x" * 2000, TRAILING)
    assert (reply.executed, reply.handled_by, reply.initial_metadata) == (Executed.YES, "fake-1", INITIAL)


@pytest.mark.parametrize(
    ("code", "details", "executor", "found"),
    [
        (502, {"grpc-status": "14"}, "", Code.UNKNOWN),
        (502, {"grpc-status": "14"}, "fake-1", Code.UNKNOWN),
        (403, {"grpc-status": "14"}, "", Code.PERMISSION_DENIED),
        (409, {"grpc-status": "0"}, "fake-1", Code.ABORTED),
        (409, {"grpc-status": "99", "grpc-message": "lies"}, "fake-1", Code.ABORTED),
        (500, {"grpc-status": "5"}, "", Code.NOT_FOUND),
    ],
)
async def test_a_code_that_a_peer_makes_up_is_believed_only_as_that_of_a_handler_that_ran(
    collector: Collector, code: int, details: dict[str, str], executor: str, found: Code
) -> None:
    async def answer(_data: bytes, _context: object) -> bytes:
        status = pb.Status(code=code, message="told", details=details)
        return pb.ServeResponse(status=status, executor_id=executor).SerializeToString()

    async with fake_collector(Serve=answer) as fake:
        await collector.connect(fake.address, namespaces=["far"])
        reply = await collector.dispatch("far", "S", "M", target="fake-1")

    assert grpc_status_of(reply)[:2] == (found, "told")
