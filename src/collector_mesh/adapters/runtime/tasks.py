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
    """Work that somebody waits for."""

    __slots__ = ("deadline", "outcome", "task")

    def __init__(self, outcome: "asyncio.Future[Any]", deadline: float) -> None:
        self.outcome = outcome
        self.deadline = deadline
        self.task: asyncio.Task[None] | None = None


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
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        job = _Job(loop.create_future(), deadline)
        self._jobs[job] = None
        if self._sweep is None:
            self._sweep = loop.call_later(SWEEP_SECONDS, self._look_at_deadlines)
        task = job.task = _new_task(self._settle(job.outcome, work), loop=loop)
        try:
            result: T = await job.outcome
        except BaseException:
            # The work may go on for a while: it is over when its task is.
            task.cancel()
            task.add_done_callback(partial(self._end, job, work, ended))
            raise
        del self._jobs[job]
        ended()
        return result

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
        left = [job for job in self._jobs if not job.outcome.done()]
        for job in left:
            job.outcome.set_exception(OutcomeUnknownError("outcome unknown: cancelled at the end of a drain"))
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

    @staticmethod
    async def _settle(outcome: "asyncio.Future[T]", work: Coroutine[Any, Any, T]) -> None:
        try:
            result = await work
        except asyncio.CancelledError:
            if not outcome.done():
                outcome.set_exception(OutcomeUnknownError("outcome unknown: cancelled"))
            raise
        except Exception as error:  # noqa: BLE001  # it goes to whoever waits
            if not outcome.done():
                outcome.set_exception(error)
        else:
            if not outcome.done():
                outcome.set_result(result)

    def _end(
        self,
        job: _Job,
        work: Coroutine[Any, Any, Any],
        ended: Callable[[], None],
        _task: "asyncio.Task[None]",
    ) -> None:
        work.close()  # it has not even begun if its task was cancelled at once
        del self._jobs[job]
        ended()

    def _look_at_deadlines(self) -> None:
        self._sweep = None
        now = self._clock.now()
        for job in self._jobs:
            if job.deadline <= now and not job.outcome.done():
                job.outcome.set_exception(DeadlineExceededError("deadline exceeded"))
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
