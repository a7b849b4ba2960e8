"""Calls that are known again wherever they come to, and handlers that tell of each run."""

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable
from typing import Any, Protocol

import attrs

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.domain.calls.dispatcher import Dispatcher
from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.payload import MAX_PAYLOAD_BYTES, Payload, payload_of
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.client_link import ClientLink
from collector_mesh.domain.ports.call_starter import StartedCall
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.handlers import HandlerRegistry, Method
from collector_mesh.domain.topology.candidates import Candidate

_NUMBER = "simulated-call"
_LARGE_BYTES = Batching().large_bytes


class Known(bytes):
    """A request that says which call it belongs to.

    It comes to the handler as it was sent, also where frames are encoded on the way; but for one that travels in
    chunks, whose call says it in its metadata.
    """

    number: int


def codec() -> Callable[[Frame], Frame]:
    """What makes of a frame what comes out at the other end of a wire, but for calls that are known again there."""
    from collector_mesh.adapters.wire.link_codec import copied  # only where it is used: it takes long

    def carried(frame: Frame) -> Frame:
        came, sent = copied(frame), frame.calls
        if sent is None or came.calls is None:
            return came
        values = tuple(
            before if type(before) is Known and before == value else value
            for before, value in zip(sent.values, came.calls.values, strict=True)
        )
        return attrs.evolve(came, calls=attrs.evolve(came.calls, values=values))

    return carried


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

    def escaped(self, error: BaseException) -> None:
        """A handler has ended by an error."""
        ...

    def came(self, host: Host, call: Call) -> None:
        """A call has come to a collector, which is to run it or to pass it on."""
        ...

    def chose(self, number: int | None, host: Host, peer_id: str) -> None:
        """A call, if it is known, goes to a peer from here, or to nobody."""
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
        number = _known(call, self._watch.begun(self._host, call))
        try:
            reply = await super().dispatch(call)
        except BaseException:
            self._watch.ended(number, None)
            raise
        self._watch.ended(number, reply)
        return reply

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall | None:
        """See the base class."""
        if call.origin is Origin.LOCAL:
            watched = _WatchedCall(self._watch, _known(call, self._watch.begun(self._host, call)), answer)
            return watched.with_inner(super().submit(call, watched.settle))
        self._watch.came(self._host, call)
        return super().submit(call, answer)


class WatchedClientLink(ClientLink):
    """Makes each call of a simulated client known again, and tells of its end."""

    def __init__(self, *parts: Any, host: Host, watch: CallWatch, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._host = host
        self._watch = watch

    async def serve(self, call: Call) -> Reply:
        """See the base class."""
        return await self._watched(call, super().serve)

    async def dispatch(self, call: Call) -> Reply:
        """See the base class."""
        return await self._watched(call, super().dispatch)

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall:
        """See the base class."""
        watched = _WatchedCall(self._watch, _known(call, self._watch.begun(self._host, call)), answer)
        return watched.with_inner(super().submit(call, watched.settle))

    async def _watched(self, call: Call, send: Callable[[Call], Awaitable[Reply]]) -> Reply:
        number = _known(call, self._watch.begun(self._host, call))
        try:
            reply = await send(call)
        except MeshError as error:
            reply = Reply.refused(error)  # as the client does
        except BaseException:
            self._watch.ended(number, None)
            raise
        self._watch.ended(number, reply)
        return reply


class _WatchedCall:
    """A call that nobody awaits, and of the end of which the watch is told."""

    def __init__(self, watch: CallWatch, number: int, answer: Callable[[Reply], None]) -> None:
        self._watch = watch
        self._number = number
        self._answer = answer
        self._has_ended = False
        self._inner: StartedCall | None = None

    def with_inner(self, inner: StartedCall | None) -> "_WatchedCall":
        """Itself, knowing the call that was begun."""
        self._inner = inner
        return self

    def settle(self, reply: Reply) -> None:
        self._has_ended = True
        self._watch.ended(self._number, reply)
        self._answer(reply)

    def time_remaining(self) -> float:
        return 0.0 if self._inner is None else self._inner.time_remaining()

    def cancel(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._watch.ended(self._number, None)
        if self._inner is not None:
            self._inner.cancel()


def _known(call: Call, number: int) -> int:
    """Have a call say which one it is, wherever it comes to; gives its number."""
    value = Known(call.payload.value)
    value.number = number
    call.payload = Payload(call.payload.type_url, value)
    if len(value) > _LARGE_BYTES:
        call.metadata = (*call.metadata, (_NUMBER, str(number)))
    return number


class WatchedRouter(Router):
    """Tells of each choice."""

    def __init__(self, *parts: Any, host: Host, watch: CallWatch, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._host = host
        self._watch = watch

    def choose(self, call: Call, *, tried: Container[str], now: float, dice: Randomness) -> Candidate | None:
        """See the base class."""
        chosen = super().choose(call, tried=tried, now=now, dice=dice)
        self._watch.chose(number_of(call), self._host, "" if chosen is None else chosen.peer_id)
        return chosen


def number_of(call: Call) -> int | None:
    """Which call of the simulation it is, if that is known."""
    value = call.payload.value
    if type(value) is Known:
        return value.number
    return next((int(number) for key, number in call.metadata if key == _NUMBER), None)


class WatchedHandlers(HandlerRegistry):
    """The methods of a simulated collector: they tell of each run, and are slow if their host is to be."""

    def __init__(self, host: Host, watch: CallWatch) -> None:
        self._host = host
        self._watch = watch
        super().__init__()

    def add(
        self, methods: Iterable[Method] = (), *, namespaces: Iterable[str] = (), replace: bool = False
    ) -> None:
        """See the base class."""
        joined = tuple(namespaces)
        super().add(map(self._watched, methods), namespaces=joined, replace=replace)
        for namespace in joined:
            self._watch.belongs(self._host.host_id, namespace, joins=True)

    def remove_namespace(self, namespace: str) -> None:
        """See the base class."""
        super().remove_namespace(namespace)
        self._watch.belongs(self._host.host_id, namespace, joins=False)

    def _watched(self, method: Method) -> Method:
        wrap = self._plain if method.blocking else self._async
        # What it gives is written here, where it is told, and not once more.
        again = lambda unfit, most: _written(method, unfit.result, most)  # noqa: E731  # it raises what it has raised
        return attrs.evolve(method, function=wrap(method), write=again, may_be_payload=True)

    def _async(self, method: Method) -> Callable[[Any, CallContext], Any]:
        host = self._host

        async def watched(request: Any, context: CallContext) -> Any:
            number = self._begins(method, context)
            try:
                if host.slowness:
                    await asyncio.sleep(host.slowness)
                return self._ends(method, number, await method.function(_plain(request), context))
            except BaseException as error:
                self._watch.escaped(error)
                raise

        return watched

    def _plain(self, method: Method) -> Callable[[Any, CallContext], Any]:
        def watched(request: Any, context: CallContext) -> Any:
            number = self._begins(method, context)
            try:
                result = method.function(_plain(request), context)
                if hasattr(type(result), "__await__"):
                    return self._later(method, number, result)
                return self._ends(method, number, result)
            except BaseException as error:
                self._watch.escaped(error)
                raise

        return watched

    async def _later(self, method: Method, number: int | None, result: Awaitable[Any]) -> Any:
        try:
            return self._ends(method, number, await result)
        except BaseException as error:
            self._watch.escaped(error)
            raise

    def _begins(self, method: Method, context: CallContext) -> int | None:
        call: Call = context._call  # noqa: SLF001  # a handler is not to see it
        number = number_of(call)
        if call.metadata:
            metadata = tuple(pair for pair in call.metadata if pair[0] != _NUMBER)
            context._call = attrs.evolve(call, metadata=metadata)  # noqa: SLF001  # as above
        if number is not None:
            self._watch.ran(number, self._host, method, call)
        return number

    def _ends(self, method: Method, number: int | None, result: Any) -> Any:
        try:
            payload = _written(method, result, MAX_PAYLOAD_BYTES)
        except (MeshError, TypeError):
            return _Unfit(result)  # that it cannot be sent is said where it is always said
        if number is not None:
            self._watch.gave(number, payload.value)
        return payload


class _Unfit:
    """What a handler has given that cannot be sent."""

    __slots__ = ("result",)

    def __init__(self, result: Any) -> None:
        self.result = result


def _written(method: Method, result: Any, most: int) -> Payload:
    """What is sent of a result, as the executor makes it."""
    return (
        payload_of(result)
        if method.may_be_payload and type(result) is Payload
        else method.write(result, most)
    )


def _plain(request: Any) -> Any:
    """The request as a handler has it outside of a simulation."""
    if type(request) is Payload and type(request.value) is Known:
        return Payload(request.type_url, bytes(request.value))
    return request
