"""The stream of a link over gRPC: one bidirectional RPC whose messages are frames."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import grpc

from collector_mesh.adapters.grpc.callers import Callers, Identify, connection_of
from collector_mesh.adapters.grpc.door import Door
from collector_mesh.adapters.grpc.failures import Failure, Kind, failure_of
from collector_mesh.adapters.grpc.probes import Probes
from collector_mesh.adapters.runtime.cancelling import is_being_cancelled
from collector_mesh.adapters.wire.link_codec import decode_frame, encode_frame
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.policies.open_streams import OpenStream
from collector_mesh.domain.ports.frame_stream import (
    FrameStream,
    NobodyListensError,
    NoLinkError,
    StreamBrokenError,
)

SERVICE = "collector_mesh.link.v1.Link"

_CLOSE_SECONDS = 0.5
"""How long the other end may take to end the stream after a goodbye, before it is cut."""

_CUT_SECONDS = 0.05
"""How soon after its end it is known whether a stream was cut."""

_ASK_SECONDS = 2.0
"""How long it may take to find out whether somebody has links at all, where a stream has broken before any answer."""

_Context = grpc.aio.ServicerContext[Any, Any]
_Call = grpc.aio.StreamStreamCall[bytes, bytes]


class DialedStream:
    """The side that has opened it; it has a channel of its own."""

    identity: Identity | None = None

    def __init__(self, address: str, channel: grpc.aio.Channel, probes: Probes, *, is_patient: bool) -> None:
        self.address = address
        self._probes = probes
        self._channel = channel
        method: Any = channel.stream_stream(f"/{SERVICE}/Open")
        self._method = method
        self._asking: list[_Call] = []
        self._call: _Call = method(wait_for_ready=is_patient or None)
        self._has_ended = asyncio.Event()
        self._is_closed = False
        self._is_over = False
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._has_written = False
        self._has_answered = False
        self._using = 0
        """How many tasks read or write."""

    async def read(self) -> Frame | None:
        """See the port."""
        self._using += 1
        try:
            return await self._read()
        finally:
            self._using -= 1
            self._let_go()

    async def write(self, frame: Frame) -> None:
        """See the port."""
        self._using += 1
        try:
            await self._write(frame)
        finally:
            self._using -= 1
            self._let_go()

    async def _read(self) -> Frame | None:
        if self._is_closed:
            return None
        try:
            data = await self._call.read()
            if isinstance(data, bytes):
                self._has_answered = True
                return decode_frame(data)
            if await self._call.code() is not grpc.StatusCode.OK:
                raise await self._broken(await self._call.code(), await self._call.details())
        except grpc.aio.AioRpcError as error:
            self._has_ended.set()
            if self._is_closed:
                return None
            raise await self._broken(error.code(), error.details()) from error
        except asyncio.CancelledError:
            self._has_ended.set()
            # A stream that is cut looks to whoever reads like its own cancellation.
            if is_being_cancelled():
                raise
        else:
            self._has_ended.set()
        return None

    async def _write(self, frame: Frame) -> None:
        if self._is_closed:
            raise StreamBrokenError(f"{self.address}: the stream was closed")
        try:
            if self._has_written:
                await self._call.write(encode_frame(frame))
            else:
                await self._first_write(encode_frame(frame))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            if self._call.done() and not self._is_closed:
                # Whoever reads may not have heard of it yet.
                raise await self._broken(await self._call.code(), await self._call.details()) from error
            raise StreamBrokenError(f"{self.address}: the stream has ended") from error
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            raise StreamBrokenError(f"{self.address}: the stream was closed") from None

    async def _first_write(self, data: bytes) -> None:
        """Write once there is a connection; a write that waits for one does not hear of its own cancellation."""
        writing = asyncio.ensure_future(self._call.write(data))
        try:
            await asyncio.wait((writing, self._closed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not writing.done():
                writing.cancel()
                await asyncio.wait((writing,))
        if writing.cancelled():
            raise StreamBrokenError(f"{self.address}: the stream was closed")
        writing.result()
        self._has_written = True

    async def aclose(self) -> None:
        """See the port."""
        if self._is_closed:
            return
        self._is_closed = True
        self._closed.set_result(None)
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                # Cut at once, the stream would lose what was written last. Before there is an answer there is nothing
                # to lose, and perhaps nobody who would ever take it.
                if self._has_answered and not self._call.done():
                    await self._call.done_writing()
                    await self._has_ended.wait()
        except (TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        finally:
            self._call.cancel()
            await self._channel.close()
            self._is_over = True
            self._let_go()

    def _let_go(self) -> None:
        """Break the cycle of a call that has ended and its task: it would keep the channel, which goes on connecting.

        The garbage collector may never come (grpc#42125).
        """
        if self._is_over and not self._using:
            for call in (self._call, *self._asking):
                vars(call).clear()

    async def _broken(self, code: grpc.StatusCode, details: str | None) -> StreamBrokenError:
        text = f"{self.address}: {visible(details or code.name)}"
        if code is grpc.StatusCode.INTERNAL and not self._has_answered:
            # grpc has lost the race between what is written first and the trailers of somebody who has no links.
            code = (await self._answer_to_nothing(_ASK_SECONDS) or (code, None))[0]
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return NoLinkError(text)
        if code is not grpc.StatusCode.UNAVAILABLE or not details:
            return StreamBrokenError(text)
        failure = failure_of(details) if self._has_answered else await self._why(details)
        text = f"{self.address}: {failure.text}"
        return NobodyListensError(text) if failure.kind is Kind.REFUSED else StreamBrokenError(text)

    async def trouble(self, seconds: float) -> str:
        """See the port."""
        state = self._channel.get_state()
        if state is grpc.ChannelConnectivity.READY:
            return Kind.SILENT.value
        if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            answer = await self._answer_to_nothing(seconds)
            if answer is not None and answer[0] is grpc.StatusCode.UNAVAILABLE:
                return (await self._why(answer[1] or answer[0].name)).text
        return (await self._probes.silent(self.address, seconds)).text

    async def _why(self, details: str) -> Failure:
        """Why there is no connection; as much as grpc tells if the stream is closed meanwhile."""
        looking = asyncio.ensure_future(self._probes.why(self.address, details))
        try:
            await asyncio.wait((looking, self._closed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not looking.done():
                looking.cancel()
                await asyncio.wait((looking,))
        return failure_of(details) if looking.cancelled() else looking.result()

    async def _answer_to_nothing(self, seconds: float) -> tuple[grpc.StatusCode, str | None] | None:
        """How a stream ends on which nothing is written, so that no race can be lost; None if that is not known."""
        if self._is_closed:
            return None
        call: _Call = self._method()
        self._asking.append(call)
        try:
            async with asyncio.timeout(seconds):
                # One that has failed already cannot be ended anymore.
                with suppress(grpc.aio.InternalError):
                    await call.done_writing()
                await call.read()
                return await call.code(), await call.details()
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details()
        except (TimeoutError, grpc.aio.UsageError, asyncio.InvalidStateError):
            return None
        except asyncio.CancelledError:
            # A channel that is closed looks like the cancellation of whoever uses it.
            if is_being_cancelled():
                raise
            return None
        finally:
            call.cancel()


class TakenStream:
    """The side that is a server."""

    def __init__(self, context: _Context, identity: Identity | None, stream: OpenStream) -> None:
        self.address = connection_of(context)
        self.identity = identity
        self._context = context
        self._stream = stream
        self.is_closed = asyncio.Event()
        self.was_cut = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._is_stuck = False

    async def settled(self) -> None:
        """What was being written when the stream was closed is through: grpc takes no status beside it.

        Raises:
            asyncio.CancelledError: it never will be. A handler that ends so ends its RPC without a status.
        """
        await self._is_idle.wait()
        if self._is_stuck:
            raise asyncio.CancelledError

    async def read(self) -> Frame | None:
        """See the port."""
        try:
            data = await self._context.read()
        except (grpc.aio.AioRpcError, grpc.aio.BaseError, grpc.RpcError) as error:
            raise self._cut() from error
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            raise self._cut() from None
        if data is not grpc.aio.EOF:
            self._stream.taken_bytes += len(data)
            return decode_frame(data)
        # A stream that was cut looks like one that has ended, until its RPC is cancelled soon after.
        with suppress(TimeoutError):
            async with asyncio.timeout(_CUT_SECONDS):
                await self.is_closed.wait()
        if self.was_cut:
            raise self._cut()
        return None

    async def write(self, frame: Frame) -> None:
        """See the port."""
        if self.is_closed.is_set():
            raise StreamBrokenError(f"{self.address}: the stream was closed")
        data = encode_frame(frame)
        self._is_idle.clear()
        try:
            await self._context.write(data)
        except (grpc.aio.AioRpcError, grpc.aio.BaseError, grpc.RpcError) as error:
            raise self._cut() from error
        except asyncio.CancelledError:
            if is_being_cancelled():
                self._is_stuck = True
                raise
            raise self._cut() from None
        finally:
            self._is_idle.set()

    async def aclose(self) -> None:
        """See the port; the RPC ends when its handler returns."""
        self.is_closed.set()

    def _cut(self) -> StreamBrokenError:
        # What grpc says here tells nothing to people; it tells the other side more.
        text = "the stream was cut: the other side has gone, or has sent too large a message"
        return StreamBrokenError(f"{self.address}: {text}")


class LinkService:
    """Takes links on a grpc server.

    Args:
        accept: is given each stream.
        identify: see `Callers`.
        proves_identity: whether the certificates of callers are checked.
    """

    def __init__(
        self, accept: Callable[[FrameStream], None], identify: Identify, *, proves_identity: bool
    ) -> None:
        self._accept = accept
        self._callers = Callers(identify, proves_identity=proves_identity)

    def handler(self, door: Door) -> grpc.GenericRpcHandler:
        """What a server takes."""
        return grpc.method_handlers_generic_handler(SERVICE, {"Open": door.streams(self.open)})

    async def open(self, context: _Context, opened: OpenStream) -> None:
        """Hand in a stream, which is read and written elsewhere, and end the RPC when it is closed."""
        stream = TakenStream(context, self._callers.identity(context), opened)
        self._accept(stream)
        try:
            await stream.is_closed.wait()
            await stream.settled()
        except asyncio.CancelledError:
            stream.was_cut = True
            raise
        finally:
            stream.is_closed.set()


if TYPE_CHECKING:
    _dialed_fits: type[FrameStream] = DialedStream
    _taken_fits: type[FrameStream] = TakenStream
