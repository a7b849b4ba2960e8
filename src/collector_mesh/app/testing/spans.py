"""A tracer that keeps what it is given, for tests and simulations."""

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from collector_mesh.domain.model.span import Span
from collector_mesh.domain.model.trace_context import NO_TRACE
from collector_mesh.domain.ports.tracer import Tracer


class Spans:
    """Keeps the spans of recorded calls in memory: of collectors, clients and simulations that have it as their `tracer`.

    How many calls are recorded says the setting `trace_sample`: 1 for all. In a simulation `began` and `ended` are virtual
    seconds, and the same seed gives the same spans.

    Args:
        most: spans that are kept; the oldest ones go first.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._kept: deque[Span] = deque(maxlen=most)

    def ended(self, span: Span) -> None:
        """Keep a span."""
        self._kept.append(span)

    def current(self) -> bytes:
        """Give none: the program has no spans of its own here."""
        return NO_TRACE

    def enter(self, trace: bytes) -> None:
        """Do nothing, as there are none."""

    async def flush(self, timeout: float) -> None:
        """Do nothing: what is kept is there."""

    def __iter__(self) -> Iterator[Span]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    def of(self, trace_id: str) -> tuple[Span, ...]:
        """The spans of a trace, those that began first in front."""
        return tuple(sorted((span for span in self if span.trace_id == trace_id), key=_began))

    def children(self, span: Span) -> tuple[Span, ...]:
        """The spans that belong to another one."""
        return tuple(each for each in self.of(span.trace_id) if each.parent_id.hex() == span.span_id)

    def tree(self, trace_id: str) -> str:
        """A trace as lines, each below the one that it belongs to: name, collector, code."""
        spans = self.of(trace_id)
        known = {span.span_id for span in spans}
        lines: list[str] = []
        waiting = [(span, 0) for span in reversed(spans) if span.parent_id.hex() not in known]
        while waiting:
            span, depth = waiting.pop()
            about = span.attributes
            where = about["collector_mesh.collector"] or "client"
            peer = f" -> {about['collector_mesh.peer']}" if span.name.startswith("attempt ") else ""
            lines.append(f"{'  ' * depth}{span.name} at {where}{peer}: {about['collector_mesh.code']}")
            waiting += [(child, depth + 1) for child in reversed(self.children(span))]
        return "\n".join(lines)


def _began(span: Span) -> tuple[float, float]:
    return span.began, -span.ended


if TYPE_CHECKING:
    _fits: type[Tracer] = Spans
