"""Middleware around handlers."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CURRENT, CallContext
from collector_mesh.domain.model.errors import Executed, HandlerError, PayloadTooLargeError, attribute_of
from collector_mesh.domain.model.middleware import IncomingCall, Middleware, ServeNext
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.passage import Passage
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.concurrency import Slot
from collector_mesh.domain.policies.retry import is_discovery
from collector_mesh.domain.serving.handlers import Method

Steps = tuple[Callable[[IncomingCall, ServeNext], Awaitable[Reply]], ...]


class Serves(Protocol):
    """What middleware around handlers needs of what runs these."""

    async def work(self, call: Call, context: CallContext, method: Method, share: Slot) -> Reply:
        """Run the handler of a call; it raises nothing but what cancels it."""
        ...

    def failed(self, key: MethodKey, error: BaseException, context: CallContext) -> Reply:
        """The reply for what a handler, or what is around it, has raised."""
        ...

    def is_cancellation(self, error: BaseException) -> bool:
        """Whether an error is the cancellation of the running task."""
        ...


@attrs.frozen
class Around:
    """Middleware around the handlers of a method, in the task and the context of each call.

    Attributes:
        middleware: in the order in which calls meet it; all of it has something to do.
    """

    middleware: tuple[Middleware, ...]
    _steps: Steps = attrs.field(init=False, eq=False, repr=False)

    @_steps.default
    def _the_steps(self) -> Steps:
        return tuple(each.serve for each in self.middleware)

    @classmethod
    def of(cls, middleware: tuple[Middleware, ...]) -> "Around | None":
        """Those that have something to do where calls run here, None where there are none."""
        serving = tuple(each for each in middleware if type(each).serve is not Middleware.serve)
        return cls(serving) if serving else None

    def outside(self, inner: "Around | None") -> "Around":
        """These, and others that calls meet after them."""
        return self if inner is None else Around((*self.middleware, *inner.middleware))

    async def run(
        self, serves: Serves, call: Call, context: CallContext, method: Method, share: Slot, most: int
    ) -> Reply:
        """Run a call in a task and a context of its own; it raises nothing but what cancels it.

        Args:
            serves: runs the handler.
            call: the call.
            context: what its handler sees of it.
            method: the method.
            share: the slot of the call.
            most: bytes of the largest payload.
        """
        CURRENT.set(context)
        passage = _Passage(self._steps, most, serves, context, method, share)
        life = method.life
        if life is not None:
            life.enter()
            context.state = life.state
        try:
            reply = await passage.step(IncomingCall(call, context))
        finally:
            passage.end()
            context.has_ended = True
            if life is not None:
                life.leave()
        if not context.has_started and is_discovery(reply) and reply is not passage.given:
            # It is an answer, and does not say that the method is not here.
            reply.executed = Executed.YES
        return reply


class _Passage(Passage[IncomingCall]):
    """The way of one call to its handler."""

    __slots__ = ("_context", "_method", "_serves", "_share")

    kind = IncomingCall

    def __init__(
        self,
        steps: Steps,
        most: int,
        serves: Serves,
        context: CallContext,
        method: Method,
        share: Slot,
    ) -> None:
        # As the base class does it, without its call.
        self._steps = steps
        self._most = most
        self._reached = 1
        self.given = None
        self._serves = serves
        self._context = context
        self._method = method
        self._share = share

    async def arrive(self, call: IncomingCall) -> Reply:
        """See the base class."""
        made, context = call._call, self._context  # noqa: SLF001  # middleware is not to see it
        if made is not context._call:  # noqa: SLF001  # the same
            size = len(made.payload.value)
            if size > self._most:
                reply = self.given = Reply.refused(PayloadTooLargeError.of(size, self._most))
                self.status, self.payload, self.metadata = reply.status, reply.payload, reply.metadata
                return reply
            context.goes_on_as(made)
        reply = await self._serves.work(made, context, self._method, self._share)
        self.given = reply
        self.status = reply.status
        self.payload = reply.payload
        self.metadata = reply.metadata
        if not context._is_cancelled:  # noqa: SLF001  # what its deadline says is looked at elsewhere
            # What is around the handler may make calls too.
            context.has_ended = False
        return reply

    def left(self, reply: Reply) -> None:
        """See the base class: here it is known that a handler has begun."""
        if self._context.has_started:
            reply.executed = Executed.YES
        else:
            super().left(reply)

    def passes(self, error: BaseException) -> bool:
        """See the base class."""
        return self._serves.is_cancellation(error)

    def failed(self, error: BaseException) -> Reply:
        """See the base class: the outcome is as of a handler, but for whether one has run."""
        context, given = self._context, self.given
        reply = self._serves.failed(self._method.key, error, context)
        has_run = context.has_started if given is None else given.executed is not Executed.NO
        if has_run or reply.status.code == HandlerError.code:
            return reply
        executed = attribute_of(error, "executed")
        if isinstance(executed, Executed) and executed is not Executed.YES:
            reply.executed, reply.handled_by = executed, ""
        return reply
