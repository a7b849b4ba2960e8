"""Calls that go through interceptors: ordinary ones of grpc.aio, around calls of the mesh.

grpc.aio's own chain ends in a call of its own core, so this is another one.
"""

import asyncio
import contextvars
from collections.abc import Generator
from functools import partial
from typing import Any

import attrs
import grpc
from grpc import aio

from collector_mesh.adapters.stubs.answered import AnsweredCall
from collector_mesh.adapters.stubs.bases import UnaryUnaryCallBase
from collector_mesh.adapters.stubs.call import Callback, UnaryUnaryCall, call_back, set_done
from collector_mesh.adapters.stubs.method import StubMethod, key_of, metadata_of
from collector_mesh.adapters.stubs.outcome import Outcome, cancelled, failed, shown
from collector_mesh.adapters.stubs.owner import CallOwner, check_callback, check_credentials, check_open
from collector_mesh.domain.model.errors import InvalidCallError, kind_of, text_of

Interceptors = tuple[aio.UnaryUnaryClientInterceptor, ...]


class InterceptedCall(UnaryUnaryCallBase):
    """A call whose interceptors run in a task of it; when they have ended, it is the call that the outermost has given.

    Args:
        owner: the channel.
        method: what is called.
        interceptors: the outermost first.
        request: the request.
        timeout: seconds, None for the default of the mesh.
        metadata: of the caller, None for none.
        credentials: those of the call.
        wait_for_ready: what the caller says of that; interceptors are told.
    """

    def __init__(
        self,
        owner: CallOwner,
        method: StubMethod,
        interceptors: Interceptors,
        request: Any,
        *,
        timeout: float | None,
        metadata: Any,
        credentials: grpc.CallCredentials | None,
        wait_for_ready: bool | None,
    ) -> None:
        self._owner = owner
        self._method = method
        self._loop = asyncio.get_running_loop()
        self._until = None if timeout is None else self._loop.time() + timeout
        self._begun: list[UnaryUnaryCall] = []
        self._callbacks: list[tuple[Callback, contextvars.Context]] = []
        self._is_over = False

        async def invoke() -> Any:
            details = aio.ClientCallDetails(
                method.path.encode(),  # type: ignore[arg-type]  # it is bytes, as grpc.aio gives it
                timeout,
                _metadata(metadata),
                credentials,
                wait_for_ready,
            )
            return await self._run(interceptors, details, request)

        self._chain = self._loop.create_task(invoke())
        owner.under_way[self] = None
        self._chain.add_done_callback(self._chain_has_ended)

    async def _run(self, interceptors: Interceptors, details: aio.ClientCallDetails, request: Any) -> Any:
        """Have interceptors run, the first of them around the others; gives a call."""
        if not interceptors:
            return self._begin(details, request)
        first, rest = interceptors[0], interceptors[1:]
        given = await first.intercept_unary_unary(partial(self._run, rest), details, request)
        # Anything else is a response: the interceptor around this one is to have a call as well.
        return given if isinstance(given, aio.UnaryUnaryCall) else AnsweredCall(given)

    def _begin(self, details: aio.ClientCallDetails, request: Any) -> UnaryUnaryCall:
        owner, method = self._owner, self._method
        check_open(owner)
        check_credentials(details.credentials)
        key = key_of(method.key.namespace, details.method)
        if key != method.key:
            method = attrs.evolve(method, key=key)
        call = UnaryUnaryCall(method, owner.under_way)
        call.begin(owner.starter, request, details.timeout, details.metadata or None)
        self._begun.append(call)
        return call

    def _chain_has_ended(self, chain: "asyncio.Task[Any]") -> None:
        if chain.cancelled() or chain.exception() is not None:
            # Nobody has what the interceptors have begun.
            for call in self._begun:
                call.cancel()
            self._finish()
        else:
            self._follow(chain.result())
        self._begun.clear()

    def _follow(self, call: Any) -> None:
        """Have ended when a call has, which may be of an interceptor's own class, and unable to tell."""
        try:
            if not call.done():
                call.add_done_callback(lambda _call: self._finish())
                return
        except Exception as error:  # noqa: BLE001  # the interceptor's own
            message = f"nobody can be told of the end of what an interceptor has given, {kind_of(call)}"
            self._loop.call_exception_handler({"message": message, "exception": error})
        self._finish()

    def _finish(self) -> None:
        self._is_over = True
        self._owner.under_way.pop(self, None)
        callbacks, self._callbacks = self._callbacks, []
        for callback, context in callbacks:
            self._loop.call_soon(call_back, self, callback, context, self._loop)

    @property
    def _call(self) -> Any:
        """The call that it has become; None while, or because, there is none."""
        chain = self._chain
        is_there = chain.done() and not chain.cancelled() and chain.exception() is None
        return chain.result() if is_there else None

    def _failure(self) -> Outcome:
        """How it has ended where it has become no call."""
        if self._chain.cancelled():
            return cancelled()
        error = self._chain.exception()
        if isinstance(error, aio.AioRpcError):
            return Outcome(
                error.code(),
                error.details() or "",
                error.initial_metadata() or aio.Metadata(),
                error.trailing_metadata() or aio.Metadata(),
                error.debug_error_string() or "",
            )
        assert error is not None  # for the type checker: it has not ended well
        text = f"an interceptor has raised {type(error).__name__}: {text_of(error)}"
        return failed(grpc.StatusCode.UNKNOWN, text)

    def __await__(self) -> Generator[Any, None, Any]:
        call = yield from self._chain
        return (yield from call.__await__())

    async def _ended(self) -> Any:
        """Wait until the interceptors have ended; whoever stops waiting does not stop them. Gives the call, if there is one."""
        if not self._chain.done():
            await asyncio.wait([self._chain])
        return self._call

    def ended(self) -> "asyncio.Future[None]":
        """What is done when it has ended."""
        future: asyncio.Future[None] = self._loop.create_future()
        if self.done():
            future.set_result(None)
        else:
            self.add_done_callback(lambda _call: set_done(future))
        return future

    def cancel(self) -> bool:
        """Stop it, its interceptors included; False if it has ended already."""
        if not self._chain.done():
            return self._chain.cancel()
        call = self._call
        return call is not None and call.cancel()

    def cancelled(self) -> bool:
        """Whether it has ended with CANCELLED."""
        if not self._chain.done():
            return False
        call = self._call
        if call is not None:
            return bool(call.cancelled())
        return self._failure().code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        """Whether it has ended."""
        if not self._chain.done():
            return False
        call = self._call
        return call is None or call.done()

    def add_done_callback(self, callback: Callback) -> None:
        """Have something called with this call when it has ended: at once if it has."""
        check_callback(callback)
        if self._is_over:
            callback(self)
        else:
            self._callbacks.append((callback, contextvars.copy_context()))

    def time_remaining(self) -> float | None:
        """Seconds until its time is up; None if it has no limit, or none that is known yet."""
        call = self._call
        if call is not None:
            left: float | None = call.time_remaining()
            return left
        return None if self._until is None else max(0.0, self._until - self._loop.time())

    async def initial_metadata(self) -> aio.Metadata:
        """What came before the response."""
        call = await self._ended()
        return self._failure().initial if call is None else await call.initial_metadata()

    async def trailing_metadata(self) -> aio.Metadata:
        """What came behind the response."""
        call = await self._ended()
        return self._failure().trailing if call is None else await call.trailing_metadata()

    async def code(self) -> grpc.StatusCode:
        """The code that it has ended with; UNKNOWN if an interceptor has raised something that has none."""
        call = await self._ended()
        return self._failure().code if call is None else await call.code()

    async def details(self) -> str:
        """What is said to people of its end."""
        call = await self._ended()
        return self._failure().details if call is None else await call.details()

    async def debug_error_string(self) -> str:
        """What is known beside that."""
        call = await self._ended()
        return self._failure().debug if call is None else await call.debug_error_string()

    async def wait_for_connection(self) -> None:
        """Wait until it has ended.

        Raises:
            Exception: what awaiting it raises.
        """
        call = await asyncio.shield(self._chain)
        await call.wait_for_connection()

    def __repr__(self) -> str:
        call = self._call
        if call is not None:
            return f"<{type(self).__name__} of {call!r}>"
        return shown(type(self).__name__, self._failure() if self._chain.done() else None)


def _metadata(given: Any) -> aio.Metadata:
    """What a caller gives for metadata, as interceptors are to have it.

    Raises:
        AioRpcError: it is none.
    """
    if given is None or isinstance(given, aio.Metadata):
        return aio.Metadata() if given is None else given
    try:
        return aio.Metadata(*metadata_of(given))
    except InvalidCallError as error:
        raise failed(grpc.StatusCode.INVALID_ARGUMENT, str(error)).error() from error
