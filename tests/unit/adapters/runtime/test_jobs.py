"""Work that takes its first step at once, in a task of its own."""

import asyncio
import gc
import inspect
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.adapters.runtime.first_step import begin_task
from collector_mesh.adapters.runtime.jobs import Jobs, StartedJob
from collector_mesh.domain.model.errors import DeadlineExceededError, OutcomeUnknownError
from collector_mesh.domain.ports.clock import Clock, Timer

pytestmark = pytest.mark.asyncio

NAME: ContextVar[str] = ContextVar("name", default="nobody")


class CountingClock(LoopClock):
    """Counts the timers that are set."""

    def __init__(self) -> None:
        self.timers = 0

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        self.timers += 1
        return super().call_at(when, callback)


def new_jobs(clock: Clock | None = None) -> Jobs:
    return Jobs(clock or LoopClock(), begin_task)


def started(jobs: Jobs, work: Coroutine[Any, Any, Any]) -> StartedJob[Any]:
    job = jobs.begin(work)
    assert isinstance(job, StartedJob)
    return job


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0)


async def ended(job: StartedJob[Any]) -> Any:
    return await job.result(float("inf"), lambda: None)


async def outcome_of(jobs: Jobs, work: Coroutine[Any, Any, Any]) -> Any:
    outcome = jobs.begin(work)
    return await ended(outcome) if isinstance(outcome, StartedJob) else outcome


async def test_work_that_no_loop_runs_is_closed() -> None:
    async def work() -> None:
        """Do nothing."""

    begun = work()

    with pytest.raises(RuntimeError, match="no running event loop"):
        await asyncio.to_thread(new_jobs().begin, begun)

    assert inspect.getcoroutinestate(begun) == inspect.CORO_CLOSED


async def test_work_that_never_waits_has_ended_when_begin_returns() -> None:
    jobs = new_jobs()

    async def work() -> int:
        return 7

    assert jobs.begin(work()) == 7
    assert not list(jobs)


async def test_what_work_raises_before_its_first_wait_is_raised_by_begin() -> None:
    jobs = new_jobs()

    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        jobs.begin(work())


async def test_the_task_of_work_is_the_same_before_and_after_its_first_wait_and_not_that_of_its_caller() -> (
    None
):
    jobs = new_jobs()
    seen = []

    async def work() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    me = asyncio.current_task()
    job = started(jobs, work())
    assert asyncio.current_task() is me
    await ended(job)
    assert seen[0] is seen[1] is not me


@pytest.mark.parametrize("waits", [False, True])
async def test_each_work_has_a_task_and_a_context_to_itself(*, waits: bool) -> None:
    jobs = new_jobs()
    seen = []

    async def work(name: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        seen.append((task, NAME.get(), getattr(task, "note", "none")))
        NAME.set(name)
        if not hasattr(task, "note"):
            task.note = name  # type: ignore[attr-defined]  # whoever hangs something on a task
        if waits:
            await asyncio.sleep(0)
        assert NAME.get() == task.note == name  # type: ignore[attr-defined]  # as above

    for name in ("anna", "ben"):
        await outcome_of(jobs, work(name))
    assert [found for _, *found in seen] == [["nobody", "none"]] * 2
    assert len({task for task, *_ in seen}) == 2
    assert NAME.get() == "nobody"


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("is_late", [False, True])
async def test_what_is_hung_on_the_task_is_told_of_its_end_once(*, waits: bool, is_late: bool) -> None:
    jobs = new_jobs()
    told: list[tuple[bool, object, str]] = []

    def tell(task: "asyncio.Task[str]") -> None:
        told.append((task.done(), task.result(), NAME.get()))

    async def work() -> str:
        NAME.set("anna")
        task = asyncio.current_task()
        assert task is not None
        if waits and is_late:
            await asyncio.sleep(0)
        task.add_done_callback(tell)
        if waits:
            await asyncio.sleep(0)
        assert not told
        return "result"

    await outcome_of(jobs, work())
    await until(lambda: told)
    await asyncio.sleep(0)
    assert told == [(True, "result", "anna")]


@pytest.mark.parametrize("turns", [0, 1])
async def test_several_may_wait_for_the_same_thing_from_their_first_wait_on(turns: int) -> None:
    jobs = new_jobs()
    shared: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> int:
        return await shared

    waiting = [asyncio.ensure_future(ended(started(jobs, work()))) for _ in range(3)]
    for _ in range(turns):
        await asyncio.sleep(0)
    shared.set_result(7)
    async with asyncio.timeout(LIMIT_SECONDS):
        assert await asyncio.gather(*waiting) == [7, 7, 7]


async def test_a_task_can_be_named_looked_at_and_awaited_before_its_first_wait() -> None:
    jobs = new_jobs()
    seen: list[Any] = []
    go = asyncio.Event()

    async def onlooker(task: "asyncio.Task[str]") -> None:
        seen.append(await task)

    async def work() -> str:
        task = asyncio.current_task()
        assert task is not None
        first_name = task.get_name()
        assert first_name == task.get_name()
        task.set_name("mine")
        assert "mine" in repr(task)
        assert task.get_coro() is coroutine
        assert [frame.f_code.co_name for frame in task.get_stack()][-1] == "work"
        assert (task.done(), task.cancelled(), task.cancelling()) == (False, False, 0)
        assert task.get_loop() is asyncio.get_running_loop()
        looking.append(asyncio.create_task(onlooker(task)))
        await go.wait()
        assert asyncio.current_task() is task
        assert task in asyncio.all_tasks()
        assert task.get_name() == "mine"
        assert task.get_coro() is coroutine
        return "result"

    looking: list[asyncio.Task[None]] = []
    coroutine = work()
    job = started(jobs, coroutine)
    await asyncio.sleep(0)
    go.set()
    assert await ended(job) == "result"
    await looking[0]
    assert seen == ["result"]


async def test_names_of_tasks_that_nobody_has_named_differ() -> None:
    jobs = new_jobs()
    names = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        names.append(task.get_name())

    for _ in range(3):
        jobs.begin(work())
    assert len(set(names)) == 3


async def test_work_that_cancels_its_own_task_and_never_waits_is_cancelled() -> None:
    jobs = new_jobs()
    told: list[bool] = []

    async def work() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda task: told.append(task.cancelled()))
        task.cancel()
        return "lost"

    with pytest.raises(OutcomeUnknownError):
        jobs.begin(work())
    await until(lambda: told)
    assert told == [True]


async def test_work_that_cancels_its_own_task_cancels_what_it_waits_for_first() -> None:
    jobs = new_jobs()
    seen: list[object] = []

    async def child() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("child")
            raise

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda task: seen.append(task.cancelled()))
        task.cancel("enough")
        task.cancel("enough")
        try:
            await inner
        except asyncio.CancelledError as error:
            seen.append((error.args, task.cancelling()))
            raise

    inner = asyncio.ensure_future(child())
    await asyncio.sleep(0)
    with pytest.raises(OutcomeUnknownError):
        await ended(started(jobs, work()))
    await until(lambda: True in seen)
    assert seen == ["child", (("enough",), 2), True]


async def test_what_ends_a_process_is_raised_by_begin_and_told_to_the_task() -> None:
    jobs = new_jobs()
    seen: list[asyncio.Task[Any]] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        seen.append(task)
        raise SystemExit(3)

    me = asyncio.current_task()
    with pytest.raises(SystemExit):
        jobs.begin(work())
    assert asyncio.current_task() is me
    assert isinstance(seen[0].exception(), SystemExit)


async def test_a_task_that_nobody_holds_is_freed_at_once_though_it_never_waited() -> None:
    jobs = new_jobs()
    alive: list[weakref.ref[Any]] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        alive.append(weakref.ref(task))

    gc.disable()
    try:
        for _ in range(3):
            jobs.begin(work())
        assert [task() for task in alive] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize("seconds", [0.0, 0.01])
async def test_a_timeout_inside_of_work_ends_its_first_wait(seconds: float) -> None:
    jobs = new_jobs()

    async def work() -> str:
        try:
            async with asyncio.timeout(seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            await asyncio.sleep(0)
            return "timed out"
        return "not"

    for _ in range(3):
        assert await ended(started(jobs, work())) == "timed out"


async def test_a_task_group_inside_of_work_awaits_its_children() -> None:
    jobs = new_jobs()

    async def child(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def work() -> int:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(child(number)) for number in range(3)]
        return sum(task.result() for task in tasks)

    assert await ended(started(jobs, work())) == 3


@pytest.mark.parametrize("turns", [0, 1, 3])
async def test_a_cancelled_job_cancels_what_it_waits_for_whenever_it_comes(turns: int) -> None:
    jobs = new_jobs()
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

    released: list[str] = []
    job = started(jobs, work())
    await asyncio.sleep(0)  # so that the children have begun
    job.go_on(float("inf"), lambda: released.append("ended"), lambda *_: released.append("settled"))
    for _ in range(turns):
        await asyncio.sleep(0)
    job.cancel()
    await until(lambda: released)
    assert told == ["child", "child", "work"]
    assert released == ["ended"]
    assert not list(jobs)


async def test_work_that_takes_no_cancellation_goes_on_until_it_ends() -> None:
    jobs = new_jobs()
    go = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await go.wait()

    job = started(jobs, work())
    outcome = asyncio.ensure_future(ended(job))
    await asyncio.sleep(0)
    job.stop(DeadlineExceededError("too late"))
    with pytest.raises(DeadlineExceededError):
        await outcome
    assert list(jobs) == [job]
    go.set()
    await until(lambda: not list(jobs))


async def test_work_that_cancels_itself_harms_nobody_else() -> None:
    jobs = new_jobs()

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
        jobs.begin(at_once())
    with pytest.raises(OutcomeUnknownError):
        await ended(started(jobs, later()))
    await ended(started(jobs, asyncio.sleep(0)))
    with pytest.raises(OutcomeUnknownError):
        await ended(started(jobs, later()))
    assert await ended(started(jobs, well())) == 1


async def test_begin_can_be_used_inside_of_work() -> None:
    jobs = new_jobs()

    async def inner() -> str:
        return "inner"

    async def outer() -> tuple[object, bool]:
        mine = asyncio.current_task()
        found = jobs.begin(inner())
        return found, asyncio.current_task() is mine

    assert jobs.begin(outer()) == ("inner", True)


async def test_work_is_stopped_at_its_deadline_and_told_apart_from_other_work() -> None:
    clock = LoopClock()
    jobs = new_jobs(clock)
    ends: list[tuple[str, float]] = []

    async def forever() -> None:
        await asyncio.Event().wait()

    async def wait_for(name: str, seconds: float) -> None:
        with pytest.raises(DeadlineExceededError):
            await started(jobs, forever()).result(clock.now() + seconds, lambda: None)
        ends.append((name, clock.now() - begin))

    begin = clock.now()
    lasting = started(jobs, forever())
    lasting.go_on(begin + 1000.0, lambda: None, lambda *_: None)
    async with asyncio.timeout(LIMIT_SECONDS):
        await asyncio.gather(wait_for("third", 0.2), wait_for("first", 0.05), wait_for("second", 0.1))

    assert [name for name, _ in ends] == ["first", "second", "third"]
    assert all(at >= seconds - 0.001 for (_, at), seconds in zip(ends, (0.05, 0.1, 0.2), strict=True))
    await until(lambda: list(jobs) == [lasting])
    lasting.cancel()
    await until(lambda: not list(jobs))


async def test_work_that_is_stopped_is_cancelled_once_so_that_it_can_clean_up() -> None:
    clock = LoopClock()
    jobs = new_jobs(clock)
    words: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            words.append("cleaned up")

    with pytest.raises(DeadlineExceededError):
        await started(jobs, work()).result(clock.now(), lambda: words.append("ended"))
    await until(lambda: not list(jobs))

    assert words == ["cleaned up", "ended"]


async def test_many_deadlines_take_few_timers() -> None:
    clock = CountingClock()
    jobs = new_jobs(clock)
    ended: list[None] = []

    async def once() -> None:
        await asyncio.sleep(0)

    for _ in range(1000):
        begun = started(jobs, once())
        begun.go_on(clock.now() + 0.5, lambda: ended.append(None), lambda *_: None)
    await until(lambda: len(ended) == 1000)

    assert clock.timers <= 5


async def test_work_that_takes_no_cancellation_is_told_once_that_its_time_is_up() -> None:
    clock = CountingClock()
    jobs = new_jobs(clock)
    told: list[BaseException | None] = []
    go = asyncio.Event()
    cancellations: list[None] = []

    async def stubborn() -> None:
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                cancellations.append(None)

    job = started(jobs, stubborn())
    job.go_on(clock.now() + 0.01, lambda: None, lambda _result, error: told.append(error))
    await until(lambda: told)
    other = started(jobs, asyncio.Event().wait())
    other.go_on(clock.now() + 0.05, lambda: None, lambda _result, error: told.append(error))
    await until(lambda: len(told) == 2)

    assert len(cancellations) == 1
    go.set()
    await until(lambda: not list(jobs))
    assert len(told) == 2


async def test_whoever_raises_when_told_of_a_deadline_or_an_end_harms_no_other() -> None:
    clock = LoopClock()
    jobs = new_jobs(clock)
    heard: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: heard.append(str(told["exception"])))

    async def forever() -> None:
        await asyncio.Event().wait()

    def raises(what: str) -> Callable[..., None]:
        def told(*_: object) -> None:
            raise ValueError(what)

        return told

    due = clock.now() + 0.02
    started(jobs, forever()).go_on(due, lambda: None, raises("deadline"))
    second = asyncio.ensure_future(started(jobs, forever()).result(due, lambda: None))
    third = asyncio.ensure_future(started(jobs, asyncio.sleep(0.001)).result(due + 100, raises("end")))
    async with asyncio.timeout(LIMIT_SECONDS):
        with pytest.raises(DeadlineExceededError):
            await second
        await third
    await until(lambda: not list(jobs))

    assert sorted(heard) == ["deadline", "end"]


async def test_what_work_raises_after_a_wait_that_ended_early_is_not_said_to_come_of_that() -> None:
    async def work() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        raise ValueError("its own")

    task = begin_task(work(), asyncio.get_running_loop(), copy_context())

    with pytest.raises(ValueError, match="its own") as raised:
        await task
    assert raised.value.__context__ is None
