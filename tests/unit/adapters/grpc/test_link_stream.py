"""The stream of a link at a server."""

import asyncio
from typing import Any, cast

import pytest

from collector_mesh.adapters.grpc.link_stream import LinkService
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.policies.open_streams import OpenStream
from collector_mesh.domain.ports.frame_stream import FrameStream, StreamBrokenError


class Context:
    """Of an RPC whose writes are through when somebody says so."""

    def __init__(self) -> None:
        self.through = asyncio.Event()

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def invocation_metadata(self) -> tuple[()]:
        return ()

    async def write(self, data: bytes) -> None:
        _ = data
        await self.through.wait()


async def opened(context: Context) -> tuple[FrameStream, "asyncio.Task[None]", "asyncio.Task[None]"]:
    """A stream that is being written to, the handler of its RPC, and whoever writes."""
    taken: list[FrameStream] = []
    service = LinkService(taken.append, lambda identity, headers: (identity, headers), proves_identity=False)
    loop = asyncio.get_running_loop()
    handler = loop.create_task(service.open(cast(Any, context), OpenStream("h", "h:1", 0.0)))
    await asyncio.sleep(0)
    (stream,) = taken
    writing = loop.create_task(stream.write(Frame()))
    await asyncio.sleep(0)
    return stream, handler, writing


@pytest.mark.asyncio
async def test_an_rpc_ends_when_what_is_being_written_is_through() -> None:
    context = Context()
    stream, handler, writing = await opened(context)

    await stream.aclose()
    for _ in range(5):
        await asyncio.sleep(0)
    had_ended = handler.done()
    context.through.set()
    await writing
    await handler

    assert not had_ended
    with pytest.raises(StreamBrokenError, match="closed"):
        await stream.write(Frame())


@pytest.mark.asyncio
async def test_an_rpc_whose_write_is_never_through_ends_without_a_status() -> None:
    stream, handler, writing = await opened(Context())

    await stream.aclose()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    with pytest.raises(asyncio.CancelledError):
        await handler
