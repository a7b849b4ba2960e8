"""Recorded calls as spans of OpenTelemetry, which go to a receiver of OTLP."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import context as current_context
from opentelemetry import trace as api
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY  # what all instrumentations look at
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.status import Status, StatusCode

from collector_mesh.adapters.telemetry.span_export import Export
from collector_mesh.domain.model.span import Span, SpanKind
from collector_mesh.domain.model.trace_context import IDS_BYTES, NO_TRACE, checked_state, tracestate_of
from collector_mesh.domain.ports.tracer import Tracer

SCOPE = "collector_mesh"
"""The instrumentation scope of the spans."""

_KINDS = {SpanKind.CLIENT: api.SpanKind.CLIENT, SpanKind.SERVER: api.SpanKind.SERVER}
_OK, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)
_UNKNOWN = "unknown_service"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class OtelTracer:
    """Sends spans to a receiver of OTLP, from a thread of its own; one may serve several collectors and clients of a process.

    Where the receiver is comes from `endpoint`, else from the environment, as every program with OpenTelemetry has it:
    `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_PROTOCOL` (`grpc`, or `http/protobuf`), `OTEL_EXPORTER_OTLP_HEADERS`,
    `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`. Whatever the receiver does, no call waits
    for it: at most 2,048 spans wait, and further ones are lost.

    Args:
        endpoint: HOST:PORT of the receiver, or its URL; `http://` and HOST:PORT are without TLS.
        exporter: an exporter of the SDK, in place of one for OTLP.
        service: what the spans are said to be of, where the environment does not say it.

    Raises:
        ValueError: the environment names a protocol that there is none for.
    """

    def __init__(
        self, endpoint: str | None = None, *, exporter: SpanExporter | None = None, service: str = SCOPE
    ) -> None:
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME, _UNKNOWN)).startswith(_UNKNOWN):
            resource = resource.merge(Resource({SERVICE_NAME: service}))
        self._resource = resource
        self._exporter = exporter or otlp_exporter(endpoint, resource.attributes)
        self._makes_messages = bool(getattr(self._exporter, "makes_messages", False))
        self._scope = InstrumentationScope(SCOPE)
        self._export = Export(self._pass_on, "collector-mesh-traces")

    @property
    def lost(self) -> int:
        """Spans that were not passed on: too many waited, or the receiver has not taken them."""
        return self._export.lost

    @property
    def failure(self) -> str:
        """Why the receiver has not taken the last ones; empty where it has."""
        return self._export.failure

    def ended(self, span: Span) -> None:
        """See the port."""
        # Between the two clocks as they are now: the time of day may be set meanwhile.
        self._export.put((span, time.time_ns() - time.monotonic_ns()))

    def current(self) -> bytes:
        """See the port."""
        span = api.get_current_span()
        # Asked for every call; mostly there is none.
        if span is api.INVALID_SPAN or not (found := span.get_span_context()).is_valid:
            return NO_TRACE
        ids = found.trace_id.to_bytes(16, "big") + found.span_id.to_bytes(8, "big")
        trace = ids + bytes((found.trace_flags & 3,))
        return trace + checked_state(found.trace_state.to_header()) if found.trace_state else trace

    def enter(self, trace: bytes) -> None:
        """See the port."""
        span = api.NonRecordingSpan(_context(trace, trace[16:24], is_remote=False))
        current_context.attach(api.set_span_in_context(span))

    async def flush(self, timeout: float) -> None:
        """See the port."""
        await self._export.flush(timeout)

    def close(self) -> None:
        """Let go of the receiver, once all that use this have ended; what still waits is lost."""
        self._exporter.shutdown()

    def _pass_on(self, spans: Sequence[tuple[Span, int]]) -> None:
        # What carries the spans is no call of the program: it makes no spans of its own.
        current_context.attach(current_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        given: Any = spans if self._makes_messages else [self._readable(*timed) for timed in spans]
        result = self._exporter.export(given)
        if result is not SpanExportResult.SUCCESS:
            raise ConnectionError("the receiver has not taken them")

    def _readable(self, span: Span, offset: int) -> ReadableSpan:
        trace = span.trace
        parent = _context(trace, span.parent_id, is_remote=False) if span.parent_id else None
        return ReadableSpan(
            span.name,
            _context(trace, trace[16:24], is_remote=False),
            parent,
            self._resource,
            dict(span.attributes),
            kind=_KINDS[span.kind],
            status=_ERROR if span.is_error else _OK,
            start_time=round(span.began * 1e9) + offset,
            end_time=round(span.ended * 1e9) + offset,
            instrumentation_scope=self._scope,
        )


def otlp_exporter(endpoint: str | None, resource: Mapping[str, Any]) -> SpanExporter:
    """An exporter for OTLP, of the protocol that the environment names.

    Raises:
        ValueError: there is none for that.
    """
    protocol = next((found for name in _PROTOCOLS if (found := os.environ.get(name))), "grpc")
    url = f"http://{endpoint}" if endpoint and "://" not in endpoint else endpoint
    # Each loads what it is made of.
    if protocol == "grpc":
        from collector_mesh.adapters.telemetry.otlp import MeshSpanExporter

        return MeshSpanExporter(url, resource, SCOPE)
    if protocol == "http/protobuf":
        try:
            from opentelemetry.exporter.otlp.proto.http import trace_exporter as over_http
        except ImportError as error:
            text = "OTLP over HTTP needs its exporter: pip install opentelemetry-exporter-otlp-proto-http"
            raise ImportError(f"{text} ({error})") from error

        # Of a URL in the environment the exporter makes this by itself.
        return over_http.OTLPSpanExporter(f"{url.rstrip('/')}/v1/traces" if url else None)
    raise ValueError(f"{_PROTOCOLS[1]} must be grpc or http/protobuf, got {protocol!r}")


def _context(trace: bytes, span_id: bytes, *, is_remote: bool) -> api.SpanContext:
    return api.SpanContext(
        int.from_bytes(trace[:16], "big"),
        int.from_bytes(span_id, "big"),
        is_remote,
        api.TraceFlags(trace[24]),
        api.TraceState.from_header([tracestate_of(trace)]) if len(trace) > IDS_BYTES else None,
    )


if TYPE_CHECKING:
    _fits: type[Tracer] = OtelTracer
