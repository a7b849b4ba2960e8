"""An event loop whose clock jumps: nothing waits, and everything happens in the same order every time."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, NoReturn, TypeVar

from collector_mesh.adapters.simulated.errors import SimulationError
from collector_mesh.adapters.simulated.handles import Future, Handle, Task, Timer, begin_task
from collector_mesh.adapters.simulated.host import HOST, Host
from collector_mesh.adapters.simulated.threads import SimulatedThread, SimulatedThreads, Work

T = TypeVar("T")

_NANO = 1_000_000_000
_MOST_CANCELLED = 1000
_MOST_FAILED = 100
"""Tasks that have raised, of which those that somebody has asked are let go of then."""
_MOST_TURNS = 1_000_000
"""Turns of the loop in which virtual time may stand still."""
_MOST_WAITS = 100
"""How often something that is abandoned may wait for more."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks and timers on virtual time, in whole nanoseconds; there is nothing else to wait for.

    What belongs to a host that is down never runs, what belongs to one that is paused runs when it goes on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nanoseconds = 0
        self._ready: deque[Handle | Timer]
        self._stopping: bool
        self._closed: bool
        self._timers: list[tuple[float, int, Timer]] = []
        """A heap; the numbers keep timers of the same time in order, and handles from being compared, which is slow."""
        self._at_rest: list[Handle] = []
        self._due = 0.0
        """The time of the timer that time has jumped to: beyond 97 days seconds as floats are no whole nanoseconds."""
        self._failed: dict[Task[Any], float] = {}
        """Tasks that have raised, and when; they are kept, so that chance does not decide who is told of it."""
        self._generators: dict[int, Host | None] = {}
        """Where each async generator was begun."""
        self._is_collecting = False
        self._stranded: list[asyncio.Task[Any]] = []
        self._numbers = count()
        self.threads = SimulatedThreads(self._begin_for_thread, self._stop_with)
        """Those of plain functions; the loop stands still while one of them runs."""
        self._cancelled = 0

    def time(self) -> float:
        """Virtual seconds since the beginning."""
        return self.nanoseconds / _NANO

    def call_soon(  # type: ignore[override]  # typeshed ties the arguments to the callback
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """See the base class."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        if context is None:  # an empty one is false
            context = contextvars.copy_context()
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]  # typeshed ties the arguments to the callback
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """See the base class."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        if context is None:  # an empty one is false
            context = contextvars.copy_context()
        timer = Timer(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def call_at_rest(self, callback: Callable[..., object], context: contextvars.Context) -> None:
        """Call something when nothing else is left to do before time goes on."""
        self._at_rest.append(Handle(callback, (), self, context))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Forget timers that were cancelled, once they are most of all."""
        _ = handle
        self._cancelled += 1
        if self._cancelled > _MOST_CANCELLED and 2 * self._cancelled > len(self._timers):
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapify(self._timers)
            self._cancelled = 0

    def _run_once(self) -> None:
        """Run what is ready; if nothing is, jump to the time of the next timer; and so on, until the loop stops.

        In place of that of the base class, which waits at a selector, and knows nothing of hosts.
        """
        ready, turns = self._ready, 0
        while True:
            if not ready and not self._at_rest and not self._stopping:
                turns = turns if self._jump() == 0 else 0
            turns += 1
            if turns > _MOST_TURNS:
                raise SimulationError(f"time stands still at {self.time():g} s: somebody never waits for it")
            self._fill()
            for _ in range(len(ready)):
                handle = ready.popleft()
                host = handle.host
                if handle._cancelled:  # noqa: SLF001  # as the base class
                    continue
                if host is not None and (host.is_paused or host.is_down) and host.keeps(handle):
                    continue
                try:
                    # In place of `handle._run()`, which costs as much again.
                    handle._context.run(handle._callback, *handle._args)  # noqa: SLF001  # as the base class
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001  # as the base class
                    told = {
                        "message": f"Exception in callback {handle!r}",
                        "exception": error,
                        "handle": handle,
                    }
                    self.call_exception_handler(told)
            if self._stopping:
                return

    def _jump(self) -> int:
        """Go to the time of the next timer; gives how far that is."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:  # noqa: SLF001  # as the base class
            heappop(timers)
        if not timers:
            raise SimulationError("nothing will ever happen: everybody waits, and no timer is set")
        before, self._due = self.nanoseconds, timers[0][0]
        self.nanoseconds = max(before, round(self._due * _NANO))
        return self.nanoseconds - before

    def _fill(self) -> None:
        """Make ready what waited for rest, and timers whose time has come."""
        ready, timers = self._ready, self._timers
        if not ready:
            ready.extend(self._at_rest)
            self._at_rest.clear()
        # The last digit of a time may be lost where seconds are told as floats.
        due = (self.nanoseconds + 1) / _NANO
        while timers and (timers[0][0] < due or timers[0][0] <= self._due):
            timer = heappop(timers)[2]
            timer._scheduled = False  # noqa: SLF001  # as the base class
            ready.append(timer)

    def resume(self, host: Host) -> None:
        """Have a host that was paused go on: what it has kept runs, in its order."""
        self._ready.extend(host.resume(self.time()))

    def create_task(  # type: ignore[override]  # typeshed ties the arguments to the callback
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """See the base class; a host knows its tasks."""
        context = contextvars.copy_context() if context is None else context
        task = Task(next(self._numbers), coro, loop=self, name=name, context=context)
        if (host := task.host) is not None:
            host.tasks[task] = None
            task.add_done_callback(host.forget)
        task.add_done_callback(self._has_ended)
        return task

    def _has_ended(self, task: asyncio.Task[Any]) -> None:
        assert isinstance(task, Task)  # there are no others here
        if task._exception is None:  # noqa: SLF001  # to ask for it by its method is to have been told of it
            return
        self._failed[task] = self.time()
        if len(self._failed) > _MOST_FAILED:
            self._failed = {task: at for task, at in self._failed.items() if _is_lost(task)}

    def take_lost(self) -> list[dict[str, Any]]:
        """What tasks have raised that nobody has asked for, as it is told to an exception handler."""
        lost = [(task, at) for task, at in self._failed.items() if _is_lost(task)]
        self._failed.clear()
        return [
            {"message": f"a task has failed at {at:g} s, and nobody was told", "exception": task.exception()}
            for task, at in lost
        ]

    def start_on(self, host: Host, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin something on a host, for somebody who waits for it."""
        return Task(next(self._numbers), work, loop=self, name=None, context=host.context())

    def strand(self, host: Host) -> None:
        """Hold what has not ended on a host that is down until the end of the run.

        Nothing else may hold it, and when garbage is collected, which ends it where it stands, is not up to the seed.
        """
        tasks = contextvars.Context().run(asyncio.all_tasks, self)  # of every host, whoever asks
        self._stranded += [task for task in tasks if getattr(task, "host", None) is host]

    def _stop_with(self, error: BaseException) -> None:
        def stop() -> None:
            raise error

        self.call_soon(stop)

    def begin_on(
        self, host: Host, work: Coroutine[Any, Any, T], context: contextvars.Context
    ) -> asyncio.Task[T]:
        """Begin something on a host, which takes its first step at once."""
        task = begin_task(next(self._numbers), work, self, context)
        if not task.done():
            host.tasks[task] = None
            task.add_done_callback(host.forget)
        return task

    def create_future(self) -> asyncio.Future[Any]:
        """See the base class."""
        # Not by an `__init__` of its own: one is made for every call.
        future: Future[Any] = Future(loop=self)
        future._number = next(self._numbers)  # noqa: SLF001  # as above
        return future

    def abandon(self) -> None:
        """What has not ended will never go on: it is cancelled where it stands, and nobody is warned of it."""
        self.threads.abandon()
        ended: dict[asyncio.Task[Any], None] = {}
        for _ in range(_MOST_WAITS):
            # What is cancelled may begin something else on its way out.
            begun = [task for task in asyncio.all_tasks(self) if task not in ended]
            if not begun:
                break
            for task in begun:
                ended[task] = None
                _end(task)

    def call_soon_threadsafe(  # type: ignore[override]  # typeshed ties the arguments to the callback
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """There is one thread."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]  # typeshed ties the arguments to the callback
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run it at once, in no virtual time but that in which it waits for calls."""
        _ = executor
        outcome: asyncio.Future[Any] = self.create_future()

        def settle(thread: SimulatedThread) -> None:
            if not outcome.done():
                thread.tell(outcome)

        self.threads.run(partial(func, *args), contextvars.copy_context(), settle)
        return outcome

    def wait_in_thread(self, work: Work) -> Any:
        """Do something for the thread that this is called in, which waits for it.

        Raises:
            SimulationError: it is none of this simulation.
        """
        return self.threads.wait(work)

    def _begin_for_thread(self, work: Work, context: contextvars.Context) -> asyncio.Task[Any]:
        task = begin_task(next(self._numbers), work(), self, context)
        if not task.done() and (host := context.get(HOST)) is not None:
            host.tasks[task] = None
            task.add_done_callback(host.forget)
        return task

    def _asyncgen_firstiter_hook(self, agen: Any) -> None:
        super()._asyncgen_firstiter_hook(agen)  # type: ignore[misc]  # typeshed does not know it
        self._generators[id(agen)] = HOST.get()

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        """End a generator that nobody holds anymore, as the base class does.

        But let go of one of a host that is down, which never goes on, and of one that was garbage: when that is
        collected is not up to the seed.
        """
        self._asyncgens.discard(agen)  # type: ignore[attr-defined]  # typeshed does not know it
        host = self._generators.pop(id(agen), None)
        if self.is_running() and not self._is_collecting and not (host is not None and host.is_down):
            context = contextvars.Context() if host is None else host.context()
            self.call_soon(self.create_task, agen.aclose(), context=context)

    def collects(self, phase: str, _info: dict[str, int]) -> None:
        """Garbage is being collected, or has been: see `gc.callbacks`."""
        self._is_collecting = phase == "start"

    def _write_to_self(self) -> None:
        """Nobody has to be woken."""


def _end(task: asyncio.Task[Any]) -> None:
    """Cancel a task where it stands, without a loop."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  # it is meant to be
    coroutine: Any = task.get_coro()
    for _ in range(_MOST_WAITS):
        try:
            coroutine.throw(asyncio.CancelledError())
        except BaseException:  # noqa: BLE001  # whatever it ends with, it has ended
            break


def _is_lost(task: "Task[Any]") -> bool:
    """Whether a task has raised something that nobody has asked for."""
    return task._log_traceback  # noqa: SLF001  # what asyncio itself goes by


def refused(what: str) -> SimulationError:
    """Why something of the real world is not done."""
    return SimulationError(f"{what} was attempted: a simulation has none")


def _refusing(what: str) -> Callable[..., Any]:
    async def refuse(*_arguments: object, **_options: object) -> NoReturn:
        raise refused(what)

    return refuse


def _refusing_now(what: str) -> Callable[..., Any]:
    def refuse(*_arguments: object, **_options: object) -> NoReturn:
        raise refused(what)

    return refuse


for _name, _what in {
    "create_connection": "a socket",
    "create_server": "a socket",
    "create_datagram_endpoint": "a socket",
    "create_unix_connection": "a socket",
    "create_unix_server": "a socket",
    "getaddrinfo": "a socket",
    "sock_accept": "a socket",
    "sock_connect": "a socket",
    "sock_recv": "a socket",
    "sock_recv_into": "a socket",
    "sock_sendall": "a socket",
    "connect_read_pipe": "a pipe",
    "connect_write_pipe": "a pipe",
    "subprocess_exec": "a subprocess",
    "subprocess_shell": "a subprocess",
}.items():
    setattr(SimulatedLoop, _name, _refusing(_what))
for _name, _what in {
    "add_reader": "a file that is waited for",
    "add_writer": "a file that is waited for",
    "remove_reader": "a file that is waited for",
    "remove_writer": "a file that is waited for",
    "add_signal_handler": "a signal handler",
    "remove_signal_handler": "a signal handler",
}.items():
    setattr(SimulatedLoop, _name, _refusing_now(_what))
