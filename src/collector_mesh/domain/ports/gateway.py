"""Port: takes what has arrived over a transport."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from collector_mesh.domain.model.call import NO_HINTS
from collector_mesh.domain.model.events import Event
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Metadata, Reply
from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.inspector import Inspector
from collector_mesh.domain.ports.placing import Placing
from collector_mesh.domain.ports.reflecting import Reflecting
from collector_mesh.domain.ports.served import Served


class Gateway(Protocol):
    """The collector as a transport sees it. It always answers: it raises nothing but a cancellation.

    `timeout` is the time that the call has left, in seconds, `math.inf` for no limit, and None if
    the caller has set none. Names come as they arrived, unchecked.
    """

    collector_id: str
    """The id of the collector."""

    def identify(self, identity: Identity | None, headers: Metadata) -> tuple[Identity | None, Metadata]:
        """Who sends a request, and the headers of the request without the bearer token that was looked at for that.

        Args:
            identity: what the transport has proved.
            headers: as they have come.
        """
        ...

    def on_ready(self, callback: Callable[[], None]) -> None:
        """Call something once, when whoever asks for the health may hear that calls are taken; at once if that is so."""
        ...

    def tell(self, event: Event) -> None:
        """Report an event at the place where the transport listens."""
        ...

    def unreachable(self, address: str, reason: str) -> None:
        """No program can connect at an address any more, and the transport cannot mend it; called once."""
        ...

    def accept(self, stream: FrameStream) -> None:
        """Take a stream that another program has opened; the collector reads and writes it until it is closed."""
        ...

    @property
    def inspector(self) -> Inspector:
        """Answers people and programs that look at the collector."""
        ...

    @property
    def placing(self) -> Placing:
        """Says where calls are meant to go that name a service and a method only."""
        ...

    @property
    def reflecting(self) -> Reflecting:
        """Shows which services can be called, and what their messages look like."""
        ...

    @property
    def served(self) -> Served:
        """Tells which services run here."""
        ...

    async def connect(self, offer: Offer) -> Welcome:
        """Answer a collector without links that introduces itself."""
        ...

    async def serve(
        self,
        key: MethodKey,
        payload: Payload,
        *,
        timeout: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] = (),
        idempotency_key: str = "",
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
        idempotency_key: str = "",
        identity: Identity | None = None,
        address: str = "",
    ) -> Reply:
        """Find a collector that runs a call."""
        ...

    async def forward(
        self,
        key: MethodKey,
        payload: Payload,
        *,
        timeout: float | None,
        target: str,
        metadata: Iterable[tuple[str, str | bytes]],
        idempotency_key: str = "",
        identity: Identity | None,
        address: str,
    ) -> Reply:
        """As `dispatch`, for a program that may not know of the mesh: what it was not told is in the message."""
        ...
