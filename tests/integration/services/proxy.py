"""A wire that can be slow, or still: TCP that is passed on as fast as a test says."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PIECE_BYTES = 4096


class Proxy:
    """Passes on what it reads, in both directions.

    Attributes:
        address: where it listens.
        rate: bytes a second in each direction; `math.inf` for all there is.
        is_open: cleared while nothing is passed on, and nothing is read.
        passed: bytes passed on so far, by direction: to the target, and back.
    """

    def __init__(self, target: str) -> None:
        self.address = ""
        self.rate = math.inf
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.passed = [0, 0]
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection."""
        host, _, port = self._target.rpartition(":")
        their_reader, their_writer = await asyncio.open_connection(host, int(port), limit=_PIECE_BYTES)
        for index, (source, sink) in enumerate(((reader, their_writer), (their_reader, writer))):
            task = asyncio.create_task(self._pass(index, source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, index: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            with suppress(ConnectionError):
                due = loop.time()
                while data := await reader.read(_PIECE_BYTES):
                    await self.is_open.wait()
                    writer.write(data)
                    await writer.drain()
                    self.passed[index] += len(data)
                    # The wire is busy for so long; that is what it is for, and no wait for a condition.
                    due = max(due, loop.time()) + len(data) / self.rate
                    if due > loop.time():
                        await asyncio.sleep(due - loop.time())
        finally:
            writer.close()

    async def close(self) -> None:
        """End every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def proxy(target: str) -> AsyncIterator[Proxy]:
    """A proxy in front of an address."""
    running = Proxy(target)
    server = await asyncio.start_server(running.take, "127.0.0.1", 0, limit=_PIECE_BYTES)
    running.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield running
    finally:
        server.close()
        await running.close()
