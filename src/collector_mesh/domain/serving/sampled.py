"""The executor where few calls are recorded: those are watched, and the others run as if nobody did."""

from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from collector_mesh.domain.link.entries import Cancellable
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.concurrency import Slot
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.ports.tasks import Started
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.handlers import Method
from collector_mesh.domain.serving.watched import WatchedCall


class SampledExecutor(Executor):
    """Tells a watch of each call that is recorded.

    Args:
        parts: those of the executor.
        spans: is told.
        enter: given the trace context of such a call, in the context in which its handler runs.
        more: further parts of the executor.
    """

    def __init__(self, *parts: Any, spans: CallWatch, enter: Callable[[bytes], None], **more: Any) -> None:
        super().__init__(*parts, **more)
        self._spans = spans
        self._enter = enter

    def run(self, call: Call) -> Coroutine[Any, Any, Reply]:
        """See the base class; not a coroutine more for a call that is not recorded."""
        trace = call.trace
        if trace and trace[24] & 1:
            return self._run_recorded(call)
        return super().run(call)

    async def _run_recorded(self, call: Call) -> Reply:
        now = self._clock.now
        began = now()
        self._spans.serving(call)
        reply = None
        try:
            reply = await super().run(call)
            return reply
        finally:
            self._spans.served(call, reply, began, now())

    def execute(self, call: Call, answer: Callable[[Reply], None]) -> Cancellable | None:
        """See the base class."""
        trace = call.trace
        if not trace or not trace[24] & 1:
            return super().execute(call, answer)
        executed = WatchedCall(self._spans.serving, self._spans.served, call, self._clock.now, answer)
        try:
            begun = super().execute(call, executed.settle)
        except BaseException:
            executed.end(None)
            raise
        return executed.with_work(begun)

    def refuse(self, call: Call, error: MeshError) -> Reply:
        """See the base class."""
        reply = super().refuse(call, error)
        trace = call.trace
        if trace and trace[24] & 1:
            now = self._clock.now()
            self._spans.serving(call)
            self._spans.served(call, reply, now, now)
        return reply

    def _begin(
        self, call: Call, context: CallContext, method: Method | None, share: Slot
    ) -> Reply | Started[Reply]:
        trace = call.trace
        if not trace or not trace[24] & 1:
            return super()._begin(call, context, method, share)
        # The work takes a copy of the context that it is begun in.
        return copy_context().run(self._begin_entered, call, context, method, share)

    def _begin_entered(
        self, call: Call, context: CallContext, method: Method | None, share: Slot
    ) -> Reply | Started[Reply]:
        self._enter(call.trace)
        return super()._begin(call, context, method, share)


def sampled(kind: type[Executor]) -> type[Executor]:
    """A kind of executor that is sampled beside what it does."""
    if kind is Executor:
        return SampledExecutor
    # What it does for all calls may be any of several things, and those of them together.
    return type(f"Sampled{kind.__name__}", (SampledExecutor, kind), {})
