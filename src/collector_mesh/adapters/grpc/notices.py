"""What happens where a collector listens, told to the collector."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType

from collector_mesh.adapters.grpc.certificates import Notice
from collector_mesh.domain.model.events import (
    CertificateExpired,
    CertificateRenewed,
    CertificateUnusable,
    Defect,
    Event,
    HandshakeRefused,
    KeyExposed,
    LimitReached,
    ListenerRestored,
)
from collector_mesh.domain.ports.gateway import Gateway

_OF_CERTIFICATES: Mapping[Notice, Callable[[str, str, str], Event]] = MappingProxyType(
    {
        Notice.UNUSABLE: CertificateUnusable,
        Notice.EXPIRED: CertificateExpired,
        Notice.EXPOSED: KeyExposed,
        Notice.RENEWED: CertificateRenewed,
    }
)


class Notices:
    """Tells the gateway, in its loop.

    Args:
        gateway: who is told.
        address: what is listened on, as far as it is known.
    """

    def __init__(self, gateway: Gateway, address: str) -> None:
        self._gateway = gateway
        self._loop = asyncio.get_running_loop()
        self.address = address

    def certificate(self, notice: Notice, text: str) -> None:
        """Something about certificates; called in any thread."""
        event = _OF_CERTIFICATES[notice](self._gateway.collector_id, self.address, text)
        self.in_loop(lambda: self._gateway.tell(event))

    def in_loop(self, work: Callable[[], None]) -> None:
        """Have something done in the loop; called in any thread."""
        # A handshake can outlast the loop by a moment.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work)

    def restored(self, reason: str, seconds: float) -> None:
        """It listens again."""
        self._gateway.tell(
            ListenerRestored(self._gateway.collector_id, self.address, reason, round(seconds, 3))
        )

    def lost(self, reason: str) -> None:
        """It will not listen again."""
        self._gateway.unreachable(self.address, reason)

    def handshake_refused(self, address: str, reason: str) -> None:
        """Somebody has connected for nothing."""
        self._gateway.tell(HandshakeRefused(self._gateway.collector_id, address, reason))

    def defect(self, where: str, error: BaseException) -> None:
        """Something of the mesh itself has raised."""
        self._gateway.tell(Defect(self._gateway.collector_id, where, error))

    def limit(self, limit: str, most: float, address: str) -> None:
        """Somebody was turned away."""
        self._gateway.tell(LimitReached(self._gateway.collector_id, limit, most, address))
