"""The transport that carries calls over gRPC."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from collector_mesh.adapters.grpc.channels import (
    channel_options,
    check_plaintext,
    open_channel,
    server_options,
)
from collector_mesh.adapters.grpc.inspect_service import InspectService
from collector_mesh.adapters.grpc.link_stream import DialedStream, LinkService
from collector_mesh.adapters.grpc.servicers import DispatcherService
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.adapters.grpc.unary_link import SERVICE, GrpcUnaryLink
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError, ListenError
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.transport import Listener, Transport

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


class GrpcTransport:
    """Dials and listens with grpc.

    Args:
        clock: the time.
        tls: certificates; without them plaintext is used, and only on this machine.
        insecure: whether plaintext may leave this machine.
        advertise: HOST:PORT that others dial instead of what is listened on; port 0 stands for the
            real one.
        reflection: whether the server tells which services it has.
        max_payload_bytes: largest payload of a call.
        keepalive_interval: seconds between two pings.
    """

    leaves_process = True

    def __init__(
        self,
        *,
        clock: Clock,
        tls: Tls | None,
        insecure: bool,
        advertise: str | None,
        reflection: bool,
        max_payload_bytes: int,
        keepalive_interval: float,
    ) -> None:
        self._clock = clock
        self._tls = tls
        self._insecure = insecure
        self._advertise = advertise
        self._reflection = reflection
        self._max_payload_bytes = max_payload_bytes
        self._keepalive_interval = keepalive_interval

    def check_address(self, address: str) -> None:
        """See the port; an address here is HOST:PORT with a port from 1, and plaintext stays on this machine."""
        parsed = HostPort.parse(address)
        if parsed.port == 0:
            raise InvalidCallError(f"address must have a port from 1 to 65535, got {address!r}")
        check_plaintext(parsed, self._tls, insecure=self._insecure)

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        """See the port; port 0 takes a free one."""
        return self._listen(address, gateway)

    @asynccontextmanager
    async def _listen(self, address: str, gateway: Gateway) -> AsyncIterator[Listener]:
        asked = HostPort.parse(address, field="listen")
        advertised = self._advertised(asked)
        check_plaintext(asked, self._tls, insecure=self._insecure)
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

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """See the port."""
        return DialedStream(address, self._channel(address, has_link=True), is_patient=is_patient)

    def open(self, address: str) -> UnaryLink:
        """See the port."""
        return GrpcUnaryLink(address, self._channel(address, has_link=False), self._clock)

    def _channel(self, address: str, *, has_link: bool) -> grpc.aio.Channel:
        self.check_address(address)
        options = channel_options(
            max_payload_bytes=self._max_payload_bytes,
            keepalive_interval=self._keepalive_interval,
            has_link=has_link,
        )
        return open_channel(HostPort.parse(address), self._tls, insecure=self._insecure, options=options)

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
    _transport_fits: type[Transport] = GrpcTransport
    _listener_fits: type[Listener] = GrpcListener
