"""What a collector serves is changed from other threads: as a whole, at once, and without any waiting for the loop."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector_mesh import (
    Collector,
    DuplicateMethodError,
    InvalidCallError,
    LoopbackNetwork,
    MeshError,
    NotFoundError,
    Payload,
    Service,
    Settings,
)

LIMIT = 20.0
"""Seconds within which what is waited for comes, also where the machine has much to do."""

METHODS = 20


def service(namespace: str = "n", name: str = "S", methods: int = METHODS) -> Service:
    made = Service(namespace, name)
    for number in range(methods):
        made.add(f"M{number}", lambda: None)
    return made


async def echo(request: Payload) -> Payload:
    return request


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Collector, Collector]]:
    network = LoopbackNetwork()
    async with (
        Collector("b", transport=network, namespaces=["n"]) as b,
        Collector("a", transport=network, namespaces=["n", "later"]) as a,
    ):
        await a.connect(b.address)
        yield a, b


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(LIMIT):
        while not await condition():
            await asyncio.sleep(0)


async def answered(collector: Collector, code: int, *names: str) -> None:
    async def has_code() -> bool:
        return (await collector.dispatch(*names)).status.code == code

    await until(has_code)


@pytest.mark.asyncio
async def test_peers_learn_of_what_another_thread_has_changed() -> None:
    async with pair() as (a, b):
        await asyncio.to_thread(b.register, "n", "S", "Echo", echo)
        await answered(a, 200, "n", "S", "Echo")

        await asyncio.to_thread(b.add_service, service("later"))
        await answered(a, 200, "later", "S", "M0")

        await asyncio.to_thread(b.remove_service, service("later"))
        await answered(a, 404, "later", "S", "M0")

        await asyncio.to_thread(b.remove_namespace, "n")
        await answered(a, 404, "n", "S", "Echo")

        await asyncio.to_thread(b.add_namespace, "n")
        await asyncio.to_thread(b.register, "n", "S", "Echo", echo)
        await answered(a, 200, "n", "S", "Echo")
        assert not a.snapshot().ended


@pytest.mark.asyncio
async def test_a_thread_sees_what_it_has_changed_before_it_goes_on() -> None:
    loop = asyncio.get_running_loop()
    async with Collector("a", transport=LoopbackNetwork(), namespaces=["n"]) as a:

        def work() -> list[int]:
            def call() -> int:
                calling = asyncio.run_coroutine_threadsafe(a.dispatch("n", "S", "Echo"), loop)
                return calling.result(LIMIT).status.code

            codes = [call()]
            a.register("n", "S", "Echo", echo)
            codes.append(call())
            a.set_validator(Refusing())
            codes.append(call())
            a.set_validator(None)
            codes.append(call())
            a.remove_namespace("n")
            codes.append(call())
            return codes

        assert await asyncio.to_thread(work) == [404, 200, 404, 200, 404]


class Refusing:
    async def validate_service_method(self, namespace: str, service_name: str, method_name: str, /) -> None:
        raise LookupError("not today")


CHANGES: dict[str, Callable[[Collector], object]] = {
    "register": lambda a: a.register("n", "New", "Echo", echo),
    "add_service": lambda a: a.add_service(service("n", "New")),
    "remove_service": lambda a: a.remove_service(service()),
    "add_namespace": lambda a: a.add_namespace("new"),
    "remove_namespace": lambda a: a.remove_namespace("n"),
    "set_validator": lambda a: a.set_validator(Refusing()),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_does_not_wait_for_a_loop_that_waits_for_its_thread(
    change: Callable[[Collector], object],
) -> None:
    async with pair() as (_, b):
        b.add_service(service())

        thread = threading.Thread(target=change, args=(b,), daemon=True)
        thread.start()
        # The loop does nothing else meanwhile.
        thread.join(LIMIT)

        assert not thread.is_alive()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda a: a.register("n", "S", "M0", echo), DuplicateMethodError),
        (lambda a: a.register("elsewhere", "S", "M0", echo), NotFoundError),
        (lambda a: a.register("n", "S", "not a name", echo), InvalidCallError),
        (lambda a: a.register("n", "S", 7, echo), TypeError),
        (lambda a: a.add_service(service("n", "S", METHODS + 1)), DuplicateMethodError),
        (lambda a: a.add_service(other_namespace()), DuplicateMethodError),
        (lambda a: a.remove_service(service("n", "S", METHODS + 1)), NotFoundError),
        (lambda a: a.add_namespace("not a name"), InvalidCallError),
        (lambda a: a.remove_namespace("elsewhere"), NotFoundError),
        (lambda a: a.set_validator(object()), TypeError),
    ],
)
async def test_what_is_wrong_is_raised_in_the_thread_and_nothing_is_changed(
    change: Callable[[Any], None], kind: type[Exception]
) -> None:
    async with Collector("a", transport=LoopbackNetwork(), services=[service()]) as a:
        before = a.snapshot()

        with pytest.raises(kind):
            await asyncio.to_thread(change, a)

        assert a.snapshot().methods == before.methods
        assert a.namespaces == before.namespaces == ("n",)


def other_namespace() -> Service:
    """A service of which the last method is registered already, in the name of another service object."""
    made = Service("n", "S")
    made.add("New", lambda: None)
    made.add("M0", lambda: None)
    return made


@pytest.mark.asyncio
@pytest.mark.usefixtures("quick_switches")
async def test_nobody_ever_sees_half_a_change() -> None:
    async with pair() as (a, b):
        is_done = threading.Event()

        def work() -> None:
            while not is_done.is_set():
                b.add_service(service("later"))
                b.remove_service(service("later"))
                b.add_service(service("later"))
                b.remove_namespace("later")

        seen: set[int | None] = set()
        thread = threading.Thread(target=work)
        thread.start()
        try:
            for _ in range(300):
                methods = [method.key for method in b.snapshot().methods]
                seen.add(len(methods))
                (connection,) = a.snapshot().connections
                seen.add(connection.methods)
                await asyncio.sleep(0)
        finally:
            is_done.set()
            await asyncio.to_thread(thread.join, LIMIT)

        assert not thread.is_alive()
        assert seen <= {0, METHODS}
        assert not a.snapshot().ended


@pytest.mark.asyncio
@pytest.mark.usefixtures("quick_switches")
async def test_many_threads_change_what_is_served_while_calls_run() -> None:
    async with pair() as (a, b):
        b.register("n", "Stays", "Echo", echo)
        await answered(a, 200, "n", "Stays", "Echo")

        def work(number: int) -> None:
            for step in range(20):
                b.register("n", f"Of{number}", f"M{step}", echo)
                b.add_service(service(f"tenant-{number}", "S", 3))
                b.remove_namespace(f"tenant-{number}")

        workers = [asyncio.to_thread(work, number) for number in range(6)]
        working = asyncio.gather(*workers)
        codes = set()
        while not working.done():
            codes.add((await a.dispatch("n", "Stays", "Echo")).status.code)
            codes.add((await b.dispatch("n", "Stays", "Echo")).status.code)
        await working

        assert codes == {200}
        assert len(b.snapshot().methods) == 1 + 6 * 20
        assert b.namespaces == ("n",)
        for number in range(6):
            await answered(a, 200, "n", f"Of{number}", "M19")


@pytest.mark.asyncio
@pytest.mark.usefixtures("quick_switches")
async def test_of_two_threads_that_register_a_method_one_is_told_that_there_is_one() -> None:
    async with Collector("a", transport=LoopbackNetwork(), namespaces=["n"]) as a:
        barrier = threading.Barrier(8)

        def work() -> bool:
            barrier.wait(LIMIT)
            try:
                a.register("n", "S", "Echo", echo)
            except MeshError:
                return False
            return True

        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(8) as threads:
            with_success = await asyncio.gather(*(loop.run_in_executor(threads, work) for _ in range(8)))

    assert sorted(with_success) == [False] * 7 + [True]


def test_changes_before_it_is_entered_and_after_it_was_left_are_no_error() -> None:
    a = Collector("a", transport=LoopbackNetwork(), namespaces=["n"])

    def in_a_thread(change: Callable[[], object]) -> None:
        thread = threading.Thread(target=change)
        thread.start()
        thread.join(LIMIT)
        assert not thread.is_alive()

    async def enter() -> None:
        async with a:
            assert (await a.dispatch("n", "S", "M0")).status.code == 404
            assert (await a.dispatch("n", "New", "Echo")).status.code == 404

    in_a_thread(lambda: a.add_service(service()))
    in_a_thread(lambda: a.set_validator(Refusing()))
    asyncio.run(enter())
    in_a_thread(lambda: a.register("n", "New", "Echo", echo))
    in_a_thread(lambda: a.remove_namespace("n"))

    assert a.namespaces == ()


@pytest.mark.asyncio
async def test_a_handler_in_a_thread_changes_what_its_own_collector_serves() -> None:
    async with pair() as (a, b):

        def grow(request: Payload) -> Payload:
            b.register("n", "Grown", "Echo", echo, replace=True)
            b.add_service(service("later"), replace=True)
            b.set_validator(None)
            return request

        b.register("n", "S", "Grow", grow)
        await answered(a, 200, "n", "S", "Grow")

        # Several of them at once, while peers are told.
        replies = await asyncio.gather(*(a.dispatch("n", "S", "Grow", Payload("t", b"")) for _ in range(8)))

        assert {reply.status.code for reply in replies} == {200}
        await answered(a, 200, "n", "Grown", "Echo")
        await answered(a, 200, "later", "S", "M0")


@pytest.mark.asyncio
@pytest.mark.usefixtures("quick_switches")
async def test_changes_go_on_while_a_collector_begins_and_ends() -> None:
    network = LoopbackNetwork()
    is_done = threading.Event()
    a = Collector("a", transport=network, namespaces=["n"], settings=Settings(drain_timeout=0))
    failures: list[Exception] = []

    def work(number: int) -> None:
        step = 0
        while not is_done.is_set():
            step += 1
            try:
                a.add_service(service(f"tenant-{number}"))
                a.set_validator(None)
                a.remove_namespace(f"tenant-{number}")
            except Exception as error:  # noqa: BLE001  # whatever it is, it is one
                failures.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    try:
        async with Collector("b", transport=network, namespaces=["n"]) as b:
            async with a:
                await b.connect("a")
                await asyncio.to_thread(a.register, "n", "S", "Echo", echo)
                await answered(b, 200, "n", "S", "Echo")
            for _ in range(100):
                await asyncio.sleep(0)
    finally:
        is_done.set()
        for worker in workers:
            await asyncio.to_thread(worker.join, LIMIT)

    assert failures == []
    assert not any(worker.is_alive() for worker in workers)


@pytest.mark.asyncio
async def test_what_another_loop_changes_is_told_by_the_own_one() -> None:
    async with pair() as (a, b):

        async def elsewhere() -> None:
            for number in range(METHODS):
                b.register("n", "S", f"M{number}", echo)
                await asyncio.sleep(0)

        await asyncio.to_thread(asyncio.run, elsewhere())

        await answered(a, 200, "n", "S", f"M{METHODS - 1}")
