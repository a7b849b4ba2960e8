"""Load on replicas, and what came of each call."""

import asyncio
import time
from array import array
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


class Tally:
    """What came of many calls: when they began and how long they took, by code."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._times: dict[int, tuple[array[float], array[float]]] = {}

    def add(self, began: float, took: float, code: int) -> None:
        """Count a call that began so many seconds after the first one."""
        times = self._times.get(code)
        if times is None:
            times = self._times[code] = (array("f"), array("f"))
        times[0].append(began)
        times[1].append(took)

    def codes(self, since: float = 0.0) -> Counter[int]:
        """How often each outcome occurs among the calls that began after so many seconds."""
        return Counter({code: sum(at >= since for at in times[0]) for code, times in self._times.items()})

    def took(self, code: int) -> list[float]:
        """How long the calls with an outcome took, in seconds."""
        return list(self._times[code][1]) if code in self._times else []


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

    async def open(
        self, rate: float, seconds: float, method: str = ONCE, namespace: str = NAMESPACE
    ) -> "Tally":
        """So many calls a second, whatever comes of them; ends when all have ended, and gives what came of them.

        Nothing is kept of a call but its time: the collection of a million records would be a pause of its own.
        """
        begin, sent = time.monotonic(), 0
        tally, payload, timeout = Tally(), Payload("number", b"0"), self.timeout
        dispatch, tasks = self.front.dispatch, dict[asyncio.Task[None], None]()

        async def call() -> None:
            began = time.monotonic()
            reply = await dispatch(namespace, SERVICE, method, payload, timeout=timeout)
            now = time.monotonic()
            tally.add(began - begin, now - began, reply.status.code)

        while (passed := time.monotonic() - begin) < seconds:
            due = int(passed * rate)
            while sent < due:
                task = asyncio.create_task(call())
                tasks[task] = None
                task.add_done_callback(tasks.pop)
                sent += 1
            await asyncio.sleep(0.002)
        await asyncio.gather(*tasks)
        tally.seconds = time.monotonic() - begin
        return tally

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
