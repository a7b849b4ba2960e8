"""Work that nobody awaits, or whoever awaits it may leave: each in a task of its own."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from collector_mesh.domain.model.errors import DeadlineExceededError, OutcomeUnknownError
from collector_mesh.domain.ports.clock import Clock, Timer
from collector_mesh.domain.ports.tasks import Job, Started

T = TypeVar("T")

BeginTask = Callable[
    [Coroutine[Any, Any, Any], asyncio.AbstractEventLoop, contextvars.Context], "asyncio.Task[Any]"
]


SWEEP_SECONDS = 0.02
"""How soon after one look at deadlines there is another: one for all that end meanwhile, and no timer for each."""

_NEVER = float("inf")
_ROUNDING_SECONDS = 1e-6


class Begin(Protocol):
    """Begins work."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> "T | StartedJob[T]":
        """See `Tasks.begin`."""
        ...


class Jobs:
    """Begins work, knows what of it has not ended, and stops it when its time is up.

    It runs in the loop in which it is first used.

    Args:
        clock: the time.
        begin_task: makes a task that has taken its first step.
    """

    def __init__(self, clock: Clock, begin_task: BeginTask) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where work is begun; None before the first was."""
        self._clock = clock
        self._begin_task = begin_task
        self._begun: dict[StartedJob[Any], None] = {}
        self._earliest = _NEVER
        """The time of none of them is up before; one that has ended may still count."""
        self._next_sweep = -_NEVER
        self._timer: Timer | None = None

    def __iter__(self) -> "Iterator[StartedJob[Any]]":
        """Those that have not ended."""
        return iter(tuple(self._begun))

    def begin(self, work: Coroutine[Any, Any, T]) -> "T | StartedJob[T]":
        """See `Tasks.begin`."""
        try:
            loop = self.loop
            if loop is None:
                loop = self.loop = asyncio.get_running_loop()
            task = self._begin_task(work, loop, contextvars.copy_context())
        except BaseException:
            # The loop has ended, and what a link leaves behind is answered all the same: it is nobody's, and is not waited for.
            work.close()
            raise
        if not task.done():
            job = StartedJob(self, task)
            self._begun[job] = None
            return job
        try:
            result: T = task.result()
        except asyncio.CancelledError:
            raise _cancelled() from None
        return result

    def watch(self, deadline: float) -> None:
        """Have work stopped at its deadline."""
        if deadline < self._earliest:
            self._earliest = deadline
            self._set_timer()

    def ended(self, job: "StartedJob[Any]") -> None:
        """Some work has ended."""
        del self._begun[job]

    def close(self) -> None:
        """Stop nothing anymore."""
        self._earliest = _NEVER
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._earliest < _NEVER:
            self._timer = self._clock.call_at(max(self._earliest, self._next_sweep), self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._clock.now() + _ROUNDING_SECONDS
        self._next_sweep = now + SWEEP_SECONDS
        try:
            for job in self:
                if job.deadline <= now:
                    self._stop(job)
        finally:
            left = (job.deadline for job in self._begun if job.deadline > now)
            self._earliest = min(left, default=_NEVER)
            self._set_timer()

    def _stop(self, job: "StartedJob[Any]") -> None:
        try:
            job.stop(DeadlineExceededError("deadline exceeded"))
        except Exception as error:  # noqa: BLE001  # of whoever waits for this one; others have deadlines too
            told = {"message": "whoever was told of a deadline has failed", "exception": error}
            job.task.get_loop().call_exception_handler(told)


class StartedJob(Generic[T]):
    """Work that has come to its first wait."""

    __slots__ = ("_ended", "_jobs", "_settle", "deadline", "is_settled", "task")

    def __init__(self, jobs: Jobs, task: "asyncio.Task[T]") -> None:
        self._jobs = jobs
        self._ended: Callable[[], None] = _nothing
        self._settle: Callable[[T | None, BaseException | None], None] = _nothing
        self.task = task
        self.deadline = _NEVER
        self.is_settled = False
        task.add_done_callback(self._has_ended)

    def go_on(
        self,
        deadline: float,
        ended: Callable[[], None],
        settle: Callable[[T | None, BaseException | None], None],
    ) -> Job:
        """See the port."""
        self.deadline = deadline
        self._ended = ended
        self._settle = settle
        self._jobs.watch(deadline)
        return self

    async def result(self, deadline: float, ended: Callable[[], None]) -> T:
        """See the port."""
        outcome: asyncio.Future[T] = self.task.get_loop().create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if outcome.done():
                return
            if error is None:
                outcome.set_result(result)  # type: ignore[arg-type]  # None only if T is None
            else:
                outcome.set_exception(error)

        self.go_on(deadline, ended, settle)
        try:
            return await outcome
        except BaseException:
            # Work that was stopped has been cancelled once, and may be cleaning up.
            if outcome.cancelled() or not outcome.done():
                self.cancel()
            raise

    def cancel(self) -> None:
        """See the port: the work may go on for a while."""
        self.is_settled = True
        self.task.cancel()

    def stop(self, error: BaseException) -> None:
        """Cancel the work, and tell whoever waits for it why."""
        if not self.is_settled and not self.task.done():
            self.cancel()
            self._settle(None, error)

    def _has_ended(self, task: "asyncio.Task[T]") -> None:
        self._jobs.ended(self)
        # Asked in any case: of an error that nobody has asked for, asyncio tells.
        error = _cancelled() if task.cancelled() else task.exception()
        try:
            self._ended()
        finally:
            if not self.is_settled:
                self.is_settled = True
                self._settle(None if error is not None else task.result(), error)


def _cancelled() -> OutcomeUnknownError:
    return OutcomeUnknownError("outcome unknown: cancelled")


def _nothing(*_: object) -> None:
    """Nobody is told."""


if TYPE_CHECKING:
    _fits: type[Started[Any]] = StartedJob
