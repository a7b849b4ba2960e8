"""A client in a simulation: production's own, on a simulated host."""

from collections.abc import Callable, Mapping
from functools import partial

from dependency_injector import providers

from collector_mesh.adapters.simulated.host import HOST, Host
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.adapters.simulated.names import SimulatedNames
from collector_mesh.adapters.simulated.network import SimulatedNetwork, SimulatedTransport
from collector_mesh.app.clients.client import MeshClient
from collector_mesh.app.settings import Settings
from collector_mesh.app.simulation.errands import HostedCall, on_host
from collector_mesh.app.simulation.hosting import put_on_host
from collector_mesh.app.simulation.identity import WatchedClientLink
from collector_mesh.app.simulation.watch import Watch
from collector_mesh.domain.model.caller import Metadata
from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Message, Payload, Plain
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.call_starter import StartedCall
from collector_mesh.domain.ports.tracer import Tracer


class SimulatedClient(MeshClient):
    """A client whose calls are made on its host, wherever they are asked for."""

    def __init__(
        self,
        host: Host,
        network: SimulatedNetwork,
        loop: SimulatedLoop,
        watch: Watch,
        seed: str,
        address: str,
        *,
        checked: bool,
        settings: Settings | None,
        tracer: Tracer | None,
    ) -> None:
        super().__init__(
            address, transport=SimulatedTransport(network, host), settings=settings, tracer=tracer
        )
        self.host = host
        self._virtual = loop
        parts = self.container
        put_on_host(parts, loop, host, seed, max_threads=parts.settings().max_threads)
        parts.names.override(providers.Object(SimulatedNames(network)))
        parts.addresses.reset()
        if checked:
            parts.link.set_provides(WatchedClientLink)
            parts.link.add_kwargs(host=host, watch=watch)

    async def start(self) -> None:
        """See `MeshClient`; a simulation ends whatever is left."""
        await on_host(self._virtual, self.host, self._begin)

    async def stop(self) -> None:
        """See `MeshClient`."""
        self._home.check_leaving()
        await on_host(self._virtual, self.host, self._end)

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
        """See `MeshClient`."""
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
        return await on_host(self._virtual, self.host, work)

    async def serve(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        *,
        timeout: float | None = None,
        metadata: Metadata = (),
        key: str | None = None,
    ) -> Reply:
        """See `MeshClient`."""
        work = partial(
            super().serve, namespace, service, method, request, timeout=timeout, metadata=metadata, key=key
        )
        return await on_host(self._virtual, self.host, work)

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
        """See `MeshClient`."""
        self._open_link()

        def begin(told: Callable[[Reply], None]) -> StartedCall | None:
            return super(SimulatedClient, self).submit(
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
        if self.host.is_down:
            answer(Reply.refused(UnavailableError(f"client '{self.host.host_id}' has crashed")))
            return None
        return HostedCall(self._virtual, self.host, begin, answer, timeout)
