"""Calls offered on a timetable, whatever becomes of those before: an open loop."""

import asyncio
import random
import time
from array import array
from collections import Counter
from collections.abc import Sequence

import attrs
import grpc

from benchmarks.alarm import make_alarm
from benchmarks.measure import percentile
from benchmarks.sides import Call, CallFailedError

BACKLOG = 20_000
"""Calls under way at which a run stops: it would only measure its own queue."""
_RESOLUTION = 50e-6
"""Seconds between two wake-ups, at least; what is due in between goes out at the later one."""


def even(rate: float, seconds: float, _dice: random.Random) -> Sequence[float]:
    """Moments at the same distance from each other."""
    return array("d", (index / rate for index in range(int(rate * seconds))))


def poisson(rate: float, seconds: float, dice: random.Random) -> Sequence[float]:
    """Moments that know nothing of each other."""
    moments, moment = array("d"), dice.expovariate(rate)
    while moment < seconds:
        moments.append(moment)
        moment += dice.expovariate(rate)
    return moments


@attrs.define
class Outcome:
    """What has become of the calls of one run.

    Attributes:
        offered: calls that were made.
        left: calls that were under way when the last one had been made.
        was_stopped: whether that was early, for a backlog that was too long.
        latencies: of what was answered, in seconds, sorted.
        failures: what else came, by its code.
    """

    offered: int = 0
    left: int = 0
    was_stopped: bool = False
    latencies: list[float] = attrs.field(factory=list)
    failures: Counter[str] = attrs.field(factory=Counter)

    @property
    def p50(self) -> float:
        """Median latency of what was answered, in seconds."""
        return percentile(self.latencies, 0.5)

    @property
    def p99(self) -> float:
        """What one call in a hundred took longer than, in seconds."""
        return percentile(self.latencies, 0.99)


class Offering:
    """Offers a call at each moment of a timetable, each in a task of its own, as users do.

    A call's latency begins when it was due, so whatever delays the generator counts too.
    """

    def __init__(self, call: Call, timetable: Sequence[float]) -> None:
        self._call = call
        self._timetable = timetable
        self._outcome = Outcome()
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> Outcome:
        """Offer them all, and wait for the answers."""
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = loop.create_future()
        self._alarm = make_alarm(self._ring)
        try:
            self._start = time.monotonic() + 0.01
            self._alarm.at(self._start)
            await self._over
        finally:
            self._alarm.close()
        under_way = tuple(self._under_way)
        self._outcome.left = len(under_way)
        if self._outcome.was_stopped:
            for task in under_way:
                task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        self._outcome.latencies.sort()
        return self._outcome

    def _ring(self) -> None:
        if self._over.done():
            return
        now, start, timetable, outcome = time.monotonic(), self._start, self._timetable, self._outcome
        create_task = asyncio.get_running_loop().create_task
        index, end = outcome.offered, len(timetable)
        while index < end and (due := start + timetable[index]) <= now:
            self._under_way.add(create_task(self._one(due)))
            index += 1
        outcome.offered = index
        if len(self._under_way) > BACKLOG:
            outcome.was_stopped = True
            self._over.set_result(None)
        elif index == end:
            self._over.set_result(None)
        else:
            self._alarm.at(max(start + timetable[index], now + _RESOLUTION))

    async def _one(self, due: float) -> None:
        try:
            await self._call()
            self._outcome.latencies.append(time.monotonic() - due)
        except CallFailedError as error:
            self._outcome.failures[str(error).partition(" ")[0]] += 1
        except grpc.aio.AioRpcError as error:
            self._outcome.failures[error.code().name] += 1
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._under_way.discard(task)
