"""A call through a stub that is under way, or has ended."""

import asyncio
import contextvars
import math
from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import grpc
from grpc import aio

from collector_mesh.adapters.stubs.bases import UnaryUnaryCallBase
from collector_mesh.adapters.stubs.method import StubMethod, UnfitRequestError, UnfitResponseError, seconds_of
from collector_mesh.adapters.stubs.outcome import Outcome, cancelled, failed, outcome_of, shown
from collector_mesh.adapters.stubs.owner import check_callback
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.ports.call_starter import CallStarter, StartedCall

Callback = Callable[[Any], object]
_UNREAD: Any = object()


def set_done(future: "asyncio.Future[None]") -> None:
    """Tell whoever awaits a future, if somebody still does."""
    if not future.done():
        future.set_result(None)


def call_back(
    call: Any, callback: Callback, context: contextvars.Context, loop: asyncio.AbstractEventLoop
) -> None:
    """Call something of the user's with a call; what it raises goes to the exception handler of the loop."""
    try:
        context.run(callback, call)
    except Exception as error:  # noqa: BLE001  # a user's; others are called too
        loop.call_exception_handler(
            {"message": f"a done callback of {call!r} has failed", "exception": error}
        )


class UnaryUnaryCall(UnaryUnaryCallBase):
    """A call of one request and one response; it begins where it is made, and takes no task.

    It is told of the reply itself, and reads the response when somebody asks for it.

    Args:
        method: what is called.
        under_way: calls of the channel that have not ended; this one is among them while it has not.
    """

    __slots__ = (
        "_after", "_future", "_loop", "_method", "_outcome", "_reply", "_response", "_started", "_under_way",
        "is_over",
    )  # fmt: skip

    def __init__(self, method: StubMethod, under_way: "dict[Any, None]") -> None:
        # One is made for every call: what few need is made when it is needed.
        self._method = method
        self._under_way = under_way
        self._loop: Any = _get_running_loop()
        self._started: StartedCall | None = None
        self._reply: Reply | None = None
        self._outcome: Outcome | None = None
        self._response = _UNREAD
        self._future: asyncio.Future[None] | None = None
        """What is awaited for the response; whoever leaves it cancels the call."""
        self._after: list[tuple[Callback, contextvars.Context | None]] | None = None
        """Who is told when it has ended; those with a context are the user's."""
        self.is_over = False

    def begin(self, starter: CallStarter, request: Any, timeout: float | None, metadata: Any) -> None:
        """Begin the call.

        Args:
            starter: makes the call.
            request: the request.
            timeout: seconds, negative ones as 0; None for the default of the mesh.
            metadata: of the caller, None for none.

        Raises:
            TypeError: the timeout is no number.
            RuntimeError: whoever makes the calls is not open, or belongs to another event loop.
        """
        method = self._method
        if timeout is not None:
            timeout = seconds_of(timeout)
        try:
            payload = method.payload(request)
            if metadata is None:
                self._started = starter.submit(
                    method.key, payload, self._answered, timeout=timeout, target=method.target
                )
            else:
                target, pairs, idempotency_key = method.routed(metadata)
                self._started = starter.submit(
                    method.key,
                    payload,
                    self._answered,
                    timeout=timeout,
                    target=target,
                    metadata=pairs,
                    idempotency_key=idempotency_key,
                )
        except UnfitRequestError as error:
            self._end(failed(grpc.StatusCode.INTERNAL, str(error)))
        except MeshError as error:
            self._answered(Reply.refused(error))
        else:
            if not self.is_over:
                self._under_way[self] = None

    def __await__(self) -> Generator[Any, None, Any]:
        if not self.is_over:
            future = self._future
            if future is None:
                future = self._future = self._loop.create_future()
            try:
                yield from future
            except asyncio.CancelledError:
                # As with gRPC: whoever stops waiting for the response stops the call, for all who wait.
                self.cancel()
                raise
        response = self._response
        if response is not _UNREAD:
            return response
        outcome = self.outcome()
        if outcome is None:
            return self._response
        if outcome.is_local:
            raise asyncio.CancelledError
        raise outcome.error()

    def outcome(self) -> Outcome | None:
        """How it has ended; None if well, the response is there then."""
        if self._outcome is None and self._response is _UNREAD:
            reply = self._reply
            assert reply is not None  # for the type checker: it has ended, and not here
            if reply.status.code == OK.code:
                try:
                    self._response = self._method.response(reply.payload)
                except UnfitResponseError as error:
                    self._outcome = failed(grpc.StatusCode.INTERNAL, str(error))
            else:
                self._outcome = outcome_of(reply)
        return self._outcome

    def ended(self) -> "asyncio.Future[None]":
        """What is done when it has ended; whoever stops waiting for it does not stop the call."""
        future: asyncio.Future[None] = self._loop.create_future()
        if self.is_over:
            future.set_result(None)
        else:
            self._when_over(lambda _call: set_done(future))
        return future

    async def _ended(self) -> Outcome:
        """Wait until it has ended, and give how."""
        if not self.is_over:
            await self.ended()
        outcome = self.outcome()
        if outcome is None:
            assert self._reply is not None  # for the type checker: it has ended well
            outcome = outcome_of(self._reply)
        return outcome

    def _answered(self, reply: Reply) -> None:
        """It has a reply."""
        if not self.is_over:
            self._reply = reply
            self._finish(self._call_back_soon)

    def _end(self, outcome: Outcome) -> None:
        """It has ended here."""
        self._outcome = outcome
        self._finish(self._call_back)

    def _finish(self, tell_user: Callable[[Callback, contextvars.Context], None]) -> None:
        self.is_over = True
        self._under_way.pop(self, None)
        after = self._after
        if after is not None:
            self._after = None
            for tell, context in after:
                if context is None:
                    tell(self)
                else:
                    tell_user(tell, context)
        future = self._future
        if future is not None and not future.done():
            future.set_result(None)

    def _call_back_soon(self, callback: Callback, context: contextvars.Context) -> None:
        # Not where replies are read: that is the mesh's own, and others wait there.
        with suppress(RuntimeError):  # the loop was closed, and nobody is called there anymore
            self._loop.call_soon(self._call_back, callback, context)

    def _call_back(self, callback: Callback, context: contextvars.Context) -> None:
        call_back(self, callback, context, self._loop)

    def _when_over(self, tell: Callback, context: contextvars.Context | None = None) -> None:
        if self._after is None:
            self._after = []
        self._after.append((tell, context))

    def cancel(self) -> bool:
        """Stop it, and its handler; False if it has ended already."""
        if self.is_over:
            return False
        if self._started is not None:
            self._started.cancel()
        self._end(cancelled())
        return True

    def cancelled(self) -> bool:
        """Whether it has ended with CANCELLED, here or elsewhere."""
        if not self.is_over:
            return False
        outcome = self.outcome()
        return outcome is not None and outcome.code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        """Whether it has ended."""
        return self.is_over

    def add_done_callback(self, callback: Callback) -> None:
        """Have something called with this call when it has ended: at once if it has.

        What it raises then is raised here; later it goes to the exception handler of the event loop.
        """
        check_callback(callback)
        if self.is_over:
            callback(self)
        else:
            self._when_over(callback, contextvars.copy_context())

    def time_remaining(self) -> float | None:
        """Seconds until its time is up; None if it has no limit, or was not sent."""
        if self._started is None:
            return None
        left = self._started.time_remaining()
        return None if left == math.inf else left

    async def initial_metadata(self) -> aio.Metadata:
        """What came before the response; it comes with it."""
        return (await self._ended()).initial

    async def trailing_metadata(self) -> aio.Metadata:
        """What came behind the response."""
        return (await self._ended()).trailing

    async def code(self) -> grpc.StatusCode:
        """The code that it has ended with."""
        return (await self._ended()).code

    async def details(self) -> str:
        """What is said to people of its end."""
        return (await self._ended()).details

    async def debug_error_string(self) -> str:
        """What is known beside code and details: the code of the mesh, whether a handler ran, who was tried."""
        return (await self._ended()).debug

    async def wait_for_connection(self) -> None:
        """Wait until it has ended: it is not known before that somebody has taken it.

        Raises:
            AioRpcError: it has not ended well.
            CancelledError: it was cancelled here.
        """
        outcome = await self._ended()
        if outcome.is_local:
            raise asyncio.CancelledError
        if outcome.code is not grpc.StatusCode.OK:
            raise outcome.error()

    def __repr__(self) -> str:
        return shown(type(self).__name__, self._shown_outcome())

    def _shown_outcome(self) -> Outcome | None:
        if not self.is_over:
            return None
        return self.outcome() or (None if self._reply is None else outcome_of(self._reply))
