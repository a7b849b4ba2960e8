"""Ports: what carries the frames of a link, and what moves them."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Callable


class StreamBrokenError(Exception):
    """The stream cannot carry frames anymore; the text says why."""


class NoLinkError(StreamBrokenError):
    """Whoever is there has no links: it is called with one request for each call."""


class NobodyListensError(StreamBrokenError):
    """The machine is there and says that nobody listens at the address."""


class MalformedFrameError(StreamBrokenError):
    """What has come is no frame."""


class UnsendableFrameError(Exception):
    """A frame cannot be put on a wire, because of something that it holds; the stream is well."""


class FrameStream(Protocol):
    """Carries frames to one other end and back, reliably and in order.

    It is read and written. What needs no tasks for that is a `PushStream` too, and cheaper.

    One task reads and one task writes; neither is cancelled while it does, nor put under a timeout.
    """

    address: str
    """Where the other end is, for people."""

    identity: Identity | None
    """What the transport has proved about the other end, or None.

    Of an end that this side has dialed it is known once a frame has been read, if the transport can tell at all.
    """

    async def read(self) -> Frame | None:
        """The next frame; None when the other end has ended the stream, or this one has closed it.

        Raises:
            NoLinkError: the other end does not know of links.
            NobodyListensError: there is no other end.
            MalformedFrameError: what has come is no frame.
            StreamBrokenError: the stream is broken.
        """
        ...

    async def write(self, frame: Frame) -> None:
        """Give a frame to the transport; it may be on its way for a while.

        Raises:
            UnsendableFrameError: it cannot be encoded.
            StreamBrokenError: the stream is broken or closed.
        """
        ...

    async def aclose(self) -> None:
        """End the stream at both ends; what has been written before still arrives. Idempotent."""
        ...


class StreamEnd(Protocol):
    """Who is at this end of a stream that pushes. None of it raises."""

    def received(self, frame: Frame) -> None:
        """A frame has come."""
        ...

    def ended(self, error: Exception | None) -> None:
        """Nothing comes anymore: what `FrameStream.read` raises, or None where it gives None."""
        ...

    def unsendable(self, frame: Frame, error: Exception) -> None:
        """A frame that was given cannot be written, and others can; what is given next is the last."""
        ...

    def next_frame(self) -> Frame | None:
        """What to write now; to be asked again once that can be, until it gives None, and then after each `wake`."""
        ...


@runtime_checkable
class PushStream(Protocol):
    """Carries frames as a `FrameStream` does, but calls whoever is at its end in place of being read and written."""

    def open(self, end: StreamEnd) -> None:
        """Begin: `end` is given what comes, and asked for what goes, from the next turn of the loop on."""
        ...

    def wake(self) -> None:
        """Ask for the next frame soon, but not before this returns; may be called while it asks."""
        ...

    async def aclose(self) -> None:
        """As `FrameStream.aclose`, and soon; nothing is asked or given anymore."""
        ...


class Machine(Protocol):
    """What speaks over a stream: it decides, the pump moves."""

    on_work: "Callable[[], None]"
    """Set by the pump: called when `next_frame` may have something to give."""

    on_over: "Callable[[], None]"
    """Set by the pump: called when `is_over` has become true."""

    @property
    def is_over(self) -> bool:
        """Whether the stream can be closed."""
        ...

    @property
    def owes_credit(self) -> bool:
        """Whether a frame is due for the credit that it carries, if no other one goes soon."""
        ...

    @property
    def next_tick(self) -> float:
        """When `tick` is due, on the monotonic clock; asked again soon after `on_work`, and after a tick."""
        ...

    def receive(self, frame: Frame, now: float) -> None:
        """Take a frame."""
        ...

    def lost(self, reason: str, *, has_no_link: bool = False, nobody_listens: bool = False) -> None:
        """The stream has ended or is broken; whoever is there may not know of links, or nobody is there."""
        ...

    def fail(self, reason: str) -> None:
        """What has come makes no sense."""
        ...

    def failed(self, error: Exception, unsent: Frame | None = None) -> None:
        """Something has raised that must not, this machine or the stream: tell of it, and end.

        `unsent` is a frame that was given and not written.
        """
        ...

    def next_frame(self, now: float, *, with_credit: bool = False) -> Frame | None:
        """What to write now."""
        ...

    def tick(self, now: float) -> None:
        """Some time has passed."""
        ...


class Pump(Protocol):
    """Moves frames between a stream and a machine."""

    async def run(self, stream: FrameStream, machine: Machine) -> None:
        """Read and write until the machine is over or the stream has ended; then close the stream."""
        ...
