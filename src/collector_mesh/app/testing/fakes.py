"""The ports of the domain without a loop, a clock or dice: everything happens when a test says so."""

import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.model.events import Event
from collector_mesh.domain.ports.clock import Alarm, Clock, Timer
from collector_mesh.domain.ports.names import Found, Names
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Job, Promise, Started, Task, Tasks, ThreadUse

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never has to wait, without a loop.

    Raises:
        RuntimeError: it waits for something.
    """
    try:
        work.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    work.close()
    raise RuntimeError("the coroutine waits for something")


class _Pause(Awaitable[None]):
    def __await__(self) -> Generator[None, None, None]:
        yield


class FakeAlarm:
    """An alarm that sleeps until a `FakeTasks.step` has come and its time has."""

    def __init__(self, clock: "FakeClock") -> None:
        self._clock = clock
        self._is_rung = False

    async def wait(self, seconds: float) -> bool:
        """See the port."""
        until = self._clock.time + seconds
        if not self._is_rung:
            await _Pause()
        while not self._is_rung and self._clock.time < until:
            await _Pause()
        was_rung, self._is_rung = self._is_rung, False
        return was_rung

    def ring(self) -> None:
        """See the port."""
        self._is_rung = True


@attrs.define(eq=False)
class FakeTimer:
    """A call that is made by `FakeClock.ring`."""

    when: float
    callback: Callable[[], object]
    is_over: bool = False

    def cancel(self) -> None:
        """See the port."""
        self.is_over = True


@attrs.define
class FakeClock:
    """A clock that stands still until `time` is set; what it is to call then is called by `ring`."""

    time: float = 1000.0
    timers: list[FakeTimer] = attrs.field(factory=list)

    def now(self) -> float:
        """See the port."""
        return self.time

    def alarm(self) -> FakeAlarm:
        """See the port."""
        return FakeAlarm(self)

    def call_at(self, when: float, callback: Callable[[], object]) -> FakeTimer:
        """See the port."""
        timer = FakeTimer(when, callback)
        self.timers.append(timer)
        return timer

    def ring(self) -> None:
        """Call what is due, in its order; what comes of that and is due at once waits for the next time."""
        due = sorted(
            (timer for timer in self.timers if timer.when <= self.time), key=lambda timer: timer.when
        )
        self.timers = [timer for timer in self.timers if timer.when > self.time]
        for timer in due:
            if not timer.is_over:
                timer.is_over = True
                timer.callback()


@attrs.define
class FakeDice:
    """Dice that throw what they are told, over and over: a share of the range from 0 to below 1."""

    share: float = 0.0
    tokens: int = 0

    def below(self, limit: int) -> int:
        """See the port."""
        return int(self.share * limit)

    def uniform(self, low: float, high: float) -> float:
        """See the port."""
        return low + self.share * (high - low)

    def token(self) -> str:
        """See the port; they are counted."""
        self.tokens += 1
        return f"{self.tokens:032x}"


@attrs.define(eq=False)
class _FakeTask:
    tasks: "FakeTasks"
    work: Coroutine[Any, Any, None]

    async def stop(self) -> None:
        self.work.close()
        if self in self.tasks.background:
            self.tasks.background.remove(self)


@attrs.define
class _FakeStarted:
    error: Exception

    def go_on(
        self,
        deadline: float,
        ended: Callable[[], None],
        settle: Callable[[Any, BaseException | None], None],
    ) -> Job:
        _ = deadline
        ended()
        settle(None, self.error)
        return self

    async def result(self, deadline: float, ended: Callable[[], None]) -> Any:
        _ = deadline
        ended()
        raise self.error

    def cancel(self) -> None:
        """It has ended already."""


@attrs.define(eq=False)
class FakePromise(Awaitable[Any]):
    """A promise that waits for a `FakeTasks.step` until it is kept."""

    result: Any = None
    is_done: bool = False

    def set_result(self, result: Any, /) -> None:
        """See the port."""
        self.result, self.is_done = result, True

    def done(self) -> bool:
        """See the port."""
        return self.is_done

    def __await__(self) -> Generator[None, None, Any]:
        """Wait until it is kept."""
        while not self.is_done:
            yield
        return self.result


@attrs.define
class FakeTasks:
    """Runs work where it is asked for; what goes on in the background takes a step when told to."""

    is_cancelling: bool = False
    error: Exception | None = None
    thread_error: Exception | None = None
    background: list[_FakeTask] = attrs.field(factory=list)
    waiting: list[Callable[[], object]] = attrs.field(factory=list)

    def begin(self, work: Coroutine[Any, Any, T]) -> T | Started[T]:
        """See the port; if `error` is set, the work is not begun, and has ended with that when it goes on."""
        if self.error is not None:
            work.close()
            return _FakeStarted(self.error)
        return contextvars.copy_context().run(run, work)

    def promise(self) -> Promise[Any]:
        """See the port."""
        return FakePromise()

    async def awaited(self, work: Coroutine[Any, Any, T], deadline: float) -> T:
        """See the port; it takes as long as it takes."""
        _ = deadline
        return await work

    def is_cancellation(self, error: BaseException) -> bool:
        """See the port; what ends the process is none."""
        return self.is_cancelling and not isinstance(error, (Exception, SystemExit, KeyboardInterrupt))

    async def in_thread(self, function: Callable[[], T], use: ThreadUse) -> T:
        """See the port; if `thread_error` is set, it is raised and the function is not called."""
        try:
            if self.thread_error is not None:
                raise self.thread_error
            return function()
        finally:
            use.end()

    def call_back(self, function: Callable[[], None]) -> None:
        """See the port; it is called at once."""
        function()

    def wait_in_thread(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """See the port; the work must not wait."""
        return run(work())

    def is_here(self) -> bool:
        """See the port; there is one thread."""
        return True

    def when_idle(self, callback: Callable[[], object]) -> None:
        """See the port; it is called by `step`."""
        self.waiting.append(callback)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> Task:
        """See the port; nothing happens before `step`."""
        _ = name
        task = _FakeTask(self, work)
        self.background.append(task)
        return task

    def step(self) -> None:
        """Let everything in the background run until it waits."""
        for task in list(self.background):
            if task not in self.background:  # another one has stopped it
                continue
            try:
                task.work.send(None)
            except StopIteration:
                self.background.remove(task)
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()

    def cancel_all(self) -> int:
        """See the port; nothing is ever left running."""
        return 0

    async def close(self) -> None:
        """See the port."""
        for task in list(self.background):
            await task.stop()


@attrs.define
class FakeNames:
    """Names that lead where a test says.

    Attributes:
        found: the addresses of each name, as `dns:orders:1`.
        seconds: how long they hold.
        is_partial: whether more may belong to them.
        asked: the names that were looked up, in order.
    """

    found: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    seconds: float = 10.0
    is_partial: bool = False
    asked: list[str] = attrs.field(factory=list)

    def is_name(self, address: str) -> bool:
        """See the port."""
        return address.startswith("dns:")

    def check(self, address: str) -> None:
        """See the port; every name will do."""

    async def find(self, address: str) -> Found:
        """See the port."""
        self.asked.append(address)
        addresses = self.found.get(address, ())
        if not addresses:
            raise UnavailableError(f"{address} leads nowhere")
        return Found(addresses, self.seconds, self.is_partial)


@attrs.define
class FakeObserver:
    """Keeps the events that it is told."""

    events: list[Event] = attrs.field(factory=list)

    def tell(self, event: Event) -> None:
        """See the port."""
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


if TYPE_CHECKING:
    _alarm_fits: type[Alarm] = FakeAlarm
    _timer_fits: type[Timer] = FakeTimer
    _clock_fits: type[Clock] = FakeClock
    _dice_fits: type[Randomness] = FakeDice
    _tasks_fits: type[Tasks] = FakeTasks
    _names_fit: type[Names] = FakeNames
    _observer_fits: type[Observer] = FakeObserver
