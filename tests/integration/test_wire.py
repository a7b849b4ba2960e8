"""The wire contract, asked by an independent client: other programs see exactly this of a collector."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.wrappers_pb2 import DoubleValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.integration.services.processes import LOOPBACK, eventually, free_port
from tests.integration.services.things import texts_service
from tests.integration.services.wire import (
    SERVICE,
    RawClient,
    call_of,
    fake_collector,
    text_in,
)
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    Executed,
    ForbiddenError,
    InvalidCallError,
    MeshClient,
    MeshError,
    Payload,
    Service,
    Settings,
)
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.testing import FaultyProxy

HEALTH_SERVICES = ("", SERVICE)
EVERYWHERE: dict[str, Any] = {"listen": "0.0.0.0:0", "advertise": "127.0.0.1:0", "insecure": True}


def texts_collector(**options: Any) -> Collector:
    options = {"listen": LOOPBACK, "namespaces": ["a", "b", "c"], **options}
    return Collector("texts-1", services=[texts_service()], **options)


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with texts_collector() as entered:
        yield entered


@pytest_asyncio.fixture
async def client(collector: Collector) -> AsyncIterator[RawClient]:
    async with RawClient(collector.address) as entered:
        yield entered


def peers(collector: Collector) -> list[str]:
    return [connection.peer_id for connection in collector.snapshot().connections]


def field(number: int, data: bytes) -> bytes:
    """A length-delimited field, made by hand."""
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


def original_layout(address: str, *namespaces: str, **metadata: str) -> bytes:
    """A ConnectRequest as the original writes it."""
    entries = [field(1, key.encode()) + field(2, value.encode()) for key, value in metadata.items()]
    return b"".join(
        [
            field(1, address.encode()),
            *(field(2, namespace.encode()) for namespace in namespaces),
            *(field(3, entry) for entry in entries),
        ]
    )


def channels() -> int:
    gc.collect()
    return sum(isinstance(thing, grpc.aio.Channel) for thing in gc.get_objects())


# Connect


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("asked", "shared"),
    [
        ((), []),
        (("other",), []),
        (("c", "other", "a", "c", "texts", "a"), ["c", "a", "texts"]),
    ],
)
async def test_shared_namespaces_come_once_in_the_order_of_the_request(
    client: RawClient, asked: tuple[str, ...], shared: list[str]
) -> None:
    answer = await client.connect("peer-1", f"127.0.0.1:{free_port()}", *asked)

    assert answer.status.code == 200
    assert answer.status.message == f"Connected with {len(shared)} shared namespaces"
    assert list(answer.shared_namespaces) == shared
    assert answer.target_collector_id == "texts-1"
    assert answer.connection_id


@pytest.mark.asyncio
async def test_the_layout_of_the_original_is_read(collector: Collector, client: RawClient) -> None:
    request = original_layout("127.0.0.1:9", "b", "a", version="1", collector_id="go-1")

    answer = await client.connect_bytes(request)

    assert answer.status.message == "Connected with 2 shared namespaces"
    (connection,) = collector.snapshot().connections
    assert (connection.peer_id, connection.address) == ("go-1", "127.0.0.1:9")
    assert connection.shared_namespaces == ("b", "a")


@pytest.mark.asyncio
async def test_in_the_layout_of_the_original_the_id_may_be_missing(
    collector: Collector, client: RawClient
) -> None:
    answer = await client.connect_bytes(original_layout("127.0.0.1:9", "a"))

    assert answer.status.code == 200
    assert peers(collector) == ["unknown-127.0.0.1-9"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        original_layout("", "a", collector_id="go-1"),
        pb.ConnectRequest(collector_id="peer-1", namespaces=["a"]).SerializeToString(),
    ],
)
async def test_an_address_is_required_in_either_layout(
    collector: Collector, client: RawClient, request_bytes: bytes
) -> None:
    answer = await client.connect_bytes(request_bytes)

    assert (answer.status.code, answer.status.message) == (400, "address is required")
    assert peers(collector) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("collector_id", "address", "namespace", "said"),
    [
        ("peer 1", "127.0.0.1:9", "a", "collector_id must match"),
        ("peer-1", "nowhere", "a", "address must be HOST:PORT"),
        ("peer-1", "127.0.0.1:0", "a", "address must have a port from 1 to 65535"),
        ("peer-1", "127.0.0.1:70000", "a", "address must be HOST:PORT"),
        ("peer-1", "127.0.0.1:9", "a b", "namespaces must match"),
        ("x" * 60_000, "127.0.0.1:9", "a", "collector_id must match"),
        ("peer-1", "x" * 60_000, "a", "address must be HOST:PORT"),
        ("peer-1", "127.0.0.1:9", "x" * 60_000, "namespaces must match"),
        ("x" * 1_000_000, "127.0.0.1:9", "a", "a Connect of 1000020 bytes, at most 65536 are taken"),
    ],
)
async def test_what_is_malformed_in_connect_is_named(
    collector: Collector, client: RawClient, collector_id: str, address: str, namespace: str, said: str
) -> None:
    answer = await client.connect(collector_id, address, namespace)

    assert answer.status.code == 400
    assert answer.status.message.startswith(said)
    assert len(answer.status.message.encode()) <= 1024
    assert peers(collector) == []


@pytest.mark.asyncio
async def test_ones_own_id_is_refused_at_ones_own_and_at_another_address(
    collector: Collector, client: RawClient
) -> None:
    here = await client.connect("texts-1", collector.address)
    there = await client.connect("texts-1", "127.0.0.1:9")

    assert (here.status.code, here.status.message) == (400, "cannot connect to itself")
    assert there.status.code == 409
    assert "'texts-1'" in there.status.message


@pytest.mark.asyncio
async def test_the_same_collector_a_thousand_times_is_one_connection(
    collector: Collector, client: RawClient
) -> None:
    address = f"127.0.0.1:{free_port()}"
    first = await client.connect("peer-1", address, "a")
    before = channels()

    answers = [await client.connect("peer-1", address, "a", "b") for _ in range(1_000)]

    assert {answer.status.code for answer in [first, *answers]} == {200}
    (connection,) = collector.snapshot().connections
    assert connection.shared_namespaces == ("a", "b")
    assert channels() == before


@pytest.mark.asyncio
async def test_an_address_beyond_this_machine_is_not_taken_by_a_collector_on_loopback(
    collector: Collector, client: RawClient
) -> None:
    answer = await client.connect("peer-1", "192.0.2.1:50051", "a")

    assert answer.status.code == 403
    assert "'192.0.2.1:50051'" in answer.status.message
    assert peers(collector) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(("accepting", "code"), [(False, 403), (True, 200)])
async def test_elsewhere_strangers_are_taken_only_where_the_user_says_so(accepting: bool, code: int) -> None:
    async with (
        texts_collector(**EVERYWHERE, accept_peers=accepting) as collector,
        RawClient(collector.address) as client,
    ):
        answer = await client.connect("peer-1", "127.0.0.1:9", "a")

    assert answer.status.code == code
    assert ("--accept-peers" in answer.status.message) is not accepting


@pytest.mark.asyncio
async def test_elsewhere_peers_with_links_are_refused_and_told_why_while_clients_may_call() -> None:
    async with (
        texts_collector(**EVERYWHERE) as collector,
        Collector("peer-1", listen=LOOPBACK, namespaces=["texts"]) as peer,
        MeshClient(collector.address) as client,
    ):
        with pytest.raises(ForbiddenError, match=r"peers are not accepted here.*--accept-peers"):
            await peer.connect(collector.address)
        reply = await client.dispatch("texts", "Texts", "Who", timeout=LIMIT_SECONDS)
        peers = collector.snapshot().connections

    assert reply.status.code == 200
    assert peers == ()


@pytest.mark.asyncio
async def test_elsewhere_peers_with_links_are_taken_where_the_user_says_so_or_where_they_were_dialed() -> (
    None
):
    async with (
        texts_collector(**EVERYWHERE, accept_peers=True) as collector,
        Collector("peer-1", **EVERYWHERE, namespaces=["texts"]) as peer,
    ):
        connection = await peer.connect(collector.address)

    assert connection.peer_id == "texts-1"


@pytest.mark.asyncio
async def test_the_earlier_name_for_taking_peers_warns_and_does_the_same() -> None:
    with pytest.warns(DeprecationWarning, match="accept_unary_peers is called accept_peers now"):
        collector = texts_collector(**EVERYWHERE, accept_unary_peers=True)
    async with collector, RawClient(collector.address) as client:
        answer = await client.connect("peer-1", "127.0.0.1:9", "a")

    assert answer.status.code == 200


@pytest.mark.asyncio
async def test_whoever_connects_is_dialed_when_a_call_goes_there_and_never_connected_to(
    collector: Collector, client: RawClient
) -> None:
    async with fake_collector() as fake:
        await client.connect(fake.collector_id, fake.address, "a")
        before = list(fake.asked)
        reply = await collector.dispatch("a", "Some.Service", "Some.Method", metadata=[("tenant", "x")])

    assert before == []
    assert fake.asked == ["Serve"]
    assert (reply.status.code, reply.handled_by, reply.executed) == (200, "fake-1", Executed.YES)
    request = pb.ServeRequest.FromString(fake.requests[0])
    assert (request.namespace, request.service.service_name) == ("a", "Some.Service")
    assert request.method_name == "Some.Method"


def calls_with(counts: list[int]) -> list[Call]:
    """Calls with so many pairs of metadata, each of which counts 60 bytes as a header."""
    key = MethodKey("a", "Some.Service", "Count")
    return [
        Call(key, metadata=tuple((f"key-{number:04}", 20 * "x") for number in range(count)))
        for count in counts
    ]


@pytest.mark.asyncio
async def test_metadata_goes_to_a_peer_without_links_whole_or_not_at_all(collector: Collector) -> None:
    def count(_request: Payload, context: CallContext) -> DoubleValue:
        return DoubleValue(value=len(context.metadata))

    collector.register("a", "Some.Service", "Count", count)
    most = 15 * 1024 // 60
    link = collector.container.transport().unary(collector.address)

    replies = [await link.serve(call) for call in calls_with([most] * 20)]
    refused = []
    for call in calls_with([most + 1, 280]):
        with pytest.raises(InvalidCallError, match=r"pairs takes \d+ bytes of the headers") as raised:
            await link.serve(call)
        refused.append(raised.value.executed)
    await link.aclose()

    assert {reply.unpack(DoubleValue).value for reply in replies} == {most}
    assert refused == [Executed.NO] * 2


@pytest.mark.asyncio
async def test_an_id_whose_holder_still_answers_is_not_given_away(
    collector: Collector, client: RawClient
) -> None:
    async with fake_collector() as fake, fake_collector() as pretender:
        await client.connect("fake-1", fake.address, "a")
        answer = await client.connect("fake-1", pretender.address, "a")

    assert answer.status.code == 409
    assert "'fake-1'" in answer.status.message
    assert [connection.address for connection in collector.snapshot().connections] == [fake.address]


# Bytes that are no message


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", [pb.ServeRequest, pb.DispatchRequest])
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\xff",
        b"\x0a\x7fcut short",
        field(1, b"\xff\xfe"),
        field(1, b"texts") + field(3, b"\xc3("),
        field(1, b"texts") + field(2, field(2, b"\xff")),
    ],
)
async def test_bytes_that_are_no_message_are_answered_in_band(
    client: RawClient, kind: Any, request_bytes: bytes
) -> None:
    name = kind.DESCRIPTOR.name.removesuffix("Request")
    answer = pb.ServeResponse.FromString(await client.send(name, request_bytes))

    assert (answer.status.code, answer.status.message) == (400, "malformed request")
    assert answer.executor_id == ""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "request_bytes",
    [b"\xff", b"\x0a\x7fcut short", field(1, b"\xff\xfe"), field(1, b"a") + field(3, b"\xff")],
)
async def test_a_connect_that_is_no_message_is_answered_in_band(
    collector: Collector, client: RawClient, request_bytes: bytes
) -> None:
    answer = await client.connect_bytes(request_bytes)

    assert (answer.status.code, answer.status.message) == (400, "malformed request")
    assert peers(collector) == []


# Peers that do not keep to it


async def garbage(_data: bytes, _context: object) -> bytes:
    return b"\xff\xff garbage"


@pytest.mark.asyncio
async def test_a_peer_that_answers_garbage_is_an_unknown_outcome(
    collector: Collector, client: RawClient
) -> None:
    async with fake_collector(Serve=garbage) as fake:
        await client.connect(fake.collector_id, fake.address, "a")
        reply = await collector.dispatch("a", "Service", "Method")
        still = await client.serve("Same", "hello")

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)
    assert reply.status.message.startswith("outcome unknown: ")
    assert text_in(still.output) == "hello"


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [0, -1, 100, 302, 600])
@pytest.mark.parametrize(("executor_id", "executed"), [("", Executed.MAYBE), ("fake-1", Executed.YES)])
async def test_a_code_that_means_nothing_is_an_unknown_outcome(
    collector: Collector, client: RawClient, code: int, executor_id: str, executed: Executed
) -> None:
    async def answer(_data: bytes, _context: object) -> bytes:
        status = pb.Status(code=code)
        return pb.ServeResponse(status=status, executor_id=executor_id).SerializeToString()

    async with fake_collector(Serve=answer) as fake:
        await client.connect(fake.collector_id, fake.address, "a")
        reply = await collector.dispatch("a", "Service", "Method")

    assert (reply.status.code, reply.executed, reply.handled_by) == (502, executed, executor_id)


@pytest.mark.asyncio
async def test_whoever_answers_connect_with_garbage_is_no_peer(collector: Collector) -> None:
    async with fake_collector(Connect=garbage) as fake:
        with pytest.raises(MeshError) as raised:
            await collector.connect(fake.address)

    assert raised.value.code == 503
    assert peers(collector) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("grpc_code", "code", "executed"),
    [
        (grpc.StatusCode.CANCELLED, 502, Executed.MAYBE),
        (grpc.StatusCode.UNKNOWN, 502, Executed.MAYBE),
        (grpc.StatusCode.INTERNAL, 502, Executed.MAYBE),
        (grpc.StatusCode.UNAVAILABLE, 502, Executed.MAYBE),
        (grpc.StatusCode.UNIMPLEMENTED, 503, Executed.NO),
        (grpc.StatusCode.UNAUTHENTICATED, 403, Executed.NO),
        (grpc.StatusCode.PERMISSION_DENIED, 403, Executed.NO),
    ],
)
async def test_what_is_not_an_ok_answer_is_an_outcome_too(
    collector: Collector, client: RawClient, grpc_code: grpc.StatusCode, code: int, executed: Executed
) -> None:
    async def abort(_data: bytes, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        await context.abort(grpc_code, "not today")

    async with fake_collector(Serve=abort) as fake:
        await client.connect(fake.collector_id, fake.address, "a")
        reply = await collector.dispatch("a", "Service", "Method", target=fake.collector_id)

    assert (reply.status.code, reply.executed) == (code, executed)
    assert "not today" in reply.status.message


# Serve and Dispatch


@pytest.mark.asyncio
async def test_an_answer_names_who_has_run_it_and_an_outcome_of_the_mesh_names_nobody(
    client: RawClient,
) -> None:
    served = await client.serve("Same", "hello")
    failed = await client.serve("Fail", "boom")
    missing = await client.serve("Missing")
    dispatched = await client.dispatch("Same", "hello")

    assert (served.status.code, served.status.message, served.executor_id) == (200, "OK", "texts-1")
    assert text_in(served.output) == "hello"
    assert (failed.status.code, failed.status.message) == (500, "handler error: boom")
    assert failed.executor_id == "texts-1"
    assert missing.status.message == "method 'Texts.Missing' not found in namespace 'texts'"
    assert (missing.status.code, missing.executor_id) == (404, "")
    assert (dispatched.status.code, dispatched.handled_by_collector_id) == (200, "texts-1")


@pytest.mark.asyncio
async def test_nothing_returned_is_an_empty_message(client: RawClient) -> None:
    answer = await client.serve("Nothing")

    assert answer.output.type_url == "type.googleapis.com/google.protobuf.Empty"
    assert answer.output.value == b""


@pytest.mark.asyncio
async def test_the_namespace_of_the_call_counts_and_not_that_of_the_service(client: RawClient) -> None:
    request = call_of(pb.ServeRequest(execution_context={"trace": "1"}), "Same", "hello", service="Texts")
    request.service.namespace = "another"

    answer = pb.ServeResponse.FromString(await client.send("Serve", request.SerializeToString()))

    assert answer.status.code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("texts-1", 200, "OK"),
        ("nobody", 404, "no connection to collector 'nobody'"),
        ("peer-1", 404, "no connection to collector 'peer-1' in namespace 'texts'"),
    ],
)
async def test_a_target_is_heeded(client: RawClient, target: str, code: int, message: str) -> None:
    await client.connect("peer-1", "127.0.0.1:9", "a")

    answer = await client.dispatch("Same", target=target, zone="b")

    assert (answer.status.code, answer.status.message) == (code, message)


@pytest.mark.asyncio
async def test_a_payload_with_a_lying_type_is_refused(client: RawClient) -> None:
    request = call_of(pb.ServeRequest(), "Same", "", service="Texts")
    request.input.value = b"\xff\xff\xff"

    answer = pb.ServeResponse.FromString(await client.send("Serve", request.SerializeToString()))

    assert (answer.status.code, answer.executor_id) == (400, "")


@pytest.mark.asyncio
async def test_a_payload_over_the_limit_is_refused_in_band_with_both_numbers() -> None:
    async with (
        texts_collector(settings=Settings(max_payload_bytes=1000)) as collector,
        RawClient(collector.address) as client,
    ):
        answer = await client.serve("Echo", "x" * 1000)

    assert answer.status.code == 413
    assert "1003" in answer.status.message
    assert "1000" in answer.status.message


@pytest.mark.asyncio
async def test_a_request_that_is_larger_than_any_message_may_be_is_refused_in_band_too() -> None:
    size = (4 << 20) + (64 << 10) + 1
    async with texts_collector() as collector, RawClient(collector.address) as client:
        answer = await client.serve("Echo", "x" * size)
        after = await client.serve("Nothing")

    assert answer.status.code == 413
    assert str(4 << 20) in answer.status.message
    assert (answer.executor_id, after.status.code) == ("", 200)


@pytest.mark.asyncio
async def test_a_message_that_grpc_refuses_does_not_end_the_connection() -> None:
    async with (
        texts_collector(settings=Settings(max_payload_bytes=1000)) as collector,
        RawClient(collector.address) as client,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await client.serve("Echo", "x" * 3_000_000)
        after = await client.serve("Nothing")

    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert after.status.code == 200


@pytest.mark.asyncio
async def test_over_the_limit_of_running_calls_the_answer_says_when_to_come_back(tmp_path: Path) -> None:
    async with (
        texts_collector(settings=Settings(max_running=1)) as collector,
        RawClient(collector.address) as client,
    ):
        running = asyncio.create_task(client.serve("Hold", str(tmp_path)))
        await eventually((tmp_path / "started").exists)
        shed = await client.serve("Nothing")
        (tmp_path / "go").touch()
        done = await running

    assert (shed.status.code, shed.status.message, shed.executor_id) == (429, "overloaded", "")
    assert int(shed.status.details["retry_after_ms"]) > 0
    assert done.status.code == 200


def waiting_service(leave: asyncio.Event, running: list[str]) -> Service:
    """Has a method that waits for a word, and one that does not."""
    service = Service("texts", "Texts")

    @service.method("Wait")
    async def wait(request: Payload) -> Payload:
        running.append("")
        await leave.wait()
        return request

    @service.method("Quick")
    async def quick(request: Payload) -> Payload:
        return request

    return service


def connection(address: str) -> RawClient:
    """A client with a connection of its own."""
    return RawClient(address, ("grpc.use_local_subchannel_pool", 1))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all addresses of 127.0.0.0/8")
@pytest.mark.asyncio
async def test_one_host_leaves_a_quarter_of_the_slots_to_others_that_wait_however_it_comes() -> None:
    leave = asyncio.Event()
    running: list[str] = []
    service = waiting_service(leave, running)
    settings = Settings(max_running=4)
    async with (
        Collector("texts-1", listen=LOOPBACK, services=[service], settings=settings) as collector,
        FaultyProxy(collector.address, source="127.0.0.2") as elsewhere,
        connection(collector.address) as hog,
        connection(collector.address) as again,
        MeshClient(collector.address) as linked,
        connection(elsewhere.address) as other,
    ):
        held = [asyncio.create_task(one.serve("Wait")) for one in (hog, hog, again)]
        over_link = asyncio.create_task(linked.dispatch("texts", "Texts", "Wait"))
        await eventually(lambda: len(running) == 4)
        first = await other.serve("Quick")
        held.pop().cancel()
        await eventually(lambda: collector.snapshot().running == 3)
        more = [await one.serve("Quick") for one in (hog, again)]
        over_link_too = await linked.dispatch("texts", "Texts", "Quick")
        then = await other.serve("Quick")
        leave.set()
        await asyncio.gather(*held, over_link)

    assert (first.status.code, then.status.code) == (429, 200)
    assert [answer.status.code for answer in more] == [429, 429]
    assert over_link_too.status.code == 429


@pytest.mark.asyncio
async def test_programs_on_one_host_that_prove_nothing_are_one_caller_and_keep_no_slots_free() -> None:
    leave = asyncio.Event()
    running: list[str] = []
    service = waiting_service(leave, running)
    settings = Settings(max_running=4)
    async with (
        Collector("texts-1", listen=LOOPBACK, services=[service], settings=settings) as collector,
        connection(collector.address) as hog,
        connection(collector.address) as other,
    ):
        held = [asyncio.create_task(hog.serve("Wait")) for _ in range(4)]
        await eventually(lambda: len(running) == 4)
        first = await other.serve("Quick")
        held.pop().cancel()
        await eventually(lambda: collector.snapshot().running == 3)
        more = await hog.serve("Quick")
        leave.set()
        await asyncio.gather(*held)

    assert (first.status.code, more.status.code) == (429, 200)


@pytest.mark.asyncio
async def test_who_may_not_use_a_namespace_is_told_which() -> None:
    class OnlyOthers:
        def may_use(self, identity: Identity | None, namespace: str) -> bool:
            return namespace != "texts"

    async with (
        texts_collector(authorizer=OnlyOthers()) as collector,
        RawClient(collector.address) as client,
    ):
        served = await client.serve("Nothing")
        dispatched = await client.dispatch("Nothing")

    assert (served.status.code, dispatched.status.code) == (403, 403)
    assert "'texts'" in served.status.message
    assert served.executor_id == dispatched.handled_by_collector_id == ""


def tells_of_the_deadline(outcome: Any) -> bool:
    """Whether a call has ended by its deadline: at the caller's own timer, or, where that is late, by our answer."""
    if isinstance(outcome, grpc.aio.AioRpcError):
        return outcome.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    return bool(outcome.status.code == 504)


@pytest.mark.asyncio
async def test_the_callers_deadline_reaches_the_handler_and_ends_it(
    client: RawClient, tmp_path: Path
) -> None:
    remaining = await client.serve("Remaining", timeout=3600.0)
    (outcome,) = await asyncio.gather(
        client.serve("Hold", str(tmp_path), timeout=1.0), return_exceptions=True
    )
    await eventually((tmp_path / "cancelled").exists)

    # gRPC rounds a deadline up on its way: one of more than 1,000 seconds to tens of seconds.
    assert 3500 < DoubleValue.FromString(remaining.output.value).value <= 3610
    assert tells_of_the_deadline(outcome)


@pytest.mark.asyncio
async def test_an_unknown_method_of_the_service_is_unimplemented(client: RawClient) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await client.send("Gossip", b"")

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


# Health and reflection


async def health_of(client: RawClient, service: str) -> Any:
    request = health_pb2.HealthCheckRequest(service=service)
    return (await health_pb2_grpc.HealthStub(client.channel).Check(request, timeout=LIMIT_SECONDS)).status


@pytest.mark.asyncio
@pytest.mark.parametrize("service", HEALTH_SERVICES)
async def test_health_is_told_and_no_longer_good_while_draining(service: str, tmp_path: Path) -> None:
    collector = texts_collector()
    await collector.__aenter__()
    async with RawClient(collector.address) as client:
        before = await health_of(client, service)
        running = asyncio.create_task(client.serve("Hold", str(tmp_path)))
        await eventually((tmp_path / "started").exists)
        leaving = asyncio.create_task(collector.__aexit__(None, None, None))
        await eventually(lambda: collector.snapshot().state == "draining")
        during = await health_of(client, service)
        refused = await client.connect("peer-1", "127.0.0.1:9", "a")
        (tmp_path / "go").touch()
        done = await running
        await leaving

    assert before == health_pb2.HealthCheckResponse.SERVING
    assert during == health_pb2.HealthCheckResponse.NOT_SERVING
    assert (refused.status.code, refused.status.message) == (503, "collector 'texts-1' is draining")
    assert done.status.code == 200


async def reflected(client: RawClient, **question: str) -> Any:
    call = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo(
        timeout=LIMIT_SECONDS
    )
    await call.write(reflection_pb2.ServerReflectionRequest(**question))
    await call.done_writing()
    return await call.read()


@pytest.mark.asyncio
async def test_reflection_tells_services_and_messages_where_it_is_asked_for() -> None:
    async with (
        texts_collector(reflection=True) as collector,
        RawClient(collector.address) as client,
    ):
        listed = await reflected(client, list_services="")
        found = await reflected(client, file_containing_symbol=SERVICE)

    assert {SERVICE, "grpc.health.v1.Health"} <= {
        service.name for service in listed.list_services_response.service
    }
    (data,) = found.file_descriptor_response.file_descriptor_proto[:1]
    assert FileDescriptorProto.FromString(data).package == "collector"


@pytest.mark.asyncio
async def test_reflection_is_off_unless_it_is_asked_for(client: RawClient) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await reflected(client, list_services="")

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
