"""Networks of collectors, as the contract suite wants them; those of this process."""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self, Unpack

import attrs

from collector_mesh.app.clients.client import MeshClient
from collector_mesh.app.collector import Collector
from collector_mesh.app.settings import Settings
from collector_mesh.app.testing.services import contract_service
from collector_mesh.domain.model.caller import CallOptions
from collector_mesh.domain.model.payload import Message, Payload, Plain
from collector_mesh.domain.model.snapshot import ConnectionInfo, Explanation, Snapshot
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.ports.validator import Validator

ServiceName = tuple[str, str]
"""Namespace and name of a contract service."""


@attrs.frozen(kw_only=True)
class NodeOptions:
    """What a collector of a test is made from."""

    collector_id: str
    namespaces: tuple[str, ...] = ()
    services: tuple[ServiceName, ...] = ()
    peers: tuple[str, ...] = ()
    listen: str | None = None
    settings: Settings = attrs.field(factory=Settings)

    def collector(self, transport: Transport | None) -> Collector:
        """Make the collector."""
        return Collector(
            self.collector_id,
            listen=self.listen,
            namespaces=self.namespaces,
            services=[contract_service(*name) for name in self.services],
            peers=self.peers,
            transport=transport,
            settings=self.settings,
        )


class Node(Protocol):
    """A running collector, wherever it runs. Its methods are those of `Collector`."""

    collector_id: str
    address: str

    async def connect(self, address: str, *, timeout: float = 5.0) -> ConnectionInfo: ...

    async def disconnect(self, peer_id: str) -> None: ...

    async def dispatch(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        **options: Unpack[CallOptions],
    ) -> Reply: ...

    async def snapshot(self) -> Snapshot: ...

    async def explain(self, namespace: str, service: str, method: str) -> Explanation: ...

    async def add_service(self, namespace: str, name: str) -> None:
        """Serve another contract service from now on."""

    async def remove_service(self, namespace: str, name: str) -> None:
        """Serve a contract service no longer."""

    async def set_validator(self, validator: Validator | None) -> None:
        """Set a validator, which must survive pickling, or remove the one that there is."""

    async def stop(self) -> None:
        """Leave the collector's context: it drains and closes."""


class Network(Protocol):
    """Starts collectors that can reach each other; on leaving its context all of them are stopped."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def start(self, options: NodeOptions) -> Node:
        """Start a collector."""

    def client(self, address: str) -> MeshClient:
        """A client of one of the collectors, to be entered."""


class LocalNode:
    """A collector of this process."""

    def __init__(self, collector: Collector, exits: AsyncExitStack) -> None:
        self.collector = collector
        self.collector_id = collector.collector_id
        self.address = collector.address
        self._exits = exits

    async def connect(self, address: str, *, timeout: float = 5.0) -> ConnectionInfo:
        """See `Collector`."""
        return await self.collector.connect(address, timeout=timeout)

    async def disconnect(self, peer_id: str) -> None:
        """See `Collector`."""
        await self.collector.disconnect(peer_id)

    async def dispatch(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        **options: Unpack[CallOptions],
    ) -> Reply:
        """See `Collector`."""
        return await self.collector.dispatch(namespace, service, method, request, **options)

    async def snapshot(self) -> Snapshot:
        """See `Collector`."""
        return self.collector.snapshot()

    async def explain(self, namespace: str, service: str, method: str) -> Explanation:
        """See `Collector`."""
        return self.collector.explain(namespace, service, method)

    async def add_service(self, namespace: str, name: str) -> None:
        """See the protocol."""
        self.collector.add_service(contract_service(namespace, name))

    async def remove_service(self, namespace: str, name: str) -> None:
        """See the protocol."""
        self.collector.remove_service(contract_service(namespace, name))

    async def set_validator(self, validator: Validator | None) -> None:
        """See `Collector`."""
        self.collector.set_validator(validator)

    async def stop(self) -> None:
        """See the protocol."""
        await self._exits.aclose()


class LocalNetwork:
    """Collectors of this process.

    Args:
        transport: what they reach each other over; None for gRPC on 127.0.0.1.
    """

    def __init__(self, transport: Transport | None = None) -> None:
        self._transport = transport
        self._nodes: list[LocalNode] = []

    async def __aenter__(self) -> Self:
        """Nothing is running yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop what is running, the youngest first."""
        for node in reversed(self._nodes):
            await node.stop()

    async def start(self, options: NodeOptions) -> LocalNode:
        """See the protocol."""
        if options.listen is None and self._transport is None:
            options = attrs.evolve(options, listen="127.0.0.1:0")
        exits = AsyncExitStack()
        collector = await exits.enter_async_context(options.collector(self._transport))
        node = LocalNode(collector, exits)
        self._nodes.append(node)
        return node

    def client(self, address: str) -> MeshClient:
        """See the protocol."""
        return MeshClient(address, transport=self._transport)
