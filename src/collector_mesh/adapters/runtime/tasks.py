"""Tasks of an event loop, each with an owner."""

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from collector_mesh.adapters.runtime.threads import DaemonThreads
from collector_mesh.domain.model.errors import DeadlineExceededError, OutcomeUnknownError
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Task, Tasks

T = TypeVar("T")

SWEEP_SECONDS = 0.02
"""How often deadlines are looked at: one timer for all calls instead of one for each."""

PATIENCE_SECONDS = 1.0
"""How long cancelled work may take to end when everything does."""


# Twice as fast as the loop's create_task; and where a task can run up to its first wait at once, one
# that never waits costs a fifth.
if sys.version_info >= (3, 12):
    _new_task = partial(asyncio.Task, eager_start=True)
else:
    _new_task = asyncio.Task


class _Job:
    """Work in a task of its own."""

    __slots__ = ("_jobs", "deadline", "ended", "is_over", "is_settled", "settle", "task", "work")

    def __init__(
        self,
        jobs: "dict[_Job, None]",
        work: Coroutine[Any, Any, Any],
        deadline: float,
        ended: Callable[[], None],
        settle: Callable[[Any, BaseException | None], None],
    ) -> None:
        self._jobs = jobs
        self.work = work
        self.deadline = deadline
        self.ended = ended
        self.settle = settle
        self.is_settled = False
        self.is_over = False
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """See the port."""
        self.is_settled = True
        if self.task is not None and not self.is_over:
            # The work may go on for a while: it is over when its task is.
            self.task.cancel()
            self.task.add_done_callback(self._has_ended)

    def stop(self, error: BaseException) -> None:
        """Cancel the work, and tell whoever waits for it why."""
        if not self.is_settled:
            settle = self.settle
            self.cancel()
            settle(None, error)

    async def drive(self) -> None:
        """What the task runs."""
        result = error = None
        try:
            result = await self.work
        except asyncio.CancelledError:
            self._end()
            if not self.is_settled:
                self.is_settled = True
                self.settle(None, OutcomeUnknownError("outcome unknown: cancelled"))
            raise
        except Exception as raised:  # noqa: BLE001  # it goes to whoever waits
            error = raised
        self._end()
        if not self.is_settled:
            self.is_settled = True
            self.settle(result, error)

    def _end(self) -> None:
        self.is_over = True
        del self._jobs[self]
        self.ended()

    def _has_ended(self, _task: "asyncio.Task[None]") -> None:
        if not self.is_over:
            self.work.close()  # it has not even begun if its task was cancelled at once
            self._end()


class _Background:
    """A task that nobody waits for until it is stopped."""

    def __init__(self, task: "asyncio.Task[None]") -> None:
        self._task = task

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


class LoopTasks:
    """Runs work in the event loop that it is first used in; `close` awaits all of it."""

    def __init__(self, clock: Clock, *, max_threads: int) -> None:
        self._clock = clock
        self._threads = DaemonThreads(max_threads)
        self._jobs: dict[_Job, None] = {}
        self._background: dict[asyncio.Task[None], None] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, work: Coroutine[Any, Any, T], deadline: float, ended: Callable[[], None]) -> T:
        """See the port."""
        outcome: asyncio.Future[T] = self._running_loop().create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if outcome.done():
                return
            if error is None:
                outcome.set_result(result)  # type: ignore[arg-type]  # None only if T is None
            else:
                outcome.set_exception(error)

        job = self.launch(work, deadline, ended, settle)
        try:
            return await outcome
        except BaseException:
            job.cancel()
            raise

    def launch(
        self,
        work: Coroutine[Any, Any, T],
        deadline: float,
        ended: Callable[[], None],
        settle: Callable[[T | None, BaseException | None], None],
    ) -> _Job:
        """See the port."""
        loop = self._running_loop()
        job = _Job(self._jobs, work, deadline, ended, settle)
        self._jobs[job] = None
        if self._sweep is None:
            self._sweep = loop.call_later(SWEEP_SECONDS, self._look_at_deadlines)
        job.task = _new_task(job.drive(), loop=loop)
        return job

    def promise(self) -> "asyncio.Future[Any]":
        """See the port."""
        return self._running_loop().create_future()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        return loop

    def being_cancelled(self) -> bool:
        """See the port."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    async def in_thread(self, function: Callable[[], T]) -> T:
        """See the port."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: T | None, error: BaseException | None) -> None:
            if outcome.done():
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(result)  # type: ignore[arg-type]  # None only if T is None

        def work() -> None:
            result = error = None
            try:
                result = context.run(function)
            except Exception as raised:  # noqa: BLE001  # it goes to whoever waits
                error = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, error)

        self._threads.submit(work)
        return await outcome

    def start(self, work: Coroutine[Any, Any, None], name: str) -> Task:
        """See the port."""
        task = asyncio.get_running_loop().create_task(work, name=name, context=contextvars.Context())
        self._background[task] = None
        task.add_done_callback(self._background_ended)
        return _Background(task)

    def cancel_all(self) -> int:
        """See the port."""
        left = [job for job in self._jobs if not job.is_settled]
        for job in left:
            job.stop(OutcomeUnknownError("outcome unknown: cancelled at the end of a drain"))
        return len(left)

    async def close(self) -> None:
        """See the port."""
        self.cancel_all()
        # Whoever waits for these gets to see the end of them first.
        await asyncio.sleep(0)
        left = [job.task for job in self._jobs if job.task is not None]
        left += self._background
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=PATIENCE_SECONDS)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._threads.close()

    def _look_at_deadlines(self) -> None:
        self._sweep = None
        now = self._clock.now()
        late = [job for job in self._jobs if job.deadline <= now]
        for job in late:
            job.stop(DeadlineExceededError("deadline exceeded"))
        if self._jobs and self._loop is not None:
            self._sweep = self._loop.call_later(SWEEP_SECONDS, self._look_at_deadlines)

    def _background_ended(self, task: "asyncio.Task[None]") -> None:
        self._background.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler(
                {"message": f"{task.get_name()} failed", "exception": error, "task": task}
            )


if TYPE_CHECKING:
    _fits: type[Tasks] = LoopTasks
