"""Work that threads have done in an event loop, and wait for; see `Bridge`."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from collector_mesh.adapters.runtime.first_step import begin_task

T = TypeVar("T")


class Errand(Generic[T]):
    """Work of one thread."""

    __slots__ = (
        "_context",
        "_task",
        "_work",
        "ended",
        "error",
        "is_cancelled",
        "is_left",
        "is_over",
        "result",
    )

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self._task: asyncio.Task[T] | None = None
        self.ended = threading.Lock()
        """Held until the work has ended."""
        self.ended.acquire()
        self.is_left = False
        """Whether nobody waits for it anymore."""
        self.is_over = False
        self.is_cancelled = False
        self.result: T | None = None
        self.error: BaseException | None = None

    def go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; or end, where nobody waits for it anymore."""
        if self.is_left:
            if self._task is not None:
                self._task.cancel()
            return
        try:
            task = begin_task(self._work(), loop, self._context)
        except BaseException as error:
            self.error = error
            self._settle()
            if not isinstance(error, Exception):
                raise
            return
        if task.done():
            self._has_ended(task)
        else:
            self._task = task
            task.add_done_callback(self._has_ended, context=self._context)

    def _has_ended(self, task: "asyncio.Task[T]") -> None:
        self._task = None
        if task.cancelled():
            self.is_cancelled = True
        elif (error := task.exception()) is not None:
            self.error = error
        else:
            self.result = task.result()
        self._settle()

    def _settle(self) -> None:
        self.is_over = True
        self.ended.release()


class ToldErrand(Generic[T]):
    """Work of one thread that is told what comes of it."""

    __slots__ = ("_begin", "_cancel", "ended", "error", "is_left", "is_over", "result")
    is_cancelled = False

    def __init__(self, begin: Callable[[Callable[[T], None]], Callable[[], object]]) -> None:
        self._begin = begin
        self._cancel: Callable[[], object] | None = None
        self.ended = threading.Lock()
        """Held until the work has ended."""
        self.ended.acquire()
        self.is_left = self.is_over = False
        self.result: T | None = None
        self.error: BaseException | None = None

    def go_on(self, _loop: asyncio.AbstractEventLoop) -> None:
        """Begin; or end, where nobody waits for it anymore."""
        if self.is_left:
            if self._cancel is not None:
                self._cancel()
            return
        try:
            self._cancel = self._begin(self._settle)
        except BaseException as error:
            if not self.is_over:
                self.error, self.is_over = error, True
                self.ended.release()
            if not isinstance(error, Exception):
                raise

    def _settle(self, result: T) -> None:
        if not self.is_over:
            self.result, self.is_over = result, True
            self.ended.release()
