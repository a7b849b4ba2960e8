"""A receiver of OTLP, as those that keep traces have one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as stubs
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver(stubs.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.address = ""
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []

    async def Export(self, request: pb.ExportTraceServiceRequest, _context: object) -> Any:
        for resource in request.resource_spans:
            self.resources.append(values(resource.resource.attributes))
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return pb.ExportTraceServiceResponse()

    def tree(self) -> list[str]:
        """All spans as lines, each below the one that it belongs to."""
        known = {span.span_id for span in self.spans}
        lines: list[str] = []

        def add(span: Span, depth: int) -> None:
            lines.append(f"{'  ' * depth}{span.name}{_about(span)}")
            for child in self.spans:
                if child.parent_span_id == span.span_id:
                    add(child, depth + 1)

        self.spans.sort(key=lambda span: span.start_time_unix_nano)
        for span in self.spans:
            if span.parent_span_id not in known:
                add(span, 0)
        return lines


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """One that listens at a free port."""
    servicer, server = Receiver(), grpc.aio.server()
    stubs.add_TraceServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated
    servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield servicer
    finally:
        await server.stop(0)


def values(attributes: Any) -> dict[str, Any]:
    """Attributes as a dict."""
    return {each.key: _value(each.value) for each in attributes}


def _value(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")


def _about(span: Span) -> str:
    found = values(span.attributes)
    if "collector_mesh.code" not in found:
        return ""
    peer = f" -> {found['collector_mesh.peer']}" if span.name.startswith("attempt") else ""
    return f" at {found['collector_mesh.collector'] or 'client'}{peer}: {found['collector_mesh.code']}"
