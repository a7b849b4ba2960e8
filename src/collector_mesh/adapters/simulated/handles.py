"""What a simulated loop runs: callbacks that belong to hosts, and tasks and futures in a certain order."""

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any, TypeVar

from collector_mesh.adapters.simulated.host import HOST, Host

T = TypeVar("T")


class Handle(asyncio.Handle):
    """A callback, and the host that it belongs to."""

    __slots__ = ("host",)

    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context,
    ) -> None:
        # Not by the base class, which asks the loop whether it is being debugged: one is made for every callback.
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = context
        self._cancelled = False
        self._repr = self._source_traceback = None
        self.host: Host | None = context.get(HOST)


class Timer(asyncio.TimerHandle):
    """A callback at a time, and the host that it belongs to."""

    __slots__ = ("host",)

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context,
    ) -> None:
        # As above.
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = context
        self._cancelled = False
        self._repr = self._source_traceback = None
        self._when = when
        self._scheduled = True  # its cancellation is told then
        self.host: Host | None = context.get(HOST)


class Future(asyncio.Future[T]):
    """A future that stands in sets by its number: those of asyncio stand by their address, other in each process."""

    _number: int

    def __hash__(self) -> int:
        return self._number


class Task(asyncio.Task[T]):
    """A task, that stands in sets by its number."""

    def __init__(
        self,
        number: int,
        work: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        loop: asyncio.AbstractEventLoop,
        name: str | None,
        context: contextvars.Context | None,
        **more: Any,
    ) -> None:
        self._number = number  # before the base class asks for it
        self.host: Host | None = None if context is None else context.get(HOST)
        super().__init__(work, loop=loop, name=name or f"Task-{number}", context=context, **more)

    def __hash__(self) -> int:
        return self._number


if sys.version_info >= (3, 12):

    def begin_task(
        number: int,
        work: Coroutine[Any, Any, T],
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context,
    ) -> asyncio.Task[T]:
        """Make a task that has taken its first step."""
        return Task(number, work, loop=loop, name=None, context=context, eager_start=True)

else:
    from collector_mesh.adapters.runtime.first_step import BegunTask

    class _BegunTask(BegunTask):
        """The same, begun by hand."""

        def __init__(self, number: int, work: Coroutine[Any, Any, Any], context: contextvars.Context) -> None:
            # Not by the base class, which is set up when it begins.
            self._number = number
            self._coro = work
            self.host: Host | None = context.get(HOST)

        def __hash__(self) -> int:
            return self._number

    def begin_task(
        number: int,
        work: Coroutine[Any, Any, T],
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context,
    ) -> asyncio.Task[T]:
        """Make a task that has taken its first step."""
        task = _BegunTask(number, work, context)
        task.begin(loop, context)
        return task
