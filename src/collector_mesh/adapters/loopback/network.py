"""Collectors of one process that reach each other without sockets."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from collector_mesh.domain.model.errors import InvalidCallError, ListenError, UnavailableError, quoted
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.frame_stream import FrameStream, StreamBrokenError
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.transport import Listener, Transport

_ADDRESS = re.compile(r"[A-Za-z0-9._:-]{1,255}")


class LoopbackStream:
    """One end of a stream: what is written is read at the other end, the same objects in the same order."""

    identity: Identity | None = None

    def __init__(self, address: str, *, through_codec: bool) -> None:
        self.address = address
        self.other: LoopbackStream | None = None
        self._through_codec = through_codec
        self._frames: deque[Frame] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._has_ended = False

    async def read(self) -> Frame | None:
        """See the port."""
        while not self._frames:
            if self._has_ended:
                return None
            if self.other is None:
                raise StreamBrokenError(f"nobody listens at {self.address}")
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._frames.popleft()

    async def write(self, frame: Frame) -> None:
        """See the port."""
        other = self.other
        if other is None or other._has_ended or self._has_ended:  # noqa: SLF001  # the other end is one of these
            raise StreamBrokenError(f"{self.address}: the stream has ended")
        other._take(_copied(frame) if self._through_codec else frame)  # noqa: SLF001  # the same

    async def aclose(self) -> None:
        """See the port."""
        for end in (self, self.other):
            if end is not None:
                end._end()  # noqa: SLF001  # the same

    def _take(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._wake()

    def _end(self) -> None:
        self._has_ended = True
        self._wake()

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)


def _copied(frame: Frame) -> Frame:
    """A frame as it would arrive over a wire."""
    from collector_mesh.adapters.wire.link_codec import decode_frame, encode_frame

    return decode_frame(encode_frame(frame))


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
        try:
            yield listener
        finally:
            del self._listeners[address]

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """See the port; nobody is waited for."""
        _ = is_patient
        self.check_address(address)
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
