"""HTTP/2 written by hand: what a library would never send."""

import asyncio
import ssl
import struct
from contextlib import suppress
from typing import Self

from tests.limits import LIMIT_SECONDS

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4
DISPATCH = b"/collector.CollectiveDispatcher/Dispatch"

UNREADABLE_PATH = b"/\xeb"
"""One byte that is no UTF-8: the listener of grpc 1.85 does not survive it."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame with its head."""
    return struct.pack("!I", len(payload))[1:] + bytes((kind, flags)) + struct.pack("!I", stream) + payload


def header(name: bytes, value: bytes) -> bytes:
    """A header with a name of its own, in HPACK, not to be remembered."""
    return b"\x00" + _length(len(name)) + name + _length(len(value)) + value


def request(path: bytes = DISPATCH, *extra: tuple[bytes, bytes]) -> bytes:
    """The headers of a request: POST, http, and what gRPC wants to see."""
    fixed = ((b":path", path), (b":authority", b"x"), (b"te", b"trailers"))
    block = b"\x83\x86" + b"".join(header(name, value) for name, value in fixed)
    block += header(b"content-type", b"application/grpc")
    return block + b"".join(header(name, value) for name, value in extra)


def message(data: bytes, *, compressed: bool = False) -> bytes:
    """A message with gRPC's own head."""
    return bytes((compressed,)) + struct.pack("!I", len(data)) + data


def _length(number: int) -> bytes:
    if number < 127:
        return bytes((number,))
    out = bytearray((127,))
    number -= 127
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class RawConnection:
    """A connection whose preface and settings have been sent; an async context manager.

    Args:
        address: where to.
        tls: what it is encrypted with.
    """

    def __init__(self, address: str, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._host, _, port = address.rpartition(":")
        self._port = int(port)

    async def __aenter__(self) -> Self:
        host = self._host.strip("[]")
        self._reader, self._writer = await asyncio.open_connection(host, self._port, ssl=self._tls)
        self.send(PREFACE + frame(SETTINGS, 0, 0))
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    def send(self, data: bytes) -> None:
        """Write it."""
        self._writer.write(data)

    def ask(self, stream: int, block: bytes, data: bytes | None = None) -> None:
        """Open a stream; with data it is complete."""
        self.send(frame(HEADERS, END_HEADERS, stream, block))
        if data is not None:
            self.send(frame(DATA, END_STREAM, stream, message(data)))

    async def frames(self, *, seconds: float = LIMIT_SECONDS) -> list[tuple[int, int, bytes]]:
        """Everything until the other side closes: kind, stream, payload. Fails if it does not."""
        found = []
        async with asyncio.timeout(seconds):
            with suppress(asyncio.IncompleteReadError, ConnectionResetError):
                while True:
                    found.append(await self.frame())
        return found

    async def frame(self) -> tuple[int, int, bytes]:
        """The next one: kind, stream, payload; settings and pings are acknowledged."""
        head = await self._reader.readexactly(9)
        payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
        if kind in {SETTINGS, PING} and not flags & ACK:
            self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
        return kind, stream, payload

    async def closed(self, *, seconds: float = LIMIT_SECONDS) -> None:
        """Wait until the other side has closed."""
        await self.frames(seconds=seconds)


async def end_listener(address: str, tls: ssl.SSLContext | None = None) -> None:
    """Send the one request that grpc's listener does not survive, and wait until it was taken."""
    async with RawConnection(address, tls) as connection:
        connection.ask(1, request(UNREADABLE_PATH))
        while (await connection.frame())[0] not in {RST_STREAM, GOAWAY}:
            pass
