"""Runs the methods of servicers: async ones in the event loop, others in threads."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeVar

from collector_mesh.adapters.servicers.aio_context import AioContext
from collector_mesh.adapters.servicers.messages import writer
from collector_mesh.adapters.servicers.offered import behavior_of
from collector_mesh.adapters.servicers.rpc import Failures, Rpc
from collector_mesh.adapters.servicers.sync_context import SyncContext
from collector_mesh.adapters.wire.grpc_codes import Code, chosen_error
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import HandlerError, is_a
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.serving.failures import ChosenFailure

T = TypeVar("T")


class Around(Failures, Protocol):
    """What running needs of the collector."""

    def is_cancellation(self, error: BaseException) -> bool:
        """Whether an error is the cancellation of the running task, and not one of the servicer's own."""
        ...

    def call_back(self, function: Callable[[], None]) -> None:
        """Have a function called in a thread, where it may wait; it does not raise."""
        ...

    def in_thread(self, function: Callable[[], T]) -> Awaitable[T]:
        """Run a function of the current call in a thread.

        Raises:
            OverloadedError: there is none.
        """
        ...


def is_async(handler: Any) -> bool:
    """Whether a handler calls what gives a coroutine."""
    behavior = behavior_of(handler)
    while is_a(behavior, partial):
        behavior = behavior.func
    return iscoroutinefunction(behavior) or iscoroutinefunction(getattr(type(behavior), "__call__", None))  # noqa: B004  # it is looked at, not asked for


class Runner:
    """Runs one handler.

    Args:
        handler: the handler, of the unary kind.
        gives: the full name of the messages that it gives; None where it is not known.
        around: of the collector.
    """

    __slots__ = ("_around", "_behavior", "_write")

    def __init__(self, handler: Any, gives: str | None, around: Around) -> None:
        self._behavior = behavior_of(handler)
        self._write = writer(handler, gives)
        self._around = around

    async def run_async(self, request: Any, call: CallContext) -> Payload:
        """Run it where it is async; gives its response.

        Raises:
            MeshError: the status that it has chosen.
            BaseException: what it raises.
        """
        rpc = Rpc(call, self._around)
        try:
            response = await self._behavior(request, AioContext(rpc))
            return self._result(rpc, response)
        except BaseException as error:
            if self._stays(rpc, error):
                raise
            raise rpc.failure(error) from error
        finally:
            rpc.end()

    def run_plain(self, request: Any, call: CallContext) -> "Payload | _Rest":
        """Run it where it is not, in a thread; gives its response, or what is to be awaited for it in the event loop.

        Raises:
            MeshError: the status that it has chosen.
            BaseException: what it raises.
        """
        rpc = Rpc(call, self._around)
        call.on_cancel = partial(self._leave, rpc)
        if call.is_cancelled:
            rpc.end()
        is_done = True
        try:
            response = self._behavior(request, SyncContext(rpc))
            if hasattr(type(response), "__await__"):
                is_done = False
                return _Rest(self, rpc, response)
            return self._result(rpc, response)
        except BaseException as error:
            if rpc.has_returned and is_a(error, HandlerError):
                # What grpc's server for threads says; the one for asyncio says UNKNOWN, as the mesh does.
                raise ChosenFailure(error, partial(chosen_error, Code.INTERNAL)) from error
            if self._stays(rpc, error):
                raise
            raise rpc.failure(error) from error
        finally:
            # It leads to all that the call has: nobody has to find that out.
            with suppress(AttributeError):
                del call.on_cancel
            if is_done:
                rpc.end()

    def _leave(self, rpc: Rpc) -> None:
        """Nobody waits for a call in a thread anymore; this is the event loop."""
        if rpc.leave():
            # A callback may wait for what the servicer holds, and that waits for the loop.
            self._around.call_back(rpc.end_aside)

    async def rest(self, rpc: Rpc, response: Awaitable[Any]) -> Payload:
        """The response for what a plain method has given that is to be awaited."""
        try:
            return self._result(rpc, await response)
        except BaseException as error:
            if self._stays(rpc, error):
                raise
            raise rpc.failure(error) from error

    def _stays(self, rpc: Rpc, error: BaseException) -> bool:
        """Whether an error is to be raised as it is."""
        return (
            rpc.has_returned
            or not rpc.survives(error)
            or self._around.is_cancellation(error)
            or is_a(error, KeyboardInterrupt)
        )

    def _result(self, rpc: Rpc, response: Any) -> Payload:
        rpc.has_returned = True
        if rpc.code:
            raise chosen_error(rpc.code, rpc.details)
        return self._write(response)


class _Rest:
    """What a plain function has given that is to be awaited, as a decorated async one does."""

    __slots__ = ("_rest", "_rpc", "_runner")

    def __init__(self, runner: Runner, rpc: Rpc, rest: Any) -> None:
        self._runner = runner
        self._rpc = rpc
        self._rest = rest

    def __await__(self) -> Generator[Any, Any, Payload]:
        try:
            return (yield from self._runner.rest(self._rpc, self._rest).__await__())
        finally:
            self._rpc.end()

    def close(self) -> None:
        """Nobody awaits it."""
        if hasattr(type(self._rest), "close"):
            self._rest.close()
        self._rpc.end()
