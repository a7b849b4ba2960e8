"""A task for each piece of work, which takes its first step at once: most work never waits."""

# ruff: noqa: SLF001  # of tasks and futures, as asyncio's own do it

import asyncio
import contextvars
import sys
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")

if sys.version_info >= (3, 12):

    def begin_task(
        work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, context: contextvars.Context
    ) -> asyncio.Task[T]:
        """Make a task of work, and have it take its first step."""
        return asyncio.Task(work, loop=loop, context=context, eager_start=True)

else:
    from asyncio.tasks import _current_tasks  # type: ignore[attr-defined]  # typeshed does not know it
    from itertools import count

    _numbers = count(1)

    class BegunTask(asyncio.Task[Any]):
        """A task that is begun by hand, as eager ones are from Python 3.12 on.

        Until its work first waits it is set up as a future only, which costs a quarter of a task: it is the
        current one, can be named, canceled and awaited, and tells when it has ended. asyncio's own would take its
        first step in the next turn of the loop, whoever waits for it having waited that long.
        """

        __slots__ = ("_coro",)
        _coro: Coroutine[Any, Any, Any]  # in place of that of the base class, which has none at first
        _must_cancel: bool
        _cancel_message: Any

        def get_coro(self) -> Coroutine[Any, Any, Any]:
            """See the base class."""
            return self._coro

        def get_name(self) -> str:
            """See the base class."""
            name: str | None = super().get_name()
            if name is None:
                name = f"Begun-{next(_numbers)}"
                self.set_name(name)
            return name

        def begin(self, loop: asyncio.AbstractEventLoop, context: contextvars.Context) -> None:
            """Take the first step."""
            # What it is set up with is lost once it is set up as a task, and what may have been done since is
            # done again then. Its methods for a result are for futures that are no tasks.
            future, work = asyncio.Future, self._coro
            future.__init__(self, loop=loop)
            around = _current_tasks.get(loop)
            _current_tasks[loop] = self
            try:
                awaited = context.run(work.send, None)
            except StopIteration as end:
                if self._must_cancel:
                    future.cancel(self, self._cancel_message)
                else:
                    future.set_result(self, end.value)
            except asyncio.CancelledError as error:
                future.cancel(self, *error.args)
            except BaseException as error:
                future.set_exception(self, error)
                if not isinstance(error, Exception):
                    raise
            else:
                self._go_on(awaited, loop, context)
            finally:
                if around is None:
                    del _current_tasks[loop]
                else:
                    _current_tasks[loop] = around

        def _go_on(
            self, awaited: object, loop: asyncio.AbstractEventLoop, context: contextvars.Context
        ) -> None:
            """Become a whole task, as its work has come to its first wait."""
            callbacks, cancellations, message = self._callbacks, self.cancelling(), self._cancel_message
            rest = _rest(self, self._coro, awaited)
            rest.send(None)
            super().__init__(rest, loop=loop, name=super().get_name(), context=context)
            for callback, its_context in callbacks or ():
                self.add_done_callback(callback, context=its_context)
            for _ in range(cancellations):
                self.cancel(message)

    @types.coroutine
    def _rest(task: asyncio.Task[Any], work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, None, T]:
        """What is left of work that has come to its first wait: it waits for the same again, now in a whole task.

        It takes a step before the task does, so that a cancellation that comes first finds it begun.
        """
        # What a task does with a future that it is given, before somebody else awaits it too.
        is_future = getattr(awaited, "_asyncio_future_blocking", None)
        if is_future:
            awaited._asyncio_future_blocking = False
        try:
            yield
        except asyncio.CancelledError as error:
            # It is for what the work waits for, which a task cancels that is told so while it runs.
            task.uncancel()
            task.cancel(*error.args)
        if is_future:
            awaited._asyncio_future_blocking = True
        while True:
            thrown: BaseException | None = None
            try:
                yield awaited
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001  # it goes on in the work
                thrown = error
            if thrown is None:
                break
            # Not where it was caught: whatever the work raises later would be said to come of it.
            try:
                awaited = work.throw(thrown)
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                # It refers to its traceback, that to this frame.
                thrown = None
        return (yield from work.__await__())

    def begin_task(
        work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, context: contextvars.Context
    ) -> asyncio.Task[T]:
        """Make a task of work, and have it take its first step."""
        task = BegunTask.__new__(BegunTask)
        task._coro = work
        task.begin(loop, context)
        return task
