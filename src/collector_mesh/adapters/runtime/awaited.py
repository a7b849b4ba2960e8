"""Work of a user's that is awaited in the task of whoever needs its result, and that ends in time whatever it does."""

import asyncio
from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Coroutine, Generator
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

from collector_mesh.domain.model.errors import DeadlineExceededError
from collector_mesh.domain.ports.clock import Clock, Timer

T = TypeVar("T")

CLEANING_SECONDS = 0.5
"""How long work that was cancelled may take to end; it is closed then."""

SWEEP_SECONDS = 0.02
"""How soon after one look at deadlines there is another: one for all that end meanwhile, and no timer for each."""

_NEVER = float("inf")
_ROUNDING_SECONDS = 1e-6


class AwaitedWork:
    """Knows all such work that waits for something, and ends it when its time is up.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.waiting: dict[Awaited[Any], None] = {}
        """What waits."""
        self._timer: Timer | None = None
        self.earliest = _NEVER
        """None of it is to be looked at before."""
        self._next_sweep = -_NEVER
        self.begin = partial(Awaited, self)
        """Gives what is to be awaited in the place of the work; see `Tasks.awaited`."""

    def now(self) -> float:
        """The time."""
        return self._clock.now()

    def watch(self, due: float) -> None:
        """Look at it then."""
        if due < self.earliest:
            self.earliest = due
            self._set_timer()

    def end(self, error: Exception) -> None:
        """End all that waits, and tell whoever awaits it why."""
        for awaited in list(self.waiting):
            awaited.stop(error)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.earliest < _NEVER:
            self._timer = self._clock.call_at(max(self.earliest, self._next_sweep), self._look)

    def _look(self) -> None:
        self._timer = None
        now = self.now() + _ROUNDING_SECONDS
        self._next_sweep = now + SWEEP_SECONDS
        for awaited in list(self.waiting):
            if awaited.due <= now:
                awaited.is_due()
        self.earliest = min((awaited.due for awaited in self.waiting), default=_NEVER)
        self._set_timer()


class Awaited(Generic[T]):
    """One such work: it is run by whoever awaits this, step by step, so that it can be closed.

    Args:
        everything: all such work.
        work: the work.
        deadline: on the monotonic time of the clock, in seconds.
    """

    # No slots: most work is never cancelled, and what that takes costs nothing then.
    _task: asyncio.Task[Any] | None = None
    _before = 0
    """How often the task was cancelled before."""
    _asked = 0
    """How often it was cancelled from here."""
    _error: Exception | None = None
    """What whoever awaits it is told."""
    _is_cleaning = _is_closing = False

    def __init__(self, everything: AwaitedWork, work: Coroutine[Any, Any, T], deadline: float) -> None:
        self._all = everything
        self._work = work
        self._deadline = self.due = deadline
        """When it is to be looked at."""

    def __await__(self) -> Generator[Any, Any, T]:  # noqa: C901, PLR0912, PLR0915  # a frame or a call more is seen in what middleware costs
        work = self._work
        try:
            awaited = work.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        except GeneratorExit as error:
            raise _not_closed() from error
        # Code that is run by hand, as in tests, has no task.
        loop = _get_running_loop()
        task = None if loop is None else asyncio.current_task(loop)
        if task is not None:
            self._task = task
            self._before = task.cancelling()
            everything = self._all
            everything.waiting[self] = None
            if self.due < everything.earliest:
                everything.watch(self.due)
        try:
            while True:
                thrown: BaseException | None = None
                try:
                    yield awaited
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as error:  # noqa: BLE001  # it goes on in the work
                    thrown = error
                if self._is_closing:
                    self._close()
                    break
                try:
                    awaited = work.send(None) if thrown is None else work.throw(thrown)
                except StopIteration as end:
                    result = end.value
                    # What it has made of a cancellation is no result: whoever has cancelled it goes on.
                    if task is None or task.cancelling() <= self._before:
                        return result
                    break
                except GeneratorExit as error:
                    raise _not_closed() from error
                finally:
                    # It refers to its traceback, that to this frame.
                    thrown = None
                if task is not None and task.cancelling() > self._before and not self._is_cleaning:
                    # It cleans up, or does not want to end.
                    self._look_again()
        except GeneratorExit:
            raise
        except BaseException:
            if not self._is_cancelled:
                raise
        finally:
            if task is not None:
                del self._all.waiting[self]
                for _ in range(self._asked):
                    task.uncancel()
        if self._error is None or self._is_cancelled:
            raise asyncio.CancelledError
        raise self._error

    @property
    def _is_cancelled(self) -> bool:
        """Whether the task is to end, or was told to stop waiting for this."""
        return self._task is not None and self._task.cancelling() > self._before

    def is_due(self) -> None:
        """Its time is up, or that for cleaning up."""
        if self._is_cancelled:
            self._is_closing = True
            self.due = _NEVER
            self._cancel()
        elif self._all.now() + _ROUNDING_SECONDS < self._deadline:
            # A cancellation of its own making has been settled by it.
            self._is_cleaning, self.due = False, self._deadline
        else:
            self.stop(DeadlineExceededError("deadline exceeded"))

    def stop(self, error: Exception) -> None:
        """Cancel the work; whoever awaits it is told the error."""
        if self._error is None:
            self._error = error
            self._look_again()
            self._cancel()

    def _look_again(self) -> None:
        self._is_cleaning = True
        self.due = self._all.now() + CLEANING_SECONDS
        self._all.watch(self.due)

    def _cancel(self) -> None:
        assert self._task is not None  # for the type checker
        self._asked += 1
        self._task.cancel()

    def _close(self) -> None:
        # It may wait again all the same, or raise anything.
        with suppress(BaseException):
            self._work.close()


def _not_closed() -> RuntimeError:
    return RuntimeError("what was awaited has raised GeneratorExit")
