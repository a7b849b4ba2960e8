"""Port: where a transport hands in what has arrived."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from collector_mesh.domain.model.call import NO_HINTS
from collector_mesh.domain.model.events import Event
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.inspector import Inspector


class Gateway(Protocol):
    """The collector as a transport sees it. It always answers: nothing but a cancellation gets out.

    `timeout` is the time that the call has left, in seconds, `math.inf` for no limit, and None where
    the caller has said nothing. Names come as they arrived, unchecked.
    """

    collector_id: str
    """Whose it is."""

    def tell(self, event: Event) -> None:
        """Something has happened where the transport listens that people should hear of."""
        ...

    def unreachable(self, address: str, reason: str) -> None:
        """Nobody can connect at an address anymore, and the transport cannot mend it; told once."""
        ...

    def accept(self, stream: FrameStream) -> None:
        """Somebody has opened a stream; it is read and written until it is closed."""
        ...

    @property
    def inspector(self) -> Inspector:
        """Who answers those that look at the collector."""
        ...

    async def connect(self, offer: Offer) -> Welcome:
        """Somebody who has no links introduces itself."""
        ...

    async def serve(
        self,
        key: MethodKey,
        payload: Payload,
        *,
        timeout: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] = (),
        identity: Identity | None = None,
        address: str = "",
    ) -> Reply:
        """Run a call here and nowhere else; the address is that of the caller, HOST:PORT where it has a host."""
        ...

    async def dispatch(
        self,
        key: MethodKey,
        payload: Payload,
        *,
        timeout: float | None = None,
        target: str = "",
        hints: Mapping[str, str] = NO_HINTS,
        metadata: Iterable[tuple[str, str | bytes]] = (),
        identity: Identity | None = None,
        address: str = "",
    ) -> Reply:
        """Find somebody who runs a call."""
        ...
