"""Work that takes its first step at once, and goes on in a task that is used again."""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from collector_mesh.adapters.runtime.workers import StartedJob, Workers
from collector_mesh.domain.model.errors import DeadlineExceededError, OutcomeUnknownError

pytestmark = pytest.mark.asyncio

NAME: ContextVar[str] = ContextVar("name", default="nobody")


def workers() -> Workers:
    return Workers(asyncio.get_running_loop(), asyncio.Task)


def started(pool: Workers, work: Coroutine[Any, Any, Any]) -> StartedJob[Any]:
    job = pool.begin(work)
    assert isinstance(job, StartedJob)
    return job


async def close(pool: Workers) -> None:
    tasks = pool.cancel()
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=5)
        assert not left


async def ended(job: StartedJob[Any]) -> Any:
    return await job.result(float("inf"), lambda: None)


async def test_work_that_never_waits_has_ended_when_begin_returns() -> None:
    pool = workers()

    async def work() -> int:
        return 7

    assert pool.begin(work()) == 7
    assert pool.jobs == ()
    await close(pool)


async def test_what_work_raises_before_its_first_wait_is_raised_by_begin() -> None:
    pool = workers()

    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        pool.begin(work())
    await close(pool)


async def test_the_task_of_work_is_the_same_before_and_after_its_first_wait_and_not_that_of_its_caller() -> (
    None
):
    pool = workers()
    seen = []

    async def work() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    me = asyncio.current_task()
    job = started(pool, work())
    assert asyncio.current_task() is me
    await ended(job)
    assert seen[0] is seen[1] is not me
    await close(pool)


async def test_a_task_is_used_again_and_keeps_nothing_of_the_context_before() -> None:
    pool = workers()
    seen = []

    async def work(name: str) -> None:
        seen.append((asyncio.current_task(), NAME.get()))
        NAME.set(name)
        await asyncio.sleep(0)
        assert NAME.get() == name

    for name in ("anna", "ben"):
        await ended(started(pool, work(name)))
    assert [found for _, found in seen] == ["nobody", "nobody"]
    assert seen[0][0] is seen[1][0]
    assert NAME.get() == "nobody"
    await close(pool)


@pytest.mark.parametrize("seconds", [0.0, 0.01])
async def test_a_timeout_inside_of_work_ends_its_first_wait(seconds: float) -> None:
    pool = workers()

    async def work() -> str:
        try:
            async with asyncio.timeout(seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            await asyncio.sleep(0)
            return "timed out"
        return "not"

    for _ in range(3):
        assert await ended(started(pool, work())) == "timed out"
    await close(pool)


async def test_a_task_group_inside_of_work_awaits_its_children() -> None:
    pool = workers()

    async def child(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def work() -> int:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(child(number)) for number in range(3)]
        return sum(task.result() for task in tasks)

    assert await ended(started(pool, work())) == 3
    await close(pool)


@pytest.mark.parametrize("turns", [0, 1, 3])
@pytest.mark.parametrize("used", [False, True])
async def test_a_cancelled_job_cancels_what_it_waits_for_whenever_it_comes(turns: int, *, used: bool) -> None:
    pool = workers()
    told = []

    async def child() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append("child")
            raise

    async def work() -> None:
        try:
            await asyncio.gather(child(), child())
        except asyncio.CancelledError:
            told.append("work")
            raise

    if used:
        await ended(started(pool, asyncio.sleep(0)))
    released: list[str] = []
    job = started(pool, work())
    await asyncio.sleep(0)  # so that the children have begun
    job.go_on(float("inf"), lambda: released.append("ended"), lambda *_: released.append("settled"))
    for _ in range(turns):
        await asyncio.sleep(0)
    job.cancel()
    async with asyncio.timeout(5):
        while not released:
            await asyncio.sleep(0)
    assert told == ["child", "child", "work"]
    assert released == ["ended"]
    assert pool.jobs == ()
    await close(pool)


async def test_work_that_takes_no_cancellation_goes_on_and_its_task_is_not_used_again() -> None:
    pool = workers()
    go = asyncio.Event()
    tasks = []

    async def work() -> None:
        tasks.append(asyncio.current_task())
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await go.wait()

    job = started(pool, work())
    outcome = asyncio.ensure_future(ended(job))
    await asyncio.sleep(0)
    job.stop(DeadlineExceededError("too late"))
    with pytest.raises(DeadlineExceededError):
        await outcome
    assert pool.jobs == (job,)
    go.set()
    async with asyncio.timeout(5):
        while pool.jobs:
            await asyncio.sleep(0)

    async def other() -> None:
        tasks.append(asyncio.current_task())

    pool.begin(other())
    assert tasks[0] is not tasks[1]
    await close(pool)


async def test_work_that_cancels_itself_harms_nobody_else() -> None:
    pool = workers()

    async def at_once() -> None:
        raise asyncio.CancelledError

    async def later() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async def well() -> int:
        await asyncio.sleep(0)
        return 1

    with pytest.raises(OutcomeUnknownError):
        pool.begin(at_once())
    with pytest.raises(OutcomeUnknownError):
        await ended(started(pool, later()))
    await ended(started(pool, asyncio.sleep(0)))
    with pytest.raises(OutcomeUnknownError):
        await ended(started(pool, later()))
    assert await ended(started(pool, well())) == 1
    await close(pool)


async def test_begin_can_be_used_inside_of_work() -> None:
    pool = workers()

    async def inner() -> str:
        return "inner"

    async def outer() -> tuple[object, bool]:
        mine = asyncio.current_task()
        found = pool.begin(inner())
        return found, asyncio.current_task() is mine

    assert pool.begin(outer()) == ("inner", True)
    await close(pool)


async def test_close_ends_every_task() -> None:
    pool = workers()
    before = asyncio.all_tasks()
    jobs = [started(pool, asyncio.Event().wait()) for _ in range(3)]
    waiting = [asyncio.ensure_future(ended(job)) for job in jobs]
    await ended(started(pool, asyncio.sleep(0)))
    await close(pool)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [OutcomeUnknownError] * 3
    assert asyncio.all_tasks() == before
