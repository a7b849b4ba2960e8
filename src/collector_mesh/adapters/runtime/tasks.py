"""Tasks of an event loop, each with an owner."""

import asyncio
import contextvars
from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from collector_mesh.adapters.runtime.bridge import WAITING, Bridge
from collector_mesh.adapters.runtime.callback_thread import CallbackThread
from collector_mesh.adapters.runtime.first_step import begin_task
from collector_mesh.adapters.runtime.jobs import Begin, BeginTask, Jobs
from collector_mesh.adapters.runtime.threads import DaemonThreads
from collector_mesh.domain.model.errors import OutcomeUnknownError, is_a
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Task, Tasks, ThreadUse

if TYPE_CHECKING:
    from collector_mesh.adapters.runtime.awaited import AwaitedWork

T = TypeVar("T")

PATIENCE_SECONDS = 1.0
"""How long cancelled work may take to end when everything does."""


def drop(result: object) -> None:
    """Nobody waits for what a function has given: where that is to be awaited, it never is."""
    if hasattr(type(result), "__await__") and hasattr(type(result), "close"):
        result.close()  # type: ignore[attr-defined]  # just looked


class _Background:
    """A task that nobody waits for until it is stopped."""

    def __init__(self, task: "asyncio.Task[None]") -> None:
        self._task = task

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


class _Waiting:
    """Around the waiting of a thread: tells, in the loop, that it waits, whatever it waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, use: ThreadUse) -> None:
        self._loop = loop
        self._use = use

    def __enter__(self) -> None:
        self._tell(self._use.waits)

    def __exit__(self, *_failure: object) -> None:
        self._tell(self._use.goes_on)

    def _tell(self, what: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop was closed, and counts nothing anymore
            self._loop.call_soon_threadsafe(what)


def waiting_context(loop: asyncio.AbstractEventLoop, use: ThreadUse) -> contextvars.Context:
    """A copy of the current context, for a thread that is to tell when it waits."""
    context = contextvars.copy_context()
    context.run(WAITING.set, _Waiting(loop, use))
    return context


class LoopTasks:
    """Runs work in the event loop that it is first used in; `close` awaits all of it."""

    def __init__(self, clock: Clock, *, max_threads: int, begin_task: BeginTask = begin_task) -> None:
        self._threads = DaemonThreads(max_threads)
        self._callbacks = CallbackThread("collector-mesh-callbacks")
        self._bridge: Bridge | None = None
        self._jobs = Jobs(clock, begin_task)
        self.begin: Begin = self._jobs.begin
        """See the port."""
        self._clock = clock
        self._awaited: AwaitedWork | None = None
        self._background: dict[asyncio.Task[None], None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def promise(self) -> "asyncio.Future[Any]":
        """See the port."""
        # As the loop's own method does it.
        return asyncio.Future(loop=self._loop or self._running_loop())

    def awaited(self, work: Coroutine[Any, Any, T], deadline: float) -> Awaitable[T]:
        """See the port."""
        if self._awaited is None:
            # Nobody needs it but middleware.
            from collector_mesh.adapters.runtime.awaited import AwaitedWork

            self._awaited = AwaitedWork(self._clock)
        return self._awaited.begin(work, deadline)

    def _context(self) -> contextvars.Context:
        """In which what nobody waits for runs."""
        return contextvars.Context()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        return loop

    def is_cancellation(self, error: BaseException) -> bool:
        """See the port."""
        if not is_a(error, asyncio.CancelledError) or _get_running_loop() is None:
            return False
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    async def in_thread(self, function: Callable[[], T], use: ThreadUse) -> T:
        """See the port."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        context = waiting_context(loop, use)
        result: T | None = None
        error: BaseException | None = None

        def settle() -> None:
            nonlocal error
            use.end()
            if outcome.done():
                drop(result)
            elif error is not None:
                outcome.set_exception(error)
                error = None
            else:
                outcome.set_result(result)  # type: ignore[arg-type]  # None only if T is None

        def work() -> None:
            nonlocal result, error
            try:
                result = context.run(function)
            except StopIteration as raised:  # which no future takes
                error = RuntimeError("a function has raised StopIteration")
                error.__cause__ = raised
            except BaseException as raised:  # noqa: BLE001  # it goes to whoever waits, and must not end the thread
                error = raised

        def tell() -> None:
            with suppress(RuntimeError):  # the loop was closed, and nobody waits
                loop.call_soon_threadsafe(settle)

        try:
            self._threads.submit(work, tell)
        except BaseException:
            use.end()
            raise
        try:
            return await outcome
        except asyncio.CancelledError:
            # It may have come after the result.
            drop(result)
            raise

    def call_back(self, function: Callable[[], None]) -> None:
        """See the port."""
        self._callbacks.submit(function)

    def wait_in_thread(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """See the port."""
        loop = self._jobs.loop
        assert loop is not None  # whoever makes calls was begun there
        bridge = self._bridge
        if bridge is None:
            bridge = self._bridge = Bridge(
                "context.blocking", loop, awaited="await context.call(...) or await context.dispatch(...)"
            )
        # Whoever makes the call tells that the thread waits.
        return bridge.run(work, waiting=nullcontext())

    def is_here(self) -> bool:
        """See the port."""
        return _get_running_loop() is (self._jobs.loop or self._loop)

    def when_idle(self, callback: Callable[[], object]) -> None:
        """See the port; in the next turn of the loop, when what was ready before has run."""
        self._running_loop().call_soon(callback, context=contextvars.Context())

    def start(self, work: Coroutine[Any, Any, None], name: str) -> Task:
        """See the port."""
        task = asyncio.get_running_loop().create_task(work, name=name, context=self._context())
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
        if self._awaited is not None:
            self._awaited.end(OutcomeUnknownError("outcome unknown: cancelled at the end of a drain"))
        # Whoever waits for these gets to see the end of them first.
        await asyncio.sleep(0)
        left: list[asyncio.Task[Any]] = [*self._background, *(job.task for job in self._jobs)]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=PATIENCE_SECONDS)
        self._jobs.close()
        self._threads.close()

    def _background_ended(self, task: "asyncio.Task[None]") -> None:
        self._background.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler(
                {"message": f"{task.get_name()} failed", "exception": error, "task": task}
            )


if TYPE_CHECKING:
    _fits: type[Tasks] = LoopTasks
