"""Threads of a simulation: of them and the loop exactly one runs at a time, so that a run stays what its seed makes it."""

import asyncio
import contextvars
import threading
from _thread import LockType
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NoReturn

from collector_mesh.adapters.simulated.errors import SimulationError

Work = Callable[[], Coroutine[Any, Any, Any]]


_MOST_WAITS = 100
"""How often code of a thread that is to end may wait again."""

_PATIENCE_SECONDS = 60.0

_STUCK = "a plain function of this simulation does not give back its turn"

_START = threading.Thread.start
"""The real one, which a simulation refuses to everybody else."""


class Gone(GeneratorExit):
    """Ends a thread where it waits: its host is down, and the run is over."""


class Stuck(KeyboardInterrupt):  # it is an interrupt
    """Ends the run at once, through everything that catches exceptions: a thread does not give back its turn."""


class SimulatedThread:
    """Runs a plain function that may wait for async ones.

    It runs only while the loop waits in `go_on`, until it has ended or waits for something.

    Args:
        function: the function.
        context: in which it runs.
    """

    def __init__(self, function: Callable[[], Any], context: contextvars.Context) -> None:
        self.function: Callable[[], Any] | None = function
        self.context = context
        self.result: Any = None
        self.error: BaseException | None = None
        self.has_ended = False
        self.wanted: tuple[Work, contextvars.Context] | None = None
        """What it waits for, and the context to do it in."""
        self.is_gone = False
        self._waits_left = _MOST_WAITS
        self._answer: tuple[Any, BaseException | None] = (None, None)
        self._goes = _held()
        self._stands = _held()

    def go_on(self, result: Any, error: BaseException | None, *, patience: float) -> bool:
        """Have it run, with what it has waited for, until it ends or waits again; called by the loop.

        Args:
            result: what it has waited for.
            error: the error of that.
            patience: most seconds, of real time, that it may take; -1 for no limit.

        Returns:
            Whether it took no longer.
        """
        self.wanted, self._answer = None, (result, error)
        self._goes.release()
        return self._stands.acquire(timeout=patience)

    def wait(self, work: Work) -> Any:
        """Have the loop do something, and give what comes of it; called by the function."""
        if self.is_gone:
            self._waits_left -= 1
            if not self._waits_left:
                self._rest()
            raise Gone
        self.wanted = work, contextvars.copy_context()
        self._stands.release()
        self._goes.acquire()
        if self.is_gone:
            raise Gone
        (result, error), self._answer = self._answer, (None, None)
        if error is None:
            return result
        try:
            raise error
        finally:
            del error

    def tell(self, outcome: "asyncio.Future[Any]") -> None:
        """Have a future be what came of the function."""
        if self.error is None:
            outcome.set_result(self.result)
        else:
            outcome.set_exception(self.error)

    def begin(self) -> None:
        """Run the function when it is its turn; called in its thread."""
        self._goes.acquire()
        self.run()

    def run(self) -> None:
        """Run the function."""
        function, self.function = self.function, None
        assert function is not None  # it is run once
        try:
            self.result = self.context.run(function)
        except StopIteration as raised:  # which no future takes
            self.error = RuntimeError("a function has raised StopIteration")
            self.error.__cause__ = raised
        except BaseException as error:  # noqa: BLE001  # it goes to whoever waits for it
            self.error = error
        self.has_ended = True

    def told(self) -> None:
        """Let the loop go on: this has ended, and its thread is free."""
        self._stands.release()

    def _rest(self) -> NoReturn:
        """Nothing ends this code: leave it where it stands, for ever."""
        self._stands.release()
        while True:
            self._goes.acquire()


_Ended = Callable[[SimulatedThread], None]


class SimulatedThreads:
    """The threads of one run.

    Args:
        begin: begins in the loop what a thread waits for, and takes its first step.
        stop: ends the run with an error, as soon as the loop has its next turn.
    """

    def __init__(
        self,
        begin: Callable[[Work, contextvars.Context], "asyncio.Task[Any]"],
        stop: Callable[[BaseException], None],
    ) -> None:
        self._begin = begin
        self._stop = stop
        self._is_stuck = False
        self.idents: set[int] = set()
        """Of the threads for which the world is the simulated one, that of the loop among them."""
        self._free: list[_Runner] = []
        self._waiting: dict[SimulatedThread, None] = {}
        self.is_over = False
        self.running: dict[int, SimulatedThread] = {}
        """What each thread of the system runs."""

    def run(
        self, function: Callable[[], Any], context: contextvars.Context, ended: _Ended
    ) -> SimulatedThread:
        """Run a function until it ends or waits for something; `ended` is called when it has ended."""
        thread = SimulatedThread(function, context)
        if self.is_over:
            # What is cleared away may have something to clear away itself.
            thread.run()
            ended(thread)
            return thread
        runner = self._free.pop() if self._free else _Runner(self)
        runner.take(thread)
        self._go_on(thread)
        self._look_after(thread, ended)
        return thread

    def wait(self, work: Work) -> Any:
        """Have the loop do something for the thread that this is called in.

        Raises:
            SimulationError: it is none of these.
        """
        thread = self.running.get(threading.get_ident())
        if thread is None:
            raise SimulationError("a thread that is not of the simulation cannot wait for something in it")
        return thread.wait(work)

    def _look_after(self, thread: SimulatedThread, ended: _Ended) -> None:
        """Do what a thread waits for, until it has ended."""
        while thread.wanted is not None:
            work, context = thread.wanted
            try:
                task = self._begin(work, context)
            except Exception as error:  # noqa: BLE001  # it goes to whoever waits for it
                self._go_on(thread, None, error)
                continue
            if not task.done():
                # It belongs to the host: if that is down the thread never goes on.
                task.add_done_callback(partial(self._answer, thread, ended), context=context)
                return
            self._go_on(thread, *_outcome(task))
        ended(thread)

    def _answer(self, thread: SimulatedThread, ended: _Ended, task: "asyncio.Task[Any]") -> None:
        self._go_on(thread, *_outcome(task))
        self._look_after(thread, ended)

    def _go_on(self, thread: SimulatedThread, result: Any = None, error: BaseException | None = None) -> None:
        """Have one run that has waited, until it ends or waits again."""
        self._waiting.pop(thread, None)
        patience = _PATIENCE_SECONDS if self._waiting else -1.0
        if self._is_stuck and not self.is_over:
            raise RuntimeError(_STUCK)
        if not thread.go_on(result, error, patience=patience):
            self._is_stuck = True
            # Not raised here, which may be the first step of a task: from Python 3.12 on such an interrupt is lost there.
            self._stop(
                Stuck(
                    f"a plain function has run for {_PATIENCE_SECONDS:g} s of real time while others wait in calls: it"
                    " waits, it seems, for something that one of them holds, as a lock, and in a simulation one runs at"
                    " a time"
                )
            )
            raise RuntimeError(_STUCK)
        if not thread.has_ended:
            self._waiting[thread] = None

    def free(self, runner: "_Runner") -> None:
        """A thread has nothing to do; called in it, while nothing else runs."""
        self._free.append(runner)

    def abandon(self) -> None:
        """End what waits where it stands, and the threads; what does not give back its turn ends where it waits next."""
        self.is_over = True
        for thread in self.running.copy().values():
            thread.is_gone = True
        for thread in list(self._waiting):
            self._go_on(thread)
        self._waiting.clear()
        free, self._free = self._free, []
        for runner in free:
            runner.end()


class _Runner:
    """A thread of the system, which runs one function after the other."""

    def __init__(self, threads: SimulatedThreads) -> None:
        self._threads = threads
        self._next: SimulatedThread | None = None
        self._has_next = _held()
        self._thread = threading.Thread(target=self._serve, name="collector-mesh-simulated", daemon=True)
        _START(self._thread)

    def take(self, thread: SimulatedThread) -> None:
        self._next = thread
        self._has_next.release()

    def end(self) -> None:
        self._has_next.release()
        self._thread.join()

    def _serve(self) -> None:
        here = threading.get_ident()
        self._threads.idents.add(here)
        while not self._threads.is_over:
            self._has_next.acquire()
            thread, self._next = self._next, None
            if thread is None:
                break
            self._threads.running[here] = thread
            thread.begin()
            del self._threads.running[here]
            self._threads.free(self)
            thread.told()
            del thread
        self._threads.idents.discard(here)


def _held() -> LockType:
    lock = threading.Lock()
    lock.acquire()
    return lock


def _outcome(task: "asyncio.Task[Any]") -> tuple[Any, BaseException | None]:
    if task.cancelled():
        return None, RuntimeError("what a thread has waited for was cancelled")
    error = task.exception()
    return (None, error) if error is not None else (task.result(), None)
