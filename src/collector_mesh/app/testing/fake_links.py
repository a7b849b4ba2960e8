"""Fakes of links, and of what they go over."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, NoReturn

import attrs

from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import InvalidCallError, UnavailableError
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import Carrier
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.ports.frame_stream import FrameStream, Machine, NoLinkError, Pump
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.transport import Listener, Transport

Answer = Callable[[Call], Reply]


def ok(_call: Call) -> Reply:
    """The answer of a peer that has run the call."""
    return Reply(OK)


@attrs.define(eq=False)
class FakeLink:
    """A link whose other side is a function, or nobody.

    Attributes:
        address: where it leads to.
        answer: what the other side answers to a call; an exception is raised.
        welcome: what it answers to Connect; None if nobody is there.
        calls: what was sent.
        offers: the Connects that were sent.
        is_closed: whether it was closed.
    """

    address: str = "peer:1"
    answer: Answer = ok
    welcome: Welcome | None = None
    calls: list[Call] = attrs.field(factory=list)
    offers: list[Offer] = attrs.field(factory=list)
    is_closed: bool = False

    async def connect(self, offer: Offer, *, timeout: float) -> Welcome:
        """See the port."""
        self.offers.append(offer)
        if self.welcome is None:
            raise UnavailableError(f"nobody has answered at {self.address} within {timeout:g} s")
        return self.welcome

    async def serve(self, call: Call) -> Reply:
        """See the port."""
        self.calls.append(call)
        return self.answer(call)

    async def dispatch(self, call: Call) -> Reply:
        """See the port."""
        return await self.serve(call)

    async def aclose(self, *, grace: float = 0.0) -> None:
        """See the port."""
        _ = grace
        self.is_closed = True


@attrs.define(eq=False)
class FakeWay:
    """A way to a peer that settles nothing: calls stay under way."""

    peer_id: str = ""
    carrier: Carrier = "link"
    time: float = 0.0
    round_trip: float | None = None
    has_answered: bool = True
    is_retiring: bool = False
    sent: list[SentCall] = attrs.field(factory=list)
    news: list[Reach] = attrs.field(factory=list)

    @property
    def in_flight(self) -> int:
        """See `Way`."""
        return len(self.sent)

    def send(self, sent: SentCall) -> None:
        """See `Way`."""
        self.sent.append(sent)

    def cancel(self, sent: SentCall) -> None:
        """See `Way`."""
        sent.is_done = True
        self.sent.remove(sent)

    def tell_reach(self, news: Iterable[Reach]) -> None:
        """See `Way`."""
        self.news += news


@attrs.define(eq=False)
class FakeStream:
    """A stream to somebody who does not know of links."""

    address: str
    identity: Identity | None = None

    async def read(self) -> Frame | None:
        """See the port."""
        raise NoLinkError(f"{self.address}: nobody knows of links")

    async def write(self, frame: Frame) -> None:
        """See the port."""
        _ = frame
        raise NoLinkError(f"{self.address}: nobody knows of links")

    async def aclose(self) -> None:
        """See the port."""


class FakePump:
    """A pump for streams whose other end does not know of links."""

    async def run(self, stream: FrameStream, machine: Machine) -> None:
        """See the port."""
        try:
            await stream.read()
        except NoLinkError as error:
            machine.lost(str(error), has_no_link=True)


@attrs.define
class FakeTransport:
    """Links to the addresses in `welcomes`; nobody is anywhere else."""

    welcomes: dict[str, Welcome] = attrs.field(factory=dict)
    links: list[FakeLink] = attrs.field(factory=list)

    def open(self) -> AbstractAsyncContextManager[None]:
        """See the port; it needs nothing."""
        return nullcontext()

    def is_local(self, address: str) -> bool:
        """See the port; everybody is."""
        _ = address
        return True

    def check_address(self, address: str) -> None:
        """See the port; every text with a colon will do."""
        if ":" not in address:
            raise InvalidCallError(f"address must have a colon, got {address!r}")

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        """See the port; nobody listens on a fake."""
        _ = gateway
        return _nobody_listens(address)

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """See the port; nobody has links."""
        _ = is_patient
        return FakeStream(address)

    def unary(self, address: str) -> FakeLink:
        """See the port."""
        link = FakeLink(address, welcome=self.welcomes.get(address))
        self.links.append(link)
        return link

    def __iter__(self) -> Iterator[FakeLink]:
        """The links that were opened."""
        return iter(self.links)


def _nobody_listens(address: str) -> NoReturn:
    raise UnavailableError(f"nobody listens on {address}: this is a fake")


if TYPE_CHECKING:
    _link_fits: type[UnaryLink] = FakeLink
    _way_fits: type[Way] = FakeWay
    _stream_fits: type[FrameStream] = FakeStream
    _pump_fits: type[Pump] = FakePump
    _transport_fits: type[Transport] = FakeTransport
