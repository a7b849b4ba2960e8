"""The ports of one simulated host: clock, dice, tasks."""

import asyncio
import contextvars
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from collector_mesh.adapters.runtime.clock import LoopAlarm
from collector_mesh.adapters.runtime.tasks import LoopTasks, drop, waiting_context
from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.adapters.simulated.threads import Gone, SimulatedThread
from collector_mesh.domain.ports.clock import Alarm, Clock, Timer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks, ThreadUse

T = TypeVar("T")

_LEAST_SECONDS = 2e-9
"""Time goes on by whole nanoseconds: whoever waits for less, again and again, would never get there."""


def _lasting(seconds: float, host: Host) -> float:
    """How long something takes, in virtual seconds, that lasts `seconds` by the clock of a host."""
    return max(_LEAST_SECONDS, seconds / host.rate) if seconds > 0 else 0.0


class HostAlarm(LoopAlarm):
    """An alarm that sleeps in virtual time, as fast as its host's clock goes."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host

    async def wait(self, seconds: float) -> bool:
        """See the port."""
        return await super().wait(_lasting(seconds, self._host))


class HostClock:
    """The clock of one host."""

    def __init__(self, loop: SimulatedLoop, host: Host) -> None:
        self._loop = loop
        self._host = host

    def now(self) -> float:
        """See the port."""
        # As `Host.now`, without its call: every frame asks for the time several times.
        host = self._host
        return host.rated_now + (self._loop.nanoseconds / 1e9 - host.rated_at) * host.rate

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """See the port."""
        host = self._host
        return self._loop.call_later(
            _lasting(max(0.0, when - self.now()), host), callback, context=host.context()
        )

    def alarm(self) -> HostAlarm:
        """See the port."""
        return HostAlarm(self._host)


class SeededRandomness:
    """Dice that throw the same for the same seed."""

    def __init__(self, seed: str) -> None:
        # A text is hashed with SHA-512, whatever the hash seed of the process.
        self._dice = random.Random(seed)  # noqa: S311  # to be foreseen is what it is for
        self.uniform = self._dice.uniform

    def below(self, limit: int) -> int:
        """See the port."""
        return int(self._dice.random() * limit)

    def token(self) -> str:
        """See the port."""
        return f"{self._dice.getrandbits(128):032x}"


class HostTasks(LoopTasks):
    """Tasks that belong to a host; plain functions run at once, in no virtual time."""

    def __init__(self, clock: Clock, host: Host, *, max_threads: int) -> None:
        super().__init__(clock, max_threads=max_threads, begin_task=partial(_begin_task, host))
        self._host = host
        self._idle = host.context()
        """In which is called what has waited for rest; nothing else runs in it, so that it is never entered twice."""

    async def in_thread(self, function: Callable[[], T], use: ThreadUse) -> T:
        """See the port: it runs at once; virtual time goes on only while it waits for calls."""
        loop = self._running_loop()
        assert isinstance(loop, SimulatedLoop)  # there are no others in a simulation
        outcome: asyncio.Future[T] | None = None

        def settle(thread: SimulatedThread) -> None:
            use.end()
            if outcome is None:
                return
            if outcome.done():
                drop(thread.result)
            else:
                thread.tell(outcome)

        thread = loop.threads.run(function, waiting_context(loop, use), settle)
        if not thread.has_ended:
            outcome = loop.create_future()
            return await outcome
        if thread.error is not None:
            raise thread.error
        result: T = thread.result
        return result

    def call_back(self, function: Callable[[], None]) -> None:
        """See the port: it runs at once, as in `in_thread`."""
        loop = self._running_loop()
        assert isinstance(loop, SimulatedLoop)  # there are no others in a simulation
        loop.threads.run(function, self._context(), _nothing)

    def when_idle(self, callback: Callable[[], object]) -> None:
        """See the port."""
        loop = self._running_loop()
        assert isinstance(loop, SimulatedLoop)  # there are no others in a simulation
        loop.call_at_rest(callback, self._idle)

    def is_cancellation(self, error: BaseException) -> bool:
        """See the port; what is left of a run is cleared away without a loop that runs, and is to go."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return isinstance(error, (asyncio.CancelledError, Gone))
        return super().is_cancellation(error)

    def _context(self) -> contextvars.Context:
        return self._host.context()


def _nothing(_thread: SimulatedThread) -> None:
    """Nobody is told."""


def _begin_task(
    host: Host, work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, context: contextvars.Context
) -> "asyncio.Task[T]":
    assert isinstance(loop, SimulatedLoop)  # there are no others in a simulation
    return loop.begin_on(host, work, context)


if TYPE_CHECKING:
    _clock_fits: type[Clock] = HostClock
    _alarm_fits: type[Alarm] = HostAlarm
    _dice_fits: type[Randomness] = SeededRandomness
    _tasks_fits: type[Tasks] = HostTasks
