"""Collectors of one process that reach each other without sockets."""

import asyncio
import contextvars
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from collector_mesh.domain.model.errors import InvalidCallError, ListenError, UnavailableError, quoted
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.frame_stream import (
    FrameStream,
    NobodyListensError,
    PushStream,
    StreamBrokenError,
    StreamEnd,
    UnsendableFrameError,
)
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.transport import Listener, Transport

_ADDRESS = re.compile(r"[A-Za-z0-9._:-]{1,255}")

FRAMES_OF_A_TURN = 6
"""Most frames that are given and taken in one turn of the loop: a catalog or news of others may be very many."""


class LoopbackStream:
    """One end of a stream: what is written here comes out at the other end, the same objects in the same order.

    It pushes, and can be read and written too: by a test that speaks for one end by hand.
    """

    identity: Identity | None = None

    def __init__(self, address: str, *, through_codec: bool) -> None:
        self.address = address
        self.other: LoopbackStream | None = None
        self._through_codec = through_codec
        self._frames: deque[Frame] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._has_ended = False
        self._is_closed = False
        self._end: StreamEnd | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.Context()
        """In which it runs; nothing else does, so that it is never entered twice."""
        self._is_scheduled = False
        self._is_woken = False

    def open(self, end: StreamEnd) -> None:
        """See the port."""
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._schedule()

    def wake(self) -> None:
        """See the port."""
        if self._is_scheduled:
            self._is_woken = True
        else:
            self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._run, context=self._context)

    def _run(self) -> None:
        """Give what has come, and take what is to go."""
        end, frames = self._end, self._frames
        assert end is not None  # for the type checker: it is open
        left = FRAMES_OF_A_TURN
        while frames and left and not self._is_closed:
            left -= 1
            end.received(frames.popleft())
        self._is_woken = bool(frames)
        left = FRAMES_OF_A_TURN
        while not self._is_closed and (frame := end.next_frame()) is not None:
            left -= 1
            try:
                self._put(frame)
            except UnsendableFrameError as error:
                end.unsendable(frame, error)
            except StreamBrokenError as error:
                end.ended(error)
            if not left:
                self._is_woken = True
                break
        if self._has_ended and not frames and not self._is_closed:
            end.ended(None)
        self._is_scheduled = False
        if self._is_woken and not self._is_closed:
            self._schedule()

    async def read(self) -> Frame | None:
        """See the port."""
        while not self._frames:
            if self._has_ended:
                return None
            if self.other is None:
                raise self._broken()
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._frames.popleft()

    async def write(self, frame: Frame) -> None:
        """See the port."""
        self._put(frame)

    async def aclose(self) -> None:
        """See the port."""
        self._is_closed = True
        for end in (self, self.other):
            if end is not None:
                end._has_ended = True  # noqa: SLF001  # the other end is one of these
                end._wake()  # noqa: SLF001  # the same

    def _put(self, frame: Frame) -> None:
        other = self.other
        if other is None or other._has_ended:  # noqa: SLF001  # the same
            raise self._broken()
        other._frames.append(_copied(frame) if self._through_codec else frame)  # noqa: SLF001  # the same
        other._wake()  # noqa: SLF001  # the same

    def _broken(self) -> StreamBrokenError:
        if self.other is None:
            return NobodyListensError(f"nobody listens at {self.address}")
        return StreamBrokenError(f"{self.address}: the stream has ended")

    def _wake(self) -> None:
        """Have what has come looked at."""
        self._schedule()
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)


def _copied(frame: Frame) -> Frame:
    """A frame as it would arrive over a wire."""
    from collector_mesh.adapters.wire.link_codec import copied

    return copied(frame)


class LoopbackListener:
    """Where a collector of this process takes calls."""

    def __init__(self, address: str, gateway: Gateway) -> None:
        self.address = self.bound = address
        self.gateway = gateway

    async def drain(self) -> None:
        """See the port; nobody asks for the health of a loopback listener."""


class LoopbackNetwork:
    """A transport inside one process; collectors on different networks never see each other.

    Args:
        through_codec: whether frames are encoded and decoded on the way, as they would be on a wire: slower,
            and shows what would not survive it. Needs protobuf.
    """

    def __init__(self, *, through_codec: bool = False) -> None:
        self._through_codec = through_codec
        self._listeners: dict[str, LoopbackListener] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop in which collectors listen here, where any do: whoever dials belongs there too."""
        return self._loop if self._listeners else None

    def open(self) -> AbstractAsyncContextManager[None]:
        """See the port; it needs nothing."""
        return nullcontext()

    def is_local(self, address: str) -> bool:
        """See the port; everybody is."""
        _ = address
        return True

    def check_address(self, address: str) -> None:
        """See the port; an address here is a name of letters, digits and `._:-`."""
        if not address:
            raise InvalidCallError("address is required")
        if not _ADDRESS.fullmatch(address):
            raise InvalidCallError(f"address must match {_ADDRESS.pattern}, got {quoted(address)}")

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        """See the port."""
        return self._listen(address, gateway)

    @asynccontextmanager
    async def _listen(self, address: str, gateway: Gateway) -> AsyncIterator[Listener]:
        self.check_address(address)
        if address in self._listeners:
            raise ListenError(f"cannot listen on {address}: it is taken")
        listener = self._listeners[address] = LoopbackListener(address, gateway)
        self._loop = asyncio.get_running_loop()
        try:
            yield listener
        finally:
            del self._listeners[address]

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """See the port; nobody is waited for."""
        _ = is_patient
        self.check_address(address)
        if self.loop is not None and self.loop is not asyncio.get_running_loop():
            raise UnavailableError(
                f"{address} is of a LoopbackNetwork whose collectors run in another event loop"
            )
        stream = LoopbackStream(address, through_codec=self._through_codec)
        listener = self._listeners.get(address)
        if listener is not None:
            other = LoopbackStream("loopback", through_codec=self._through_codec)
            stream.other, other.other = other, stream
            listener.gateway.accept(other)
        return stream

    def unary(self, address: str) -> UnaryLink:
        """See the port; everybody here has links."""
        raise UnavailableError(f"{address} is called over a link")


if TYPE_CHECKING:
    _network_fits: type[Transport] = LoopbackNetwork
    _listener_fits: type[Listener] = LoopbackListener
    _stream_fits: type[FrameStream] = LoopbackStream
    _pushes: type[PushStream] = LoopbackStream
