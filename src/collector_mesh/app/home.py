"""The event loop that a collector or a client belongs to: the one that it was entered in, in that process."""

import asyncio
from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Callable

from collector_mesh.adapters.runtime.bridge import Bridge


class Home:
    """Where something is used, and what is said to whoever uses it elsewhere.

    Args:
        what: what belongs there, as an error names it.
        awaited: how it is used there, as an error names it.
        blocking: how other threads use it, as an error names it.
    """

    __slots__ = ("_awaited", "_blocking", "_bridge", "_handed_over", "_what", "loop")

    def __init__(self, what: str, *, awaited: str, blocking: str) -> None:
        self._what = what
        self._awaited = awaited
        self._blocking = blocking
        self._bridge: Bridge | None = None
        self._handed_over: dict[Callable[[], None], None] = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop that it was entered in, None before that."""

    @property
    def what(self) -> str:
        """What belongs there, as errors name it."""
        return self._what

    def enter(self) -> None:
        """Take down the running loop.

        Raises:
            RuntimeError: it was entered before.
        """
        if self.loop is not None:
            raise RuntimeError(f"{self._what} can be started, or entered, once; make a new one")
        self.loop = asyncio.get_running_loop()
        # Made here: one that is made in a forked process would take that for its own.
        self._bridge = Bridge(self._what, self.loop, awaited=self._awaited)

    def check(self) -> None:
        """See that the running loop is the one.

        Raises:
            RuntimeError: it is another one, or that of a process that was forked from this one.
        """
        # In a forked process the loop of the other one does not count as running.
        if _get_running_loop() is not self.loop:
            raise RuntimeError(
                f"{self._what} belongs to another event loop: it is used in the loop, and in the process, that it"
                f" was entered in. From another thread use {self._blocking}, from another loop have it called there,"
                " with asyncio.run_coroutine_threadsafe(..., that_loop); a forked process needs one of its own, and"
                " is to be started with 'spawn'"
            )

    def bridge(self) -> Bridge:
        """The way into that loop for other threads; it was entered."""
        assert self._bridge is not None  # for the type checker
        return self._bridge

    def check_leaving(self) -> None:
        """See that it is not left, or watched, from elsewhere: what ends in another loop is never heard of here.

        Raises:
            RuntimeError: see `check`.
        """
        if self.loop is not None:
            self.check()

    def hand_over(self, work: Callable[[], None]) -> None:
        """Have something called in that loop: now, if it is the one that runs here, else soon.

        Nobody waits for it, so it makes no difference whether the loop waits for this thread. What is handed over
        again before it was called is called once.
        """
        loop = self.loop
        if loop is None or _get_running_loop() is loop:
            work()
        elif work not in self._handed_over:
            # Taken down first: what has changed until it is called is seen by it.
            self._handed_over[work] = None
            try:
                loop.call_soon_threadsafe(self._call, work)
            except RuntimeError:
                # It is closed, and nobody is there who could be told.
                del self._handed_over[work]

    def _call(self, work: Callable[[], None]) -> None:
        self._handed_over.pop(work, None)
        work()

    def closed(self, state: str) -> RuntimeError:
        """What is said to whoever uses it before it is entered, or after it was left."""
        return RuntimeError(
            f"{self._what} is {state}: it is used inside 'async with', or between start() and stop()"
        )
