"""What is recorded of a call: where it was, how long, and what came of it; never what was in it."""

from collections.abc import Mapping
from enum import Enum

import attrs

from collector_mesh.domain.model.trace_context import IDS_BYTES


class SpanKind(Enum):
    """From which side a span sees its call."""

    CLIENT = "client"
    """Of whoever has it run: a call, or one try of it at a peer."""
    SERVER = "server"
    """Where it runs."""


@attrs.frozen
class Span:
    """One span of a trace, which has ended.

    Attributes:
        name: what it is about, as `shop.v1.Orders/Place`.
        kind: from which side it sees the call.
        trace: its own trace context; see `trace_context`.
        parent_id: the id of the span that it belongs to, of 8 bytes; empty for the first one of a trace.
        began: when it began, on the monotonic clock of the collector, in seconds; virtual ones in a simulation.
        ended: when it ended.
        attributes: texts and numbers, by names with dots; no payloads, no metadata, no texts of errors.
        is_error: whether it ended in anything but success.
    """

    name: str
    kind: SpanKind
    trace: bytes
    parent_id: bytes
    began: float
    ended: float
    attributes: Mapping[str, str | int]
    is_error: bool = False

    @property
    def trace_id(self) -> str:
        """The id of its trace, as 32 hexadecimal digits."""
        return self.trace[:16].hex()

    @property
    def span_id(self) -> str:
        """Its id, as 16 hexadecimal digits."""
        return self.trace[16:24].hex()

    @property
    def ids(self) -> bytes:
        """Ids and flags, without the tracestate."""
        return self.trace[:IDS_BYTES]
