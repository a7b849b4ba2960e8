"""A collector in a simulation: production's own, on a simulated host."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Self, TypeVar

from dependency_injector import providers

from collector_mesh.adapters.simulated.host import HOST, Host
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.adapters.simulated.network import SimulatedNetwork, SimulatedTransport
from collector_mesh.adapters.simulated.parts import HostClock, HostTasks, SeededRandomness
from collector_mesh.adapters.simulated.pump import SimulatedPump
from collector_mesh.adapters.simulated.trace import Trace
from collector_mesh.app.calls import Metadata
from collector_mesh.app.collector import Collector
from collector_mesh.app.container import CollectorContainer
from collector_mesh.app.options import Options
from collector_mesh.app.settings import Settings
from collector_mesh.app.simulation.identity import KnownCalls, WatchedHandlers
from collector_mesh.app.simulation.watch import Watch
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.model.events import Event, PeerConnected, PeerForgotten, PeerLost
from collector_mesh.domain.model.payload import Message, Payload
from collector_mesh.domain.model.snapshot import ConnectionInfo
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.observer import Observer

T = TypeVar("T")

_BEGUN: contextvars.ContextVar[list[int]] = contextvars.ContextVar("collector_mesh_begun")
"""Where the number of the call goes that is being made."""


class TracingObserver:
    """Takes every event down in the trace, and passes it on."""

    def __init__(self, trace: Trace, watch: Watch, observer: Observer | None) -> None:
        self._trace = trace
        self._watch = watch
        self._observer = observer

    def tell(self, event: Event) -> None:
        """See the port."""
        self._trace.note("event", repr(event))
        if isinstance(event, PeerConnected | PeerLost | PeerForgotten):
            self._watch.link(event.collector_id, event.peer, is_up=isinstance(event, PeerConnected))
        if self._observer is not None:
            self._observer.tell(event)


class SimulatedCollector(Collector):
    """A collector whose calls are made on its host, wherever they are asked for."""

    def __init__(
        self,
        host: Host,
        network: SimulatedNetwork,
        loop: SimulatedLoop,
        watch: Watch,
        seed: str,
        options: dict[str, Any],
    ) -> None:
        self.host = host
        self._virtual = loop
        self._watch = watch
        self._seed = seed
        self.wanted: dict[str, None] = {}
        """Ids of those that it keeps connected."""
        observer = TracingObserver(network.trace, watch, options.pop("observer", None))
        super().__init__(
            host.host_id, transport=SimulatedTransport(network, host), observer=observer, **options
        )
        self.wanted.update(dict.fromkeys(self._peers))

    def _build(self, options: Options, settings: Settings) -> CollectorContainer:
        parts = super()._build(options, settings)
        host = self.host
        clock = HostClock(self._virtual, host)
        parts.clock.override(providers.Object(clock))
        parts.dice.override(providers.Object(SeededRandomness(self._seed)))
        parts.pump.override(providers.Object(SimulatedPump(clock, host)))
        tasks = HostTasks(clock, host, max_threads=settings.max_threads)
        parts.tasks.override(providers.Object(tasks))
        parts.handlers.override(providers.Object(WatchedHandlers(host, self._watch)))
        return parts

    async def __aenter__(self) -> Self:
        """See `Collector`."""
        await super().__aenter__()
        self._calls = KnownCalls(self.container.clock(), self.container.policies(), self._begun)
        return self

    def _begun(self, call: Call) -> int:
        number = self._watch.begun(self.host, call)
        _BEGUN.get().append(number)
        return number

    async def on_host(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done on the host, and wait for it.

        Raises:
            UnavailableError: the host is down, or goes down meanwhile.
        """
        host = self.host
        if host.is_down:
            work.close()
            raise UnavailableError(f"collector '{host.host_id}' has crashed")
        outcome: asyncio.Future[T] = self._virtual.create_future()
        host.outcomes[outcome] = None
        task = self._virtual.create_task(work, context=host.context())

        def ended(task: asyncio.Task[T]) -> None:
            host.outcomes.pop(outcome, None)
            if outcome.done():
                return
            if task.cancelled():
                outcome.cancel()
            elif (error := task.exception()) is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(task.result())

        task.add_done_callback(ended)
        try:
            return await outcome
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def dispatch(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | None = None,
        *,
        target: str = "",
        timeout: float | None = None,
        hints: Mapping[str, str] | None = None,
        metadata: Metadata = (),
        idempotent: bool | None = None,
    ) -> Reply:
        """See `Collector`; a call of the scenario is made on the host."""
        work = partial(
            super().dispatch,
            namespace,
            service,
            method,
            request,
            target=target,
            timeout=timeout,
            hints=hints,
            metadata=metadata,
            idempotent=idempotent,
        )
        begun: list[int] = []
        watched = self._watched(work, begun)
        if HOST.get() is self.host:
            return await watched
        try:
            return await self.on_host(watched)
        except UnavailableError as error:
            reply = Reply.refused(error)
            if begun:
                self._watch.ended(begun[0], reply)
            return reply

    async def _watched(self, work: Callable[[], Coroutine[Any, Any, Reply]], begun: list[int]) -> Reply:
        """Make a call, and tell of its end; its number is put into `begun`."""
        _BEGUN.set(begun)
        try:
            reply = await work()
        except asyncio.CancelledError:
            if begun:
                self._watch.ended(begun[0], None)
            raise
        if begun:
            self._watch.ended(begun[0], reply)
        return reply

    async def connect(self, address: str, *, timeout: float = 5.0) -> ConnectionInfo:
        """See `Collector`."""
        self.wanted[address] = None
        return await self.on_host(super().connect(address, timeout=timeout))

    async def disconnect(self, peer_id: str) -> None:
        """See `Collector`."""
        self.wanted.pop(peer_id, None)
        await self.on_host(super().disconnect(peer_id))
