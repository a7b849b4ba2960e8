"""Traces, as a receiver of OTLP gets them; and receivers that hang, are not there, or answer garbage."""

import asyncio
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tests.integration.services.otlp import receiver, values
from tests.integration.services.processes import LOOPBACK, serving
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import (
    CallContext,
    Collector,
    MeshClient,
    OtelTracer,
    Payload,
    Service,
    Settings,
    SyncMeshClient,
)
from collector_mesh.app.tracing import making
from collector_mesh.domain.model.events import Event, TracesAway

pytestmark = pytest.mark.asyncio

ALL = Settings(trace_sample=1.0)
SECRET = Payload("", b"secret payload")
PLACE = ("shop", "shop.v1.Orders", "Place")


class Once:
    """A validator whose registry is away when it is asked for the first time, wherever that is."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def on(self, collector_id: str) -> "Once.At":
        return Once.At(self, collector_id)

    class At:
        def __init__(self, once: "Once", collector_id: str) -> None:
            self._once = once
            self._collector_id = collector_id

        async def validate_service_method(self, namespace: str, service: str, method: str, /) -> None:
            self._once.asked.append(self._collector_id)
            if len(self._once.asked) == 1:
                raise ConnectionError("the registry is away")


def orders(tracer: api.Tracer) -> Service:
    service = Service("shop", "shop.v1.Orders")

    @service.method("Place", idempotent=True)
    async def place(_request: Payload, context: CallContext) -> None:
        with tracer.start_as_current_span("reserve"):
            await context.call("stock", "stock.v1.Stock", "Take", SECRET, metadata={"k": "secret metadata"})

    return service


def stock(tracer: api.Tracer) -> Service:
    service = Service("stock", "stock.v1.Stock")

    @service.method("Take")
    def take(_request: Payload, context: CallContext) -> None:
        with tracer.start_as_current_span("write"):
            assert context.metadata

    @service.method("Fail")
    async def fail(_request: Payload) -> None:
        raise ValueError("secret error")

    return service


class Programs:
    """A program's own OpenTelemetry, whose spans go to the same receiver."""

    def __init__(self, address: str) -> None:
        self.provider = TracerProvider(resource=Resource({"service.name": "program"}))
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"http://{address}")))
        self.tracer = self.provider.get_tracer("program")


async def test_one_trace_goes_from_a_span_of_the_program_over_client_hub_and_replicas_to_spans_of_handlers() -> (
    None
):
    once = Once()
    async with AsyncExitStack() as opened:
        otlp = await opened.enter_async_context(receiver())
        tracer, program = OtelTracer(otlp.address, service="mesh"), Programs(otlp.address)

        async def collector(collector_id: str, *services: Service, **options: Any) -> Collector:
            made = Collector(
                collector_id, listen=LOOPBACK, services=services, tracer=tracer, settings=ALL, **options
            )
            return await opened.enter_async_context(made)

        hub = await collector("hub", namespaces=["shop", "stock"])
        store = await collector("stock-1", stock(program.tracer))
        peers = [hub.address, store.address]
        for name in ("shop-1", "shop-2"):
            await collector(
                name, orders(program.tracer), namespaces=["stock"], validator=once.on(name), peers=peers
            )
        await hub.connect(store.address)
        await hub.wait_for(peers=3, timeout=LIMIT_SECONDS)
        async with MeshClient(hub.address, tracer=tracer, settings=ALL) as client:
            with program.tracer.start_as_current_span("buy"):
                await client.call(*PLACE)
            failed = await client.dispatch("stock", "stock.v1.Stock", "Fail")
        await asyncio.to_thread(call_blocking, hub.address, tracer)
        await opened.enter_async_context(asyncio.timeout(LIMIT_SECONDS))
        await tracer.flush(LIMIT_SECONDS)
        await asyncio.to_thread(program.provider.shutdown)
        tracer.close()
        bought, other = once.asked[:2]
        spans, tree = otlp.spans, otlp.tree()
        last = once.asked[-1]

    assert failed.status.code == 500
    rest = """\
shop.v1.Orders/Place at {0}: 200
  reserve
    stock.v1.Stock/Take at {0}: 200
      attempt stock.v1.Stock/Take at {0} -> stock-1: 200
        stock.v1.Stock/Take at stock-1: 200
          write"""
    assert (
        "\n".join(tree)
        == f"""\
buy
  shop.v1.Orders/Place at client: 200
    shop.v1.Orders/Place at hub: 200
      attempt shop.v1.Orders/Place at hub -> {bought}: 503
        shop.v1.Orders/Place at {bought}: 503
      attempt shop.v1.Orders/Place at hub -> {other}: 200
{indented(rest.format(other), 8)}
stock.v1.Stock/Fail at client: 500
  stock.v1.Stock/Fail at hub: 500
    attempt stock.v1.Stock/Fail at hub -> stock-1: 500
      stock.v1.Stock/Fail at stock-1: 500
shop.v1.Orders/Place at client: 200
  shop.v1.Orders/Place at hub: 200
    attempt shop.v1.Orders/Place at hub -> {last}: 200
{indented(rest.format(last), 6)}"""
    )
    assert len({span.trace_id for span in spans}) == 3
    by_name = {(span.name, values(span.attributes).get("collector_mesh.collector")): span for span in spans}
    refused = next(
        span for span in spans if values(span.attributes).get("collector_mesh.verdict") == "did not run it"
    )
    assert values(refused.attributes) == {
        "rpc.system": "collector_mesh",
        "rpc.service": "shop.v1.Orders",
        "rpc.method": "Place",
        "collector_mesh.namespace": "shop",
        "collector_mesh.collector": "hub",
        "collector_mesh.peer": bought,
        "collector_mesh.hops": 0,
        "collector_mesh.code": 503,
        "collector_mesh.executed": "no",
        "collector_mesh.verdict": "did not run it",
        "error.type": "503",
    }
    assert refused.status.code == Status.STATUS_CODE_ERROR
    assert refused.kind == Span.SPAN_KIND_CLIENT
    served = by_name["stock.v1.Stock/Take", "stock-1"]
    assert (served.kind, served.status.code) == (Span.SPAN_KIND_SERVER, Status.STATUS_CODE_UNSET)
    assert abs(served.start_time_unix_nano / 1e9 - time.time()) < LIMIT_SECONDS
    assert all(
        0 <= span.end_time_unix_nano - span.start_time_unix_nano < LIMIT_SECONDS * 1e9 for span in spans
    )
    assert b"secret" not in b"".join(span.SerializeToString() for span in spans)
    assert {resource["service.name"] for resource in otlp.resources} == {"mesh", "program"}


def call_blocking(address: str, tracer: OtelTracer) -> None:
    with SyncMeshClient(address, tracer=tracer, settings=ALL) as client:
        client.call(*PLACE)


def indented(lines: str, by: int) -> str:
    return "\n".join(" " * by + line for line in lines.splitlines())


@contextmanager
def hanging() -> Iterator[str]:
    """Connections are taken, and nothing ever comes over them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def garbage() -> Iterator[str]:
    """It answers, but what is no answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer, args=(server,))
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _answer(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(range(256)))


@contextmanager
def dead() -> Iterator[str]:
    with hanging() as address:
        pass
    yield address


@pytest.mark.parametrize("receives", [hanging, garbage, dead])
async def test_whatever_a_receiver_does_calls_go_on_and_the_end_does_not_wait_for_it(
    receives: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "FLUSH_SECONDS", 0.05)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
    told: list[Event] = []

    class Told:
        def tell(self, event: Event) -> None:
            told.append(event)

    with receives() as address:
        tracer = OtelTracer(address)
        service = Service("a", "S")
        service.add("Nothing", nothing)
        async with (
            asyncio.timeout(LIMIT_SECONDS),
            Collector("a-1", services=[service], tracer=tracer, settings=ALL, observer=Told()) as collector,
        ):
            codes = {(await collector.dispatch("a", "S", "Nothing")).status.code for _ in range(1500)}
            await tracer.flush(0.01)
            await until(lambda: tracer.failure)
            await collector.call("a", "S", "Nothing")
        tracer.close()

    assert codes == {200}
    assert tracer.lost > 0
    assert [event.collector_id for event in told if type(event) is TracesAway] == ["a-1"]


async def nothing() -> None:
    """Return at once."""


async def test_a_collector_of_the_command_line_sends_its_spans_before_it_ends_and_its_log_has_trace_ids() -> (
    None
):
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    arguments = ("--service", "things:texts", "--log-format", "json", "--traces")
    async with receiver() as otlp, serving("c-1", *arguments, otlp.address) as collector:
        async with MeshClient(collector.address) as client:
            text = StringValue(value="what is wrong")
            await client.dispatch("texts", "Texts", "Fail", text, metadata={"traceparent": parent})
            await client.dispatch("texts", "Texts", "Fail", text)
        collector.send(signal.SIGTERM)
        ended = await collector.end()

    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    failed = [line for line in lines if line["event"] == "handler_failed"]
    assert [line["path"] for line in failed] == [["c-1"], ["c-1"]]
    assert failed[0]["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert len({line["trace_id"] for line in failed}) == 2
    recorded = [span for span in otlp.spans if span.trace_id.hex() == failed[0]["trace_id"]]
    assert [(span.name, span.status.code) for span in recorded] == 2 * [
        ("Texts/Fail", Status.STATUS_CODE_ERROR)
    ]
    assert {resource["service.name"] for resource in otlp.resources} == {"c-1"}
    assert ended.status == 0
