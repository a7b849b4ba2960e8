"""A collector in a simulation: production's own, on a simulated host."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Literal, NoReturn, TypeVar

from dependency_injector import providers

from collector_mesh.adapters.simulated.errors import SimulationError
from collector_mesh.adapters.simulated.host import HOST, Host
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.adapters.simulated.names import SimulatedNames
from collector_mesh.adapters.simulated.network import SimulatedNetwork, SimulatedTransport
from collector_mesh.adapters.simulated.trace import Trace
from collector_mesh.app.arguments import names_argument
from collector_mesh.app.collector import Collector
from collector_mesh.app.container import CollectorContainer
from collector_mesh.app.options import Options
from collector_mesh.app.settings import Settings
from collector_mesh.app.simulation.errands import HostedCall, on_host
from collector_mesh.app.simulation.hosting import put_on_host
from collector_mesh.app.simulation.identity import WatchedDispatcher, WatchedHandlers, WatchedRouter
from collector_mesh.app.simulation.watch import Watch
from collector_mesh.domain.model.caller import Metadata
from collector_mesh.domain.model.errors import OutcomeUnknownError, UnavailableError
from collector_mesh.domain.model.events import Event
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Message, Payload, Plain
from collector_mesh.domain.model.snapshot import ConnectionInfo, State
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.call_starter import Contact, StartedCall
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.later import Later
from collector_mesh.domain.topology.topology import Topology

T = TypeVar("T")


class TracingObserver:
    """Takes every event down in the trace, and passes it on."""

    def __init__(self, trace: Trace, observer: Observer | None) -> None:
        self._trace = trace
        self._observer = observer

    def tell(self, event: Event) -> None:
        """See the port."""
        self._trace.note("event", repr(event))
        if self._observer is not None:
            self._observer.tell(event)


class WatchedTopology(Topology):
    """Tells how each peer is whenever that changes."""

    def __init__(self, policies: Policies, *, later: Later, tell: Callable[[str, str], None]) -> None:
        super().__init__(policies, later=later)
        self._tell = tell

    def put(self, connection: Connection) -> Connection | None:
        """See the base class."""
        replaced = super().put(connection)
        self._tell(connection.peer_id, connection.state)
        return replaced

    def remove(self, peer_id: str) -> Connection | None:
        """See the base class."""
        removed = super().remove(peer_id)
        self._tell(peer_id, "dead")
        return removed

    def set_state(self, connection: Connection, state: State, reason: str, *, now: float) -> None:
        """See the base class."""
        super().set_state(connection, state, reason, now=now)
        self._tell(connection.peer_id, state)


class SimulatedCollector(Collector):
    """A collector whose calls are made on its host, wherever they are asked for."""

    def __init__(
        self,
        host: Host,
        network: SimulatedNetwork,
        loop: SimulatedLoop,
        watch: Watch,
        seed: str,
        checked: bool,  # noqa: FBT001  # there is one caller
        options: dict[str, Any],
        claims: str = "",
    ) -> None:
        self.host = host
        self._virtual = loop
        self._watch = watch
        self._seed = seed
        self._checked = checked
        self.is_impostor = bool(claims)
        self.wanted: dict[str, frozenset[str] | None] = {}
        """Ids of those that it keeps connected, and the only namespaces that they are offered, None for all."""
        self._names = SimulatedNames(network)
        observer = TracingObserver(network.trace, options.pop("observer", None))
        transport = SimulatedTransport(network, host)
        if isinstance(options.get("metrics"), str):
            raise SimulationError("a simulation has no sockets: use metrics=True, and collector_mesh.metrics")
        super().__init__(claims or host.host_id, transport=transport, observer=observer, **options)
        self.wanted.update(dict.fromkeys(self._peers))

    def _build(self, options: Options, settings: Settings) -> CollectorContainer:
        parts = super()._build(options, settings)
        host = self.host
        put_on_host(parts, self._virtual, host, self._seed, max_threads=settings.max_threads)
        parts.names.override(providers.Object(self._names))
        # What the process has of memory is not the seed's to decide.
        parts.resident_bytes.override(providers.Object(0))
        if self._checked:
            parts.handlers.override(providers.Object(WatchedHandlers(host, self._watch)))
            parts.dispatcher.set_provides(WatchedDispatcher)
            parts.dispatcher.add_kwargs(host=host, watch=self._watch)
            parts.router.set_provides(WatchedRouter)
            parts.router.add_kwargs(host=host, watch=self._watch)
            parts.topology.set_provides(WatchedTopology)
            parts.topology.add_kwargs(tell=partial(self._watch.link, host.host_id))
        return parts

    async def on_host(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have something done on the host, and wait for it.

        Raises:
            UnavailableError: the host is down, or goes down meanwhile.
        """
        return await on_host(self._virtual, self.host, work)

    async def dispatch(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        *,
        target: str = "",
        timeout: float | None = None,
        hints: Mapping[str, str] | None = None,
        metadata: Metadata = (),
        idempotent: bool | None = None,
        key: str | None = None,
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
            key=key,
        )
        if HOST.get() is self.host:
            return await work()
        if self.host.is_down:
            return Reply.refused(UnavailableError(f"collector '{self.collector_id}' has crashed"))
        try:
            if self._dispatcher is None:
                # A scenario asks as a program elsewhere would, and not as one that holds the object.
                raise UnavailableError(f"collector '{self.collector_id}' is {self._lifetime.state}")
            return await self.on_host(work)
        except UnavailableError as error:
            # Its host has crashed meanwhile, and has taken along what it knew.
            return Reply.refused(OutcomeUnknownError(f"outcome unknown: {error}"))

    def submit(
        self,
        key: MethodKey,
        payload: Payload,
        answer: Callable[[Reply], None],
        *,
        timeout: float | None = None,
        target: str = "",
        metadata: Metadata = (),
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
    ) -> StartedCall | None:
        """See `Collector`; a call of the scenario is begun on the host."""

        def begin(told: Callable[[Reply], None]) -> StartedCall | None:
            return super(SimulatedCollector, self).submit(
                key,
                payload,
                told,
                timeout=timeout,
                target=target,
                metadata=metadata,
                idempotent=idempotent,
                idempotency_key=idempotency_key,
            )

        if HOST.get() is self.host:
            return begin(answer)
        if self.host.is_down or self._dispatcher is None:
            state = "has crashed" if self.host.is_down else f"is {self._lifetime.state}"
            answer(Reply.refused(UnavailableError(f"collector '{self.collector_id}' {state}")))
            return None
        return HostedCall(self._virtual, self.host, begin, answer, timeout)

    def contact(self, namespace: str, target: str = "", *, connect: bool = False) -> Contact:
        """See `Collector`."""
        if self.host.is_down:
            return Contact.CLOSED
        return super().contact(namespace, target, connect=connect)

    async def begin(self) -> None:
        """Start it, as `async with` does with a `Collector`."""
        await self._begin()

    async def end(self) -> None:
        """End it, as `async with` does."""
        await self._end()

    async def start(self) -> NoReturn:
        """Refuse: `sim.collector` has started it."""
        raise SimulationError(f"collector '{self.collector_id}' is started by its simulation")

    async def stop(self) -> NoReturn:
        """Refuse: `stop` and `crash` end it, or the end of the run."""
        raise SimulationError(
            f"collector '{self.collector_id}' is ended by its simulation: use stop or crash"
        )

    def retire(self) -> None:
        """It was started again, as another object: from now on all its methods raise."""

        def refuse(*_arguments: object, **_options: object) -> NoReturn:
            raise SimulationError(
                f"collector '{self.collector_id}' was started again: use what restart has returned"
            )

        for name in dir(Collector):
            if not name.startswith("_") and callable(getattr(Collector, name)):
                setattr(self, name, refuse)

    async def connect(
        self, address: str, *, namespaces: Iterable[str] | None = None, timeout: float = 5.0
    ) -> ConnectionInfo:
        """See `Collector`."""
        only = None if namespaces is None else names_argument("namespaces", namespaces)
        info = await self.on_host(partial(super().connect, address, namespaces=only, timeout=timeout))
        self.wanted[address] = None if only is None else frozenset(only)
        return info

    async def wait_for(
        self,
        *,
        peers: int | Literal["all"] | Iterable[str] | None = None,
        methods: Iterable[str | tuple[str, str, str]] = (),
        timeout: float = 30.0,
    ) -> None:
        """See `Collector`."""
        await self.on_host(partial(super().wait_for, peers=peers, methods=methods, timeout=timeout))

    async def disconnect(self, peer_id: str) -> None:
        """See `Collector`."""
        await self.on_host(partial(super().disconnect, peer_id))
        self.wanted.pop(peer_id, None)
