"""The listening side: a grpc server that serves one collector."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import grpc

from collector_mesh.adapters.grpc.any_method import AnyMethod
from collector_mesh.adapters.grpc.callers import Callers
from collector_mesh.adapters.grpc.certificates import ServerCertificates
from collector_mesh.adapters.grpc.channels import (
    check_plaintext,
    server_options,
)
from collector_mesh.adapters.grpc.door import Door
from collector_mesh.adapters.grpc.forks import has_used
from collector_mesh.adapters.grpc.guard import Guard
from collector_mesh.adapters.grpc.health import REGISTRY_SERVICES, Health
from collector_mesh.adapters.grpc.inspect_service import InspectService
from collector_mesh.adapters.grpc.link_stream import LinkService
from collector_mesh.adapters.grpc.notices import Notices
from collector_mesh.adapters.grpc.server import LastingServer
from collector_mesh.adapters.grpc.servicers import DispatcherService
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.adapters.grpc.unary_link import SERVICE
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError, ListenError
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.transport import Listener

if TYPE_CHECKING:
    from collector_mesh.domain.registry_door import RegistryDoor

_GRACE = 1.0
"""Seconds for answers that are on their way when a listener ends; the calls have ended before."""

_LOOK_SECONDS = 60.0


class GrpcListener:
    """A grpc server that serves one collector, with its health."""

    def __init__(self, address: str, bound: str, health: Health) -> None:
        self.address = address
        self.bound = bound
        self._health = health

    async def drain(self) -> None:
        """See the port."""
        self._health.drain()


class Listening:
    """How collectors listen with grpc.

    Args:
        tls: certificates; without them plaintext is used, and only on this machine.
        insecure: whether plaintext may leave this machine.
        advertise: HOST:PORT that others dial instead of what is listened on; port 0 stands for the
            real one.
        reflection: whether the server tells which services it has.
        gateway: whether the server takes calls for any method that the mesh has.
        registry: what the server offers as a registry, if it is one.
        max_payload_bytes: largest payload of a call.
        keepalive_interval: seconds between two pings.
    """

    def __init__(
        self,
        *,
        tls: Tls | None,
        insecure: bool,
        advertise: str | None,
        reflection: bool,
        gateway: bool = True,
        registry: "RegistryDoor | None" = None,
        max_payload_bytes: int,
        keepalive_interval: float,
    ) -> None:
        self._tls = tls
        self._insecure = insecure
        self._advertise = advertise
        self._reflection = reflection
        self._gateway = gateway
        self._registry = registry
        self._max_payload_bytes = max_payload_bytes
        self._keepalive_interval = keepalive_interval

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[GrpcListener]:
        """Take calls while the context is open; see the port of transports."""
        return _Listened(lambda: self._open(address, gateway))

    async def _open(self, address: str, gateway: Gateway) -> tuple[GrpcListener, "_Opened"]:
        asked = HostPort.parse(address, field="listen")
        advertised = self._advertised(asked)
        check_plaintext(asked, self._tls, insecure=self._insecure)
        has_used()
        notices = Notices(gateway, str(asked))
        guard = Guard(notices, has_tls=self._tls is not None)
        services = Services(
            gateway,
            guard.door,
            proves_identity=self._tls is not None and self._tls.is_mutual,
            is_local=asked.is_loopback,
            reflection=self._reflection,
            forwards=self._gateway,
            registry=self._registry,
        )
        options = server_options(
            max_payload_bytes=self._max_payload_bytes,
            keepalive_interval=self._keepalive_interval,
        )
        certificates = None
        if self._tls is not None:
            certificates = ServerCertificates(
                self._tls, tell=notices.certificate, on_handshake=guard.shaking_hands
            )

        def make() -> grpc.aio.Server:
            server = grpc.aio.server(options=options)
            server.add_generic_rpc_handlers(services.handlers)
            return server

        async def bind(server: grpc.aio.Server, where: HostPort) -> int:
            return await _bind(server, where, certificates)

        server = LastingServer(make, bind, on_restored=notices.restored, on_lost=notices.lost)
        bound = await server.start(asked)
        notices.address = str(bound)
        guard.is_own = server.is_own
        watching = [asyncio.create_task(guard.watch(bound.port), name=f"guard {bound}")]
        if certificates is not None:
            watching.append(asyncio.create_task(_look_now_and_then(certificates), name="watch certificates"))
        told = str(HostPort(advertised.host, advertised.port or bound.port))
        return GrpcListener(told, str(bound), services.health), _Opened(server, watching)

    def _advertised(self, asked: HostPort) -> HostPort:
        if self._advertise is not None:
            advertised = HostPort.parse(self._advertise, field="advertise")
            if advertised.is_wildcard:
                raise InvalidCallError(
                    f"advertise must be an address that others can dial, got {self._advertise!r}"
                )
            return advertised
        if asked.is_wildcard:
            raise InvalidCallError(
                f"listening on {asked} needs an advertised address (--advertise HOST:PORT):"
                " nobody can dial a wildcard"
            )
        return asked


class _Opened:
    """What a listener has opened."""

    def __init__(self, server: LastingServer, watching: list[asyncio.Task[None]]) -> None:
        self._server = server
        self._watching = watching

    async def close(self) -> None:
        """Close it, also if this is canceled."""
        for task in self._watching:
            task.cancel()
        try:
            await asyncio.wait(self._watching)
        finally:
            await self._server.stop(_GRACE)


class _Listened(AbstractAsyncContextManager[GrpcListener]):
    """A listener while it is open.

    It is no generator: asyncio closes those at the end of its loop, and what is left of a grpc server cannot be awaited
    anymore then, as asyncio has ended the tasks that it is made of; Python 3.11 even crashed on it.
    """

    def __init__(self, open_it: Callable[[], Awaitable[tuple[GrpcListener, _Opened]]]) -> None:
        self._open = open_it
        self._opened: _Opened | None = None

    async def __aenter__(self) -> GrpcListener:
        listener, self._opened = await self._open()
        return listener

    async def __aexit__(self, *_: object) -> None:
        if self._opened is not None:
            await self._opened.close()


class Services:
    """What a collector offers to whoever connects, on whichever server.

    Args:
        gateway: the collector.
        door: what every request passes.
        proves_identity: whether callers show certificates.
        is_local: whether only programs on this machine can connect.
        reflection: whether it is told which services there are.
        forwards: whether calls are taken for any method that the mesh has.
        registry: the registry that is offered, if there is one.
    """

    def __init__(
        self,
        gateway: Gateway,
        door: Door,
        *,
        proves_identity: bool,
        is_local: bool,
        reflection: bool,
        forwards: bool,
        registry: "RegistryDoor | None" = None,
    ) -> None:
        self.health = Health(
            "",
            SERVICE,
            *(REGISTRY_SERVICES if registry is not None else ()),
            served=gateway.served,
            callers=Callers(gateway.identify, proves_identity=proves_identity),
            on_limit=door.on_limit,
        )
        gateway.on_ready(self.health.ready)
        inspect = InspectService(
            gateway.inspector, gateway.identify, proves_identity=proves_identity, is_local=is_local
        )
        self.handlers = [
            DispatcherService(gateway, proves_identity=proves_identity).handler(door),
            LinkService(gateway.accept, gateway.identify, proves_identity=proves_identity).handler(door),
            inspect.handler(door),
            self.health.handler(door),
        ]
        if registry is not None:
            from collector_mesh.adapters.grpc.registry_services import registry_services

            self.handlers += registry_services(registry, door, proves_identity=proves_identity)
        if reflection:
            from collector_mesh.adapters.grpc.reflection import Reflection

            shown = Reflection(
                gateway,
                proves_identity=proves_identity,
                shows_mesh=forwards,
                has_registry=registry is not None,
            )
            self.handlers += shown.handlers(door)
        if forwards:
            # The last one: it takes whatever nobody else has taken.
            self.handlers.append(AnyMethod(gateway, door, proves_identity=proves_identity))


async def _look_now_and_then(certificates: ServerCertificates) -> None:
    """See that the certificate is still good, also where nobody connects."""
    while True:
        await asyncio.to_thread(certificates.look)
        await asyncio.sleep(_LOOK_SECONDS)


async def _bind(server: grpc.aio.Server, where: HostPort, certificates: ServerCertificates | None) -> int:
    def bind() -> int:
        if certificates is None:
            return server.add_insecure_port(str(where.plain))
        return server.add_secure_port(str(where.plain), certificates.credentials())

    try:
        # A name is looked up meanwhile, which can take long.
        port = bind() if where.is_numeric else await asyncio.to_thread(bind)
    except RuntimeError as error:
        raise ListenError(
            f"cannot listen on {where}: it is taken, or not an address of this machine"
        ) from error
    if not port:
        raise ListenError(f"cannot listen on {where}")
    return port


if TYPE_CHECKING:
    _listener_fits: type[Listener] = GrpcListener
