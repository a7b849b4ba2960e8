"""The link as another program speaks it: frames made by hand over a stream of grpc's own."""

import asyncio
from contextlib import suppress
from typing import Any, Self

import grpc
from tests.limits import LIMIT_SECONDS

from collector_mesh.adapters.wire.generated import link_pb2 as pb

METHOD = "/collector_mesh.link.v1.Link/Open"
COLLECTOR, CLIENT = 0, 1


def hello(
    collector_id: str = "raw-1",
    *namespaces: str,
    address: str = "",
    incarnation: str = "first",
    role: int = COLLECTOR,
    version: int = 1,
    dial: int = 1,
) -> pb.Frame:
    """The frame that opens a link."""
    introduction = pb.Introduction(
        collector_id=collector_id,
        address=address,
        incarnation=incarnation,
        catalog=pb.Catalog(namespaces=namespaces),
        limits=pb.Limits(max_payload_bytes=4 << 20, window=4),
    )
    greeting = pb.Hello(version=version, role=role, introduction=introduction, dial=dial)
    return pb.Frame(control=pb.Control(hello=greeting))


def call(
    number: int = 1, method: str = "Same", value: bytes = b"", *, mode: int = 0, milliseconds: int = 5_000
) -> pb.Frame:
    """A frame with one call to a method of namespace `texts`, whose names are told anew."""
    return pb.Frame(
        forget_names=True,
        methods=[pb.Method(namespace="texts", service="Texts", method=method)],
        texts=["type.googleapis.com/google.protobuf.StringValue"],
        call_first=number,
        call_method=[0],
        call_type=[1],
        call_value=[value],
        call_remaining=[milliseconds],
        call_mode=[mode],
    )


class RawLink:
    """One stream; by default over a channel of its own."""

    def __init__(self, address: str, *, channel: grpc.aio.Channel | None = None) -> None:
        self._own = None if channel is not None else raw_channel(address)
        channel = channel or self._own
        assert channel is not None
        opened: Any = channel.stream_stream(METHOD)
        self._call = opened()
        # Read as it comes: of a stream that was reset grpc gives nothing that nobody was waiting for.
        self._heard: asyncio.Queue[bytes | grpc.aio.AioRpcError | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())
        self.said_goodbye = pb.Goodbye()
        """The last goodbye of the other side."""
        self._taken = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._call.cancel()
        await self._reading
        if self._own is not None:
            await self._own.close()

    async def say(self, *frames: pb.Frame | bytes) -> None:
        """Write messages."""
        for frame in frames:
            await self._call.write(frame if isinstance(frame, bytes) else frame.SerializeToString())

    async def hear(self) -> pb.Frame | None:
        """The next frame; None when the other side has ended the stream."""
        data = await self._heard.get()
        if not isinstance(data, bytes):
            self._heard.put_nowait(data)
            if data is not None:
                raise data
            return None
        frame = pb.Frame.FromString(data)
        if frame.control.HasField("goodbye"):
            self.said_goodbye = frame.control.goodbye
        self._taken += bool(frame.call_method or frame.reply_to or frame.chunks)
        return frame

    async def _read(self) -> None:
        try:
            while isinstance(data := await self._call.read(), bytes):
                self._heard.put_nowait(data)
        except grpc.aio.AioRpcError as error:
            self._heard.put_nowait(error)
        except asyncio.CancelledError:
            # The call was cancelled, not this task: nobody does that.
            self._heard.put_nowait(None)
        else:
            self._heard.put_nowait(None)

    async def welcome(self) -> pb.Welcome:
        """The answer to hello."""
        async with asyncio.timeout(LIMIT_SECONDS):
            frame = await self.hear()
        assert frame is not None
        assert frame.control.HasField("welcome")
        return frame.control.welcome

    async def greet(self, frame: pb.Frame) -> pb.Welcome:
        """Say hello, and what a good peer says next."""
        await self.say(frame)
        welcome = await self.welcome()
        if welcome.code == 200:
            await self.say(pb.Frame(control=pb.Control(ping=pb.Heartbeat(number=1))))
        return welcome

    async def reply(self) -> pb.Frame:
        """The next frame with replies."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while (frame := await self.hear()) is not None:
                if frame.reply_to:
                    await self.say(pb.Frame(credit=self._taken))
                    return frame
        raise AssertionError("the stream has ended without a reply")

    async def goodbye(self) -> pb.Goodbye:
        """Read to the end of the stream; gives the last goodbye that was said."""
        with suppress(grpc.aio.AioRpcError):
            async with asyncio.timeout(LIMIT_SECONDS):
                while await self.hear() is not None:
                    pass
        return self.said_goodbye

    async def status(self) -> tuple[grpc.StatusCode, str]:
        """What grpc says of the end of the stream."""
        return await self._call.code(), await self._call.details()


def raw_channel(address: str) -> grpc.aio.Channel:
    """A channel that shares its connection with nobody."""
    return grpc.aio.insecure_channel(
        address, options=[("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    )
