"""What handlers find in their tasks, and what becomes of tasks and threads that they leave behind."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import CallContext, Collector, LoopbackNetwork, Payload, Service

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def pair(service: Service) -> AsyncIterator[tuple[Collector, Collector]]:
    """One that calls, and one that has the methods."""
    network = LoopbackNetwork()
    async with (
        Collector("server", transport=network, services=[service]) as server,
        Collector("caller", transport=network, namespaces=[service.namespace]) as caller,
    ):
        await caller.connect(server.address)
        yield caller, server


@pytest.mark.parametrize("is_local", [False, True])
@pytest.mark.parametrize("waits", [False, True])
async def test_what_a_handler_hangs_on_its_task_is_of_this_call_alone(*, waits: bool, is_local: bool) -> None:
    service = Service("ns", "Tasks")
    sessions: dict[Any, str] = {}
    ended: list[str] = []

    @service.method("Session")
    async def session(request: Payload) -> Payload:
        name = request.value.decode()
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _task: ended.append(name))
        found = sessions.setdefault(task, name)
        if waits:
            await asyncio.sleep(0)
        assert asyncio.current_task() is task
        return Payload("text", found.encode())

    async with pair(service) as (caller, server):
        at = server if is_local else caller
        names = ["anna", "ben", "carl"]
        for name in names:
            payload = await at.call("ns", "Tasks", "Session", Payload("text", name.encode()))
            assert payload.value.decode() == name
            await until(lambda name=name: name in ended)  # type: ignore[misc]  # bound in this turn
        together = await asyncio.gather(
            *(at.call("ns", "Tasks", "Session", Payload("text", name.encode())) for name in names)
        )
        assert [payload.value.decode() for payload in together] == names
        await until(lambda: len(ended) == 6)


async def test_several_handlers_may_wait_for_the_same_thing() -> None:
    service = Service("ns", "Tasks")
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @service.method("Wait")
    async def wait(request: Payload) -> Payload:
        await ready
        return request

    async with pair(service) as (caller, server):
        calls = [
            asyncio.ensure_future(at.dispatch("ns", "Tasks", "Wait"))
            for at in (caller, server)
            for _ in range(3)
        ]
        await until(lambda: server.snapshot().running == 6)
        ready.set_result(None)
        async with asyncio.timeout(LIMIT_SECONDS):
            assert [(await call).status.code for call in calls] == [200] * 6


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
async def test_a_handler_that_answers_its_cancellation_with_the_end_of_the_process_ends_its_call_alone(
    error: type[BaseException],
) -> None:
    service = Service("ns", "Tasks")
    ended: list[str] = []

    @service.method("Exit")
    async def leave(request: Payload) -> Payload:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("exit")
            raise error from None
        return request

    @service.method("Echo")
    async def echo(request: Payload) -> Payload:
        return request

    async with pair(service) as (caller, server):
        for at in (caller, server):
            assert (await at.dispatch("ns", "Tasks", "Exit", timeout=0.05)).status.code == 504
            await until(lambda: server.snapshot().running == 0)
            assert (await at.dispatch("ns", "Tasks", "Echo")).status.code == 200
    assert ended == ["exit"] * 2


@asynccontextmanager
async def with_background(
    leave_behind: Callable[[Callable[[], Any]], Any], *, plain: bool = False
) -> AsyncIterator[tuple[Collector, list[float]]]:
    """A collector whose handler leaves something behind that can make calls, and the seconds that each of them had."""
    service = Service("ns", "Tasks")
    left: list[float] = []

    @service.method("Left")
    async def look(_request: Payload, context: CallContext) -> None:
        left.append(context.time_remaining())

    async def call() -> int:
        return (await collector.dispatch("ns", "Tasks", "Left")).status.code

    if plain:

        @service.method("Begin")
        def begin_plain(_request: Payload) -> None:
            leave_behind(call)
    else:

        @service.method("Begin")
        async def begin(_request: Payload) -> None:
            leave_behind(call)
            await asyncio.sleep(0)

    async with Collector("one", transport=LoopbackNetwork(), services=[service]) as collector:
        yield collector, left


async def test_a_task_that_outlives_its_handler_has_no_deadline_of_that_call() -> None:
    go, outcomes = asyncio.Event(), []

    def leave_behind(call: Callable[[], Any]) -> None:
        async def later() -> None:
            await go.wait()
            outcomes.append(await call())

        kept.append(asyncio.create_task(later()))

    kept: list[asyncio.Task[None]] = []
    async with with_background(leave_behind) as (collector, left):
        assert (await collector.dispatch("ns", "Tasks", "Begin", timeout=0.2)).status.code == 200
        await asyncio.sleep(0)
        go.set()
        await until(lambda: outcomes)
    assert outcomes == [200]
    assert left[0] > 5  # the default is 15 s


async def test_a_thread_that_outlives_its_handler_has_no_deadline_of_that_call() -> None:
    go, outcomes, kept = threading.Event(), [], []
    loop = asyncio.get_running_loop()

    def leave_behind(call: Callable[[], Any]) -> None:
        def later() -> None:
            go.wait(LIMIT_SECONDS)
            outcomes.append(asyncio.run_coroutine_threadsafe(call(), loop).result(LIMIT_SECONDS))

        # As `asyncio.to_thread` does: with the context of the handler.
        kept.append(asyncio.ensure_future(asyncio.to_thread(later)))

    async with with_background(leave_behind) as (collector, left):
        assert (await collector.dispatch("ns", "Tasks", "Begin", timeout=0.2)).status.code == 200
        go.set()
        await until(lambda: outcomes)
        await asyncio.gather(*kept)
    assert outcomes == [200]
    assert left[0] > 5


async def test_what_a_plain_handler_leaves_behind_has_no_deadline_of_its_call_either() -> None:
    loop = asyncio.get_running_loop()
    go, outcomes, kept = asyncio.Event(), [], []

    def leave_behind(call: Callable[[], Any]) -> None:
        async def later() -> None:
            await go.wait()
            outcomes.append(await call())

        kept.append(asyncio.run_coroutine_threadsafe(later(), loop))

    async with with_background(leave_behind, plain=True) as (collector, left):
        assert (await collector.dispatch("ns", "Tasks", "Begin", timeout=7.0)).status.code == 200
        go.set()
        await until(lambda: outcomes)
    assert outcomes == [200]
    assert left[0] > 7.0  # the default is 15 s


async def test_what_a_handler_starts_has_the_deadline_of_its_call_while_it_runs() -> None:
    service = Service("ns", "Tasks")
    left: list[float] = []

    @service.method("Left")
    async def look(_request: Payload, context: CallContext) -> None:
        left.append(context.time_remaining())

    async def ask(**options: Any) -> None:
        (await collector.dispatch("ns", "Tasks", "Left", **options)).raise_for_status()

    @service.method("Outer")
    async def outer(_request: Payload) -> None:
        await ask()
        await ask(timeout=math.inf)
        async with asyncio.TaskGroup() as group:
            group.create_task(ask())
        await asyncio.create_task(ask())

    async with Collector("one", transport=LoopbackNetwork(), services=[service]) as collector:
        (await collector.dispatch("ns", "Tasks", "Outer", timeout=5.0)).raise_for_status()
    assert len(left) == 4
    assert all(seconds <= 5.0 for seconds in left)
