"""HTTP/2 written by hand: what a library would never send, and what comes back."""

import asyncio
import ssl
from contextlib import suppress

from benchmarks.strangers.http2 import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    PING,
    RST_STREAM,
    SETTINGS,
    Connection,
    frame,
    message,
    opened,
    request,
)
from tests.limits import LIMIT_SECONDS

UNREADABLE_PATH = b"/\xeb"
"""One byte that is no UTF-8: the listener of grpc 1.85 does not survive it."""

Seen = tuple[int, int, bytes]
"""A frame that has come: kind, stream, payload."""


class RawConnection(Connection):
    """A connection on which what comes can be looked at; settings and pings are acknowledged."""

    def ask(self, stream: int, block: bytes, data: bytes | None = None) -> None:
        """Open a stream; with data it is complete."""
        self.write(opened(stream, block))
        if data is not None:
            self.write(frame(DATA, END_STREAM, stream, message(data)))

    async def frame(self) -> Seen:
        """The next one.

        Raises:
            ConnectionResetError: the other side has closed.
        """
        seen = await self._seen.get()
        if seen is None:
            self._seen.put_nowait(None)
            raise ConnectionResetError
        return seen

    async def frames(self, *, seconds: float = LIMIT_SECONDS) -> list[Seen]:
        """Everything until the other side closes. Fails if it does not."""
        found = []
        async with asyncio.timeout(seconds):
            with suppress(ConnectionResetError):
                while True:
                    found.append(await self.frame())
        return found

    async def closed(self, *, seconds: float = LIMIT_SECONDS) -> None:
        """Wait until the other side has closed."""
        await self.frames(seconds=seconds)

    async def open(self) -> None:
        """Connect."""
        self._seen: asyncio.Queue[Seen | None] = asyncio.Queue()
        await super().open()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    head = await reader.readexactly(9)
                    payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                    kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
                    if kind in {SETTINGS, PING} and not flags & ACK:
                        self.write(frame(kind, ACK, 0, payload if kind == PING else b""))
                    self._seen.put_nowait((kind, stream, payload))
        finally:
            self._seen.put_nowait(None)


async def end_listener(address: str, tls: ssl.SSLContext | None = None) -> None:
    """Send the one request that grpc's listener does not survive, and wait until it was taken."""
    async with RawConnection(address, tls=tls) as connection:
        connection.ask(1, request(UNREADABLE_PATH))
        while (await connection.frame())[0] not in {RST_STREAM, GOAWAY}:
            pass
