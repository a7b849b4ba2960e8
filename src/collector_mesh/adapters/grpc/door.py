"""Where requests come in: what is asked of each of them before anything is done for it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc

from collector_mesh.adapters.grpc.callers import connection_of
from collector_mesh.adapters.grpc.codes import told
from collector_mesh.adapters.wire.grpc_codes import grpc_status_of
from collector_mesh.domain.model.address import host_of
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, OverloadedError
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.concurrency import RETRY_AFTER
from collector_mesh.domain.policies.open_streams import OpenStream, OpenStreams, StreamLimits

Context = grpc.aio.ServicerContext[Any, Any]
Answer = Callable[[bytes, Context], Awaitable[bytes]]
Run = Callable[[Context, OpenStream], Awaitable[None]]
Refused = Callable[[MeshError], bytes]
"""Writes an error into an answer."""

_MANY = 32
"""Streams of one connection that say nothing, after which it is not worth keeping."""

_MOST_AT_ONCE = 512

_MOST_CALLERS = 1024

MALFORMED = "malformed request"

_ENDED = (grpc.aio.AbortError, grpc.aio.UsageError, grpc.aio.InternalError)
"""What grpc raises where a call has ended already, by an answer or because the caller has gone."""


class Door:
    """Lets requests in, and sees to it that they are complete soon.

    Every request is taken as a stream of messages, which is the same to whoever sends it: so it is seen
    when it begins, not only when it has arrived.

    Args:
        on_limit: told which limit has turned whom away, with the limit.
        on_defect: told what a handler has raised, which must not be.
        on_request: told of which connection a request is.
        end_connections: ends connections.
        limits: how many may be open.
    """

    def __init__(
        self,
        *,
        on_limit: Callable[[str, float, str], None],
        on_defect: Callable[[str, BaseException], None],
        on_request: Callable[[str], None],
        end_connections: Callable[..., object],
        limits: StreamLimits,
    ) -> None:
        self._on_limit = self.on_limit = on_limit
        self._on_request = on_request
        self._end_connections = end_connections
        self._on_defect = on_defect
        self._streams = OpenStreams(limits)
        self._limits = limits
        self._contexts: dict[OpenStream, Context] = {}
        self._callers: dict[str, tuple[str, str]] = {}
        """The connection and the host of callers, by what grpc calls them: mostly there are few, with many requests."""
        self._cutting: set[asyncio.Task[None]] = set()
        self.has_begun = asyncio.Event()
        """Set whenever a request begins."""

    def unary(self, answer: Answer, refused: Refused | None = None) -> "grpc.RpcMethodHandler[Any, Any]":
        """What grpc takes for a method with one request and one answer, both bytes.

        Args:
            answer: gives the answer.
            refused: makes one of an error; without it an error is a status of grpc's.
        """

        async def read_and_answer(context: Context, stream: OpenStream) -> bytes:
            data = await self.read(stream, context)
            if not isinstance(data, bytes):
                return await _refuse(context, refused, InvalidCallError(MALFORMED))
            answering = answer(data, context)
            del data  # what was read of it is kept, and not both
            return await answering

        return self.answers(read_and_answer, refused)

    def answers(
        self, answer: Callable[[Context, OpenStream], Awaitable[bytes]], refused: Refused | None = None
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        """As `unary`, for whoever has something to say before there is a request: it reads that itself, with `read`.

        grpc handles such a method as quickly as one whose request it reads by itself: there is one answer too.
        """

        async def handle(_requests: object, context: Context) -> bytes:
            stream = self._open(context, is_silent=True)
            if stream is None:
                return await _refuse(context, refused, OverloadedError.after(RETRY_AFTER))
            # Which is when the answer has been taken, or nobody is there anymore. The stubs want a class of their own.
            close: Any = lambda _context: self._streams.close(stream)  # noqa: E731
            context.add_done_callback(close)
            try:
                answered = await answer(context, stream)
                self._streams.answered(stream, len(answered), asyncio.get_running_loop().time())
                return answered
            except _ENDED:
                raise  # the answer was given, or nobody waits for it
            except Exception as error:  # noqa: BLE001  # grpc would tell its class to the caller
                self._on_defect("an answer", error)
                return await _refuse(context, refused, MeshError("internal error"))

        return grpc.stream_unary_rpc_method_handler(handle)

    def streams(self, run: Run, *, waits_for_request: bool = False) -> "grpc.RpcMethodHandler[Any, Any]":
        """What grpc takes for a method of many messages, which reads and writes bytes itself.

        Args:
            run: does all of it. It reads with `read`, or counts on the stream what it has read.
            waits_for_request: whether there is one message, which has to arrive before anything happens.
        """

        async def handle(_requests: object, context: Context) -> None:
            stream = self._open(context, is_silent=waits_for_request)
            if stream is None:
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "overloaded")
            try:
                await run(context, stream)
            except _ENDED:
                raise
            except Exception as error:  # noqa: BLE001  # grpc would tell its class to the caller
                self._on_defect("a stream", error)
                await context.abort(grpc.StatusCode.INTERNAL, "internal error")
            finally:
                self._streams.close(stream)

        return grpc.stream_stream_rpc_method_handler(handle)

    async def read(self, stream: OpenStream, context: Context) -> object:
        """The next message of a stream, in bytes; something else where there is none."""
        self._contexts[stream] = context
        data = None
        try:
            data = await context.read()
        finally:
            self._contexts.pop(stream, None)
            self._streams.has_spoken(stream, len(data) if isinstance(data, bytes) else 0)
        return data

    async def write(self, stream: OpenStream, context: Context, data: bytes) -> None:
        """Send a message on a stream of many; ends the stream where the caller takes none of what was sent before."""
        if not self._streams.sends(stream, len(data), asyncio.get_running_loop().time()):
            self._on_limit("untaken_answers", self._limits.most_sent_bytes, stream.connection)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "earlier answers have not been taken")
        try:
            await context.write(data)
        finally:
            self._streams.has_taken(stream)

    def pause(self, stream: OpenStream) -> None:
        """It is not for the caller to say something now."""
        self._streams.has_spoken(stream)

    def go_on(self, stream: OpenStream) -> None:
        """Its request is waited for again."""
        self._streams.waits(stream, asyncio.get_running_loop().time())

    def is_busy(self, connection: str) -> bool:
        """Whether something is under way on a connection."""
        return self._streams.is_busy(connection)

    @property
    def streams_open(self) -> OpenStreams:
        """The streams that are open."""
        return self._streams

    def look(self, now: float) -> None:
        """Some time has passed, on the loop's clock: cut what says nothing, and what takes nothing."""
        # To end one takes Python about as long as to begin it: not all at once.
        overdue = self._streams.overdue(now)[:_MOST_AT_ONCE]
        many = Counter(stream.connection for stream in overdue)
        worst = [connection for connection, number in many.items() if number >= _MANY]
        for stream in overdue:
            self._streams.has_spoken(stream)
            is_late = now - stream.since >= self._limits.longest
            self._on_limit(
                "request_seconds" if is_late else "silent_streams",
                self._limits.longest if is_late else self._limits.most_silent,
                stream.connection,
            )
            context = self._contexts.pop(stream, None)
            if context is not None and stream.connection not in worst:
                cutting = asyncio.create_task(_cut(context))
                self._cutting.add(cutting)
                cutting.add_done_callback(self._cutting.discard)
        stuck = self._streams.not_taking(now)
        for connection in stuck:
            self._on_limit("untaken_answers", self._limits.most_untaken_bytes, connection)
        if worst or stuck:
            self._end_connections(*worst, *stuck)

    def _open(self, context: Context, *, is_silent: bool) -> OpenStream | None:
        peer = context.peer()
        known = self._callers.get(peer)
        if known is None:
            connection = connection_of(context)
            known = connection, host_of(connection)
            if len(self._callers) >= _MOST_CALLERS:
                self._callers.clear()
            self._callers[peer] = known
        connection, host = known
        self._on_request(connection)
        now = asyncio.get_running_loop().time()
        self.has_begun.set()
        stream = self._streams.open(host, connection, now, is_silent=is_silent, is_read_on=not is_silent)
        if stream is None:
            self._on_limit("streams_per_address", self._limits.most_of_address, connection)
        return stream


async def _refuse(context: Context, refused: Refused | None, error: MeshError) -> bytes:
    if refused is not None:
        return refused(error)
    return await context.abort(*told(grpc_status_of(Reply.refused(error))))


async def _cut(context: Context) -> None:
    # An abort ends by an error; or the stream has ended meanwhile.
    with suppress(grpc.aio.BaseError):
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no request has arrived")
