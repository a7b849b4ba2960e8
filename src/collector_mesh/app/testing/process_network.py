"""Networks of collectors in processes of their own."""

import asyncio
import contextlib
import pickle
import socket
import struct
import subprocess
import sys
from types import TracebackType
from typing import Any, Self, Unpack

import attrs

from collector_mesh.app.clients.client import MeshClient
from collector_mesh.app.testing.networks import NodeOptions
from collector_mesh.domain.model.caller import CallOptions
from collector_mesh.domain.model.payload import Message, Payload, Plain
from collector_mesh.domain.model.snapshot import ConnectionInfo, Explanation, Snapshot
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.validator import Validator

_MOST_SECONDS = 60.0
"""How long a process may take to end before it is killed."""


class NodeProcess:
    """A process that runs one collector after the other, as it is told over a socket."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "collector_mesh.app.testing.node_process"]
            self.popen = subprocess.Popen(command, stdin=theirs.fileno())  # noqa: S603  # our own module

    def end(self) -> None:
        """Have it end, and wait for that."""
        self.socket.close()
        try:
            self.popen.wait(_MOST_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class NodeProcesses:
    """Processes that have run a collector and wait for the next one: to begin one takes half a second.

    For networks of several tests; `close` it after the last one.
    """

    def __init__(self) -> None:
        self._free: list[NodeProcess] = []

    def take(self) -> NodeProcess:
        """One that runs nothing."""
        return self._free.pop() if self._free else NodeProcess()

    def give_back(self, process: NodeProcess) -> None:
        """It runs nothing anymore."""
        self._free.append(process)

    def close(self) -> None:
        """End all that run nothing."""
        for process in self._free:
            process.socket.close()
        while self._free:
            self._free.pop().end()


class ProcessNode:
    """A collector in a process of its own.

    Attributes:
        process: the process.
    """

    def __init__(
        self,
        collector_id: str,
        process: NodeProcess,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.collector_id = collector_id
        self.address = ""
        self.process = process.popen
        self.is_running = True
        self._node_process = process
        self._writer = writer
        self._next = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read(reader))

    async def connect(self, address: str, *, timeout: float = 5.0) -> ConnectionInfo:
        """See `Collector`."""
        found: ConnectionInfo = await self.tell("connect", address, timeout=timeout)
        return found

    async def disconnect(self, peer_id: str) -> None:
        """See `Collector`."""
        await self.tell("disconnect", peer_id)

    async def dispatch(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        **options: Unpack[CallOptions],
    ) -> Reply:
        """See `Collector`."""
        reply: Reply = await self.tell("dispatch", namespace, service, method, request, **options)
        return reply

    async def snapshot(self) -> Snapshot:
        """See `Collector`."""
        found: Snapshot = await self.tell("snapshot")
        return found

    async def explain(self, namespace: str, service: str, method: str) -> Explanation:
        """See `Collector`."""
        found: Explanation = await self.tell("explain", namespace, service, method)
        return found

    async def add_service(self, namespace: str, name: str) -> None:
        """See the protocol."""
        await self.tell("add_service", namespace, name)

    async def remove_service(self, namespace: str, name: str) -> None:
        """See the protocol."""
        await self.tell("remove_service", namespace, name)

    async def set_validator(self, validator: Validator | None) -> None:
        """See `Collector`."""
        await self.tell("set_validator", validator)

    async def stop(self) -> None:
        """See the protocol."""
        if self.is_running:
            await self.tell("stop")
            self.is_running = False

    async def kill(self) -> None:
        """End the process at once, as a crash does."""
        self.process.kill()
        await asyncio.to_thread(self.process.wait)
        await self._reader

    async def leave(self) -> NodeProcess | None:
        """Have nothing more to do with the process; gives it if it runs nothing, else it has ended."""
        try:
            with contextlib.suppress(ConnectionError):
                await self.stop()
        finally:
            self._reader.cancel()
            self._writer.close()
            await asyncio.wait((self._reader,))
            if self.is_running:
                await asyncio.to_thread(self._node_process.end)
        return None if self.is_running else self._node_process

    async def tell(self, verb: str, *arguments: Any, **options: Any) -> Any:
        """Have the process do something and give what comes of it; what it raises is raised here."""
        if self._reader.done():
            raise ConnectionError(f"{self.collector_id} has gone")
        self._next += 1
        number = self._next
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        write_frame(self._writer, (number, verb, arguments, options))
        await self._writer.drain()
        return await future

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                number, result, error = await read_frame(reader)
                future = self._waiting.pop(number)
                if future.done():
                    continue
                if error is not None:
                    future.set_exception(error)
                else:
                    future.set_result(result)
        except (asyncio.IncompleteReadError, ConnectionError):
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError(f"{self.collector_id} has gone"))


class ProcessNetwork:
    """Collectors in processes of their own, over gRPC on 127.0.0.1.

    Args:
        processes: where processes are taken from, and given back to; without them each network has its own.
    """

    def __init__(self, processes: NodeProcesses | None = None) -> None:
        self._processes = processes or NodeProcesses()
        self._are_own = processes is None
        self._nodes: list[ProcessNode] = []

    async def __aenter__(self) -> Self:
        """Nothing is running yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop what is running, all at once."""
        for process in await asyncio.gather(*(node.leave() for node in self._nodes)):
            if process is not None:
                self._processes.give_back(process)
        if self._are_own:
            await asyncio.to_thread(self._processes.close)

    async def start(self, options: NodeOptions) -> ProcessNode:
        """See the protocol."""
        if options.listen is None:
            options = attrs.evolve(options, listen="127.0.0.1:0")
        process = self._processes.take()
        # A copy: this loop closes it, and the process may have another one to do with after that.
        reader, writer = await asyncio.open_connection(sock=process.socket.dup())
        node = ProcessNode(options.collector_id, process, reader, writer)
        self._nodes.append(node)
        node.address = await node.tell("start", options)
        return node

    def client(self, address: str) -> MeshClient:
        """See the protocol."""
        return MeshClient(address)


_SIZE = struct.Struct("!I")


def write_frame(writer: asyncio.StreamWriter, value: object) -> None:
    """Write a pickled value with its length before it."""
    data = pickle.dumps(value)
    writer.write(_SIZE.pack(len(data)) + data)


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """Read what `write_frame` has written.

    Raises:
        asyncio.IncompleteReadError: there is no more.
    """
    (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
    return pickle.loads(await reader.readexactly(size))  # noqa: S301  # from our own child process
