"""The transport that carries calls over gRPC."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

import grpc

from collector_mesh.adapters.grpc.bearer import TokenSource, check_token_way
from collector_mesh.adapters.grpc.channels import channel_options, check_plaintext, open_channel
from collector_mesh.adapters.grpc.forks import check_not_forked
from collector_mesh.adapters.grpc.link_stream import DialedStream
from collector_mesh.adapters.grpc.listener import Listening
from collector_mesh.adapters.grpc.probes import Probes
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.adapters.grpc.unary_link import GrpcUnaryLink
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.transport import Listener, Transport

if TYPE_CHECKING:
    from collector_mesh.domain.registry_door import RegistryDoor


class GrpcTransport:
    """Dials and listens with grpc.

    Args:
        clock: the time.
        tls: certificates; without them plaintext is used, and only on this machine.
        insecure: whether plaintext may leave this machine.
        advertise: HOST:PORT that others dial instead of what is listened on; port 0 stands for the
            real one.
        reflection: whether the server tells which services it has.
        gateway: whether the server takes calls for any method that the mesh has.
        registry: what the server offers as a registry, if it is one.
        max_payload_bytes: largest payload of a call.
        keepalive_interval: seconds between two pings.
        dial_timeout: seconds that one attempt to connect may take.
        host_name: the name that an address was found by, if it was: certificates are checked against that.
        token: gives the bearer token that is shown to whoever is dialed, None for none.

    Raises:
        RuntimeError: this process was forked from one that has used grpc.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        tls: Tls | None,
        insecure: bool,
        advertise: str | None,
        reflection: bool,
        gateway: bool = True,
        registry: "RegistryDoor | None" = None,
        max_payload_bytes: int,
        keepalive_interval: float,
        dial_timeout: float = 5.0,
        host_name: Callable[[str], str | None] | None = None,
        token: TokenSource | None = None,
    ) -> None:
        check_not_forked()
        self._clock = clock
        self._tls = tls
        self._insecure = insecure
        self._token = token
        self._max_payload_bytes = max_payload_bytes
        self._keepalive_interval = keepalive_interval
        self._dial_timeout = dial_timeout
        self._host_name = host_name or _nameless
        self._probes = Probes(tls, clock.now, self._host_name)
        self._listening = Listening(
            tls=tls,
            insecure=insecure,
            advertise=advertise,
            reflection=reflection,
            gateway=gateway,
            registry=registry,
            max_payload_bytes=max_payload_bytes,
            keepalive_interval=keepalive_interval,
        )

    def open(self) -> AbstractAsyncContextManager[None]:
        """See the port; channels and servers need nothing."""
        return nullcontext()

    def is_local(self, address: str) -> bool:
        """See the port; local are loopback addresses."""
        return HostPort.parse(address).is_loopback

    def check_address(self, address: str) -> None:
        """See the port; an address here is HOST:PORT with a port from 1, and plaintext stays on this machine."""
        parsed = HostPort.parse(address)
        if parsed.port == 0:
            raise InvalidCallError(f"address must have a port from 1 to 65535, got {address!r}")
        check_plaintext(parsed, self._tls, insecure=self._insecure)
        if self._token is not None:
            check_token_way(parsed, has_tls=self._tls is not None)

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        """See the port; port 0 takes a free one."""
        return self._listening.listen(address, gateway)

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """See the port."""
        channel = self._channel(address, has_link=True)
        return DialedStream(address, channel, self._probes, is_patient=is_patient)

    def unary(self, address: str) -> UnaryLink:
        """See the port."""
        return GrpcUnaryLink(address, self._channel(address, has_link=False), self._clock)

    def _channel(self, address: str, *, has_link: bool) -> grpc.aio.Channel:
        self.check_address(address)
        options = channel_options(
            max_payload_bytes=self._max_payload_bytes,
            keepalive_interval=self._keepalive_interval,
            dial_timeout=self._dial_timeout,
            has_link=has_link,
        )
        return open_channel(
            HostPort.parse(address),
            self._tls,
            insecure=self._insecure,
            options=options,
            host_name=self._host_name(address),
            token=self._token,
        )


def _nameless(_address: str) -> str | None:
    return None


if TYPE_CHECKING:
    _transport_fits: type[Transport] = GrpcTransport
