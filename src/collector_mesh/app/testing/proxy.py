"""A wire that can fail: TCP that is passed on as well, or as badly, as a test says."""

import asyncio
import math
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Literal, Self

Direction = Literal["to_target", "from_target"]
BOTH: tuple[Direction, Direction] = ("to_target", "from_target")

_PIECE_BYTES = 4096
_HELD_BYTES = 1 << 22
"""Most that one direction of a connection holds back; then it reads no more."""


class _Pipe:
    """One direction of one connection."""

    def __init__(
        self,
        proxy: "FaultyProxy",
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._direction = direction
        self._reader = reader
        self.writer = writer
        self.has_lost = False
        self.is_ended = False
        """Whether this direction was ended while its source goes on."""
        self._held: deque[tuple[float, bytes]] = deque()
        self._held_bytes = 0
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def run(self) -> None:
        """Pass on until the source ends or the connection breaks."""
        feeding = asyncio.create_task(self._feed())
        try:
            with suppress(ConnectionError):
                await self._drain()
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
            self.writer.close()

    async def _feed(self) -> None:
        proxy, loop = self._proxy, asyncio.get_running_loop()
        data = b"-"
        while data:
            await proxy.running.wait()
            await self._has_room.wait()
            try:
                data = await self._reader.read(_PIECE_BYTES)
            except ConnectionError:
                data = b""
            if data and self._direction in proxy.dropped:
                self.has_lost = True
                proxy.lost[self._direction] += len(data)
                continue
            self._held.append((loop.time() + proxy.delay, data))
            self._held_bytes += len(data)
            if self._held_bytes > min(_HELD_BYTES, max(proxy.rate, _PIECE_BYTES)):
                self._has_room.clear()
            self._has_news.set()

    async def _drain(self) -> None:
        proxy, loop = self._proxy, asyncio.get_running_loop()
        busy_until = loop.time()
        while True:
            while not self._held:
                self._has_news.clear()
                await self._has_news.wait()
            due, data = self._held.popleft()
            # What a wire takes its time for is no wait for a condition.
            await asyncio.sleep(max(0.0, due - loop.time(), busy_until - loop.time()))
            await proxy.running.wait()
            if not data:
                return
            if self.is_ended:
                # As by a machine that has ended its side: what comes now goes nowhere.
                proxy.lost[self._direction] += len(data)
            else:
                self.writer.write(data)
                await self.writer.drain()
                proxy.passed[self._direction] += len(data)
            self._held_bytes -= len(data)
            self._has_room.set()
            busy_until = max(busy_until, loop.time()) + len(data) / proxy.rate


class FaultyProxy:
    """A TCP proxy in this process, in front of an address; used as an async context manager.

    Its faults hold for open connections and for new ones, until the next change.

    Args:
        target: HOST:PORT that it passes connections on to.
        source: an address of this machine that it connects from; empty for the usual one.

    Attributes:
        address: HOST:PORT to connect to instead.
        delay: seconds by which all bytes are late; the order is kept.
        rate: bytes a second in each direction of each connection; `math.inf` for no limit.
        dropped: directions in which all bytes are thrown away.
        passed: number of bytes passed on, by direction.
        lost: number of bytes thrown away, by direction.
        accepted: when connections were taken, on the loop's clock.
    """

    def __init__(self, target: str, *, source: str = "") -> None:
        self._target = target
        self._source = (source, 0) if source else None
        self.address = ""
        self.delay = 0.0
        self.rate = math.inf
        self.dropped: frozenset[str] = frozenset()
        self.passed: dict[str, int] = dict.fromkeys(BOTH, 0)
        self.lost: dict[str, int] = dict.fromkeys(BOTH, 0)
        self.accepted: list[float] = []
        self.running = asyncio.Event()
        """Cleared while nothing is read, and nothing passed on."""
        self.running.set()
        self._refuses = False
        self._server: asyncio.Server | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._pipes: dict[_Pipe, _Pipe] = {}

    async def __aenter__(self) -> Self:
        """Listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=_PIECE_BYTES)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every connection; what it has not passed on is lost."""
        self._refuses = True
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._pipes) // 2

    def stall(self) -> None:
        """Read nothing and pass nothing on, until `heal`; nothing is lost: a partition as TCP sees it."""
        self.running.clear()

    def drop(self, *directions: Direction) -> None:
        """Throw away what comes, in both directions or in one, until `heal`."""
        self.dropped = frozenset(directions or BOTH)

    def heal(self) -> None:
        """Pass on everything again; connections that have lost bytes cannot go on, and are reset."""
        self.running.set()
        self.dropped = frozenset()
        self._refuses = False
        for pipe, back in list(self._pipes.items()):
            if pipe.has_lost:
                _reset(pipe, back)

    def refuse(self) -> None:
        """Reset all connections, and each new one at once, until `heal`."""
        self._refuses = True
        self.cut()

    def cut(self) -> None:
        """Reset all connections; new ones are taken."""
        for pipe, back in list(self._pipes.items()):
            _reset(pipe, back)

    def half_close(self, direction: Direction = "to_target") -> None:
        """End one direction of every open connection; the other one goes on."""
        for pipe in list(self._pipes):
            if pipe._direction == direction and pipe.writer.can_write_eof():  # noqa: SLF001  # of this module
                pipe.is_ended = True
                pipe.writer.write_eof()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted.append(asyncio.get_running_loop().time())
        if self._refuses:
            writer.transport.abort()
            return
        connecting = self._own(self._connect(reader, writer))
        connecting.add_done_callback(lambda done: writer.transport.abort() if done.cancelled() else None)

    def _own(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(
                host, int(port), limit=_PIECE_BYTES, local_addr=self._source
            )
        except OSError:
            writer.transport.abort()
            return
        there = _Pipe(self, "to_target", reader, far_writer)
        back = _Pipe(self, "from_target", far_reader, writer)
        self._pipes.update({there: back, back: there})
        for pipe in (there, back):
            # Closed, it would wait for whoever takes nothing until what was written has been taken.
            self._own(self._run(pipe)).add_done_callback(partial(_abort, pipe))

    async def _run(self, pipe: _Pipe) -> None:
        try:
            await pipe.run()
            self._pipes.pop(pipe, None)
            with suppress(OSError):
                await pipe.writer.wait_closed()
        finally:
            self._pipes.pop(pipe, None)


def _abort(pipe: _Pipe, _task: asyncio.Task[None]) -> None:
    pipe.writer.transport.abort()


def _reset(*pipes: _Pipe) -> None:
    for pipe in pipes:
        pipe.writer.transport.abort()
