"""Faults that a seed draws: when, which, where and for how long."""

import asyncio
import math
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import attrs

from collector_mesh.adapters.simulated.network import SimulatedNetwork
from collector_mesh.app.settings import Settings
from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.policies.balancing import BALANCERS


class Stage(Protocol):
    """What faults are done to; see `Sim`."""

    network: SimulatedNetwork

    @property
    def up(self) -> Sequence[str]:
        """Ids of the collectors that are up."""
        ...

    async def sleep(self, seconds: float) -> None:
        """See `Sim`."""
        ...

    async def crash(self, collector_id: str) -> None:
        """See `Sim`."""
        ...

    async def restart(self, collector_id: str, *, fresh: bool = False) -> object:
        """See `Sim`."""
        ...

    async def stop(self, collector_id: str) -> None:
        """See `Sim`."""
        ...

    def pause(self, collector_id: str) -> None:
        """See `Sim`."""
        ...

    def resume(self, collector_id: str) -> None:
        """See `Sim`."""
        ...

    def clock_skew(self, collector_id: str, seconds: float) -> None:
        """See `Sim`."""
        ...

    def clock_rate(self, collector_id: str, factor: float) -> None:
        """See `Sim`."""
        ...

    def slow(self, collector_id: str, seconds: float) -> None:
        """See `Sim`."""
        ...


class Chaos:
    """Does faults to a mesh until it is stopped; each ends by itself, or when it is stopped.

    Args:
        stage: the mesh.
        seed: decides.
        rate: faults a virtual second, on average.
    """

    def __init__(self, stage: Stage, seed: str, *, rate: float) -> None:
        self._stage = stage
        self._dice = random.Random(seed)  # noqa: S311  # to be foreseen is what it is for
        self._rate = rate
        self._task: asyncio.Task[None] | None = None
        self._under_way: dict[asyncio.Task[None], None] = {}
        self._stopping: dict[str, None] = {}

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """No more faults; those that are under way end now."""
        tasks = [*([self._task] if self._task else []), *self._under_way]
        self._task = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _run(self) -> None:
        faults: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self._crash,
            self._stop,
            self._pause,
            self._slow,
            self._clocks,
            self._clog,
            self._cut,
            self._partition,
            self._loss,
            self._bandwidth,
            self._latency,
            self._reset,
        ]
        while True:
            await self._stage.sleep(self._dice.expovariate(self._rate))
            if not self._stage.up:
                continue
            fault = self._dice.choice(faults)
            task = asyncio.get_running_loop().create_task(fault())
            self._under_way[task] = None
            task.add_done_callback(self._has_ended)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler({"message": "a fault has failed", "exception": error})

    def _one(self) -> str:
        return self._dice.choice(self._stage.up)

    def _two(self) -> tuple[str, str]:
        up = self._stage.up
        one, other = self._dice.sample(up, 2) if len(up) > 1 else (up[0], up[0])
        return one, other

    def _seconds(self) -> float:
        """How long a fault lasts: mostly short, sometimes longer than everybody's patience."""
        return min(30.0, self._dice.lognormvariate(0.5, 1.2))

    async def _crash(self) -> None:
        who, seconds, fresh = self._one(), self._seconds(), self._dice.random() < 0.5
        try:
            await self._stage.crash(who)
            await self._stage.sleep(seconds)
        finally:
            await self._stage.restart(who, fresh=fresh)

    async def _stop(self) -> None:
        """One drains and ends, and may crash on the way."""
        able = [collector_id for collector_id in self._stage.up if collector_id not in self._stopping]
        if not able:
            return
        who, seconds, fresh = self._dice.choice(able), self._seconds(), self._dice.random() < 0.5
        self._stopping[who] = None
        # Whoever ends the chaos waits until it has ended, and is started again.
        stopped = asyncio.get_running_loop().create_task(self._has_stopped(who))
        try:
            if await asyncio.shield(stopped):
                await self._stage.sleep(seconds)
        finally:
            if await stopped:
                await self._stage.restart(who, fresh=fresh)

    async def _has_stopped(self, who: str) -> bool:
        """Stop one; False if it has crashed meanwhile, and whoever did that will start it again."""
        try:
            await self._stage.stop(who)
        except UnavailableError:
            return False
        finally:
            del self._stopping[who]
        return True

    async def _pause(self) -> None:
        who, seconds = self._one(), self._seconds()
        self._stage.pause(who)
        try:
            await self._stage.sleep(seconds)
        finally:
            self._stage.resume(who)

    async def _slow(self) -> None:
        who, seconds = self._one(), self._seconds()
        self._stage.slow(who, self._dice.uniform(0.01, 3.0))
        try:
            await self._stage.sleep(seconds)
        finally:
            self._stage.slow(who, 0.0)

    async def _clocks(self) -> None:
        self._stage.clock_skew(self._one(), self._dice.uniform(-3600, 3600))
        self._stage.clock_rate(self._one(), self._dice.uniform(0.999, 1.001))

    async def _clog(self) -> None:
        """Links are clogged one by one, and unclogged in another order."""
        pairs = [self._two() for _ in range(self._dice.randint(1, 4))]
        try:
            for one, other in pairs:
                self._stage.network.clog(one, other)
                await self._stage.sleep(self._seconds() / 4)
        finally:
            self._dice.shuffle(pairs)
            for one, other in pairs:
                self._stage.network.unclog(one, other)

    async def _cut(self) -> None:
        one, other = self._two()
        self._stage.network.cut(one, other)
        try:
            await self._stage.sleep(self._seconds())
        finally:
            self._stage.network.mend(one, other)

    async def _partition(self) -> None:
        up = list(self._stage.up)
        self._dice.shuffle(up)
        middle = self._dice.randrange(len(up)) if len(up) > 1 else 0
        self._stage.network.partition(up[:middle], up[middle:])
        try:
            await self._stage.sleep(self._seconds())
        finally:
            self._stage.network.heal(up[:middle], up[middle:])

    async def _loss(self) -> None:
        one, other = self._two()
        self._stage.network.loss(one, other, self._dice.uniform(0.0, 0.5))
        try:
            await self._stage.sleep(self._seconds())
        finally:
            self._stage.network.restore(one, other, "loss")

    async def _bandwidth(self) -> None:
        one, other = self._two()
        self._stage.network.bandwidth(one, other, self._dice.lognormvariate(10, 2))
        try:
            await self._stage.sleep(self._seconds())
        finally:
            self._stage.network.restore(one, other, "bandwidth")

    async def _latency(self) -> None:
        one, other = self._two()
        median = self._dice.lognormvariate(-5, 1)
        self._stage.network.latency(one, other, median=median, p99=median * self._dice.uniform(1, 10))
        try:
            await self._stage.sleep(self._seconds())
        finally:
            self._stage.network.restore(one, other, "latency")

    async def _reset(self) -> None:
        """Ends by itself: both sides dial again."""
        self._stage.network.reset(*self._two())


_RANGES: dict[str, tuple[float, float]] = {
    "default_timeout": (0.5, 60.0),
    "latency_decay": (0.1, 100.0),
    "failure_penalty": (0.0, 30.0),
    "failure_decay": (0.05, 10.0),
    "retry_first": (0.001, 1.0),
    "retry_cap": (0.01, 5.0),
    "retry_share": (0.0, 2.0),
    "retry_rate": (0.0, 100.0),
    "attempt_floor": (0.001, 5.0),
    "attempt_share": (0.05, 1.0),
    "attempt_p99s": (1.0, 50.0),
    "breaker_quiet": (0.0, 5.0),
    "breaker_success_share": (0.0, 1.0),
    "breaker_first": (0.05, 5.0),
    "breaker_cap": (1.0, 10.0),
    "max_ejected": (0.0, 1.0),
    "drain_timeout": (0.0, 25.0),
    "heartbeat_interval": (0.2, 6.0),
    "reconnect_first": (0.002, 1.0),
    "reconnect_cap": (0.1, 5.0),
    "report_interval": (0.1, 60.0),
}
"""What is drawn from the allowed range; not beyond what lets everything work again within half a minute."""

_WHOLE: dict[str, tuple[int, int]] = {
    "max_running": (2, 1024),
    "max_outgoing": (8, 4096),
    "max_attempts": (1, 10),
    "retry_window": (1, 30),
    "breaker_failures": (1, 50),
    "breaker_min_calls": (1, 100),
    "breaker_window": (1, 30),
    "link_queue_bytes": (1 << 16, 16 << 20),
}
_EACH = 0.25
"""How often each of them is drawn."""


def drawn(settings: Settings, dice: random.Random) -> Settings:
    """Settings of which some are drawn from what is allowed; see `_RANGES`."""
    values: dict[str, Any] = {}
    for name, (low, high) in _RANGES.items():
        if dice.random() < _EACH:
            # Small values are as likely as large ones, whatever the unit.
            values[name] = (
                math.exp(dice.uniform(math.log(low), math.log(high))) if low else dice.uniform(low, high)
            )
    for name, (least, most) in _WHOLE.items():
        if dice.random() < _EACH:
            values[name] = round(math.exp(dice.uniform(math.log(least), math.log(most))))
    if dice.random() < _EACH:
        values["balancing"] = dice.choice(sorted(BALANCERS))
    if dice.random() < _EACH / 2:
        values["breaker"] = False
    return attrs.evolve(settings, **values)
