"""The collector as its transports see it."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.link.sizes import call_memory
from collector_mesh.domain.model.call import NO_HINTS, Call, Origin
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    NotFoundError,
    OverloadedError,
    clipped,
)
from collector_mesh.domain.model.events import Event, LimitReached, ListenerLost
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Metadata, Reply
from collector_mesh.domain.model.trace_context import NO_TRACE, trace_in
from collector_mesh.domain.peers.greeter import Greeter
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.policies.callers import name_of
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.dispatching import Dispatching
from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.inspector import Inspector
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.placing import Placing
from collector_mesh.domain.ports.reflecting import Reflecting
from collector_mesh.domain.ports.served import Served
from collector_mesh.domain.routing.refusals import with_method
from collector_mesh.domain.serving.executor import Executor


class CollectorGateway:
    """Takes what has arrived over a transport to the part that it is for.

    Args:
        checks: whether a call may go on.
        dispatcher: finds somebody who runs a call.
        executor: runs calls here.
        greeter: answers a unary Connect.
        streams: takes links.
        inspector: answers those that look at the collector.
        placing: gives what says where calls are meant to go that name a service and a method only; each time the same.
        reflecting: gives what shows which services can be called; each time the same.
        served: tells which services run here.
        collector_id: of this collector.
        clock: tells the time.
        policies: how much time a call has that says nothing about it.
        observer: told of limits, and of a listener that is lost.
        root: gives calls a trace context that come without one; None where nobody reads it.
    """

    def __init__(
        self,
        checks: CallChecks,
        dispatcher: Dispatching,
        executor: Executor,
        greeter: Greeter,
        streams: Streams,
        inspector: Inspector,
        placing: Callable[[], Placing],
        reflecting: Callable[[], Reflecting],
        served: Served,
        *,
        collector_id: str,
        clock: Clock,
        policies: Policies,
        observer: Observer,
        root: Callable[[], bytes] | None = None,
    ) -> None:
        self._root = root
        self.collector_id = collector_id
        self.on_unreachable: Callable[[str], None] = lambda _reason: None
        """Called when nobody can connect anymore, with the reason."""
        self.is_ready = True
        """Whether whoever asks for its health is told that it takes calls; see `ready`."""
        self._on_ready: list[Callable[[], None]] = []
        self._observer = observer
        self._checks = checks
        self._dispatcher = dispatcher
        self._executor = executor
        self._greeter = greeter
        self._streams = streams
        self._inspector = inspector
        self._placing = placing
        self._reflecting = reflecting
        self._served = served
        self._clock = clock
        self._policies = policies
        self._holdings = streams.holdings
        self._holdings.of_handlers = lambda: executor.outlived.held_bytes
        streams.take = self.take

    def identify(self, identity: Identity | None, headers: Metadata) -> tuple[Identity | None, Metadata]:
        """See the port."""
        access = self._checks.access
        return access.identify(identity, headers) if access.takes_tokens else (identity, headers)

    def on_ready(self, callback: Callable[[], None]) -> None:
        """See the port."""
        if self.is_ready:
            callback()
        else:
            self._on_ready.append(callback)

    def ready(self) -> None:
        """Whoever asks for its health is told from now on that it takes calls."""
        self.is_ready = True
        callbacks, self._on_ready = self._on_ready, []
        for callback in callbacks:
            callback()

    def tell(self, event: Event) -> None:
        """See the port."""
        self._observer.tell(event)

    def unreachable(self, address: str, reason: str) -> None:
        """See the port."""
        self._observer.tell(ListenerLost(self.collector_id, address, reason))
        self.on_unreachable(reason)

    def accept(self, stream: FrameStream) -> None:
        """See the port."""
        self._streams.accept(stream)

    def take(self, taken: TakenCall) -> None:
        """Run a call that has come over a link."""
        call = taken.call
        if self._root is not None and not call.trace:
            call.trace = self._root()
        if taken.mode == Mode.DISPATCH:
            taken.work = self._dispatcher.submit(call, taken.answer)
            return
        try:
            self._checks.check(call, taken.mode, over_link=True)
        except MeshError as error:
            taken.answer(self._executor.refuse(call, error))
        else:
            taken.work = self._executor.execute(call, taken.answer)

    @property
    def inspector(self) -> Inspector:
        """See the port."""
        return self._inspector

    @property
    def placing(self) -> Placing:
        """See the port."""
        return self._placing()

    @property
    def reflecting(self) -> Reflecting:
        """See the port."""
        return self._reflecting()

    @property
    def served(self) -> Served:
        """See the port."""
        return self._served

    async def connect(self, offer: Offer) -> Welcome:
        """See the port."""
        return await self._greeter.connect(offer)

    async def serve(
        self,
        key: MethodKey,
        payload: Payload,
        *,
        timeout: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] = (),
        idempotency_key: str = "",
        identity: Identity | None = None,
        address: str = "",
    ) -> Reply:
        """See the port."""
        given = tuple(metadata)
        call = Call(
            key,
            payload,
            self._deadline(key, timeout),
            metadata=given,
            origin=Origin.CLIENT,
            identity=identity,
            source=name_of(identity, address),
            trace=self._trace(given),
            idempotency_key=idempotency_key,
        )
        try:
            self._checks.check(call, Mode.SERVE)
            held = self._lend(call, address)
        except MeshError as error:
            return self._executor.refuse(call, error)
        try:
            return await self._executor.run(call)
        finally:
            self._holdings.give_back(call.source, held)

    async def dispatch(
        self,
        key: MethodKey,
        payload: Payload,
        *,
        timeout: float | None = None,
        target: str = "",
        hints: Mapping[str, str] = NO_HINTS,
        metadata: Iterable[tuple[str, str | bytes]] = (),
        idempotency_key: str = "",
        identity: Identity | None = None,
        address: str = "",
    ) -> Reply:
        """See the port."""
        given = tuple(metadata)
        call = Call(
            key,
            payload,
            self._deadline(key, timeout),
            target,
            hints,
            given,
            origin=Origin.CLIENT,
            identity=identity,
            source=name_of(identity, address),
            trace=self._trace(given),
            idempotency_key=idempotency_key,
        )
        try:
            held = self._lend(call, address)
        except MeshError as error:
            return self._dispatcher.refuse(call, error)
        try:
            return await self._dispatcher.dispatch(call)
        finally:
            self._holdings.give_back(call.source, held)

    async def forward(
        self,
        key: MethodKey,
        payload: Payload,
        *,
        timeout: float | None,
        target: str,
        metadata: Iterable[tuple[str, str | bytes]],
        idempotency_key: str = "",
        identity: Identity | None,
        address: str,
    ) -> Reply:
        """See the port."""
        reply = await self.dispatch(
            key,
            payload,
            timeout=timeout,
            target=target,
            metadata=metadata,
            idempotency_key=idempotency_key,
            identity=identity,
            address=address,
        )
        status = reply.status
        if status is OK or reply.executed is Executed.YES:
            return reply
        message = status.message
        if status.code == DeadlineExceededError.code and timeout is None:
            seconds = self._policies.of(key).timeout
            message = f"{message}: the call has no deadline of its own, and {seconds:g} s is the default"
        elif status.code == NotFoundError.code and not target:
            message = with_method(message, key)
        if message is not status.message:
            reply.status = attrs.evolve(status, message=clipped(message))
        return reply

    def _trace(self, metadata: Metadata) -> bytes:
        """The trace context of a request that has no link: as its headers say, else a new one where somebody reads it."""
        told = trace_in(metadata) if metadata else NO_TRACE
        return told if told or self._root is None else self._root()

    def _lend(self, call: Call, address: str) -> int:
        """Count what a request that has no link holds while it is here; gives how much that is."""
        size = call_memory(call)
        try:
            self._holdings.lend(call.source, size)
        except OverloadedError:
            most = self._holdings.budget
            self._observer.tell(LimitReached(self.collector_id, "max_held_bytes", most, address))
            raise
        return size

    def _deadline(self, key: MethodKey, timeout: float | None) -> float:
        return self._clock.now() + (self._policies.of(key).timeout if timeout is None else timeout)


if TYPE_CHECKING:
    _fits: type[Gateway] = CollectorGateway
