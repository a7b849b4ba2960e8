"""Runs the methods of servicers: async ones in the event loop, others in threads."""

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeVar

from collector_mesh.adapters.servicers.aio_context import AioContext
from collector_mesh.adapters.servicers.messages import written
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


async def run_async(
    handler: Any, output: str | None, around: Around, request: Any, call: CallContext
) -> Payload:
    """Run an async handler; gives its response.

    Raises:
        MeshError: the status that it has chosen.
        BaseException: what it raises.
    """
    rpc = Rpc(call, around)
    try:
        return await _awaited(handler, output, around, rpc, behavior_of(handler)(request, AioContext(rpc)))
    finally:
        rpc.end()


async def _awaited(
    handler: Any, output: str | None, around: Around, rpc: Rpc, response: Awaitable[Any]
) -> Payload:
    try:
        result = await response
    except BaseException as error:
        if around.is_cancellation(error) or is_a(error, KeyboardInterrupt):
            raise
        failure = rpc.failure(error)
        if failure is error:
            raise
        raise failure from error
    return _result(handler, output, rpc, result)


def run_plain(
    handler: Any, output: str | None, around: Around, request: Any, call: CallContext
) -> "Payload | _Rest":
    """Run a plain handler, in a thread; gives its response, or what is to be awaited for it in the event loop.

    Raises:
        MeshError: the status that it has chosen.
        BaseException: what it raises.
    """
    rpc = Rpc(call, around)
    call.on_cancel = rpc.end
    if call.is_cancelled:
        rpc.end()
    is_done = True
    try:
        try:
            result = behavior_of(handler)(request, SyncContext(rpc))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            failure = rpc.failure(error)
            if failure is error:
                raise
            raise failure from error
        if hasattr(type(result), "__await__"):
            is_done = False
            return _Rest(rpc, result, partial(_awaited, handler, output, around, rpc))
        try:
            return _result(handler, output, rpc, result)
        except HandlerError as error:
            # What grpc's server for threads says; the one for asyncio says UNKNOWN, as the mesh does.
            raise ChosenFailure(error, partial(chosen_error, Code.INTERNAL)) from error
    finally:
        if is_done:
            rpc.end()


def _result(handler: Any, output: str | None, rpc: Rpc, response: Any) -> Payload:
    chosen = rpc.outcome()
    if chosen is not None:
        raise chosen
    return written(response, handler, output)


class _Rest:
    """What a plain function has given that is to be awaited, as a decorated async one does."""

    __slots__ = ("_go_on", "_rest", "_rpc")

    def __init__(self, rpc: Rpc, rest: Any, go_on: Callable[[Any], Awaitable[Payload]]) -> None:
        self._rpc = rpc
        self._rest = rest
        self._go_on = go_on

    def __await__(self) -> Generator[Any, Any, Payload]:
        try:
            return (yield from self._go_on(self._rest).__await__())
        finally:
            self._rpc.end()

    def close(self) -> None:
        """Nobody awaits it."""
        if hasattr(type(self._rest), "close"):
            self._rest.close()
        self._rpc.end()
