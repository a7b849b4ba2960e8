"""Server interceptors: each call goes through them to its handler."""

from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import grpc

from collector_mesh.adapters.servicers.callers import invocation_metadata
from collector_mesh.adapters.servicers.messages import input_of, parsed
from collector_mesh.adapters.servicers.offered import behavior_of, kind
from collector_mesh.adapters.servicers.running import Around, Runner, is_async
from collector_mesh.adapters.wire.grpc_codes import Code, chosen_error
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import kind_of
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.typed_payload import value_of


class _Details(NamedTuple):
    method: str
    invocation_metadata: Any


class CallDetails(_Details, grpc.HandlerCallDetails):
    """What interceptors are told of a call: the path of its method, and its metadata."""


class Own(NamedTuple):
    """A handler of a servicer, and what is known of it.

    Attributes:
        handler: the handler.
        path: of its method, `/package.Service/Method`.
        takes: the full name of the messages that it takes; None where it is not known.
        gives: the same of those that it gives.
    """

    handler: Any
    path: str
    takes: str | None
    gives: str | None


class Chain:
    """Interceptors around the handlers of a mount. They may answer themselves, or give another handler.

    Args:
        interceptors: in the order in which calls meet them; all of them for asyncio, or none.
        handlers: those of the mount; interceptors may ask for another one than that of the call.
        around: of the collector.
    """

    def __init__(self, interceptors: Sequence[Any], handlers: Iterable[Own], around: Around) -> None:
        self._interceptors = interceptors
        self._by_path = {own.path: own for own in handlers}
        self._around = around

    async def run_async(self, own: Own, payload: Payload, call: CallContext) -> Payload:
        """Run a call where the interceptors are for asyncio: in the event loop."""
        handler = await self._next(0, self._details(own, call))
        runner, request = self._read(own, handler, payload)
        if is_async(handler):
            return await runner.run_async(request, call)
        result = await self._around.in_thread(partial(runner.run_plain, request, call))
        return result if isinstance(result, Payload) else await result

    def run_plain(self, own: Own, payload: Payload, call: CallContext) -> "Payload | Awaitable[Payload]":
        """Run a call where they are not: in a thread. Gives what is to be awaited where the handler is async."""
        handler = self._next_plain(0, self._details(own, call))
        runner, request = self._read(own, handler, payload)
        return runner.run_async(request, call) if is_async(handler) else runner.run_plain(request, call)

    async def _next(self, index: int, details: grpc.HandlerCallDetails) -> Any:
        if index == len(self._interceptors):
            return self._found(details)
        return await self._interceptors[index].intercept_service(partial(self._next, index + 1), details)

    def _next_plain(self, index: int, details: grpc.HandlerCallDetails) -> Any:
        if index == len(self._interceptors):
            return self._found(details)
        return self._interceptors[index].intercept_service(partial(self._next_plain, index + 1), details)

    def _details(self, own: Own, call: CallContext) -> CallDetails:
        return CallDetails(own.path, invocation_metadata(call))

    def _found(self, details: Any) -> Any:
        own = self._by_path.get(details.method)
        return None if own is None else own.handler

    def _read(self, called: Own, handler: Any, payload: Payload) -> tuple[Runner, Any]:
        """What runs the handler, and the request as it takes it.

        Raises:
            MeshError: there is no handler, or the payload is not what it takes.
            TypeError: it is none.
        """
        if handler is None:
            raise chosen_error(Code.UNIMPLEMENTED, "Method not found!")
        if not hasattr(handler, "request_deserializer") or not callable(behavior_of(handler)):
            raise TypeError(f"an interceptor has given {kind_of(handler)}, expected a grpc.RpcMethodHandler")
        if (its_kind := kind(handler)) != "unary":
            raise chosen_error(
                Code.UNIMPLEMENTED,
                f"an interceptor has given a handler of the kind {its_kind} for a unary call",
            )
        # Methods may share a handler: that of the call comes first.
        known = (called, *self._by_path.values())
        own = next((own for own in known if own.handler is handler), None)
        takes, gives = (own.takes, own.gives) if own is not None else (input_of(handler), None)
        return Runner(handler, gives, self._around), parsed(value_of(payload, takes), handler, takes)
