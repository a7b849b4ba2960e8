"""The listening side: a grpc server that serves one collector."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from collector_mesh.adapters.grpc.channels import check_plaintext, server_options
from collector_mesh.adapters.grpc.forks import has_used
from collector_mesh.adapters.grpc.inspect_service import InspectService
from collector_mesh.adapters.grpc.link_stream import LinkService
from collector_mesh.adapters.grpc.servicers import DispatcherService
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.adapters.grpc.unary_link import SERVICE
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError, ListenError
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.transport import Listener

_GRACE = 1.0
"""Seconds for answers that are on their way when a listener ends; the calls have ended before."""

_SERVING = health_pb2.HealthCheckResponse.SERVING


class GrpcListener:
    """A grpc server that serves one collector, with its health."""

    def __init__(self, address: str, bound: str, server_health: health.aio.HealthServicer) -> None:
        self.address = address
        self.bound = bound
        self._health = server_health

    async def drain(self) -> None:
        """See the port."""
        await self._health.enter_graceful_shutdown()


class Listening:
    """How collectors listen with grpc.

    Args:
        tls: certificates; without them plaintext is used, and only on this machine.
        insecure: whether plaintext may leave this machine.
        advertise: HOST:PORT that others dial instead of what is listened on; port 0 stands for the
            real one.
        reflection: whether the server tells which services it has.
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
        max_payload_bytes: int,
        keepalive_interval: float,
    ) -> None:
        self._tls = tls
        self._insecure = insecure
        self._advertise = advertise
        self._reflection = reflection
        self._max_payload_bytes = max_payload_bytes
        self._keepalive_interval = keepalive_interval

    @asynccontextmanager
    async def listen(self, address: str, gateway: Gateway) -> AsyncIterator[GrpcListener]:
        """Take calls while the context is open; see the port of transports."""
        asked = HostPort.parse(address, field="listen")
        advertised = self._advertised(asked)
        check_plaintext(asked, self._tls, insecure=self._insecure)
        has_used()
        server = grpc.aio.server(
            options=server_options(
                max_payload_bytes=self._max_payload_bytes,
                keepalive_interval=self._keepalive_interval,
            )
        )
        is_mutual = self._tls is not None and self._tls.is_mutual
        service = DispatcherService(gateway, proves_identity=is_mutual)
        links = LinkService(gateway.accept, proves_identity=is_mutual)
        inspect = InspectService(gateway.inspector, proves_identity=is_mutual, is_local=asked.is_loopback)
        server_health = health.aio.HealthServicer()
        server.add_generic_rpc_handlers((service.handler(), links.handler(), inspect.handler()))
        health_pb2_grpc.add_HealthServicer_to_server(server_health, server)
        if self._reflection:
            from collector_mesh.adapters.grpc.reflection import add_reflection

            add_reflection(server)
        port = self._bind(server, asked)
        try:
            await server_health.set("", _SERVING)
            await server_health.set(SERVICE, _SERVING)
            await server.start()
            yield GrpcListener(
                str(HostPort(advertised.host, advertised.port or port)),
                str(HostPort(asked.host, port)),
                server_health,
            )
        finally:
            await server.stop(_GRACE)

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

    def _bind(self, server: grpc.aio.Server, asked: HostPort) -> int:
        try:
            if self._tls is None:
                port = server.add_insecure_port(str(asked))
            else:
                port = server.add_secure_port(str(asked), self._tls.server_credentials())
        except RuntimeError as error:
            raise ListenError(
                f"cannot listen on {asked}: it is taken, or not an address of this machine"
            ) from error
        if not port:
            raise ListenError(f"cannot listen on {asked}")
        return port


if TYPE_CHECKING:
    _listener_fits: type[Listener] = GrpcListener
