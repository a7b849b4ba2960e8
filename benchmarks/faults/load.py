"""Load on replicas, and what came of each call."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import attrs

from benchmarks.faults.service import IDEMPOTENT, NAMESPACE, ONCE, SERVICE
from collector_mesh import Collector, Payload

IN_FLIGHT = 64


@attrs.frozen
class Done:
    """One call that has ended.

    Attributes:
        number: of the call.
        method: which method.
        began: when, on this process's monotonic clock, in seconds.
        took: seconds.
        code: of the outcome.
        by: who has run it.
        attempts: who was tried.
    """

    number: bytes
    method: str
    began: float
    took: float
    code: int
    by: str
    attempts: tuple[str, ...]

    @property
    def ended(self) -> float:
        """When it has ended."""
        return self.began + self.took


class Load:
    """Calls from one collector, in a closed or in an open loop."""

    def __init__(self, front: Collector, *, timeout: float = 2.0) -> None:
        self.front = front
        self.timeout = timeout
        self.done: list[Done] = []
        self._count = 0
        self._tasks: dict[asyncio.Task[None], None] = {}

    async def call(self, method: str, namespace: str = NAMESPACE) -> Done:
        """Make one call."""
        self._count += 1
        number = b"%d" % self._count
        began = time.monotonic()
        reply = await self.front.dispatch(
            namespace, SERVICE, method, Payload("number", number), timeout=self.timeout
        )
        took = time.monotonic() - began
        done = Done(number, method, began, took, reply.status.code, reply.handled_by, reply.attempts)
        self.done.append(done)
        return done

    @asynccontextmanager
    async def closed(self, *methods: str, in_flight: int = IN_FLIGHT) -> AsyncIterator[None]:
        """So many calls at any time while the context is open, shared by the methods."""
        stopped = False

        async def work(method: str) -> None:
            while not stopped:
                done = await self.call(method)
                if done.took < 0.001:
                    # Who is refused at once would ask as fast as it can.
                    await asyncio.sleep(0.001)

        tasks = [asyncio.create_task(work(methods[number % len(methods)])) for number in range(in_flight)]
        try:
            yield
        finally:
            stopped = True
            for task in tasks:
                await task

    async def open(self, rate: float, seconds: float, method: str = ONCE, namespace: str = NAMESPACE) -> None:
        """So many calls a second, whatever comes of them; ends when all have ended."""
        begin, sent = time.monotonic(), 0
        tasks: dict[asyncio.Task[Done], None] = {}
        while (passed := time.monotonic() - begin) < seconds:
            due = int(passed * rate)
            while sent < due:
                task = asyncio.create_task(self.call(method, namespace))
                tasks[task] = None
                task.add_done_callback(lambda task: tasks.pop(task, None))
                sent += 1
            await asyncio.sleep(0.002)
        await asyncio.gather(*tasks)

    def between(self, first: float, last: float, method: str = "") -> list[Done]:
        """The calls that ended in a time span."""
        return [done for done in self.done if first <= done.ended < last and method in ("", done.method)]


@asynccontextmanager
async def front(*addresses: str, namespaces: Iterable[str] = (NAMESPACE,)) -> AsyncIterator[Collector]:
    """A collector that serves nothing, connected to replicas."""
    async with Collector("front", listen="127.0.0.1:0", namespaces=namespaces) as collector:
        for address in addresses:
            await collector.connect(address, timeout=10.0)
        yield collector


def codes(calls: Iterable[Done]) -> Counter[int]:
    """How often each outcome occurs."""
    return Counter(done.code for done in calls)


def share_at(calls: Iterable[Done], collector_id: str) -> float:
    """The share of attempts that went to a collector."""
    tried = Counter(attempt for done in calls for attempt in done.attempts)
    return tried[collector_id] / max(1, sum(tried.values()))


def quantile(values: Iterable[float], share: float) -> float:
    """The value that so large a share does not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait until something holds, at most so long; seconds that it took, or `inf`."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            return float("inf")
        await asyncio.sleep(0.005)
    return time.monotonic() - begin


BOTH = (IDEMPOTENT, ONCE)
