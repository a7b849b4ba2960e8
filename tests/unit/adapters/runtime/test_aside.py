"""Work beside the event loop."""

import asyncio
import threading

import pytest

from collector_mesh.adapters.runtime.aside import aside


@pytest.mark.asyncio
async def test_work_is_done_in_another_thread_and_gives_what_comes_of_it() -> None:
    assert await aside(threading.get_ident) != threading.get_ident()


@pytest.mark.asyncio
async def test_what_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancellation_waits_until_the_work_is_over(times: int) -> None:
    begun, goes_on, is_over = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        goes_on.wait()
        is_over.set()

    waiting = asyncio.create_task(aside(work))
    await asyncio.to_thread(begun.wait)
    for _ in range(times):
        waiting.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    was_done = waiting.done()
    goes_on.set()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not was_done
    assert is_over.is_set()
