"""Which task runs, and whether a cancellation is meant for it."""

import asyncio
from typing import Any


def running_task() -> "asyncio.Task[Any] | None":
    """The task that runs now, None outside of any."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def is_being_cancelled() -> bool:
    """Whether the running task was told to stop; else a cancellation is one that the code has made up.

    So a channel of grpc that is closed looks to whoever waits for an answer.
    """
    task = running_task()
    return task is not None and task.cancelling() > 0
