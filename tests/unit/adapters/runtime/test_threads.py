"""Plain functions in threads: whatever they raise, and whatever the system refuses."""

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.adapters.runtime.tasks import LoopTasks
from collector_mesh.domain.model.errors import OverloadedError

pytestmark = pytest.mark.asyncio

T = TypeVar("T")


class Uncounted:
    """Nobody counts the threads."""

    def waits(self) -> None:
        """See the port."""

    def goes_on(self) -> None:
        """See the port."""

    def end(self) -> None:
        """See the port."""


async def in_free_thread(tasks: LoopTasks, function: Callable[[], T]) -> T:
    """Run a function in a thread; each is free a little later than its answer is told."""
    while True:
        try:
            return await tasks.in_thread(function, Uncounted())
        except OverloadedError:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no"), ValueError),
        (SystemExit(3), SystemExit),
        (StopIteration("no"), RuntimeError),
        (asyncio.CancelledError(), asyncio.CancelledError),
    ],
)
async def test_whatever_a_function_raises_is_told_and_its_thread_is_free_again(
    error: BaseException, told: type[BaseException]
) -> None:
    tasks = LoopTasks(LoopClock(), max_threads=1)

    def fail() -> NoReturn:
        raise error

    async with asyncio.timeout(LIMIT_SECONDS):
        for _ in range(3):
            with pytest.raises(told):
                await in_free_thread(tasks, fail)
            assert await in_free_thread(tasks, lambda: 7) == 7
    await tasks.close()


async def test_where_the_system_gives_no_thread_the_function_is_not_run_and_later_ones_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks = LoopTasks(LoopClock(), max_threads=2)
    ran: list[str] = []

    def refuse(_thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as context:
        context.setattr(threading.Thread, "start", refuse)
        for _ in range(5):
            with pytest.raises(OverloadedError):
                await tasks.in_thread(lambda: ran.append("refused"), Uncounted())
    async with asyncio.timeout(LIMIT_SECONDS):
        await tasks.in_thread(lambda: ran.append("later"), Uncounted())

    assert ran == ["later"]
    await tasks.close()


async def rest_of_it() -> None:
    """What a plain function has given that is around an async one."""


@pytest.mark.parametrize("has_come", [False, True])
async def test_what_is_to_be_awaited_and_never_is_is_closed(has_come: bool) -> None:
    tasks = LoopTasks(LoopClock(), max_threads=1)
    rest = rest_of_it()
    go_on, ended = threading.Event(), threading.Event()

    class Counted(Uncounted):
        def end(self) -> None:
            ended.set()

    def give() -> Coroutine[Any, Any, None]:
        assert go_on.wait(LIMIT_SECONDS)
        return rest

    waiting = asyncio.create_task(tasks.in_thread(give, Counted()))
    await asyncio.sleep(0)
    async with asyncio.timeout(LIMIT_SECONDS):
        if has_come:
            go_on.set()
            while not ended.is_set():
                await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            _ = await waiting
        go_on.set()
        while not ended.is_set():
            await asyncio.sleep(0)

    assert inspect.getcoroutinestate(rest) == inspect.CORO_CLOSED
    await tasks.close()
