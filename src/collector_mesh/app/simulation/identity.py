"""Calls that are known again wherever they come to, and handlers that tell of each run."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import attrs

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.domain.dispatcher import Dispatcher
from collector_mesh.domain.handlers import HandlerRegistry, Method
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.payload import Payload, payload_of
from collector_mesh.domain.model.status import Reply


class Known(bytes):
    """A request that says which call it belongs to.

    Frames are not encoded in a simulation, so it comes to the handler as it was sent; one that travels in
    chunks does not, and such a call is not known again.
    """

    number: int


class CallWatch(Protocol):
    """Is told what becomes of calls."""

    def begun(self, host: Host, call: Call) -> int:
        """A call begins; gives its number."""
        ...

    def ended(self, number: int, reply: Reply | None) -> None:
        """A call has ended, or, without a reply, nobody waits for it anymore."""
        ...

    def ran(self, number: int, host: Host, method: Method, call: Call) -> None:
        """A handler begins to run for a call."""
        ...

    def gave(self, number: int, value: bytes) -> None:
        """A handler has given a result."""
        ...

    def belongs(self, collector_id: str, namespace: str, *, joins: bool) -> None:
        """A collector has become a member of a namespace, or has left it."""
        ...


class WatchedDispatcher(Dispatcher):
    """Makes each call that begins at a simulated collector known again, and tells of its end."""

    def __init__(self, *parts: Any, host: Host, watch: CallWatch, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._host = host
        self._watch = watch

    async def dispatch(self, call: Call) -> Reply:
        """See the base class."""
        value = Known(call.payload.value)
        number = value.number = self._watch.begun(self._host, call)
        call.payload = Payload(call.payload.type_url, value)
        try:
            reply = await super().dispatch(call)
        except BaseException:
            self._watch.ended(number, None)
            raise
        self._watch.ended(number, reply)
        return reply


def number_of(call: Call) -> int | None:
    """Which call of the simulation it is, if that is known."""
    return getattr(call.payload.value, "number", None)


class WatchedHandlers(HandlerRegistry):
    """The methods of a simulated collector: they tell of each run, and are slow if their host is to be."""

    def __init__(self, host: Host, watch: CallWatch) -> None:
        self._host = host
        self._watch = watch
        super().__init__()

    def add_namespace(self, namespace: str) -> None:
        """See the base class."""
        super().add_namespace(namespace)
        self._watch.belongs(self._host.host_id, namespace, joins=True)

    def remove_namespace(self, namespace: str) -> None:
        """See the base class."""
        super().remove_namespace(namespace)
        self._watch.belongs(self._host.host_id, namespace, joins=False)

    def register(self, method: Method, *, replace: bool = False) -> None:
        """See the base class."""
        wrap = self._plain if method.blocking else self._async
        super().register(attrs.evolve(method, function=wrap(method)), replace=replace)

    def _async(self, method: Method) -> Callable[[Any, CallContext], Any]:
        host = self._host

        async def watched(request: Any, context: CallContext) -> Any:
            if host.slowness:
                await asyncio.sleep(host.slowness)
            number = self._begins(method, context)
            return self._ends(number, await method.function(_plain(request), context))

        return watched

    def _plain(self, method: Method) -> Callable[[Any, CallContext], Any]:
        def watched(request: Any, context: CallContext) -> Any:
            number = self._begins(method, context)
            return self._ends(number, method.function(_plain(request), context))

        return watched

    def _begins(self, method: Method, context: CallContext) -> int | None:
        call: Call = context._call  # noqa: SLF001  # a handler is not to see it
        number = number_of(call)
        if number is not None:
            self._watch.ran(number, self._host, method, call)
        return number

    def _ends(self, number: int | None, result: Any) -> Any:
        try:
            result = payload_of(result)
        except (MeshError, TypeError):
            return result  # that it cannot be sent is said where it is always said
        if number is not None:
            self._watch.gave(number, result.value)
        return result


def _plain(request: Any) -> Any:
    """The request as a handler has it outside of a simulation."""
    if type(request) is Payload and type(request.value) is Known:
        return Payload(request.type_url, bytes(request.value))
    return request
