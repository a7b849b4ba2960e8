"""What `benchmarks.against` has each checkout do: `python -m benchmarks.workloads`, told by lines what to do.

It uses public names alone, and no other module of the benchmarks: it runs with the source of other versions.

    open NAME      make ready what is measured; it is kept open
    count SECONDS  tell how many calls take about so much processor time
    run COUNT      make so many calls, and tell the seconds of processor time that they took
    close          close it

Each answer is a line `ready ...`; the first one tells of Python and where the source is. It ends when its input does.
"""

import asyncio
import gc
import os
import platform
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import collector_mesh
from collector_mesh import Collector, LoopbackNetwork, Payload, Service
from collector_mesh.simulation import Sim, Simulation

_PAYLOAD = b"x" * 100
_FEWEST = 50
"""Calls that the search for a count begins with."""

Spent = Callable[[], float]
"""Seconds of processor time that others have used for what is measured."""
Place = Callable[[], AbstractAsyncContextManager[tuple[Collector, Spent]]]


def _processor_seconds() -> float:
    # Asked of the system: the functions for it are virtual in a simulation.
    return time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)


def _service(*, waits: bool) -> Service:
    service = Service("bench", "Bench")

    @service.method("Echo")
    async def echo(request: Payload) -> Payload:
        if waits:
            await asyncio.sleep(0)
        return request

    return service


async def _calls(caller: Collector, count: int, in_flight: int) -> None:
    request = Payload("bytes", _PAYLOAD)
    left = count

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            (await caller.dispatch("bench", "Bench", "Echo", request)).raise_for_status()

    await asyncio.gather(*(work() for _ in range(in_flight)))


def _nothing() -> float:
    return 0.0


def _local(*, waits: bool) -> Place:
    @asynccontextmanager
    async def place() -> AsyncIterator[tuple[Collector, Spent]]:
        async with Collector(
            "one", transport=LoopbackNetwork(), services=[_service(waits=waits)]
        ) as collector:
            yield collector, _nothing

    return place


@asynccontextmanager
async def _loopback() -> AsyncIterator[tuple[Collector, Spent]]:
    network = LoopbackNetwork()
    async with (
        Collector("server", transport=network, services=[_service(waits=False)]) as server,
        Collector("caller", transport=network, namespaces=["bench"]) as caller,
    ):
        await caller.connect(server.address)
        yield caller, _nothing


def _link(*, waits: bool) -> Place:
    @asynccontextmanager
    async def place() -> AsyncIterator[tuple[Collector, Spent]]:
        command = [sys.executable, "-m", "benchmarks.workloads", "waiting-server" if waits else "server"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None  # both are pipes
            assert process.stdout is not None
            given, said = process.stdin, process.stdout

            def spent() -> float:
                given.write("spent\n")
                given.flush()
                return float(said.readline())

            try:
                async with Collector("caller", listen="127.0.0.1:0", namespaces=["bench"]) as caller:
                    await caller.connect(said.readline().strip())
                    yield caller, spent
            finally:
                process.kill()

    return place


class Workload(ABC):
    """Calls of one kind, ready to be made."""

    @abstractmethod
    def run(self, count: int) -> float:
        """Make so many calls; seconds of processor time that they took."""

    @abstractmethod
    def close(self) -> None:
        """Be no longer ready."""


class _Real(Workload):
    def __init__(self, place: Place, in_flight: int) -> None:
        self._in_flight = in_flight
        self._runner = asyncio.Runner()
        self._place = place()
        self._caller, self._spent = self._runner.run(self._place.__aenter__())

    def run(self, count: int) -> float:
        begin = _processor_seconds() + self._spent()
        self._runner.run(_calls(self._caller, count, self._in_flight))
        return _processor_seconds() + self._spent() - begin

    def close(self) -> None:
        self._runner.run(self._place.__aexit__(None, None, None))
        self._runner.close()


class _Simulated(Workload):
    """Twenty collectors that call ten others; without trace, digest and invariants."""

    def run(self, count: int) -> float:
        taken: list[float] = []
        pairs, callers = 10, 4

        async def scenario(sim: Sim) -> None:
            for n in range(pairs):
                sim.collector(f"server-{n}", services=[_service(waits=False)])
            fronts = [
                sim.collector(
                    f"caller-{n}", namespaces=["bench"], peers=[f"server-{n}", f"server-{(n + 1) % pairs}"]
                )
                for n in range(pairs)
            ]
            await sim.settled()
            begin = _processor_seconds()

            async def work(n: int) -> None:
                for _ in range(max(1, count // pairs // callers)):
                    reply = await fronts[n].dispatch("bench", "Bench", "Echo", Payload("bytes", _PAYLOAD))
                    reply.raise_for_status()

            await asyncio.gather(*(work(n) for n in range(pairs) for _ in range(callers)))
            taken.append(_processor_seconds() - begin)

        Simulation(1, checked=False).run(scenario, until=1e5)
        return taken[0]

    def close(self) -> None:
        """Nothing is open."""


WORKLOADS: dict[str, tuple[str, Callable[[], Workload]]] = {
    "link-1": ("link between two processes, 1 in flight", lambda: _Real(_link(waits=False), 1)),
    "link-64": ("link between two processes, 64 in flight", lambda: _Real(_link(waits=False), 64)),
    "link-256": ("link between two processes, 256 in flight", lambda: _Real(_link(waits=False), 256)),
    "link-wait": ("the same, 64 in flight, handler that waits", lambda: _Real(_link(waits=True), 64)),
    "local": ("dispatch to a handler of one's own", lambda: _Real(_local(waits=False), 64)),
    "local-wait": ("the same, handler that waits once", lambda: _Real(_local(waits=True), 64)),
    "loopback": ("loopback link, 64 in flight", lambda: _Real(_loopback, 64)),
    "simulated": ("simulated links, 40 in flight, unchecked", _Simulated),
}
"""What can be measured: in words, and how it is made ready."""


def _count(workload: Workload, seconds: float) -> int:
    """How many calls take about so much processor time."""
    count = _FEWEST
    while True:
        # Of the calls alone: to make ready what a simulation needs takes longer than thousands of calls.
        took = workload.run(count)
        if took >= seconds / 4:
            return max(_FEWEST, round(count * seconds / took))
        count *= 2


def _obey() -> None:
    print(f"ready {platform.python_version()} {collector_mesh.__file__}", flush=True)
    workload: Workload | None = None
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        answer: object = ""
        if word == "open":
            workload = WORKLOADS[rest][1]()
        elif workload is None:
            raise SystemExit(f"nothing is open to {word}")
        elif word == "count":
            answer = _count(workload, float(rest))
        elif word == "run":
            gc.collect()
            answer = workload.run(int(rest))
        else:
            workload.close()
            workload = None
        print(f"ready {answer}", flush=True)


async def _serve(*, waits: bool) -> None:
    """Be the other end of a link: each line of input asks for the processor time."""

    def listen() -> None:
        for _ in sys.stdin:
            print(_processor_seconds(), flush=True)
        os._exit(0)  # whoever has started this is gone

    async with Collector("server", listen="127.0.0.1:0", services=[_service(waits=waits)]) as collector:
        print(collector.address, flush=True)
        threading.Thread(target=listen, daemon=True).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1:]:
        asyncio.run(_serve(waits=sys.argv[1] == "waiting-server"))
    else:
        _obey()
