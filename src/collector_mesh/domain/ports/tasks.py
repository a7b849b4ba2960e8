"""Port: doing several things at once."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
P = TypeVar("P")
R_co = TypeVar("R_co", covariant=True)


class Task(Protocol):
    """Something that runs in the background."""

    async def stop(self) -> None:
        """Cancel it and wait until it has ended."""
        ...


class Promise(Awaitable[P], Protocol[P]):
    """Something that is awaited by one and given by another."""

    def set_result(self, result: P, /) -> None:
        """Give it; not twice, and not to somebody who was cancelled."""
        ...

    def done(self) -> bool:
        """Whether it was given, or whoever has awaited it was cancelled."""
        ...


class Job(Protocol):
    """Work that goes on by itself."""

    def cancel(self) -> object:
        """Stop it; its `settle` is not called anymore, its `ended` once it has ended."""
        ...


class Started(Protocol[R_co]):
    """Work that has come to its first wait. One of these is called, once."""

    def go_on(
        self,
        deadline: float,
        ended: Callable[[], None],
        settle: Callable[[R_co | None, BaseException | None], None],
    ) -> Job:
        """Have it go on while nobody awaits it: `settle` is called with the result, or with what `result` raises.

        `ended` is called before `settle` where the work has ended by then.
        """
        ...

    async def result(self, deadline: float, ended: Callable[[], None]) -> R_co:
        """Have it go on, and give what it returns.

        Whoever awaits this and is cancelled cancels the work. `ended` is called once, when the work
        has really ended, which may be after this has: work can be slow to take its cancellation.

        Raises:
            DeadlineExceededError: the deadline (on the clock's monotonic time) has passed; the work
                has been told to stop.
            OutcomeUnknownError: the work was cancelled by somebody else, as by `cancel_all`.
        """
        ...


class ThreadUse(Protocol):
    """What is told of a function that has a thread, in the event loop."""

    def waits(self) -> None:
        """It waits for something that is done in an event loop, or for one more such thing."""
        ...

    def goes_on(self) -> None:
        """One of those it has waited for has ended."""
        ...

    def end(self) -> None:
        """The function has really ended, or is not run."""
        ...


class Tasks(Protocol):
    """Runs work beside other work, owns it, and awaits it."""

    def begin(self, work: Coroutine[Any, Any, T]) -> T | Started[T]:
        """Run work up to its first wait, in a new task and a copied context of its own.

        Gives its result if it never waits. The task is nobody else's, before and after: what code hangs on it
        (callbacks, state, scopes of cancellation) is for this work alone, and it is done when the work has ended.

        Raises:
            OutcomeUnknownError: it has cancelled itself.
            Exception: what the work raises.
        """
        ...

    def promise(self) -> Promise[Any]:
        """Make something to await."""
        ...

    def awaited(self, work: Coroutine[Any, Any, T], deadline: float) -> Awaitable[T]:
        """Give what is to be awaited, once and at once, in the place of work of a user's.

        It runs in the task of whoever awaits it, and costs none of its own. When that task is cancelled or the time is up, the
        work is cancelled; it may clean up for half a second, and is closed then.

        Args:
            work: the work; what it gives after it was cancelled is nobody's.
            deadline: on the monotonic time of the clock, in seconds.

        Raises:
            DeadlineExceededError: the deadline has passed.
            OutcomeUnknownError: the work was ended by `close`.
            BaseException: what the work raises.
        """
        ...

    def is_cancellation(self, error: BaseException) -> bool:
        """Whether an error that was caught is the cancellation of the running task, and has to go on.

        False for every other error, and for a cancellation that the code has raised by itself.
        """
        ...

    async def in_thread(self, function: Callable[[], T], use: ThreadUse) -> T:
        """Run a plain function in a thread, in a copy of the current context.

        Cancelling this does not stop the function.

        Args:
            function: the function.
            use: told what becomes of it: once that it has ended, and whenever it waits for what other than
                `wait_in_thread` has it wait for.

        Raises:
            OverloadedError: there is no thread; the function was not run.
            BaseException: what the function raises.
        """
        ...

    def call_back(self, function: Callable[[], None]) -> None:
        """Have a function of a user's called that nobody waits for, and that may wait: in a thread, one after the other.

        Args:
            function: must not raise.
        """
        ...

    def wait_in_thread(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have an async function run where tasks run, in a copy of this thread's context, while this thread waits.

        Raises:
            RuntimeError: this thread runs an event loop, which would stand still; or there is none anymore for the work.
            BaseException: what the work raises.
        """
        ...

    def is_here(self) -> bool:
        """Whether the running code is where tasks run: in that event loop, in that thread."""
        ...

    def when_idle(self, callback: Callable[[], object]) -> None:
        """Call something soon, once what can be done now has been done; it need not be all that follows from it."""
        ...

    def start(self, work: Coroutine[Any, Any, None], name: str) -> Task:
        """Run something in the background until it ends or is stopped."""
        ...

    def cancel_all(self) -> int:
        """Cancel what was begun and is not done; give how many that were."""
        ...

    async def close(self) -> None:
        """Cancel everything that is left and wait for it, but not for ever."""
        ...
