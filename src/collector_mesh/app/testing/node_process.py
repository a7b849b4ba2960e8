"""A collector in a process of its own, for `ProcessNetwork`: told what to do over stdin, answers on stdout."""

import asyncio
import contextlib
import os
import sys
from typing import Any

from collector_mesh.app.collector import Collector
from collector_mesh.app.testing.networks import NodeOptions, read_frame, write_frame
from collector_mesh.app.testing.services import contract_service


class _Process:
    """Does one collector's bidding until stdin ends."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._collector: Collector | None = None

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until there is nothing more to read, then drain."""
        try:
            async with asyncio.TaskGroup() as group:
                with contextlib.suppress(asyncio.IncompleteReadError):
                    while True:
                        number, verb, arguments, options = await read_frame(reader)
                        group.create_task(self._answer(number, verb, arguments, options))
                if self._collector is not None:
                    await self._collector.__aexit__(None, None, None)
        except BaseException:
            # A grpc server that is left running would keep the process from ending.
            os._exit(1)

    async def _answer(self, number: int, verb: str, arguments: Any, options: Any) -> None:
        result = error = None
        try:
            result = await self._do(verb, arguments, options)
        except Exception as raised:  # it is raised again where it was asked for
            error = raised
        write_frame(self._writer, (number, result, error))
        await self._writer.drain()

    async def _do(self, verb: str, arguments: Any, options: Any) -> Any:
        if verb == "start":
            return await self._start(*arguments)
        if verb in {"add_service", "remove_service"}:
            # A service does not survive pickling; its name is enough.
            arguments = (contract_service(*arguments),)
        outcome = getattr(self._collector, verb)(*arguments, **options)
        return await outcome if asyncio.iscoroutine(outcome) else outcome

    async def _start(self, options: NodeOptions) -> str:
        collector = options.collector(None)
        await collector.__aenter__()
        self._collector = collector
        return collector.address


async def _main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    # Nothing else may write to where the answers go.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, answers)
    await _Process(asyncio.StreamWriter(transport, protocol, None, loop)).run(reader)


if __name__ == "__main__":
    asyncio.run(_main())
