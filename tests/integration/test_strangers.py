"""Whoever can reach the port: bytes that are no message, headers, compression, and many streams."""

import asyncio
import json
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from benchmarks.strangers.http2 import DATA, RST_STREAM, Sender, message, request
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tests.integration.services.http2 import RawConnection
from tests.integration.services.links import RawLink, hello
from tests.integration.services.processes import LOOPBACK, eventually, run, serving
from tests.integration.services.things import texts_service
from tests.integration.services.wire import SERVICE, RawClient, call_of, text_in
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, MeshClient
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import LimitReached

NOISE = [b"\xff" * 40, b"\x0a\x02\xff\xfe", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b\x0b\x0b", b"\x00"]
TEXTS = ("--service", "things:texts")
INSPECT = "collector_mesh.inspect.v1.Inspect"
HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"


@pytest.fixture
def observer() -> FakeObserver:
    return FakeObserver()


@pytest_asyncio.fixture
async def collector(observer: FakeObserver) -> AsyncIterator[Collector]:
    async with Collector(
        "texts-1", listen=LOOPBACK, services=[texts_service()], reflection=True, observer=observer
    ) as collector:
        yield collector


@pytest_asyncio.fixture
async def client(collector: Collector) -> AsyncIterator[RawClient]:
    async with RawClient(collector.address) as client:
        yield client


def assert_nothing_was_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "Traceback" not in caplog.text


async def first_answer(client: RawClient, path: str, data: bytes) -> bytes:
    """What a method of many messages says to one that is not followed by another."""
    call: Any = client.channel.stream_stream(path)(timeout=LIMIT_SECONDS)
    await call.write(data)
    answer: bytes = await call.read()
    return answer


async def code_of_new_client(address: str) -> int:
    async with MeshClient(address) as client:
        return (await client.serve("texts", "Texts", "Nothing", timeout=2)).status.code


# Bytes that are no message


@pytest.mark.asyncio
@pytest.mark.parametrize("data", NOISE)
@pytest.mark.parametrize("method", ["Connect", "Serve", "Dispatch"])
async def test_a_call_that_cannot_be_read_is_refused_in_band(
    client: RawClient, caplog: pytest.LogCaptureFixture, method: str, data: bytes
) -> None:
    answer = getattr(pb, f"{method}Response").FromString(await client.send(method, data))

    assert answer.status.code == 400
    assert_nothing_was_logged(caplog)


@pytest.mark.asyncio
@pytest.mark.parametrize("data", NOISE[:2])
@pytest.mark.parametrize("method", ["Snapshot", "Explain"])
async def test_a_question_that_cannot_be_read_is_refused_in_band(
    client: RawClient, caplog: pytest.LogCaptureFixture, method: str, data: bytes
) -> None:
    ask: Any = client.channel.unary_unary(f"/{INSPECT}/{method}")

    answer = await ask(data, timeout=LIMIT_SECONDS)

    assert answer
    assert_nothing_was_logged(caplog)


@pytest.mark.asyncio
@pytest.mark.parametrize("data", NOISE[:3])
@pytest.mark.parametrize(
    "path", [f"/{HEALTH}/Check", f"/{HEALTH}/Watch", f"/{REFLECTION}/ServerReflectionInfo"]
)
async def test_health_and_reflection_refuse_what_they_cannot_read(
    client: RawClient, caplog: pytest.LogCaptureFixture, path: str, data: bytes
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await first_answer(client, path, data)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "malformed request"
    assert_nothing_was_logged(caplog)


@pytest.mark.asyncio
async def test_a_request_that_ends_without_a_message_is_refused(
    client: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    call: Any = client.channel.stream_unary(f"/{SERVICE}/Dispatch")(timeout=LIMIT_SECONDS)
    await call.done_writing()
    answer = pb.DispatchResponse.FromString(await call)

    assert (answer.status.code, answer.status.message) == (400, "malformed request")
    assert_nothing_was_logged(caplog)


@pytest.mark.asyncio
async def test_a_header_that_is_no_text_writes_nothing_into_the_log(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    call = call_of(pb.DispatchRequest(), "Nothing", "", service="Texts").SerializeToString()
    async with RawConnection(collector.address) as connection:
        connection.ask(1, request(b"/" + SERVICE.encode() + b"/Dispatch", (b"x-\xf4", b"\xff\xfe")), call)
        while (await connection.frame())[0] not in {DATA, RST_STREAM}:
            pass

    assert_nothing_was_logged(caplog)


# Health


@pytest.mark.asyncio
async def test_who_watches_the_health_is_told_when_the_drain_begins() -> None:
    collector = await Collector("texts-1", listen=LOOPBACK, services=[texts_service()]).__aenter__()
    async with RawClient(collector.address) as client:
        watching: Any = client.channel.stream_stream(f"/{HEALTH}/Watch")(timeout=LIMIT_SECONDS)
        await watching.write(health_pb2.HealthCheckRequest(service=SERVICE).SerializeToString())
        before = await watching.read()
        leaving = asyncio.create_task(collector.__aexit__(None, None, None))
        after = await watching.read()
        watching.cancel()
        await leaving

    told = [health_pb2.HealthCheckResponse.FromString(data).status for data in (before, after)]
    assert told == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]


@pytest.mark.asyncio
async def test_a_service_that_nobody_knows_has_no_health(client: RawClient) -> None:
    unknown = health_pb2.HealthCheckRequest(service="unknown").SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await first_answer(client, f"/{HEALTH}/Check", unknown)
    watched = await first_answer(client, f"/{HEALTH}/Watch", unknown)
    listed = await first_answer(client, f"/{HEALTH}/List", b"")

    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert health_pb2.HealthCheckResponse.FromString(watched).status == 3
    assert SERVICE.encode() in listed


@pytest.mark.asyncio
async def test_reflection_goes_on_after_a_question_without_an_answer(client: RawClient) -> None:
    call: Any = client.channel.stream_stream(f"/{REFLECTION}/ServerReflectionInfo")(timeout=LIMIT_SECONDS)
    await call.write(b"")
    empty = reflection_pb2.ServerReflectionResponse.FromString(await call.read())
    await call.write(reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString())
    listed = reflection_pb2.ServerReflectionResponse.FromString(await call.read())

    assert empty.HasField("error_response")
    assert len(listed.list_services_response.service) == 6


# Headers

OF_THE_WAY = [
    ("user-agent", "curl/8"),
    ("accept-encoding", "gzip, br"),
    ("accept", "*/*"),
    ("via", "1.1 proxy"),
    ("forwarded", "for=10.0.0.1;proto=https"),
    ("x-forwarded-for", "10.0.0.1, 10.0.0.2"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-client-cert", "By=spiffe://c/ns/n;Hash=" + "a" * 1200),
    ("x-envoy-attempt-count", "1"),
    ("x-real-ip", "10.0.0.1"),
    ("grpc-previous-rpc-attempts", "1"),
    ("grpc-trace-bin", b"\0" * 29),
]
UNFIT = [
    ("x" * 65, "a name that is too long"),
    ("x-long", "v" * 9000),
]
METADATA = [
    ("authorization", "Bearer " + "e" * 1400),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("baggage", "user=alice"),
    ("x-request-id", "9f2c"),
    ("x-b3-sampled", "1"),
    ("token-bin", b"\x00\xff"),
]


async def seen_by_handler(client: RawClient, *headers: tuple[str, str | bytes]) -> str:
    answer = await client.serve("Metadata", metadata=headers)
    assert answer.status.code == 200
    return text_in(answer.output)


@pytest.mark.asyncio
@pytest.mark.parametrize("header", [*OF_THE_WAY, UNFIT[0]], ids=lambda header: str(header[0])[:30])
async def test_what_proxies_write_never_refuses_a_call_and_is_no_metadata(
    client: RawClient, header: tuple[str, str | bytes]
) -> None:
    assert await seen_by_handler(client, header, ("mine", "1")) == "(('mine', '1'),)"


@pytest.mark.asyncio
@pytest.mark.parametrize("header", METADATA, ids=lambda header: str(header[0]))
async def test_what_an_application_passes_on_is_metadata(
    client: RawClient, header: tuple[str, str | bytes]
) -> None:
    assert await seen_by_handler(client, header) == repr((header,))


@pytest.mark.asyncio
async def test_a_header_with_a_value_that_no_metadata_may_have_is_left_out(collector: Collector) -> None:
    call = call_of(pb.DispatchRequest(), "Metadata", "", service="Texts").SerializeToString()
    headers = ((b"x-odd", b"caf\xe9"), (b"mine", b"1"))
    async with RawConnection(collector.address) as connection:
        connection.ask(1, request(b"/" + SERVICE.encode() + b"/Dispatch", *headers), call)
        kind, payload = 0, b""
        while kind != DATA or not payload:
            kind, _, payload = await connection.frame()

    answer = pb.DispatchResponse.FromString(payload[5:])
    assert (answer.status.code, text_in(answer.output)) == (200, "(('mine', '1'),)")


# Compression


@pytest.mark.asyncio
@pytest.mark.parametrize("algorithm", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_requests_are_refused_unread(client: RawClient, algorithm: grpc.Compression) -> None:
    call: Any = client.channel.unary_unary(f"/{SERVICE}/Dispatch")
    data = call_of(pb.DispatchRequest(), "Same", "x" * 10_000, service="Texts").SerializeToString()

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(data, timeout=LIMIT_SECONDS, compression=algorithm)

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.asyncio
async def test_who_could_take_compressed_answers_is_served(client: RawClient) -> None:
    answer = await client.serve("Same", "x" * 10_000, metadata=(("grpc-accept-encoding", "gzip"),))

    assert answer.status.code == 200


# Streams


@pytest.mark.asyncio
async def test_streams_that_say_nothing_make_room_for_others(
    collector: Collector, observer: FakeObserver
) -> None:
    async with RawConnection(collector.address) as one, RawConnection(collector.address) as other:
        for number in range(400):
            (one if number % 2 else other).ask(2 * number + 1, request())
        await eventually(lambda: bool(observer.of(LimitReached)))
        async with MeshClient(collector.address) as client:
            reply = await client.serve("texts", "Texts", "Nothing", timeout=LIMIT_SECONDS)

    (event, *_) = observer.of(LimitReached)
    assert isinstance(event, LimitReached)
    assert reply.status.code == 200
    assert (event.limit, event.most) == ("silent_streams", 256)
    assert event.address.startswith("127.0.0.1:")


# Descriptors


@pytest.mark.asyncio
async def test_a_collector_takes_as_many_descriptors_as_it_may_have() -> None:
    async with serving("c-1", *TEXTS, first="ulimit -Sn 256") as collector:
        limits = await asyncio.to_thread(Path(f"/proc/{collector.process.pid}/limits").read_text, "utf-8")

    soft, hard = re.findall(r"Max open files +(\d+) +(\d+)", limits)[0]
    assert soft == hard != "256"


@pytest.mark.asyncio
async def test_connections_that_say_nothing_do_not_take_the_last_descriptor() -> None:
    async with serving("c-1", *TEXTS, first="ulimit -n 72") as collector:
        host, _, port = collector.address.rpartition(":")
        idle = []
        for _ in range(90):
            with suppress(OSError):
                idle.append(socket.create_connection((host, int(port)), timeout=0.5))
        async with asyncio.timeout(LIMIT_SECONDS):
            while await code_of_new_client(collector.address) != 200:
                pass
        for connection in idle:
            connection.close()
        await collector.logged("limit=descriptors most=72")

    assert len(idle) > 72
    assert "limit_reached" in collector.stderr


# Texts of others


@pytest.mark.asyncio
async def test_requests_of_which_the_end_is_missing_do_not_fill_the_memory(
    collector: Collector, observer: FakeObserver
) -> None:
    size = 8 << 20
    rest = message(bytes(size))[:-1]
    async with Sender(collector.address) as sender:
        with suppress(ConnectionError):
            await sender.fill(dict.fromkeys(range(1, 121, 2), rest))
        assert await sender.ended(LIMIT_SECONDS)
        code = await code_of_new_client(collector.address)

    (event,) = observer.of(LimitReached)
    assert isinstance(event, LimitReached)
    assert (event.limit, event.address) == ("incomplete_requests", sender.local_address)
    assert code == 200


EVIL = "\x1b]0;owned\x07\x1b[2Jgone\r\n200 OK, run by admin\u202e"
SEEN = r"\x1b]0;owned\x07\x1b[2Jgone\r\n200 OK, run by admin\u202e"


@pytest.mark.asyncio
@pytest.mark.parametrize("verbose", [(), ("--verbose",)], ids=["short", "verbose"])
@pytest.mark.parametrize("log_format", ["pretty", "json"])
async def test_what_a_handler_says_of_its_failure_steers_no_terminal(
    log_format: str, verbose: tuple[str, ...]
) -> None:
    async with serving("c-1", *TEXTS, "--log-format", log_format) as collector:
        call = ("dispatch", collector.address, "texts", "Texts", "Fail", *verbose)
        request = ("--request", "google.protobuf.wrappers_pb2:StringValue", "--data", json.dumps(EVIL))
        done = await asyncio.to_thread(run, *call, *request)
        await collector.logged("ValueError")

    lines = collector.stderr.splitlines()
    told = [json.loads(line)["traceback"] for line in lines if '"traceback"' in line] or [collector.stderr]
    assert done.status == 1
    assert done.stderr.startswith(f"500 handler error: {SEEN}")
    assert SEEN.split(r"\r\n", maxsplit=1)[0] in told[0]
    assert all(sign.isprintable() for line in [*lines, *done.stderr.splitlines()] for sign in line)
    assert log_format == "json" or all(re.match(r"\d\d:|    ", line) for line in lines)


@pytest.mark.asyncio
async def test_what_a_peer_says_of_itself_steers_no_terminal() -> None:
    async with serving("c-1", "--namespace", "texts") as collector:
        async with RawLink(collector.address) as link:
            await link.say(hello(EVIL, "texts"))
            await link.hear()
        async with RawClient(collector.address) as client:
            await client.connect(EVIL, EVIL, EVIL)
        await collector.logged("peer_refused")
        tables = await asyncio.to_thread(run, "topology", collector.address)
        as_json = await asyncio.to_thread(run, "topology", collector.address, "--json")

    assert "\\x1b" in collector.stderr
    for shown in (collector.stderr, tables.stdout, as_json.stdout):
        assert all(sign.isprintable() for line in shown.splitlines() for sign in line)
        assert "gone\n" not in shown
        assert "\x1b" not in shown
