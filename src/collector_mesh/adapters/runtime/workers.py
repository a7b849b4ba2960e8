"""Tasks that are used again and again: work that never waits takes no task of its own."""

import asyncio
import contextvars
from asyncio.tasks import _enter_task, _leave_task  # for whoever runs tasks: docs.python.org, "Extending"
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from collector_mesh.domain.model.errors import OutcomeUnknownError
from collector_mesh.domain.ports.tasks import Job, Started

T = TypeVar("T")

MAX_FREE = 256
"""Tasks that are kept for later."""


class Workers:
    """Runs work up to its first wait at once, in place of some task, which goes on with it if need be.

    A task for each call, which the loop has to start, costs three times as much.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        new_task: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
    ) -> None:
        self._loop = loop
        self._new_task = new_task
        self._free: list[_Worker] = []
        self._jobs: dict[StartedJob[Any], None] = {}

    @property
    def jobs(self) -> tuple["StartedJob[Any]", ...]:
        """Work that has begun and not ended."""
        return tuple(self._jobs)

    def begin(self, work: Coroutine[Any, Any, T]) -> "T | StartedJob[T]":
        """See `Tasks.begin`."""
        loop, free = self._loop, self._free
        while free:
            worker = free.pop()
            if not worker.task.cancelling():
                break
        else:
            worker = _Worker(loop, free, self._new_task)
        context = contextvars.copy_context()
        task, around = worker.task, asyncio.current_task(loop)
        if around is not None:
            _leave_task(loop, around)
        _enter_task(loop, task)
        try:
            awaited = context.run(work.send, None)
        except StopIteration as end:
            free.append(worker)
            result: T = end.value
            return result
        except BaseException as error:
            free.append(worker)
            if isinstance(error, asyncio.CancelledError):
                raise _cancelled() from None
            raise
        finally:
            _leave_task(loop, task)
            if around is not None:
                _enter_task(loop, around)
        return StartedJob(self._jobs, worker, work, context, awaited)

    def cancel(self) -> list["asyncio.Task[None]"]:
        """Cancel every task, and give them: they are to be awaited."""
        tasks = [job.task for job in self._jobs] + [worker.task for worker in self._free]
        for task in tasks:
            task.cancel()
        return tasks


class StartedJob(Generic[T]):
    """Work that has come to its first wait."""

    __slots__ = (
        "_awaited",
        "_context",
        "_ended",
        "_is_over",
        "_jobs",
        "_settle",
        "_work",
        "_worker",
        "deadline",
        "is_settled",
    )

    def __init__(
        self,
        jobs: "dict[StartedJob[Any], None]",
        worker: "_Worker",
        work: Coroutine[Any, Any, T],
        context: contextvars.Context,
        awaited: object,
    ) -> None:
        self._jobs = jobs
        self._worker = worker
        self._work = work
        self._context = context
        self._awaited = awaited
        self._ended: Callable[[], None] = _nothing
        self._settle: Callable[[T | None, BaseException | None], None] = _nothing
        self._is_over = False
        self.deadline = float("inf")
        self.is_settled = False
        jobs[self] = None

    @property
    def task(self) -> "asyncio.Task[None]":
        """What goes on with it."""
        return self._worker.task

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
        self._worker.hand(self)
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
            self.cancel()
            raise

    def cancel(self) -> None:
        """See the port: the work may go on for a while."""
        self.is_settled = True
        if not self._is_over:
            self._worker.cancel()

    def stop(self, error: BaseException) -> None:
        """Cancel the work, and tell whoever waits for it why."""
        if not self.is_settled:
            self.cancel()
            self._settle(None, error)

    async def drive(self) -> None:
        """Go on to the end; in the task."""
        result = error = None
        try:
            result = await _Rest(self._context, self._work, self._awaited)
        except asyncio.CancelledError:
            self._end(None, _cancelled())
            raise
        except Exception as raised:  # noqa: BLE001  # it goes to whoever waits
            error = raised
        self._end(result, error)

    def abandoned(self, _task: "asyncio.Task[None]") -> None:
        """The task has ended; if it never began, so has this."""
        if not self._is_over:
            self._context.run(self._work.close)
            self._end(None, _cancelled())

    def _end(self, result: T | None, error: BaseException | None) -> None:
        self._is_over = True
        del self._jobs[self]
        self._ended()
        if not self.is_settled:
            self.is_settled = True
            self._settle(result, error)


class _Worker:
    """A task, and the work that it goes on with."""

    __slots__ = ("_free", "_has_begun", "_is_cancelled", "_job", "_loop", "_waiter", "task")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        free: "list[_Worker]",
        new_task: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
    ) -> None:
        self._loop = loop
        self._free = free
        self._job: StartedJob[Any] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._has_begun = False
        self._is_cancelled = False
        self.task = new_task(self._main())

    def hand(self, job: StartedJob[Any]) -> None:
        """Have it go on with some work."""
        self._job = job
        if not self._has_begun:
            self.task.add_done_callback(job.abandoned)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def cancel(self) -> None:
        """Cancel the work."""
        if self._has_begun:
            self.task.cancel()
        else:
            # A task that is cancelled before it has begun never does, but the work has.
            self._is_cancelled = True

    async def _main(self) -> None:
        self._has_begun = True
        if self._is_cancelled:
            self.task.cancel()
        while True:
            if self._job is None:
                await self._be_handed()
            assert self._job is not None  # for the type checker
            await self._job.drive()
            self._job = None
            if self.task.cancelling() or len(self._free) >= MAX_FREE:
                return
            self._free.append(self)

    async def _be_handed(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            if self._job is None:
                raise
            # It was meant for the work, and reaches it at what that waits for.
            self.task.uncancel()
            self.task.cancel()


class _Rest:
    """Awaits what is left of a coroutine, which has a context of its own."""

    __slots__ = ("_awaited", "_context", "_work")

    def __init__(self, context: contextvars.Context, work: Coroutine[Any, Any, Any], awaited: object) -> None:
        self._context = context
        self._work = work
        self._awaited = awaited

    def __await__(self) -> Generator[object, None, Any]:
        run, work, awaited = self._context.run, self._work, self._awaited
        try:
            while True:
                try:
                    yield awaited
                except GeneratorExit:
                    run(work.close)
                    raise
                except BaseException as error:  # noqa: BLE001  # it goes on in the work
                    awaited = run(work.throw, error)
                else:
                    awaited = run(work.send, None)
        except StopIteration as end:
            return end.value


def _cancelled() -> OutcomeUnknownError:
    return OutcomeUnknownError("outcome unknown: cancelled")


def _nothing(*_: object) -> None:
    """Nobody is told."""


if TYPE_CHECKING:
    _fits: type[Started[Any]] = StartedJob
