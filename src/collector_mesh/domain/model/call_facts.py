"""What tells in a log which call a line is about."""

from typing import TypedDict

from collector_mesh.domain.model.call import Call, path_of
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.trace_context import trace_id_of


class CallFacts(TypedDict, total=False):
    """The facts that events about a call have; see `CallEvent`."""

    trace_id: str
    path: tuple[str, ...]


def facts_of(call: Call, here: str) -> CallFacts:
    """Those of a call at a collector; none where it has no trace context."""
    return {"trace_id": trace_id_of(call.trace), "path": path_of(call, here)} if call.trace else {}


def facts_in(context: CallContext | None) -> CallFacts:
    """Those of the call that a handler runs for."""
    return (
        {"trace_id": context.trace_id, "path": context.path} if context is not None and context.trace else {}
    )
