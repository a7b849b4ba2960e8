"""Port: doing several things at once."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Task(Protocol):
    """Something that runs in the background."""

    async def stop(self) -> None:
        """Cancel it and wait until it has ended."""
        ...


class Tasks(Protocol):
    """Runs work beside other work, owns it, and awaits it."""

    async def run(self, work: Coroutine[Any, Any, T], deadline: float, ended: Callable[[], None]) -> T:
        """Run work in a task and a copied context of its own, and give what it returns.

        Whoever awaits this and is cancelled cancels the work. `ended` is called once, when the work
        has really ended, which may be after this has: work can be slow to take its cancellation.

        Raises:
            DeadlineExceededError: the deadline (on the clock's monotonic time) has passed; the work
                has been told to stop.
            OutcomeUnknownError: the work was cancelled by `cancel_all`.
        """
        ...

    def being_cancelled(self) -> bool:
        """Whether the running task has been told to stop, asked where a cancellation arrives.

        False means that the code has raised the cancellation by itself.
        """
        ...

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run a plain function in a bounded pool of threads, in a copy of the current context.

        Cancelling this does not stop the function.

        Raises:
            OverloadedError: every thread is taken; the function was not run.
        """
        ...

    def start(self, work: Coroutine[Any, Any, None], name: str) -> Task:
        """Run something in the background until it ends or is stopped."""
        ...

    def cancel_all(self) -> int:
        """Cancel what was given to `run` and is not done; give how many that were."""
        ...

    async def close(self) -> None:
        """Cancel everything that is left and wait for it, but not for ever."""
        ...
