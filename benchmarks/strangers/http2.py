"""HTTP/2 by hand: frames, headers, and a connection that sends what no library would."""

import asyncio
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Self

from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh.adapters.wire.connect_layout import varint
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as calls

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
DISPATCH = b"/collector.CollectiveDispatcher/Dispatch"
_WINDOW, _FRAME = 65_535, 16_384
_INITIAL_WINDOW = 4
LINK = b"/collector_mesh.link.v1.Link/Open"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame with its head."""
    return struct.pack("!I", len(payload))[1:] + bytes((kind, flags)) + struct.pack("!I", stream) + payload


def header(name: bytes, value: bytes) -> bytes:
    """A header in HPACK, with a name of its own and not to be remembered."""
    return b"\x00" + _length(len(name)) + name + _length(len(value)) + value


def request(path: bytes = DISPATCH, *extra: tuple[bytes, bytes]) -> bytes:
    """The headers of a request."""
    fixed = (
        (b":path", path),
        (b":authority", b"x"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    )
    return b"\x83\x86" + b"".join(header(name, value) for name, value in (*fixed, *extra))


def opened(stream: int, block: bytes | None = None) -> bytes:
    """A request that has begun; a call unless there are other headers."""
    return frame(HEADERS, END_HEADERS, stream, request() if block is None else block)


def message(data: bytes, *, compressed: bool = False) -> bytes:
    """A message with gRPC's head."""
    return struct.pack("!BI", compressed, len(data)) + data


OPENING = PREFACE + frame(SETTINGS, 0, 0)
"""What a client says first."""


def dispatch(value: str = "x") -> bytes:
    """A call that is served."""
    made = calls.DispatchRequest(
        namespace="texts", service=calls.ServiceTypeRef(service_name="Texts"), method_name="Echo"
    )
    made.input.type_url = "type.googleapis.com/google.protobuf.StringValue"
    made.input.value = StringValue(value=value).SerializeToString()
    return bytes(made.SerializeToString())


def _length(number: int) -> bytes:
    if number < 127:
        return bytes((number,))
    return bytes((127,)) + varint(number - 127)


class Connection:
    """A connection; an async context manager. What comes is read and thrown away.

    Args:
        address: where to.
        first: what is said first.
        tls: what it is encrypted with.
    """

    def __init__(self, address: str, *, first: bytes = OPENING, tls: ssl.SSLContext | None = None) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._first = first
        self._tls = tls
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect."""
        host = self._host.strip("[]")
        reader, self._writer = await asyncio.open_connection(host, self._port, ssl=self._tls)
        self._reading = asyncio.create_task(self._read(reader))
        await self.send(self._first)

    def write(self, data: bytes) -> None:
        """Write it, whether or not there is room."""
        assert self._writer is not None
        self._writer.write(data)

    async def send(self, data: bytes) -> None:
        """Write it, and wait until there is room for more.

        Raises:
            OSError: the other side has ended the connection.
        """
        assert self._writer is not None
        assert self._reading is not None
        if self._reading.done():
            raise ConnectionResetError("the other side has ended the connection")
        self.write(data)
        await self._writer.drain()

    @property
    def local_address(self) -> str:
        """This end, as the other one sees it."""
        assert self._writer is not None
        host, port, *_ = self._writer.get_extra_info("sockname")
        return f"{host}:{port}"

    async def ended(self, seconds: float) -> bool:
        """Wait for the other side to end it; whether it has within so many seconds."""
        assert self._reading is not None
        done, _ = await asyncio.wait([self._reading], timeout=seconds)
        return bool(done)

    def close(self) -> None:
        """End it, at once."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            linger = struct.pack("ii", 1, 0)
            with suppress(OSError):
                self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._writer.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while await reader.read(1 << 16):
                pass


class Sender(Connection):
    """A connection that sends as much on its streams as the other side lets it."""

    async def open(self) -> None:
        """Connect."""
        self._windows: Counter[int] = Counter({0: _WINDOW})
        self._initial = _WINDOW
        self._moved = asyncio.Event()
        await super().open()

    async def fill(self, data: Mapping[int, bytes]) -> None:
        """Open streams and send this on each of them, in turn; ends when all of it is sent."""
        rest = {stream: memoryview(content) for stream, content in data.items()}
        for stream in rest:
            await self.send(opened(stream))
        while rest:
            self._moved.clear()
            has_sent = False
            for stream in list(rest):
                room = min(self._windows[0], self._initial + self._windows[stream], _FRAME, len(rest[stream]))
                if room <= 0:
                    continue
                has_sent = True
                self._windows[0] -= room
                self._windows[stream] -= room
                await self.send(frame(DATA, 0, stream, bytes(rest[stream][:room])))
                rest[stream] = rest[stream][room:]
                if not rest[stream]:
                    del rest[stream]
            if not has_sent:
                await self._moved.wait()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                self._heard(head[3], head[4], int.from_bytes(head[5:9], "big"), payload)
        self._moved.set()

    def _heard(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind in {SETTINGS, PING} and not flags & ACK:
            self.write(frame(kind, ACK, 0, payload if kind == PING else b""))
        if kind == SETTINGS:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack_from("!HI", payload, at)
                self._initial = value if name == _INITIAL_WINDOW else self._initial
        elif kind == WINDOW_UPDATE:
            self._windows[stream] += int.from_bytes(payload, "big")
        self._moved.set()


@asynccontextmanager
async def many(count: int, address: str, *, first: bytes = OPENING) -> AsyncIterator[list[Connection]]:
    """So many connections, which are opened one after the other."""
    connections = [Connection(address, first=first) for _ in range(count)]
    try:
        for connection in connections:
            await connection.open()
        yield connections
    finally:
        for connection in connections:
            connection.close()
