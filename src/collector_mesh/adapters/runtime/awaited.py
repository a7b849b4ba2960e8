"""Work of a user's that is awaited in the task of whoever needs its result, and that ends in time whatever it does."""

import asyncio
from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Coroutine, Generator
from contextlib import suppress
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
        self._waiting: dict[_Awaited[Any], None] = {}
        self._timer: Timer | None = None
        self._earliest = _NEVER
        self._next_sweep = -_NEVER

    def begin(self, work: Coroutine[Any, Any, T], deadline: float) -> "_Awaited[T]":
        """Give what is to be awaited in the place of the work; see `Tasks.awaited`."""
        return _Awaited(self, work, deadline)

    def now(self) -> float:
        """The time."""
        return self._clock.now()

    def add(self, awaited: "_Awaited[Any]") -> None:
        """Some work waits."""
        self._waiting[awaited] = None
        self.watch(awaited.due)

    def remove(self, awaited: "_Awaited[Any]") -> None:
        """It has ended."""
        del self._waiting[awaited]

    def watch(self, due: float) -> None:
        """Look at it then."""
        if due < self._earliest:
            self._earliest = due
            self._set_timer()

    def end(self, error: Exception) -> None:
        """End all that waits, and tell whoever awaits it why."""
        for awaited in list(self._waiting):
            awaited.stop(error)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._earliest < _NEVER:
            self._timer = self._clock.call_at(max(self._earliest, self._next_sweep), self._look)

    def _look(self) -> None:
        self._timer = None
        now = self.now() + _ROUNDING_SECONDS
        self._next_sweep = now + SWEEP_SECONDS
        for awaited in list(self._waiting):
            if awaited.due <= now:
                awaited.is_due()
        self._earliest = min((awaited.due for awaited in self._waiting), default=_NEVER)
        self._set_timer()


class _Awaited(Generic[T]):
    """One such work: it is run by whoever awaits this, step by step, so that it can be closed."""

    __slots__ = (
        "_all",
        "_asked",
        "_before",
        "_deadline",
        "_error",
        "_is_cleaning",
        "_is_closing",
        "_task",
        "_work",
        "due",
    )

    due: float
    """When it is to be looked at."""
    _task: asyncio.Task[Any] | None
    _before: int
    """How often the task was cancelled before."""
    _asked: int
    """How often it was cancelled from here."""
    _error: Exception | None
    """What whoever awaits it is told."""
    _is_cleaning: bool
    _is_closing: bool

    def __init__(self, everything: AwaitedWork, work: Coroutine[Any, Any, T], deadline: float) -> None:
        # Most work never waits: what that takes is set then.
        self._all = everything
        self._work = work
        self._deadline = deadline

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            awaited = self._step(None)
        except StopIteration as end:
            result: T = end.value
            return result
        self._begin()
        try:
            result = yield from self._rest(awaited)
        except GeneratorExit:
            raise
        except BaseException:
            if not self._is_cancelled:
                raise
        else:
            # What it has made of a cancellation is no result: whoever has cancelled it goes on.
            if not self._is_cancelled:
                return result
        finally:
            self._end()
        if self._error is None or self._is_cancelled:
            raise asyncio.CancelledError
        raise self._error

    def _begin(self) -> None:
        self._before = self._asked = 0
        self._error = None
        self._is_cleaning = self._is_closing = False
        self.due = self._deadline
        # Code that is run by hand, as in tests, has no task.
        self._task = task = asyncio.current_task() if _get_running_loop() is not None else None
        if task is not None:
            self._before = task.cancelling()
            self._all.add(self)

    def _end(self) -> None:
        if self._task is not None:
            self._all.remove(self)
            for _ in range(self._asked):
                self._task.uncancel()

    def _rest(self, awaited: Any) -> Generator[Any, Any, Any]:
        """Have the work go on until it ends, or is closed."""
        while True:
            thrown: BaseException | None = None
            try:
                yield awaited
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001  # it goes on in the work
                thrown = error
            if self._is_closing:
                self._close()
                return None
            try:
                awaited = self._step(thrown)
            except StopIteration as end:
                return end.value
            finally:
                # It refers to its traceback, that to this frame.
                thrown = None
            if self._is_cancelled and not self._is_cleaning:
                # It cleans up, or does not want to end.
                self._look_again()

    def _step(self, thrown: BaseException | None) -> Any:
        """Have the work go on; gives what it waits for."""
        try:
            return self._work.send(None) if thrown is None else self._work.throw(thrown)
        except GeneratorExit as error:
            # Nobody has closed it.
            raise RuntimeError("what was awaited has raised GeneratorExit") from error

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
