"""Middleware around handlers."""

from collections.abc import Awaitable, Callable
from functools import partial

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import Executed, HandlerError, PayloadTooLargeError, attribute_of
from collector_mesh.domain.model.middleware import IncomingCall, Middleware, ServeNext
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.passage import Passage
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.retry import is_discovery
from collector_mesh.domain.serving.handlers import Method

Work = Callable[[Call], Awaitable[Reply]]
"""Runs the handler of a call, and raises nothing but what cancels it."""

Failed = Callable[[MethodKey, BaseException, CallContext], Reply]
"""Makes the reply for what a handler, or what is around it, has raised."""


@attrs.frozen
class Around:
    """Middleware around the handlers of a method, in the task and the context of each call.

    Attributes:
        middleware: in the order in which calls meet it; all of it has something to do.
    """

    middleware: tuple[Middleware, ...]
    _steps: tuple[Callable[[IncomingCall, ServeNext], Awaitable[Reply]], ...] = attrs.field(
        init=False, eq=False, repr=False
    )

    @_steps.default
    def _the_steps(self) -> tuple[Callable[[IncomingCall, ServeNext], Awaitable[Reply]], ...]:
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
        self,
        call: Call,
        context: CallContext,
        method: Method,
        work: Work,
        *,
        failed: Failed,
        is_cancellation: Callable[[BaseException], bool],
        most: int,
    ) -> Reply:
        """Run a call; it raises nothing but what cancels it.

        Args:
            call: the call.
            context: what its handler sees of it.
            method: the method.
            work: runs the handler.
            failed: tells what becomes of errors.
            is_cancellation: whether an error is the cancellation of the running task.
            most: bytes of the largest payload.
        """
        passage = Passage(
            self._steps,
            IncomingCall,
            partial(_handle, context, work, most),
            passes=is_cancellation,
            failed=partial(_raised, failed, method.key, context),
            most=most,
        )
        life = method.life
        if life is not None:
            life.enter()
            context.state = life.state
        try:
            reply = await passage.begin(IncomingCall(call, context))
        finally:
            passage.end()
            context.has_ended = True
            if life is not None:
                life.leave()
        if not context.has_started and is_discovery(reply) and reply is not passage.given:
            # It is an answer, and does not say that the method is not here.
            reply.executed = Executed.YES
        return reply


async def _handle(context: CallContext, work: Work, most: int, seen: IncomingCall) -> Reply:
    """Run the handler itself."""
    call = seen._call  # noqa: SLF001  # middleware is not to see it
    size = len(call.payload.value)
    if size > most:
        return Reply.refused(PayloadTooLargeError.of(size, most))
    context.goes_on_as(call)
    reply = await work(call)
    if not context.is_cancelled:
        # What is around the handler may make calls too.
        context.has_ended = False
    return reply


def _raised(
    failed: Failed,
    key: MethodKey,
    context: CallContext,
    passage: "Passage[IncomingCall]",
    error: BaseException,
) -> Reply:
    """The outcome where middleware has raised something: as of a handler, but for whether one has run."""
    reply = failed(key, error, context)
    if context.has_started or passage.given is not None or reply.status.code == HandlerError.code:
        return reply
    executed = attribute_of(error, "executed")
    if isinstance(executed, Executed) and executed is not Executed.YES:
        reply.executed, reply.handled_by = executed, ""
    return reply
