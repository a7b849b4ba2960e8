"""Makes spans of what happens to the calls that are recorded; of the others it does not make anything."""

from operator import attrgetter
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.span import Span, SpanKind
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.model.trace_context import child_of, is_sampled
from collector_mesh.domain.model.verdict import Verdict
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.ports.tracer import Tracer
from collector_mesh.domain.watching.roots import TraceRoots

SYSTEM = "collector_mesh"
"""What `rpc.system` says."""

MOST_OPEN = 16384
"""Spans that are open at a time; of further calls nothing is recorded here."""

_CANCELLED = 499
_PARTS = attrgetter(*(field.name for field in attrs.fields(Call)))
"""All that a call is made of, in its order: a tenth of what `attrs.evolve` takes."""

_NO_PARENT = bytes(8)


@attrs.define(eq=False)
class _Open:
    """A span of this collector that has not ended."""

    call: Call
    kind: SpanKind
    parent: bytes
    """The trace context that its call had before."""
    tries: "list[_Try]" = attrs.field(factory=list)
    """Attempts of it that have ended; what they mean is said after that."""
    attempts: int = 0


@attrs.define(eq=False)
class _Try:
    call: Call
    parent: bytes
    peer_id: str
    reply: Reply | None
    began: float
    ended: float
    verdict: str = ""


class SpanWatch:
    """Tells a tracer of a span for each call that is recorded: where it is dispatched, for each attempt, and where it runs.

    While a span is open, its call has that span's trace context, so that whatever the call leads to belongs to it. A call
    that has no trace context yet was made where nobody gives it one; nothing is recorded of it.

    Args:
        collector_id: of this collector; empty for a client.
        tracer: takes spans; it does not raise.
        roots: make ids.
    """

    def __init__(self, collector_id: str, tracer: Tracer, roots: TraceRoots) -> None:
        self._collector_id = collector_id
        self._tell = tracer.ended
        self._span_id = roots.span_id
        self._open: dict[bytes, _Open] = {}
        """By the ids of the spans, which are those that their calls have meanwhile."""
        self._attempts: dict[bytes, bytes] = {}
        """The trace contexts that calls had before an attempt, by the ids of the attempts' spans."""

    def dispatching(self, call: Call) -> None:
        """See the port."""
        if is_sampled(call.trace):
            self._begin(call, SpanKind.CLIENT)

    def serving(self, call: Call) -> None:
        """See the port."""
        if is_sampled(call.trace):
            self._begin(call, SpanKind.SERVER)

    def attempting(self, call: Call, peer_id: str) -> Call:  # noqa: ARG002  # as the port has it
        """See the port; one that is recorded is sent with a trace context of its own."""
        trace = call.trace
        if not is_sampled(trace) or len(self._attempts) >= MOST_OPEN:
            return call
        span_id = self._span_id()
        self._attempts[span_id] = trace
        open_span = self._open.get(trace[16:24])
        if open_span is not None:
            open_span.attempts += 1
        sent = Call(*_PARTS(call))
        sent.trace = child_of(trace, span_id)
        return sent

    def attempted(self, call: Call, peer_id: str, reply: Reply | None, began: float, ended: float) -> None:
        """See the port."""
        if not is_sampled(call.trace):
            return
        parent = self._attempts.pop(call.trace[16:24], None)
        if parent is None:
            return
        tried = _Try(call, parent, peer_id, reply, began, ended)
        open_span = self._open.get(parent[16:24])
        if open_span is None:
            # The call was cancelled, which was told before.
            self._tell(self._of_try(tried))
        else:
            open_span.tries.append(tried)

    def judged(self, call: Call, verdict: Verdict) -> None:
        """See the port."""
        if not is_sampled(call.trace):
            return
        open_span = self._open.get(call.trace[16:24])
        for tried in reversed(open_span.tries if open_span is not None else ()):
            if tried.peer_id == verdict.peer_id:
                tried.verdict = tried.verdict or verdict.reason.value
                return

    def dispatched(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        """See the port."""
        if is_sampled(call.trace):
            self._end(call, SpanKind.CLIENT, reply, began, ended)

    def served(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        """See the port."""
        if is_sampled(call.trace):
            self._end(call, SpanKind.SERVER, reply, began, ended)

    def _begin(self, call: Call, kind: SpanKind) -> None:
        parent = call.trace
        if len(self._open) < MOST_OPEN or parent[16:24] == _NO_PARENT:
            span_id = self._span_id()
            if len(self._open) < MOST_OPEN:
                self._open[span_id] = _Open(call, kind, parent)
            call.trace = child_of(parent, span_id)

    def _end(self, call: Call, kind: SpanKind, reply: Reply | None, began: float, ended: float) -> None:
        span_id = call.trace[16:24]
        open_span = self._open.get(span_id)
        # One that has none of its own has that of another one, which goes on.
        if open_span is None or open_span.call is not call or open_span.kind is not kind:
            return
        del self._open[span_id]
        for tried in open_span.tries:
            self._tell(self._of_try(tried))
        about = self._about(call, reply)
        if kind is SpanKind.SERVER:
            if call.caller:
                about["collector_mesh.peer"] = visible(call.caller)
        elif open_span.attempts:
            about["collector_mesh.attempts"] = open_span.attempts
        self._tell(_span(_name(call), kind, call.trace, open_span.parent, reply, began, ended, about))
        # It may go elsewhere, where it has not run here.
        call.trace = open_span.parent

    def _of_try(self, tried: _Try) -> Span:
        call, reply = tried.call, tried.reply
        about = self._about(call, reply)
        about["collector_mesh.peer"] = visible(tried.peer_id)
        about["collector_mesh.verdict"] = tried.verdict or ("cancelled" if reply is None else "answered")
        name = f"attempt {_name(call)}"
        return _span(name, SpanKind.CLIENT, call.trace, tried.parent, reply, tried.began, tried.ended, about)

    def _about(self, call: Call, reply: Reply | None) -> dict[str, str | int]:
        namespace, service, method = call.key
        about: dict[str, str | int] = {
            "rpc.system": SYSTEM,
            "rpc.service": visible(service),
            "rpc.method": visible(method),
            "collector_mesh.namespace": visible(namespace),
            "collector_mesh.collector": self._collector_id,
            "collector_mesh.hops": call.hops,
        }
        if reply is None:
            about["collector_mesh.code"] = _CANCELLED
            about["collector_mesh.executed"] = "maybe"
        else:
            about["collector_mesh.code"] = reply.status.code
            about["collector_mesh.executed"] = reply.executed.value
            if reply.handled_by:
                about["collector_mesh.handled_by"] = visible(reply.handled_by)
        return about


def _span(
    name: str,
    kind: SpanKind,
    trace: bytes,
    parent: bytes,
    reply: Reply | None,
    began: float,
    ended: float,
    about: dict[str, str | int],
) -> Span:
    is_error = reply is None or reply.status.code != OK.code
    if is_error:
        about["error.type"] = str(about["collector_mesh.code"])
    parent_id = parent[16:24]
    return Span(
        name, kind, trace, b"" if parent_id == _NO_PARENT else parent_id, began, ended, about, is_error
    )


def _name(call: Call) -> str:
    _, service, method = call.key
    return f"{visible(service)}/{visible(method)}"


if TYPE_CHECKING:
    _fits: type[CallWatch] = SpanWatch
