"""Port: how collectors reach each other."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink


class Listener(Protocol):
    """A place where a collector takes calls."""

    address: str
    """The address that others dial, with the real port."""

    bound: str
    """The address that it is bound to, with the real port."""

    async def drain(self) -> None:
        """Answer health checks with NOT_SERVING, because the end is near; calls are still taken."""
        ...


class Transport(Protocol):
    """A technology that carries calls between collectors."""

    def open(self) -> AbstractAsyncContextManager[object]:
        """Hold what dialing and listening need, while the context is open: a connection to a broker, for example.

        A collector or client opens the transport first and closes it last. Several may have it open at once.
        """
        ...

    def is_local(self, address: str) -> bool:
        """Whether an address reaches only programs of this machine, or of this process.

        A collector that listens there takes peers that it would not take from elsewhere, and its answers say more.

        Raises:
            InvalidCallError: the address is malformed.
        """
        ...

    def check_address(self, address: str) -> None:
        """Check that an address is of the kind that this transport dials.

        Raises:
            InvalidCallError: it is not; the text says what is allowed.
        """
        ...

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        """Take calls while the context is open; after it, no call is answered.

        Raises:
            InvalidCallError: the address is malformed, or plaintext would leave this machine.
            ListenError: it is taken or cannot be bound; the text names it.
        """
        ...

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """Open a stream to an address; it comes up, or breaks, when it is read.

        Args:
            address: the address.
            is_patient: whether the stream goes on trying while no program listens there, if the transport can;
                otherwise it breaks at once.

        Raises:
            InvalidCallError: the address is malformed, or plaintext would leave this machine.
        """
        ...

    def unary(self, address: str) -> UnaryLink:
        """Make a link to a peer that has no streams; nothing is sent until it is used.

        A transport whose streams never end in `NoLinkError` needs none.

        Raises:
            InvalidCallError: the address is malformed, or plaintext would leave this machine.
        """
        ...
