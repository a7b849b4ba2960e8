"""The gateway, from the side of a client of grpcio that knows of no mesh: at the collector itself and one hop on."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from benchmarks.strangers.http2 import DATA, END_STREAM, HEADERS, frame, message, request
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.certificates import Authority
from tests.integration.services.http2 import RawConnection
from tests.integration.services.processes import LOOPBACK
from tests.integration.services.wire import fake_collector
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import CallContext, Collector, MeshError, Payload, Service, Settings, Tls
from collector_mesh.adapters.grpc import channels
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb
from collector_mesh.adapters.wire.grpc_codes import chosen_error
from collector_mesh.domain.model.identity import Identity

pytestmark = pytest.mark.asyncio

SETTINGS = Settings(max_payload_bytes=1 << 20)
ABUSE = [
    "/shop.v1.Shop",
    "/",
    "/shop.v1.Shop/",
    "//Get",
    "/shop.v1.Shop/Get/more",
    "/shop.v1.Shop/Get/",
    "/shop.v1.Shop/Get//",
    "/shop v1/Get",
    "/shop.v1.Shop/" + "G" * 300,
]


class Shop:
    """What the handlers have seen."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.cancelled = 0
        self.times: list[float] = []

    def service(self, namespace: str = "shop") -> Service:
        service = Service(namespace, "shop.v1.Shop")

        @service.method("Get")
        async def get(request: Payload, context: CallContext) -> Payload:
            self.seen.append((context.metadata, request.value))
            self.times.append(context.time_remaining())
            return Payload("", request.value)

        @service.method("Upper")
        async def upper(request: StringValue, context: CallContext) -> StringValue:
            context.send_initial_metadata([("first", "1")])
            context.set_trailing_metadata([("last", "2"), ("last", "3"), ("raw-bin", b"\0\xff")])
            return StringValue(value=request.value.upper())

        @service.method("Fail")
        async def fail(request: StringValue, context: CallContext) -> StringValue:
            context.set_trailing_metadata([("grpc-status-details-bin", b"\x08\x05"), ("why", "because")])
            raise chosen_error(int(request.value), "as told: \N{SNOWMAN}")

        @service.method("Break")
        async def broken(_request: Payload) -> Payload:
            raise ValueError("broken")

        @service.method("Refuse")
        async def refuse(_request: Payload) -> Payload:
            raise MeshError("not here", code=404)

        @service.method("Wait")
        async def wait(_request: Payload) -> Payload:
            self.seen.append("waits")
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled += 1
            return Payload()

        return service


@pytest.fixture
def shop() -> Shop:
    return Shop()


@asynccontextmanager
async def gateway_of(shop: Shop, *, is_here: bool) -> AsyncIterator[grpc.aio.Channel]:
    async with (
        Collector("shop-1", listen=LOOPBACK, services=[shop.service()], settings=SETTINGS) as collector,
        Collector("edge", listen=LOOPBACK, namespaces=["shop"], settings=SETTINGS) as edge,
    ):
        await edge.connect(collector.address)
        async with grpc.aio.insecure_channel(collector.address if is_here else edge.address) as channel:
            yield channel


@pytest_asyncio.fixture
async def channel(shop: Shop) -> AsyncIterator[grpc.aio.Channel]:
    """To a collector that passes calls on."""
    async with gateway_of(shop, is_here=False) as channel:
        yield channel


@pytest_asyncio.fixture(params=["here", "one hop on"])
async def either(request: pytest.FixtureRequest, shop: Shop) -> AsyncIterator[grpc.aio.Channel]:
    """To one that has the methods itself too."""
    async with gateway_of(shop, is_here=request.param == "here") as channel:
        yield channel


def calling(channel: grpc.aio.Channel, method: str, value: bytes = b"", **options: Any) -> Any:
    stub: Any = channel.unary_unary(method if "/" in method else f"/shop.v1.Shop/{method}")
    return stub(value, **{"timeout": LIMIT_SECONDS, **options})


async def ended(call: Any) -> tuple[grpc.StatusCode, str]:
    return await call.code(), await call.details()


async def test_bytes_pass_untouched(either: grpc.aio.Channel, shop: Shop) -> None:
    value = bytes(range(256)) * 100

    assert await calling(either, "Get", value) == value
    assert shop.seen == [((), value)]


async def test_no_bytes_are_a_message_too(channel: grpc.aio.Channel) -> None:
    assert await calling(channel, "Get", b"") == b""


async def test_a_typed_handler_reads_the_bytes_as_what_it_takes(either: grpc.aio.Channel) -> None:
    answer = await calling(either, "Upper", StringValue(value="hej").SerializeToString())

    assert StringValue.FromString(answer).value == "HEJ"


async def test_metadata_arrives_as_it_was_sent_and_the_keys_of_the_mesh_do_not(
    either: grpc.aio.Channel, shop: Shop
) -> None:
    sent = [
        ("a", "1"),
        ("b-bin", b"\0\x01\xff"),
        ("a", "2"),
        ("authorization", "Bearer x"),
        ("traceparent", "00-1"),
    ]
    routing = [("collector-namespace", "shop"), ("collector-target", "shop-1"), ("collector-else", "x")]

    await calling(either, "Get", metadata=[*routing, *sent])

    # grpc keeps the order of what has the same key only.
    ((seen, _),) = shop.seen
    assert sorted(seen, key=lambda pair: pair[0]) == sorted(sent, key=lambda pair: pair[0])


async def test_8_kib_of_metadata_pass_and_one_byte_more_is_refused(
    channel: grpc.aio.Channel, shop: Shop
) -> None:
    await calling(channel, "Get", metadata=[("k", "x" * 8191)])

    code, text = await ended(calling(channel, "Get", metadata=[("k", "x" * 8192)]))

    assert len(shop.seen) == 1
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text == "metadata has 8193 bytes, at most 8192 are allowed"


async def test_initial_and_trailing_metadata_come_back(either: grpc.aio.Channel) -> None:
    call = calling(either, "Upper")
    await call

    assert list(await call.initial_metadata()) == [("first", "1")]
    assert list(await call.trailing_metadata()) == [("last", "2"), ("last", "3"), ("raw-bin", b"\0\xff")]


async def test_who_has_handled_a_call_is_told_to_a_caller_that_asks(channel: grpc.aio.Channel) -> None:
    asked = [("collector-tell", "handled-by")]
    done = calling(channel, "Upper", metadata=asked)
    failed = calling(channel, "Refuse", metadata=asked)
    missing = calling(channel, "Missing", metadata=asked)
    await asyncio.wait([asyncio.ensure_future(ended(call)) for call in (done, failed, missing)])

    assert (await done.trailing_metadata())["collector-handled-by"] == "shop-1"
    assert (await failed.trailing_metadata())["collector-handled-by"] == "shop-1"
    assert "collector-handled-by" not in await missing.trailing_metadata()


@pytest.mark.parametrize("number", range(1, 17))
async def test_each_code_arrives_with_its_text_and_details(channel: grpc.aio.Channel, number: int) -> None:
    call = calling(channel, "Fail", StringValue(value=str(number)).SerializeToString())

    code, text = await ended(call)

    assert (code.value[0], text) == (number, "as told: \N{SNOWMAN}")
    assert list(await call.trailing_metadata()) == [
        ("grpc-status-details-bin", b"\x08\x05"),
        ("why", "because"),
    ]


@pytest.mark.parametrize(
    ("method", "code", "text"),
    [
        ("Break", grpc.StatusCode.UNKNOWN, "handler error: broken"),
        ("Refuse", grpc.StatusCode.NOT_FOUND, "not here"),
        (
            "Missing",
            grpc.StatusCode.UNIMPLEMENTED,
            "nobody is known to have 'shop.v1.Shop/Missing' in a namespace that the caller may use",
        ),
    ],
)
async def test_what_goes_wrong_has_a_code_of_grpc(
    either: grpc.aio.Channel, method: str, code: grpc.StatusCode, text: str
) -> None:
    assert await ended(calling(either, method)) == (code, text)


@pytest.mark.parametrize(
    ("metadata", "code", "text"),
    [
        (
            ("collector-namespace", "nowhere"),
            "UNIMPLEMENTED",
            "no collector found for namespace 'nowhere', and so",
        ),
        (("collector-namespace", "a b"), "INVALID_ARGUMENT", "metadata 'collector-namespace' must match"),
        (("collector-target", "nobody"), "UNAVAILABLE", "no connection to collector 'nobody'"),
    ],
)
async def test_a_way_that_leads_nowhere_says_so(
    channel: grpc.aio.Channel, metadata: tuple[str, str], code: str, text: str
) -> None:
    found, told = await ended(calling(channel, "Get", metadata=[metadata]))

    assert found.name == code
    assert told.startswith(text)


async def test_a_cancel_reaches_the_handler(either: grpc.aio.Channel, shop: Shop) -> None:
    call = calling(either, "Wait")
    await until(lambda: shop.seen)

    call.cancel()

    await until(lambda: shop.cancelled)


async def test_a_deadline_reaches_the_handler(channel: grpc.aio.Channel, shop: Shop) -> None:
    code, _ = await ended(calling(channel, "Wait", timeout=0.2))
    await calling(channel, "Get", timeout=3600)

    await until(lambda: shop.cancelled)
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert 3000 < shop.times[0] < 4000  # grpc rounds what it sends


async def test_a_call_without_a_deadline_has_the_time_of_the_mesh_and_is_told_so(shop: Shop) -> None:
    settings = Settings(default_timeout=0.2)
    async with (
        Collector("shop-1", listen=LOOPBACK, services=[shop.service()], settings=settings) as collector,
        grpc.aio.insecure_channel(collector.address) as channel,
    ):
        code, text = await ended(calling(channel, "Wait", timeout=None))

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert text.endswith("the call has no deadline of its own, and 0.2 s is the default")
    assert shop.cancelled == 1


@pytest.mark.parametrize("path", ABUSE)
async def test_a_path_that_is_none_is_unimplemented(channel: grpc.aio.Channel, path: str) -> None:
    code, _ = await ended(calling(channel, path))

    assert code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("path", ["/grpc.x.Y/Z", "/collector.X/Y", "/collector_mesh.X/Y"])
async def test_paths_of_the_collector_itself_are_no_methods_of_the_mesh(
    channel: grpc.aio.Channel, path: str
) -> None:
    assert await ended(calling(channel, path)) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


def stream(channel: grpc.aio.Channel, method: str) -> Any:
    stub: Any = channel.stream_stream(f"/shop.v1.Shop/{method}")
    return stub(timeout=LIMIT_SECONDS)


async def test_whoever_streams_to_what_nobody_has_hears_so_before_it_says_anything(
    channel: grpc.aio.Channel,
) -> None:
    assert await stream(channel, "Missing").code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_call_without_a_message_is_refused(either: grpc.aio.Channel, shop: Shop) -> None:
    call = stream(either, "Get")
    await call.done_writing()

    assert await ended(call) == (grpc.StatusCode.INVALID_ARGUMENT, "no request has come")
    assert shop.seen == []


async def test_of_two_messages_the_first_is_the_request(channel: grpc.aio.Channel, shop: Shop) -> None:
    call = stream(channel, "Get")
    await call.write(b"one")
    await call.write(b"two")
    await call.done_writing()

    assert await call.read() == b"one"
    assert await call.code() is grpc.StatusCode.OK
    assert shop.seen == [((), b"one")]


async def test_no_empty_message_comes_before_an_error(channel: grpc.aio.Channel) -> None:
    """A client that reads a stream of messages would take it for one."""
    call = stream(channel, "Break")
    await call.write(b"")

    assert await call.code() is grpc.StatusCode.UNKNOWN


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1_048_577, "payload of 1048577 bytes is over the limit of 1048576 bytes"),
        (4_000_000, "larger than max"),
    ],
)
async def test_a_request_over_the_limit_is_refused(
    channel: grpc.aio.Channel, shop: Shop, size: int, text: str
) -> None:
    code, told = await ended(calling(channel, "Get", b"x" * size))

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert text in told
    assert shop.seen == []


async def test_a_compressed_request_is_refused_without_a_word_in_the_log(
    either: grpc.aio.Channel, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    code, text = await ended(calling(either, "Get", b"x" * 1000, compression=grpc.Compression.Gzip))

    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "gzip" in text
    assert shop.seen == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_who_has_been_answered_by_grpc_itself_leaves_no_word_in_the_log(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async with Collector("shop-1", listen=LOOPBACK, services=[shop.service()]) as collector:
        async with RawConnection(collector.address) as raw:
            for number in range(1, 20, 2):
                raw.ask(number, request(b"/shop.v1.Shop/Get"))
                raw.write(frame(DATA, END_STREAM, number, message(b"x", compressed=True)))
                while (await raw.frame())[:2] != (HEADERS, number):
                    pass
        async with grpc.aio.insecure_channel(collector.address) as channel:
            assert await calling(channel, "Get", b"x") == b"x"

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_of_two_namespaces_the_caller_has_to_name_one(shop: Shop) -> None:
    async with (
        Collector("shop-1", listen=LOOPBACK, services=[shop.service("a"), shop.service("b")]) as collector,
        grpc.aio.insecure_channel(collector.address) as channel,
    ):
        code, text = await ended(calling(channel, "Get"))
        named = await calling(channel, "Get", b"x", metadata=[("collector-namespace", "b")])

    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "'a', 'b'" in text
    assert named == b"x"


async def test_a_call_waits_for_a_peer_that_has_not_answered_yet(shop: Shop) -> None:
    async with Collector("place", listen=LOOPBACK) as place:
        address = place.address
    async with (
        Collector("edge", listen=LOOPBACK, namespaces=["shop"], peers=[address]) as edge,
        grpc.aio.insecure_channel(edge.address) as channel,
    ):
        call = calling(channel, "Get", b"x")
        await until(lambda: edge.container.waiting().count)
        async with Collector("shop-1", listen=address, services=[shop.service()]):
            assert await call == b"x"


async def test_a_peer_that_does_not_answer_makes_it_unavailable() -> None:
    async with Collector("place", listen=LOOPBACK) as place:
        address = place.address
    settings = Settings(wait_for_peer=0.1)
    async with (
        Collector("edge", listen=LOOPBACK, namespaces=["shop"], peers=[address], settings=settings) as edge,
        grpc.aio.insecure_channel(edge.address) as channel,
    ):
        code, text = await ended(calling(channel, "Get"))

    assert code is grpc.StatusCode.UNAVAILABLE
    assert text.startswith("nobody is known to have 'shop.v1.Shop/Get'")
    assert address in text


async def test_a_gateway_that_is_switched_off_takes_no_calls(shop: Shop) -> None:
    async with (
        Collector("shop-1", listen=LOOPBACK, services=[shop.service()], gateway=False) as collector,
        grpc.aio.insecure_channel(collector.address) as channel,
    ):
        code, _ = await ended(calling(channel, "Get"))

    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert shop.seen == []


async def test_one_connection_can_have_many_calls_under_way(shop: Shop) -> None:
    count = 500
    async with (
        Collector(
            "shop-1", listen=LOOPBACK, services=[shop.service()], settings=Settings(max_running=8192)
        ) as one,
        grpc.aio.insecure_channel(one.address) as channel,
    ):
        calls = [calling(channel, "Wait") for _ in range(count)]
        await until(lambda: len(shop.seen) == count)
        for call in calls:
            call.cancel()
        await until(lambda: shop.cancelled == count)


async def test_more_calls_than_a_connection_has_streams_wait_at_the_client_and_none_is_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MAX_STREAMS", 64)
    async with (
        Collector("shop-1", listen=LOOPBACK, services=[shop.service()]) as collector,
        grpc.aio.insecure_channel(collector.address) as channel,
    ):
        await calling(channel, "Get")  # from now on the client knows how many it may have
        outcomes = await asyncio.gather(*(ended(calling(channel, "Get")) for _ in range(600)))

    assert set(outcomes) == {(grpc.StatusCode.OK, "")}


async def test_calls_that_never_say_what_they_ask_for_are_cut(shop: Shop) -> None:
    """Streams that are silent make room for others, here as everywhere."""
    async with (
        Collector("shop-1", listen=LOOPBACK, services=[shop.service()]) as collector,
        RawConnection(collector.address) as silent,
    ):
        for number in range(400):
            silent.ask(2 * number + 1, request(b"/shop.v1.Shop/Get"))
        await silent.closed()

    assert shop.seen == []


class Owners:
    """An authorizer that lets each program use the namespace that its certificate names."""

    def may_use(self, identity: Identity | None, namespace: str, /) -> bool:
        return identity is not None and f"spiffe://test/{namespace}" in identity.uris


def with_certificate(tls: Tls) -> grpc.ChannelCredentials:
    assert tls.ca is not None
    assert tls.key is not None
    assert tls.cert is not None
    return grpc.ssl_channel_credentials(*(Path(file).read_bytes() for file in (tls.ca, tls.key, tls.cert)))


async def test_each_caller_is_known_by_its_certificate_and_uses_what_it_may(
    shop: Shop, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    alice, nobody = (authority.issue(name, identity=f"spiffe://test/{name}") for name in ("a", "else"))
    async with (
        Collector(
            "shop-1",
            listen=LOOPBACK,
            services=[shop.service("a"), shop.service("b")],
            authorizer=Owners(),
            tls=authority.collector("shop-1"),
        ) as collector,
        grpc.aio.secure_channel(collector.address, with_certificate(alice)) as hers,
        grpc.aio.secure_channel(collector.address, with_certificate(nobody)) as others,
    ):
        answer = await calling(hers, "Get", b"x")
        forbidden = await ended(calling(hers, "Get", metadata=[("collector-namespace", "b")]))
        unknown, text = await ended(calling(others, "Get"))

    assert answer == b"x"
    assert forbidden[0] is grpc.StatusCode.PERMISSION_DENIED
    assert unknown is grpc.StatusCode.UNIMPLEMENTED
    assert "'a'" not in text
    assert len(shop.seen) == 1


async def test_what_calls_hold_counts_against_the_memory_for_others(shop: Shop) -> None:
    settings = Settings(max_held_bytes=1 << 20)
    async with (
        Collector("shop-1", listen=LOOPBACK, services=[shop.service()], settings=settings) as collector,
        grpc.aio.insecure_channel(collector.address) as channel,
    ):
        held = calling(channel, "Wait", b"x" * 700_000)
        await until(lambda: shop.seen)
        code, _ = await ended(calling(channel, "Get", b"x" * 700_000))
        held.cancel()
        await until(lambda: shop.cancelled)
        await until(lambda: collector.snapshot().held_bytes == 0)
        again = await calling(channel, "Get", b"x" * 700_000)

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(again) == 700_000


async def test_a_collector_that_drains_is_unavailable_and_what_runs_goes_on(shop: Shop) -> None:
    collector = Collector("shop-1", listen=LOOPBACK, services=[shop.service()])
    await collector.start()
    async with grpc.aio.insecure_channel(collector.address) as channel:
        running = calling(channel, "Wait")
        await until(lambda: shop.seen)
        stopping = asyncio.create_task(collector.stop())
        await until(lambda: collector.snapshot().state == "draining")
        codes = [(await ended(calling(channel, method)))[0] for method in ("Get", "Missing")]
        running.cancel()
        await stopping

    assert codes == [grpc.StatusCode.UNAVAILABLE] * 2


async def test_a_handler_whose_link_is_lost_has_an_outcome_that_nobody_repeats(shop: Shop) -> None:
    """UNAVAILABLE would be sent once more by clients and proxies that are told to do so."""
    far = Collector("shop-1", listen=LOOPBACK, services=[shop.service()], settings=Settings(drain_timeout=0))
    await far.start()
    async with (
        Collector("edge", listen=LOOPBACK, namespaces=["shop"]) as edge,
        grpc.aio.insecure_channel(edge.address) as channel,
    ):
        await edge.connect(far.address)
        call = calling(channel, "Wait")
        await until(lambda: shop.seen)
        await far.stop()
        code, text = await ended(call)

    assert code is grpc.StatusCode.UNKNOWN
    assert "outcome unknown" in text


def talking() -> grpc.GenericRpcHandler:
    """A servicer with a method that streams both ways."""

    async def talk(requests: AsyncIterator[bytes], _context: object) -> AsyncIterator[bytes]:
        async for one in requests:
            yield one

    return grpc.method_handlers_generic_handler(
        "shop.v1.Shop", {"Talk": grpc.stream_stream_rpc_method_handler(talk)}
    )


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("collector-namespace", "talks")],
        [("collector-target", "shop-1")],
        [("collector-namespace", "talks"), ("collector-target", "shop-1")],
    ],
    ids=["alone", "namespace", "target", "both"],
)
async def test_a_method_that_streams_is_refused_by_its_kind_before_anything_is_said(
    metadata: list[tuple[str, str]],
) -> None:
    async with (
        Collector("shop-1", listen=LOOPBACK) as collector,
        Collector("edge", listen=LOOPBACK, namespaces=["talks"]) as edge,
        grpc.aio.insecure_channel(edge.address) as channel,
    ):
        collector.mount("talks", talking())
        await edge.connect(collector.address)
        stub: Any = channel.stream_stream("/shop.v1.Shop/Talk")
        code, text = await ended(stub(metadata=metadata, timeout=LIMIT_SECONDS))

    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "of the kind 'both'" in text


async def test_a_trace_context_comes_along_to_handlers_and_to_collectors_without_links() -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    traced = (("traceparent", parent), ("tracestate", "a=1"))
    seen: list[tuple[str, str]] = []
    headers: list[Any] = []
    service = Service("a", "a.v1.Service")

    @service.method("Known")
    async def known(_request: Payload, context: CallContext) -> Payload:
        seen.append((context.traceparent, context.tracestate))
        return (await context.dispatch("a", "Service", "Elsewhere")).payload

    async def elsewhere(data: bytes, context: Any) -> bytes:
        headers.append([pair for pair in context.invocation_metadata() if pair[0].startswith("trace")])
        return pb.ServeResponse(status=pb.Status(code=200), executor_id="fake-1").SerializeToString()

    async with (
        fake_collector(Serve=elsewhere) as fake,
        Collector("a-1", listen=LOOPBACK, services=[service]) as collector,
        grpc.aio.insecure_channel(collector.address) as channel,
    ):
        await collector.connect(fake.address)
        call: Any = channel.unary_unary("/a.v1.Service/Known")
        await call(b"", metadata=traced)
        await call(b"", metadata=[("traceparent", "00-1")])

    assert seen == [(parent, "a=1"), ("", "")]
    assert [sorted(found) for found in headers] == [sorted(traced), []]
