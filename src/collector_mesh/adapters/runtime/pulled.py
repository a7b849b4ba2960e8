"""A stream that is read and written, as one that pushes: one task reads it, one writes it."""

import asyncio
import contextvars
from typing import TYPE_CHECKING

from collector_mesh.domain.ports.frame_stream import (
    FrameStream,
    PushStream,
    StreamEnd,
    UnsendableFrameError,
)

CLOSE_SECONDS = 1.0
"""How long a stream may take to close; one whose other end is frozen is then let go of."""


class PulledStream:
    """Has a stream call whoever is at its end.

    Neither of its tasks is cancelled while the stream is open, nor put under a timeout: that would break the
    streams of some libraries.
    """

    def __init__(self, stream: FrameStream) -> None:
        self._stream = stream
        self._waiter: asyncio.Future[None] | None = None
        self._is_woken = False
        self._is_closing = False
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def open(self, end: StreamEnd) -> None:
        """See the port."""
        loop, address = asyncio.get_running_loop(), self._stream.address
        self._tasks = (
            loop.create_task(self._write(end), name=f"write to {address}", context=contextvars.Context()),
            loop.create_task(self._read(end), name=f"read from {address}", context=contextvars.Context()),
        )

    def wake(self) -> None:
        """See the port."""
        self._is_woken = True
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def aclose(self) -> None:
        """See the port."""
        self._is_closing = True
        self.wake()
        closing = asyncio.ensure_future(self._stream.aclose())
        left = {closing, *self._tasks}
        for _ in range(2):
            _, left = await asyncio.wait(left, timeout=CLOSE_SECONDS)
            if not left:
                break
            for task in left:
                task.cancel()
        if closing.done() and not closing.cancelled():
            closing.result()

    async def _read(self, end: StreamEnd) -> None:
        read = self._stream.read
        try:
            while (frame := await read()) is not None:
                end.received(frame)
        except Exception as error:  # noqa: BLE001  # the other end, or whoever made the stream, may do anything
            end.ended(error)
        else:
            end.ended(None)

    async def _write(self, end: StreamEnd) -> None:
        write, loop = self._stream.write, asyncio.get_running_loop()
        try:
            while not self._is_closing:
                self._is_woken = False
                frame = end.next_frame()
                if frame is not None:
                    try:
                        await write(frame)
                    except UnsendableFrameError as error:
                        end.unsendable(frame, error)
                elif self._is_woken:  # while it was asked
                    await asyncio.sleep(0)
                else:
                    self._waiter = loop.create_future()
                    await self._waiter
        except Exception as error:  # noqa: BLE001  # as above
            end.ended(error)


if TYPE_CHECKING:
    _fits: type[PushStream] = PulledStream
