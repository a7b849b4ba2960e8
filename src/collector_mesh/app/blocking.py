"""The collector for code in other threads: everything that one awaits there, in plain functions that wait."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from collector_mesh.adapters.runtime.bridge import Bridge
from collector_mesh.app.services.offered import Offered
from collector_mesh.app.settings import Settings
from collector_mesh.domain.model.blocking_caller import BlockingCaller
from collector_mesh.domain.model.caller import Metadata
from collector_mesh.domain.model.payload import Message, Payload, Plain
from collector_mesh.domain.model.status import Reply

if TYPE_CHECKING:
    import grpc

    from collector_mesh.app.access.access import Access
    from collector_mesh.app.collector import Collector
    from collector_mesh.app.services.added import Added
    from collector_mesh.app.stub_channels import ClientInterceptor
    from collector_mesh.domain.model.reloaded import Reloaded
    from collector_mesh.domain.model.snapshot import ConnectionInfo, Explanation, Snapshot
    from collector_mesh.domain.policies.access_rules import AccessRules
    from collector_mesh.domain.ports.validator import Validator


class BlockingCollector(BlockingCaller):
    """A collector, for other threads than that of its event loop: `collector.blocking`.

    Where this thread runs for a call, as that of a plain handler does, what is called ends with that call too.

    Every method that waits raises RuntimeError where it is called in a thread that runs an event loop, where the
    collector is not entered, and where its loop has ended; and what the collector's own method raises.

    Args:
        collector: the collector.
        bridge: gives the way into its event loop.
    """

    def __init__(self, collector: "Collector", bridge: Callable[[], Bridge]) -> None:
        self._collector = collector
        self._bridge = bridge

    @property
    def max_payload_bytes(self) -> int:
        """See the base class."""
        return self._collector.max_payload_bytes

    def dispatch(
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
        """See `BlockingCaller.dispatch`."""
        return self._bridge().run(
            partial(
                self._collector.dispatch,
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
        )

    def connect(
        self, address: str, *, namespaces: Iterable[str] | None = None, timeout: float = 5.0
    ) -> "ConnectionInfo":
        """Connect to a collector, and stay connected until `disconnect`; see `Collector.connect`."""
        return self._bridge().run(
            partial(self._collector.connect, address, namespaces=namespaces, timeout=timeout)
        )

    def disconnect(self, peer_id: str) -> None:
        """Forget a peer, and stop dialing it; see `Collector.disconnect`."""
        self._bridge().run(partial(self._collector.disconnect, peer_id))

    def wait_for(
        self,
        *,
        peers: int | Literal["all"] | Iterable[str] | None = None,
        methods: Iterable[str | tuple[str, str, str]] = (),
        timeout: float = 30.0,
    ) -> None:
        """Wait until peers are connected, and methods can be called; see `Collector.wait_for`."""
        self._bridge().run(partial(self._collector.wait_for, peers=peers, methods=methods, timeout=timeout))

    def reload(
        self,
        *,
        settings: Settings | None = None,
        peers: Iterable[str] | None = None,
        access: "Access | AccessRules | None" = None,
    ) -> "Reloaded":
        """Go by another configuration from now on; see `Collector.reload`."""
        return self._bridge().run(
            partial(self._collector.reload, settings=settings, peers=peers, access=access)
        )

    def snapshot(self) -> "Snapshot":
        """Describe what the collector is and knows, at one moment between two turns of its loop."""

        async def look() -> "Snapshot":
            return self._collector.snapshot()

        return self._bridge().run(look)

    def explain(self, namespace: str, service: str, method: str) -> "Explanation":
        """Say where a call would go now, and why; see `Collector.explain`."""

        async def ask() -> "Explanation":
            return self._collector.explain(namespace, service, method)

        return self._bridge().run(ask)

    def sync_channel(
        self,
        namespace: str,
        *,
        target: str = "",
        interceptors: "Iterable[ClientInterceptor]" = (),
    ) -> "grpc.Channel":
        """A channel of gRPC for stubs in other threads; see `Collector.sync_channel`, which any thread may call too."""
        return self._collector.sync_channel(namespace, target=target, interceptors=interceptors)

    def register(
        self,
        namespace: str,
        service: str,
        method: str,
        handler: Callable[..., Any],
        *,
        idempotent: bool = False,
        replace: bool = False,
    ) -> None:
        """Make a function a method of the collector; see `Collector.register`, which any thread may call too."""
        self._collector.register(namespace, service, method, handler, idempotent=idempotent, replace=replace)

    def add_service(self, service: Offered, *, replace: bool = False) -> "Added":
        """Serve a service from now on; see `Collector.add_service`, which any thread may call too.

        It waits for nothing: `result()` of what it gives waits until a lifespan is open.
        """
        return self._collector.add_service(service, replace=replace)

    def mount(
        self,
        namespace: str,
        adder: Callable[[Any, Any], object] | Any,
        servicer: object = None,
        *,
        interceptors: Iterable[Any] = (),
        replace: bool = False,
    ) -> tuple[str, ...]:
        """Serve a servicer of gRPC; see `Collector.mount`, which any thread may call too."""
        return self._collector.mount(namespace, adder, servicer, interceptors=interceptors, replace=replace)

    def remove_service(self, service: Offered | str) -> None:
        """Stop serving a service; see `Collector.remove_service`, which any thread may call too."""
        self._collector.remove_service(service)

    def add_namespace(self, namespace: str) -> None:
        """Become a member of a namespace; see `Collector.add_namespace`, which any thread may call too."""
        self._collector.add_namespace(namespace)

    def remove_namespace(self, namespace: str) -> None:
        """Leave a namespace; see `Collector.remove_namespace`, which any thread may call too."""
        self._collector.remove_namespace(namespace)

    def set_validator(self, validator: "Validator | None") -> None:
        """Set, replace or remove the validator; see `Collector.set_validator`, which any thread may call too."""
        self._collector.set_validator(validator)

    def __repr__(self) -> str:
        return f"{self._collector!r}.blocking"
