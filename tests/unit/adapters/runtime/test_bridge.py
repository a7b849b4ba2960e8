"""Threads have work done in an event loop, and never wait in vain for it."""

import asyncio
import contextvars
import ctypes
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NoReturn

import pytest
from tests.limits import LIMIT_SECONDS
from tests.signals import handling

from collector_mesh.adapters.runtime import bridge as module
from collector_mesh.adapters.runtime.bridge import Bridge

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")


def bridge_to(loop: asyncio.AbstractEventLoop) -> Bridge:
    return Bridge("the blocking way", loop, awaited="the awaited way")


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread until this is left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LIMIT_SECONDS)
        loop.close()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with running_loop() as loop:
        yield loop


@pytest.fixture
def bridge(loop: asyncio.AbstractEventLoop) -> Bridge:
    return bridge_to(loop)


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def often_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.05)


async def nothing() -> None:
    pass


def test_work_runs_in_the_loop_and_its_result_is_given(
    bridge: Bridge, loop: asyncio.AbstractEventLoop
) -> None:
    async def work() -> tuple[asyncio.AbstractEventLoop, int]:
        await asyncio.sleep(0)
        return asyncio.get_running_loop(), threading.get_ident()

    where, thread = bridge.run(work)

    assert where is loop
    assert thread != threading.get_ident()


def test_work_that_never_waits_gives_its_result_too(bridge: Bridge) -> None:
    async def work() -> int:
        return 7

    assert bridge.run(work) == 7


def test_work_has_a_copy_of_the_context_of_the_thread(bridge: Bridge) -> None:
    VARIABLE.set("of the thread")

    async def work() -> str:
        found = VARIABLE.get()
        VARIABLE.set("of the work")
        await asyncio.sleep(0)
        return f"{found}, {VARIABLE.get()}"

    assert bridge.run(work) == "of the thread, of the work"
    assert VARIABLE.get() == "of the thread"


@pytest.mark.parametrize("waits", [False, True])
def test_what_work_raises_is_raised_in_the_thread_with_the_lines_that_raised_it(
    bridge: Bridge, waits: bool
) -> None:
    error = ValueError("of the work")

    async def work() -> NoReturn:
        if waits:
            await asyncio.sleep(0)
        raise error

    with pytest.raises(ValueError, match="of the work") as raised:
        bridge.run(work)

    assert raised.value is error
    assert error.__context__ is None
    assert traceback.extract_tb(error.__traceback__)[-1].name == "work"


def test_what_cannot_even_be_begun_is_raised_in_the_thread(bridge: Bridge) -> None:
    def work() -> NoReturn:
        raise LookupError("no work")

    with pytest.raises(LookupError, match="no work"):
        bridge.run(work)

    assert bridge.run(nothing) is None


def test_in_the_loop_itself_it_is_refused_with_the_way_that_is_awaited() -> None:
    async def main() -> None:
        bridge_to(asyncio.get_running_loop()).run(nothing)

    with pytest.raises(RuntimeError, match=r"would wait here for the event loop.*use the awaited way"):
        asyncio.run(main())


def test_in_a_thread_that_runs_another_loop_it_is_refused_with_both_ways(bridge: Bridge) -> None:
    async def main() -> None:
        bridge.run(nothing)

    with pytest.raises(
        RuntimeError, match=r"would block the event loop.*use the awaited way, or .*to_thread"
    ):
        asyncio.run(main())


def test_in_a_thread_of_a_running_loop_that_awaits_it_it_works(bridge: Bridge) -> None:
    async def main() -> None:
        await asyncio.to_thread(bridge.run, nothing)

    asyncio.run(main())


def test_a_loop_that_is_closed_is_an_error() -> None:
    with running_loop() as loop:
        pass

    with pytest.raises(RuntimeError, match="its event loop no longer runs"):
        bridge_to(loop).run(nothing)


@pytest.mark.usefixtures("often_looked")
def test_a_loop_that_was_never_run_is_an_error() -> None:
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(RuntimeError, match="its event loop no longer runs"):
            bridge_to(loop).run(nothing)
    finally:
        loop.close()


def test_a_loop_that_runs_a_little_later_is_waited_for() -> None:
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bridge_to(loop).run, nothing)

        async def until_done() -> None:
            async with asyncio.timeout(LIMIT_SECONDS):
                await asyncio.wrap_future(waiting)

        loop.run_until_complete(until_done())
    loop.close()


@pytest.mark.usefixtures("often_looked")
def test_a_loop_that_stops_while_a_thread_waits_is_an_error() -> None:
    loop = asyncio.new_event_loop()
    ended = threading.Event()

    async def work() -> None:
        loop.stop()
        await asyncio.sleep(LIMIT_SECONDS)

    def run_for_a_while() -> None:
        loop.run_forever()
        ended.wait(LIMIT_SECONDS)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))

    thread = threading.Thread(target=run_for_a_while)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="its event loop no longer runs"):
            bridge_to(loop).run(work)
    finally:
        ended.set()
        thread.join(LIMIT_SECONDS)
        loop.close()


def test_a_loop_that_ends_and_cancels_what_runs_there_is_an_error() -> None:
    begun = threading.Event()

    async def work() -> None:
        begun.set()
        await asyncio.sleep(LIMIT_SECONDS)

    async def main(pool: ThreadPoolExecutor) -> "asyncio.Future[None]":
        waiting = pool.submit(bridge_to(asyncio.get_running_loop()).run, work)
        await asyncio.to_thread(begun.wait, LIMIT_SECONDS)
        return waiting  # type: ignore[return-value]  # of threads, as the test wants it

    with ThreadPoolExecutor(1) as pool:
        waiting = asyncio.run(main(pool))

        with pytest.raises(RuntimeError, match="the blocking way: the work was cancelled"):
            waiting.result()


def test_a_loop_that_waits_for_the_thread_that_waits_for_it_is_an_error(
    monkeypatch: pytest.MonkeyPatch, bridge: Bridge, loop: asyncio.AbstractEventLoop
) -> None:
    monkeypatch.setattr(module, "_STUCK_SECONDS", 0.1)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    told = threading.Event()
    loop.call_soon_threadsafe(told.wait, LIMIT_SECONDS)

    with pytest.raises(RuntimeError, match=r"its event loop has stood still for 0\.1 s"):
        bridge.run(nothing)
    told.set()


def test_work_that_takes_long_is_waited_for_while_the_loop_turns(
    monkeypatch: pytest.MonkeyPatch, bridge: Bridge
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.001)
    looks: list[bool] = []

    async def work() -> int:
        while len(looks) < 10:
            looks.append(True)
            await asyncio.sleep(0.005)
        return 7

    assert bridge.run(work) == 7


class InterruptError(BaseException):
    pass


def cancelled_work(begun: Callable[[], object]) -> tuple[Callable[[], object], threading.Event]:
    was_cancelled = threading.Event()

    async def work() -> None:
        begun()
        try:
            await asyncio.sleep(LIMIT_SECONDS)
        except asyncio.CancelledError:
            was_cancelled.set()
            raise

    return work, was_cancelled


def test_ctrl_c_in_the_thread_that_waits_cancels_the_work(bridge: Bridge) -> None:
    work, was_cancelled = cancelled_work(
        lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    )

    with pytest.raises(KeyboardInterrupt):
        bridge.run(work)  # type: ignore[arg-type]  # an async function

    assert was_cancelled.wait(LIMIT_SECONDS)
    assert bridge.run(nothing) is None


@pytest.mark.usefixtures("often_looked")
def test_any_exception_that_is_raised_in_a_thread_that_waits_cancels_the_work(bridge: Bridge) -> None:
    begun = threading.Event()
    work, was_cancelled = cancelled_work(begun.set)
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            bridge.run(work)  # type: ignore[arg-type]  # an async function
        except BaseException as error:  # noqa: BLE001  # whatever it is
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    begun.wait(LIMIT_SECONDS)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), ctypes.py_object(InterruptError)
    )
    thread.join(LIMIT_SECONDS)

    assert [type(error) for error in raised] == [InterruptError]
    assert was_cancelled.wait(LIMIT_SECONDS)


def test_a_signal_handler_may_use_it_wherever_it_comes(bridge: Bridge) -> None:
    handled: list[int] = []

    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    found = []
    with handling(lambda: handled.append(bridge.run(work))) as send:
        for count in range(100):
            send(0.00001 * count)
            while len(handled) <= count:
                found.append(bridge.run(work))

    assert set(found) == set(handled) == {7}


@pytest.mark.usefixtures("quick_switches")
def test_each_of_many_threads_gets_what_it_has_asked_for(bridge: Bridge) -> None:
    def ask(thread: int) -> list[tuple[int, int]]:
        async def work(number: int) -> tuple[int, int]:
            if number % 2:
                await asyncio.sleep(0)
            return thread, number

        return [bridge.run(lambda number=number: work(number)) for number in range(200)]  # type: ignore[misc]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(16)))

    assert found == [[(thread, number) for number in range(200)] for thread in range(16)]


def test_the_waiting_is_inside_what_is_put_around_it(bridge: Bridge) -> None:
    steps: list[str] = []

    @contextmanager
    def around() -> Iterator[None]:
        steps.append("before")
        yield
        steps.append("after")

    async def work() -> None:
        steps.append("work")

    bridge.run(work, waiting=around())

    assert steps == ["before", "work", "after"]


def test_what_is_told_of_its_end_is_waited_for_without_a_task(
    bridge: Bridge, loop: asyncio.AbstractEventLoop
) -> None:
    tasks: list[int] = []

    def begin(settle: Callable[[int], None]) -> Callable[[], object]:
        def end() -> None:
            tasks.append(len(asyncio.all_tasks(loop)))
            settle(7)
            settle(8)

        return loop.call_soon(end).cancel

    assert bridge.have(begin) == 7
    assert tasks == [0]


def test_what_is_told_before_it_has_begun_is_given_too(bridge: Bridge) -> None:
    def begin(settle: Callable[[int], None]) -> Callable[[], object]:
        settle(7)
        return lambda: None

    assert bridge.have(begin) == 7


def test_what_raises_when_it_is_to_begin_is_raised_in_the_thread(bridge: Bridge) -> None:
    def begin(_settle: Callable[[int], None]) -> NoReturn:
        raise LookupError("not begun")

    with pytest.raises(LookupError, match="not begun"):
        bridge.have(begin)


def test_ctrl_c_cancels_what_is_told_of_its_end_too(bridge: Bridge) -> None:
    was_cancelled = threading.Event()

    def begin(_settle: Callable[[int], None]) -> Callable[[], object]:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return was_cancelled.set

    with pytest.raises(KeyboardInterrupt):
        bridge.have(begin)

    assert was_cancelled.wait(LIMIT_SECONDS)


def test_in_a_forked_process_it_is_an_error_that_says_so(bridge: Bridge) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads
        child = os.fork()
    if child == 0:  # pragma: no cover  # in a process of its own
        try:
            bridge.run(nothing)
        except RuntimeError as error:
            os._exit(0 if "the process that this one was forked from" in str(error) else 1)
        finally:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
