"""Calls that handlers make."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.model.caller import Caller
from collector_mesh.domain.model.context import CURRENT, CallContext, HandlerCalls
from collector_mesh.domain.model.payload import MAX_PAYLOAD_BYTES
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.tasks import Tasks


class NestedCalls:
    """Makes the calls of the handlers of a collector, as calls of that collector.

    Args:
        tasks: where handlers run.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self.caller: Callable[[], Caller | None] = _nobody
        """Gives what calls are made at: the collector, while it is open. It is not kept alive by its own parts."""

    @property
    def max_payload_bytes(self) -> int:
        """See the port."""
        caller = self.caller()
        return MAX_PAYLOAD_BYTES if caller is None else caller.max_payload_bytes

    async def dispatch(self, context: CallContext, *names_and_request: Any, **options: Any) -> Reply:
        """See the port."""
        if not self._tasks.is_here():
            raise RuntimeError(
                f"'await context.call(...)' of the handler of {context.namespace}/{context.service}.{context.method}"
                " is for the event loop of its collector, and this is another one, or another thread: a plain handler"
                " calls by context.blocking.call(...), in an event loop of its own by await"
                " asyncio.to_thread(context.blocking.call, ...)"
            )
        return await self._dispatch(context, names_and_request, options)

    def wait(self, context: CallContext, *names_and_request: Any, **options: Any) -> Reply:
        """See the port."""
        return self._tasks.wait_in_thread(partial(self._waited_for, context, names_and_request, options))

    async def _waited_for(
        self, context: CallContext, names_and_request: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Reply:
        call = self._dispatch(context, names_and_request, options)
        place = getattr(context, "place", None)
        if place is None:  # in a thread of an async handler
            return await call
        reply: Reply = await place.wait_for(context, self._tasks, call)
        # Also where it was cancelled.
        reply.nested = (names_and_request[:3], context.collector_id)
        return reply

    async def _dispatch(
        self, context: CallContext, names_and_request: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Reply:
        caller = self.caller()
        if caller is None:
            raise RuntimeError(f"collector '{context.collector_id}' is closed, and makes no calls")
        # Code that the handler has started elsewhere has its context as an object only.
        token = None if CURRENT.get() is context else CURRENT.set(context)
        try:
            reply = await caller.dispatch(*names_and_request, **options)
        finally:
            if token is not None:
                CURRENT.reset(token)
        reply.nested = (names_and_request[:3], context.collector_id)
        return reply


def _nobody() -> None:
    """Nothing makes calls yet, or anymore."""


if TYPE_CHECKING:
    _fits: type[HandlerCalls] = NestedCalls
