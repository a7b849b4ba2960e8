"""A thread that does one thing after the other, for an event loop that must not wait for a disk."""

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from collector_mesh.adapters.sqlite.layout import FileKind

T = TypeVar("T")

MAX_WAITING = 4096
"""Things that may wait for the thread; what comes on top is refused."""

END_SECONDS = 10.0
"""How long its end may take, which comes after what it does; then it is left alone, as a daemon that keeps no process from ending."""


class _Job(Generic[T]):
    """Something that the thread does.

    Args:
        function: what.
        outcome: where the event loop waits for it.
    """

    def __init__(self, function: Callable[[], T], outcome: "asyncio.Future[T]") -> None:
        self._function = function
        self._outcome = outcome
        self._loop = outcome.get_loop()
        self.is_left = False
        """Whether nobody waits for it any longer: what has not begun is not begun."""

    def run(self) -> None:
        """Do it, and have the event loop go on."""
        if self.is_left:
            return
        tell: Callable[[], None]
        try:
            result = self._function()
        except BaseException as error:  # noqa: BLE001  # it goes to the caller, and must not end the thread
            tell = self._failing(error)
        else:
            tell = self._giving(result)
        with suppress(RuntimeError):  # the loop was closed, and nobody waits
            self._loop.call_soon_threadsafe(tell)

    def _giving(self, result: T) -> Callable[[], None]:
        return lambda: None if self._outcome.done() else self._outcome.set_result(result)

    def _failing(self, error: BaseException) -> Callable[[], None]:
        return lambda: None if self._outcome.done() else self._outcome.set_exception(error)


class Worker:
    """Does things in one daemon thread, in the order in which they come.

    Args:
        kind: what it works on.
        what: the same, as errors name it.
    """

    def __init__(self, kind: FileKind, what: str) -> None:
        self._kind = kind
        self._what = what
        self._pid = os.getpid()
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._has_ended = False

    def start(self) -> None:
        """Start the thread.

        Raises:
            MeshError: the system gives none.
        """
        thread = threading.Thread(
            target=self._serve, name=f"collector-mesh-{self._kind.name.replace(' ', '-')}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            raise self._kind.error(f"{self._what}: the system gives no thread for it") from error
        self._thread = thread

    async def run(self, function: Callable[[], T]) -> T:
        """Do something in the thread. What is cancelled before it has begun is not done, and after that is done as a whole.

        Raises:
            MeshError: the thread has ended, or too much waits for it already.
            RuntimeError: this is another process than the one that has the thread.
            BaseException: what the function raises.
        """
        self._check()
        if self._jobs.qsize() >= MAX_WAITING:
            raise self._kind.error(f"{self._what}: {MAX_WAITING} requests wait for it already")
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = _Job(function, outcome)
        self._jobs.put(job)
        try:
            return await outcome
        except asyncio.CancelledError:
            job.is_left = True
            raise

    async def end(self, last: Callable[[], None]) -> None:
        """Do something last, and end the thread."""
        if self._has_ended or self._thread is None:
            return
        self._check()
        self._has_ended = True
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(last, outcome))
        self._jobs.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await outcome
            # It has nothing to do anymore but to end.
            self._thread.join(END_SECONDS)

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError(
                f"{self._what} belongs to the process that this one was forked from: open it anew in this one"
            )
        if self._has_ended or self._thread is None:
            raise self._kind.error(f"{self._what} is not open")

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
            # What is waited for next is not to hold what was done last.
            del job
