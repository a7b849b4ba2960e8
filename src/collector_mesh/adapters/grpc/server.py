"""A grpc server that outlives grpc's own.

One request that grpc's Python layer cannot read ends its listener for good: the port is free then,
`wait_for_termination` does not return while streams are open, and those live on. See docs/upstream.md.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import grpc

from collector_mesh.adapters.grpc.own_port import OwnPort
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import ListenError, text_of

Bind = Callable[[grpc.aio.Server, HostPort], Awaitable[int]]

_LOOK_SECONDS = 0.5
"""How often somebody connects to see that it listens, where grpc has not said before that it does not."""

_AGAIN_SECONDS = 0.05
"""Between two tries to listen again: what has ended takes a moment to give the port back."""

_GIVE_UP_SECONDS = 5.0
"""After this long it is not grpc that still has the port, but somebody else."""

_FOREVER = 10 * 365 * 86400.0

_LOGGERS = ("grpc._cython.cygrpc", "asyncio")

_NOISE = ("Invalid encoding on", "ExecuteBatchError raised in core")
"""How records begin that others cause: by a header that is no UTF-8, or by going before they are answered."""


class LastingServer:
    """A server that is made anew when it ends by itself; streams of the old one go on until they end.

    Args:
        make: makes a server that serves everything and is not bound.
        bind: binds it; raises `ListenError`, and may be asked again after that.
        on_restored: told why a server had ended, and for how many seconds at most nobody could connect.
        on_lost: told why no new one can be had; nothing is tried anymore then.
    """

    def __init__(
        self,
        make: Callable[[], grpc.aio.Server],
        bind: Bind,
        *,
        on_restored: Callable[[str, float], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._make = make
        self._bind = bind
        self._on_restored = on_restored
        self._on_lost = on_lost
        self._server: grpc.aio.Server | None = None
        self._is_stopping = False
        self._ended: dict[grpc.aio.Server, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._own_port: OwnPort | None = None
        self._alarm = asyncio.Event()
        self._log = _GrpcLog(self._alarm.set)

    async def start(self, asked: HostPort) -> HostPort:
        """Listen; port 0 takes a free one.

        Returns:
            What is listened on, with the real port.

        Raises:
            ListenError: the address cannot be listened on.
        """
        server = self._make()
        bound = HostPort(asked.host, await self._bind(server, asked))
        self._own_port = own_port = OwnPort(bound)
        try:
            await _started(server)
            await own_port.find()
        except BaseException:
            await _all_stopped([server], 0.0)
            raise
        self._server = server
        self._log.attach()
        watching = self._watch_to_the_end(server, bound, own_port)
        self._watching = asyncio.create_task(watching, name=f"watch {bound}")
        return bound

    def is_own(self, connection: str) -> bool:
        """Whether a connection was opened to see that the server listens."""
        return self._own_port is not None and self._own_port.is_own(connection)

    async def stop(self, grace: float) -> None:
        """End every server, with so many seconds for the answers that are on their way; at once if this is canceled."""
        self._is_stopping = True
        try:
            if self._watching is not None:
                self._watching.cancel()
                await asyncio.wait([self._watching])
            if self._own_port is not None:
                await self._own_port.settled()
        finally:
            self._log.detach()
            running = [] if self._server is None else [self._server]
            await _all_stopped([*self._ended, *running], grace)
        if self._ended:
            await asyncio.wait(self._ended.values())

    async def _watch_to_the_end(self, server: grpc.aio.Server, bound: HostPort, own_port: OwnPort) -> None:
        try:
            await self._watch(server, bound, own_port)
        except asyncio.CancelledError:
            if not self._is_stopping and self._server is not None:
                # The loop ends with all of its tasks, and the server was not stopped. One that is told so now says nothing
                # when it is collected, in a process that ends.
                await self._server.stop(0)
            raise

    async def _watch(self, server: grpc.aio.Server, bound: HostPort, own_port: OwnPort) -> None:
        loop = asyncio.get_running_loop()
        while True:
            reason, seen = await self._end_of(server, own_port)
            self._server = None
            # Whoever holds the object of a server keeps its streams alive.
            self._ended[server] = asyncio.create_task(self._outlive(server), name=f"streams of {bound}")
            server = self._make()
            try:
                await self._bind_again(server, bound)
            except ListenError as error:
                self._on_lost(f"{reason}; {error}")
                return
            self._server = server
            await server.start()
            self._on_restored(reason, loop.time() - seen)

    async def _end_of(self, server: grpc.aio.Server, own_port: OwnPort) -> tuple[str, float]:
        """Wait until a server has ended by itself; give the reason, and when it was seen last."""
        loop = asyncio.get_running_loop()
        seen = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._alarm.wait()
            self._alarm.clear()
            try:
                # It raises what has ended a server only to those who wait with a limit.
                is_running = await server.wait_for_termination(0)
            except Exception as error:  # noqa: BLE001  # whatever grpc has failed with
                return f"grpc has failed: {text_of(error)}", seen
            if not is_running:
                return "grpc has ended it", seen
            # What grpc does not know of: the listening socket is gone, or was shut down.
            if await own_port.is_shut() and await own_port.is_shut():
                return "connections were refused", seen
            seen = loop.time()

    async def _bind_again(self, server: grpc.aio.Server, bound: HostPort) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _GIVE_UP_SECONDS
        while True:
            try:
                await self._bind(server, bound)
            except ListenError:
                if loop.time() >= until:
                    raise
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return

    async def _outlive(self, server: grpc.aio.Server) -> None:
        await _stopped(server, _FOREVER)
        del self._ended[server]


async def _started(server: grpc.aio.Server) -> None:
    starting = asyncio.ensure_future(server.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        # As for its stop; it takes a turn of the loop.
        await asyncio.wait([starting])
        raise


async def _all_stopped(servers: list[grpc.aio.Server], grace: float) -> None:
    stopping = asyncio.gather(*(_stopped(server, grace) for server in servers))
    try:
        await asyncio.shield(stopping)
    except asyncio.CancelledError:
        # What grpc has begun to stop must not be canceled itself: it would fail, and the port stay taken.
        await asyncio.gather(*(server.stop(0) for server in servers), return_exceptions=True)
        await asyncio.wait([stopping])
        raise


async def _stopped(server: grpc.aio.Server, grace: float) -> None:
    try:
        await server.stop(grace)
    except Exception:  # noqa: BLE001  # the first to stop a server that has failed is told why; a second one waits
        await server.stop(grace)


class _GrpcLog(logging.Filter):
    """Hears of the end of a server before anybody could see it, and keeps the noise of strangers out of the log.

    Whoever sends a header that is no UTF-8, or does not wait for an answer, would write a traceback into it.

    Args:
        on_error: called when grpc has logged an error.
    """

    def __init__(self, on_error: Callable[[], None]) -> None:
        super().__init__()
        self._on_error = on_error
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """Begin to listen, for the loop that is running."""
        self._loop = asyncio.get_running_loop()
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)

    def detach(self) -> None:
        """Leave the log as it was."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is for people."""
        if record.name == "asyncio":
            # The shutdown that grpc begins after its listener has failed fails with the same error.
            return not (record.exc_info and _is_of_grpc(record.exc_info[1]))
        if isinstance(record.msg, UnicodeDecodeError):
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._on_error)
            return False
        return not str(record.msg).startswith(_NOISE)


def _is_of_grpc(error: BaseException | None) -> bool:
    """Whether an error has come out of the shutdown of a server whose listener had failed."""
    trace = None if error is None else error.__traceback__
    if not isinstance(error, UnicodeDecodeError) or trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename.endswith("server.pyx.pxi")
