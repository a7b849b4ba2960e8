"""Connections are cut under calls, over real sockets, while both sides are well: calls end with their replies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import CallContext, Collector, Executed, MeshClient, Payload, Service, Settings


class Proxy:
    """Passes on what comes, both ways, and cuts all connections when it is told to."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self.came = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection."""
        self.came += 1
        there, back = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, back}
        for one, other in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(one, other))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self._writers.discard(writer)

    def cut(self) -> None:
        """Reset all connections."""
        for writer in list(self._writers):
            writer.transport.abort()


@asynccontextmanager
async def proxy_to(address: str) -> AsyncIterator[tuple[str, Proxy]]:
    """A proxy before a collector, and its address."""
    proxy = Proxy(address)
    server = await asyncio.start_server(proxy.take, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", proxy
    finally:
        server.close()
        proxy.cut()


class Works:
    """A service whose handlers run until they may end."""

    def __init__(self) -> None:
        self.runs: Counter[bytes] = Counter()
        self.cancelled = 0
        self.may_end = asyncio.Event()
        self.service = Service("work", "Works")
        self.service.method("Work")(self.work)

    async def work(self, request: Payload, context: CallContext) -> Payload:
        """Run once."""
        self.runs[request.value[:8]] += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Payload("done", request.value)

    async def begun(self, number: int) -> None:
        """Wait until this number of them have begun."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while self.runs.total() < number:
                await asyncio.sleep(0.005)


WORK = ("work", "Works", "Work")


@pytest.mark.asyncio
async def test_calls_of_peers_and_clients_and_relayed_ones_outlive_their_connections() -> None:
    works = Works()
    patient = Settings(recover_seconds=20.0, relay=True)
    async with (
        Collector("worker", listen="127.0.0.1:0", services=[works.service], settings=patient) as worker,
        proxy_to(worker.address) as (behind, proxy),
        Collector("hub", listen="127.0.0.1:0", namespaces=["work"], peers=[behind], settings=patient) as hub,
        proxy_to(hub.address) as (before_hub, other),
        MeshClient(behind, settings=patient) as near,
        MeshClient(before_hub, settings=patient) as far,
    ):
        await hub.wait_for(methods=["work/Works.Work"])
        requests = [b"%-8d" % number + b"x" * size for number, size in enumerate((0, 0, 0, 200_000) * 3)]
        calls = [
            asyncio.create_task(place.dispatch(*WORK, Payload("do", request), timeout=LIMIT_SECONDS))
            for place, request in zip((hub, near, far) * 4, requests, strict=True)
        ]
        await works.begun(len(calls))
        for each in (proxy, other):
            each.cut()
        works.may_end.set()
        replies = await asyncio.gather(*calls)
        again = await hub.dispatch(*WORK, Payload("do", b"again"), timeout=LIMIT_SECONDS)

    assert [(reply.status.code, reply.handled_by) for reply in replies] == [(200, "worker")] * 12
    assert [reply.payload.value for reply in replies] == requests
    assert again.status.code == 200
    assert set(works.runs.values()) == {1}
    assert works.cancelled == 0


@pytest.mark.asyncio
async def test_without_recovery_a_lost_connection_ends_calls_and_handlers_at_once() -> None:
    works = Works()
    none = Settings(recover_seconds=0)
    async with (
        Collector("worker", listen="127.0.0.1:0", services=[works.service], settings=none) as worker,
        proxy_to(worker.address) as (behind, proxy),
        MeshClient(behind) as client,
    ):
        call = asyncio.create_task(client.dispatch(*WORK, timeout=LIMIT_SECONDS))
        await works.begun(1)
        proxy.cut()
        reply = await call
        async with asyncio.timeout(LIMIT_SECONDS):
            while not works.cancelled:
                await asyncio.sleep(0.005)

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)
