"""Calls that are known again wherever they come to, and handlers that tell of each run."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.app.calls import CallFactory, Metadata
from collector_mesh.domain.handlers import HandlerRegistry, Method
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Message, Payload, payload_of

if TYPE_CHECKING:
    from collector_mesh.domain.policies.policy import Policies
    from collector_mesh.domain.ports.clock import Clock


class Known(bytes):
    """A request that says which call it belongs to.

    Frames are not encoded in a simulation, so it comes to the handler as it was sent; one that travels in
    chunks does not, and such a call is not known again.
    """

    number: int


class RunWatch(Protocol):
    """Is told what runs where."""

    def ran(self, number: int, host: Host, method: Method, call: Call) -> None:
        """A handler begins to run for a call."""
        ...

    def gave(self, number: int, value: bytes) -> None:
        """A handler has given a result."""
        ...

    def belongs(self, collector_id: str, namespace: str, *, joins: bool) -> None:
        """A collector has become a member of a namespace, or has left it."""
        ...


class KnownCalls(CallFactory):
    """Makes calls that are known again.

    Args:
        clock: as for `CallFactory`.
        policies: as for `CallFactory`.
        begin: gives the number of a call that begins.
    """

    def __init__(self, clock: "Clock", policies: "Policies", begin: Callable[[Call], int]) -> None:
        super().__init__(clock, policies)
        self._begin = begin

    def make(
        self,
        key: MethodKey,
        request: "Message | Payload | None",
        target: str,
        timeout: float | None,
        hints: Mapping[str, str] | None,
        metadata: Metadata,
        idempotent: bool | None,  # noqa: FBT001  # as in the base class
    ) -> Call:
        """See the base class."""
        call = super().make(key, request, target, timeout, hints, metadata, idempotent)
        value = Known(call.payload.value)
        value.number = self._begin(call)
        call.payload = Payload(call.payload.type_url, value)
        return call


def number_of(call: Call) -> int | None:
    """Which call of the simulation it is, if that is known."""
    return getattr(call.payload.value, "number", None)


class WatchedHandlers(HandlerRegistry):
    """The methods of a simulated collector: they tell of each run, and are slow if their host is to be."""

    def __init__(self, host: Host, watch: RunWatch) -> None:
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
