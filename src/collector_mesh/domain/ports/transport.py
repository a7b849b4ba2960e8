"""Port: how collectors reach each other."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink


class Listener(Protocol):
    """A place where a collector takes calls."""

    address: str
    """Where others reach it, with the real port."""

    bound: str
    """What it is listening on, with the real port."""

    async def drain(self) -> None:
        """Tell whoever asks for its health that it is about to end; calls are still taken."""
        ...


class Transport(Protocol):
    """A technology that carries calls between collectors."""

    def open(self) -> AbstractAsyncContextManager[object]:
        """Have what dialing and listening need, while the context is open: a connection to a broker, say.

        Whoever uses the transport opens it first and closes it last. Several may have it open at once.
        """
        ...

    def is_local(self, address: str) -> bool:
        """Whether only programs of this machine, or of this process, are reached at an address.

        Whoever listens at such a one takes peers that it would not take from elsewhere, and tells more.

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
        """Take calls while the context is open; on leaving, nobody is answered anymore.

        Raises:
            InvalidCallError: the address is malformed, or plaintext would leave this machine.
            ListenError: it is taken or cannot be bound; the text names it.
        """
        ...

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """Open a stream to whoever listens at an address; it comes up, or breaks, when it is read.

        Args:
            address: where to.
            is_patient: whether it goes on trying while nobody listens, if the transport can; else it
                breaks at once.

        Raises:
            InvalidCallError: the address is malformed, or plaintext would leave this machine.
        """
        ...

    def unary(self, address: str) -> UnaryLink:
        """Make a link to somebody who has no streams; nothing is sent until it is used.

        A transport whose streams never end in `NoLinkError` need not have any.

        Raises:
            InvalidCallError: the address is malformed, or plaintext would leave this machine.
        """
        ...
