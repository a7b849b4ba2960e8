"""Registers what a collector serves at a registry elsewhere, while the collector runs."""

from collector_mesh.adapters.grpc.registering import GrpcRegisteringPlace
from collector_mesh.adapters.grpc.remote_registry import RemoteRegistry
from collector_mesh.adapters.wire.descriptors import Descriptors
from collector_mesh.app.options import Options
from collector_mesh.app.registry.offers import ServedOffers
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.serving.registrar import Registrar

_ANSWER_SECONDS = 10.0

_BACKOFF = Backoff(first=0.2, cap=3.0)
"""The registry is for all collectors of a mesh, which must not come together where it returns."""


class Registering:
    """A registrar, and its connection.

    Args:
        options: of the collector.
        handlers: what it serves.
        descriptors: those of what is mounted.
        tasks: run it.
        clock: the time.
        dice: spreads requests.
        observer: told what becomes of it.

    Raises:
        InvalidCallError: plaintext would leave this machine.
    """

    def __init__(
        self,
        options: Options,
        handlers: HandlerRegistry,
        descriptors: Descriptors,
        *,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        observer: Observer,
    ) -> None:
        assert options.register_at is not None  # whoever makes this has looked
        collector_id, address = options.collector_id, options.register_at
        self._handlers = handlers
        registry = RemoteRegistry(
            address,
            tls=options.tls,
            insecure=options.insecure,
            collector_id=collector_id,
            timeout=_ANSWER_SECONDS,
            token=options.token,
        )
        self._place = GrpcRegisteringPlace(registry)
        self._registrar = Registrar(
            collector_id,
            address,
            ServedOffers(handlers, descriptors),
            self._place,
            tasks=tasks,
            clock=clock,
            dice=dice,
            observer=observer,
            backoff=_BACKOFF,
        )

    def start(self) -> None:
        """Begin; nothing waits for it."""
        self._handlers.watchers.append(self._registrar.ring)
        self._registrar.start()

    async def close(self) -> None:
        """End, and close the connection; what is registered stays so."""
        self._handlers.watchers.remove(self._registrar.ring)
        try:
            await self._registrar.close()
        finally:
            await self._place.aclose()
