"""The one way from threads into an event loop: a thread has work done there, and waits for it."""

import asyncio
import contextvars
import os
import threading
import time
from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from collector_mesh.adapters.runtime.errands import Errand, ToldErrand

if TYPE_CHECKING:
    from collector_mesh.adapters.runtime.callback_thread import CallbackThread
    from collector_mesh.adapters.runtime.posted import Posted

T = TypeVar("T")

_LOOK_SECONDS = 0.5
"""How often a thread that waits looks whether the loop still runs: nobody tells it that it does not."""

_STUCK_SECONDS = 15.0
"""Seconds without a turn after which a loop counts as blocked, as by waiting for the thread that waits for it."""

_FOREVER_SECONDS = 1e9
"""What nobody lives to see: longer times are none."""


def check_no_loop(what: str, awaited: str) -> None:
    """See that no event loop runs in this thread, which would stand still while the thread waits.

    Raises:
        RuntimeError: one does.
    """
    if _get_running_loop() is not None:
        raise RuntimeError(
            f"{what} would block the event loop that runs in this thread: use {awaited},"
            " or call it in a thread, as with asyncio.to_thread"
        )


WAITING: contextvars.ContextVar[AbstractContextManager[object] | None] = contextvars.ContextVar(
    "collector_mesh_waiting", default=None
)
"""What is around the waiting of this thread, where nothing else is said: who counts threads that run is told so."""


class Bridge:
    """Has async functions run in one event loop, for threads that wait for them.

    It may be used by any number of threads at once, and in signal handlers. Work of several threads goes over
    together: the loop is woken once.

    Args:
        what: what the loop belongs to, as errors name it.
        loop: where the work is done.
        awaited: what code in an event loop uses in place of this, as errors name it.
        forked: what helps in a process that was forked from this one.
    """

    def __init__(
        self,
        what: str,
        loop: asyncio.AbstractEventLoop,
        *,
        awaited: str,
        forked: str = "a forked process needs one of its own, and is to be started with 'spawn'",
    ) -> None:
        self._what = what
        self._loop = loop
        self._awaited = awaited
        self._forked = forked
        self._pid = os.getpid()
        self._main = threading.main_thread().ident
        self._errands: deque[Errand[Any] | ToldErrand[Any] | Posted] = deque()
        self._is_woken = False
        self._turns = 0
        # A simulated loop has threads of its own, and runs only while they do not.
        self._wait_in_thread: Callable[[Any], Any] | None = getattr(loop, "wait_in_thread", None)
        # Not the loop's own where that is a real one: some tell the time at which their last turn began.
        self.now: Callable[[], float] = loop.time if self._wait_in_thread else time.monotonic
        """Gives the time, in seconds, in any thread."""

    def check(self, awaited: str | None = None) -> None:
        """See that a thread may wait here.

        Args:
            awaited: what code in an event loop uses in place of what is called, if that is another than usual.

        Raises:
            RuntimeError: an event loop runs in this thread, which would stand still; or this is another process.
        """
        awaited = awaited or self._awaited
        if _get_running_loop() is self._loop:
            raise RuntimeError(
                f"{self._what} would wait here for the event loop that it is called in: use {awaited}"
            )
        check_no_loop(self._what, awaited)
        self.check_process()

    def check_process(self) -> None:
        """See that the loop is of this process.

        Raises:
            RuntimeError: it is not.
        """
        if os.getpid() != self._pid:
            raise RuntimeError(
                f"{self._what} belongs to the process that this one was forked from: {self._forked}"
            )

    def run(
        self,
        work: Callable[[], Coroutine[Any, Any, T]],
        *,
        waiting: AbstractContextManager[object] | None = None,
    ) -> T:
        """Run an async function in the loop, in a copy of this thread's context, and give what it returns.

        Whatever ends the waiting of this thread early, as Ctrl-C does, cancels the work.

        Args:
            work: called in the loop.
            waiting: is around the waiting; `WAITING` by default.

        Raises:
            RuntimeError: see `check`; or the loop has stopped, was closed, stands still, or has cancelled the work.
            BaseException: what the work raises.
        """
        self.check()
        if (wait := self._wait_in_thread) is not None:
            with waiting or WAITING.get() or nullcontext():
                given: T = wait(work)
            return given
        return self._have(Errand(work), waiting or WAITING.get())

    def have(self, begin: Callable[[Callable[[T], None]], Callable[[], object]]) -> T:
        """Have something done in the loop that takes no task there, and give what came of it.

        Args:
            begin: called in the loop with a function that is to be told once what came of it; gives what cancels it.

        Raises:
            RuntimeError: as for `run`.
            BaseException: what `begin` raises.
        """
        self.check()
        return self._have(ToldErrand(begin), WAITING.get())

    def post(self, posted: "Posted") -> None:
        """Have something go on in the loop soon. Nobody waits, so that this may also be the loop's own thread.

        Raises:
            RuntimeError: this is another process; or the loop is closed.
        """
        self.check_process()
        if (wait := self._wait_in_thread) is None:
            self._put(posted)
        elif _get_running_loop() is self._loop:
            self._loop.call_soon(posted.go_on, self._loop)
        else:
            from collector_mesh.adapters.runtime.posted import gone_on

            wait(partial(gone_on, posted, self._loop))

    def wait(
        self,
        posted: "Posted",
        timeout: float | None = None,
        *,
        is_new: bool = False,
        awaited: str | None = None,
    ) -> bool:
        """Wait until something is over that was posted.

        Args:
            posted: what was posted.
            timeout: most seconds; None, or infinity, for no limit.
            is_new: whether it is to be posted first.
            awaited: see `check`.

        Returns:
            Whether it is over.

        Raises:
            RuntimeError: as for `run`.
        """
        if _get_running_loop() is not None or os.getpid() != self._pid:
            self.check(awaited)
        if timeout is not None and timeout > _FOREVER_SECONDS:
            timeout = None
        if (waiting := WAITING.get()) is None:
            has_ended = self._wait_for(posted, timeout, is_new=is_new)
        else:
            with waiting:
                has_ended = self._wait_for(posted, timeout, is_new=is_new)
        return has_ended

    def _wait_for(self, posted: "Posted", timeout: float | None, *, is_new: bool) -> bool:
        if (wait := self._wait_in_thread) is not None:
            from collector_mesh.adapters.runtime.posted import gone_on, is_over

            if is_new:
                wait(partial(gone_on, posted, self._loop))
            return bool(wait(partial(is_over, posted, timeout)))
        if is_new:
            self._put(posted)
        if not self._await(posted.ended, timeout):
            return False
        # For whoever waits beside this thread.
        posted.ended.release()
        return True

    def call_back(self, function: Callable[[], None], thread: "CallbackThread") -> None:
        """Have a function of a user's called that nobody waits for, and that may wait: in a thread, never in the loop.

        Args:
            function: must not raise.
            thread: where; a simulated loop has threads of its own.
        """
        if self._wait_in_thread is not None:
            from collector_mesh.adapters.runtime.posted import PostedCallback

            self.post(PostedCallback(function))
        else:
            thread.submit(function)

    def _have(self, errand: "Errand[T] | ToldErrand[T]", waiting: AbstractContextManager[object] | None) -> T:
        try:
            if waiting is None:
                self._wait(errand)
            else:
                with waiting:
                    self._wait(errand)
        except BaseException:
            if not errand.is_over:
                errand.is_left = True
                self._errands.append(errand)
                with suppress(RuntimeError):
                    self._wake()
            raise
        if errand.is_cancelled:
            raise RuntimeError(f"{self._what}: the work was cancelled, as where its event loop ends")
        error = errand.error
        if error is None:
            return cast("T", errand.result)
        try:
            raise error
        finally:
            # An error refers to its traceback, that to this frame.
            del error, errand

    def _wait(self, errand: "Errand[Any] | ToldErrand[Any]") -> None:
        self._put(errand)
        self._await(errand.ended, None)

    def _put(self, errand: "Errand[Any] | ToldErrand[Any] | Posted") -> None:
        self._errands.append(errand)
        try:
            self._wake()
        except RuntimeError:
            # Nobody takes them anymore, and they may hold much.
            self._errands.clear()
            raise self._closed() from None

    def _await(self, ended: threading.Lock, timeout: float | None) -> bool:
        """Wait for a lock as long as the loop runs; whether this thread has it now."""
        until = None if timeout is None else time.monotonic() + max(0.0, timeout)
        look = _LOOK_SECONDS if timeout is None else min(_LOOK_SECONDS, max(0.0, timeout))
        if ended.acquire(timeout=look):
            return True
        loop, turns, turned, was_running = self._loop, self._turns, time.monotonic(), True
        while True:
            if until is not None:
                look = min(_LOOK_SECONDS, until - time.monotonic())
                if look <= 0.0:
                    return False
            is_running = loop.is_running()
            # One that does not run may do so again, as between two `run_until_complete`.
            if loop.is_closed() or not (is_running or was_running):
                raise self._closed()
            was_running = is_running
            if self._turns != turns:
                turns, turned = self._turns, time.monotonic()
            elif time.monotonic() - turned > _STUCK_SECONDS:
                raise RuntimeError(
                    f"{self._what}: its event loop has stood still for {_STUCK_SECONDS:g} s; something blocks it,"
                    " as code does that waits there for this thread"
                )
            with suppress(RuntimeError):
                self._wake()
            if ended.acquire(timeout=look):
                return True

    def _wake(self) -> None:
        # Nothing is locked: a signal handler may come at any point, and do all of this in between. Therefore the main
        # thread, where handlers run, relies on nobody who is about to wake the loop: it may be what was interrupted.
        if self._is_woken and threading.get_ident() != self._main:
            return
        try:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._take)
        except BaseException:
            # Others may have relied on this.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._take)
            raise

    def _take(self) -> None:
        # Before anything is taken: what comes later wakes again.
        self._is_woken = False
        self._turns += 1
        errands = self._errands
        try:
            # No more than there are now, so that the loop does other things too.
            for _ in range(len(errands)):
                errands.popleft().go_on(self._loop)
        finally:
            if errands and not self._is_woken:
                self._is_woken = True
                self._loop.call_soon(self._take)

    def _closed(self) -> RuntimeError:
        return RuntimeError(f"{self._what}: its event loop no longer runs")
