"""Collectors in a process of their own, for `ProcessNetwork`: it is told what to do over a socket, its stdin."""

import asyncio
import contextlib
import inspect
import os
import socket
import sys
from typing import Any

from collector_mesh.app.collector import Collector
from collector_mesh.app.testing.networks import NodeOptions
from collector_mesh.app.testing.process_network import read_frame, write_frame
from collector_mesh.app.testing.services import contract_service


class _Process:
    """Does the bidding of one collector after the other until there is nothing more to read."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._collector: Collector | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until there is nothing more to read, then drain."""
        try:
            async with asyncio.TaskGroup() as group:
                with contextlib.suppress(asyncio.IncompleteReadError):
                    while True:
                        number, verb, arguments, options = await read_frame(reader)
                        if verb == "stop":
                            await self._stop()
                            await self._say(number, None, None)
                            continue
                        task = group.create_task(self._answer(number, verb, arguments, options))
                        self._under_way.add(task)
                        task.add_done_callback(self._under_way.discard)
                await self._stop()
        except BaseException:
            # A grpc server that is left running would keep the process from ending.
            os._exit(1)

    async def _stop(self) -> None:
        """End the collector, and whatever was asked of it: whoever asks next is not to get the answers."""
        collector, self._collector = self._collector, None
        if collector is not None:
            await collector.__aexit__(None, None, None)
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _answer(self, number: int, verb: str, arguments: Any, options: Any) -> None:
        result = error = None
        try:
            result = await self._do(verb, arguments, options)
        except Exception as raised:  # it is raised again where it was asked for
            error = raised
        await self._say(number, result, error)

    async def _say(self, number: int, result: Any, error: Exception | None) -> None:
        write_frame(self._writer, (number, result, error))
        # Whoever has asked may have gone.
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def _do(self, verb: str, arguments: Any, options: Any) -> Any:
        if verb == "start":
            return await self._start(*arguments)
        if verb in {"add_service", "remove_service"}:
            # A service does not survive pickling; its name is enough.
            arguments = (contract_service(*arguments),)
        outcome = getattr(self._collector, verb)(*arguments, **options)
        return await outcome if inspect.isawaitable(outcome) else outcome

    async def _start(self, options: NodeOptions) -> str:
        collector = options.collector(None)
        await collector.__aenter__()
        self._collector = collector
        return collector.address


async def _main() -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=os.dup(sys.stdin.fileno())))
    await _Process(writer).run(reader)


if __name__ == "__main__":
    asyncio.run(_main())
