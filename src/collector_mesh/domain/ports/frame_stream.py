"""Ports: what carries the frames of a link, and what moves them."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Callable


class StreamBrokenError(Exception):
    """The stream can no longer carry frames; the text says why."""


class NoLinkError(StreamBrokenError):
    """The other end has no links: it gets one request for each call."""


class NobodyListensError(StreamBrokenError):
    """The machine is there and says that no program listens at the address."""


class MalformedFrameError(StreamBrokenError):
    """The received bytes are no frame."""


class UnsendableFrameError(Exception):
    """A frame cannot be encoded, because of its content; the stream is well."""


class FrameStream(Protocol):
    """Carries frames to one other end and back, reliably and in order.

    It is read and written. A stream that needs no tasks for that is a `PushStream` too, and cheaper.

    One task reads and one task writes; neither is cancelled while it does, nor put under a timeout.
    """

    address: str
    """The place of the other end, for people to read."""

    identity: Identity | None
    """What the transport has proved about the other end, or None.

    If this side has dialed, it is known once a frame has been read, if the transport can tell at all.
    """

    async def read(self) -> Frame | None:
        """The next frame; None when the other end has ended the stream, or this one has closed it.

        Raises:
            NoLinkError: the other end does not know of links.
            NobodyListensError: there is no other end.
            MalformedFrameError: the received bytes are no frame.
            StreamBrokenError: the stream is broken.
        """
        ...

    async def write(self, frame: Frame) -> None:
        """Hand a frame to the transport; it may be on its way for a while.

        Raises:
            UnsendableFrameError: it cannot be encoded.
            StreamBrokenError: the stream is broken or closed.
        """
        ...

    async def aclose(self) -> None:
        """End the stream at both ends; everything written before still arrives. Idempotent."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A stream that can tell why nobody has answered, while it still waits."""

    async def trouble(self, seconds: float) -> str:
        """Why nobody has answered so far, in words that follow the address; empty where that is not known.

        It changes nothing, and takes `seconds` at most.
        """
        ...


class StreamEnd(Protocol):
    """The object at this end of a stream that pushes. None of its methods raises."""

    def received(self, frame: Frame) -> None:
        """A frame has come."""
        ...

    def ended(self, error: Exception | None) -> None:
        """No more frames come: the error that `FrameStream.read` would raise, or None where it would give None."""
        ...

    def unsendable(self, frame: Frame, error: Exception) -> None:
        """A frame from `next_frame` cannot be written, and others can; the next one is the last."""
        ...

    def next_frame(self) -> Frame | None:
        """The frame to write now; call it again when the next one can be written, until it gives None, and then after each `wake`."""
        ...


@runtime_checkable
class PushStream(Protocol):
    """Carries frames as a `FrameStream` does, but calls the object at its end instead of being read and written."""

    def open(self, end: StreamEnd) -> None:
        """Begin: from the next turn of the loop on, hand frames to `end` and ask it for frames."""
        ...

    def wake(self) -> None:
        """Ask for the next frame soon, but not before this returns; may be called while it asks."""
        ...

    async def aclose(self) -> None:
        """As `FrameStream.aclose`, and soon; the end is no longer called."""
        ...


class Machine(Protocol):
    """The state machine that speaks over a stream: it decides, the pump moves frames."""

    on_work: "Callable[[], None]"
    """Set by the pump: called when `next_frame` may have a frame."""

    on_over: "Callable[[], None]"
    """Set by the pump: called when `is_over` has become true."""

    @property
    def is_over(self) -> bool:
        """Whether the stream can be closed."""
        ...

    @property
    def owes_credit(self) -> bool:
        """Whether a frame is due just for the credit that it carries, if no other one goes soon."""
        ...

    @property
    def next_tick(self) -> float:
        """When `tick` is due, on the monotonic clock; asked again soon after `on_work`, and after a tick."""
        ...

    def receive(self, frame: Frame, now: float) -> None:
        """Take a frame."""
        ...

    def lost(self, reason: str, *, has_no_link: bool = False, nobody_listens: bool = False) -> None:
        """The stream has ended or is broken; the other end may know no links, or there may be none."""
        ...

    def fail(self, reason: str) -> None:
        """A frame of the other end makes no sense."""
        ...

    def failed(self, error: Exception, unsent: Frame | None = None) -> None:
        """This machine or the stream has raised, which it must not: report it, and end.

        `unsent` is a frame that was handed out and not written.
        """
        ...

    def next_frame(self, now: float, *, with_credit: bool = False) -> Frame | None:
        """The frame to write now, or None."""
        ...

    def tick(self, now: float) -> None:
        """Some time has passed."""
        ...


class Pump(Protocol):
    """Moves frames between a stream and a machine."""

    async def run(self, stream: FrameStream, machine: Machine) -> None:
        """Read and write until the machine is over or the stream has ended; then close the stream."""
        ...
