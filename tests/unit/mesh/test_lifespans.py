"""The lifespan of a service: open before the first call, closed after the drain, once for each collector."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh import (
    CallContext,
    Collector,
    DuplicateMethodError,
    LifespanError,
    LoopbackNetwork,
    NotFoundError,
    Reply,
    Service,
    Settings,
    UnavailableError,
)
from collector_mesh.domain.model.events import LifespanFailed
from collector_mesh.ports import Event

LIMIT = 20.0
"""Seconds within which what is waited for comes, also where the machine has much to do."""

BRIEF = Settings(lifespan_open_timeout=0.05, lifespan_close_timeout=0.05)
"""For what does not come."""


class Observer:
    def __init__(self) -> None:
        self.failed: list[LifespanFailed] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, LifespanFailed):
            self.failed.append(event)

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(each.service, each.phase, str(each.error)) for each in self.failed]


async def nothing() -> None: ...


async def hang() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("no database")


async def leave() -> None:
    raise SystemExit(3)


async def give_up() -> None:
    raise asyncio.CancelledError


class Told:
    """What lifespans do, in that order."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def service(
        self,
        name: str = "A",
        *,
        opening: Callable[[], Awaitable[None]] = nothing,
        closing: Callable[[], Awaitable[None]] = nothing,
        twice: bool = False,
    ) -> Service:
        @contextlib.asynccontextmanager
        async def life() -> AsyncIterator[str]:
            await opening()
            self.words.append(f"open {name}")
            try:
                yield f"state of {name}"
                if twice:
                    yield "once more"
                await closing()
            finally:
                self.words.append(f"closed {name}")

        service = Service("n", name, lifespan=life)

        @service.method
        async def state(context: CallContext) -> StringValue:
            return StringValue(value=context.state)

        @service.method
        def in_thread(context: CallContext) -> StringValue:
            return StringValue(value=context.state)

        return service


def collector_of(
    *services: Service, observer: Observer | None = None, settings: Settings | None = None
) -> Collector:
    return Collector(
        "a",
        transport=LoopbackNetwork(),
        services=services,
        observer=observer or Observer(),
        settings=settings,
    )


async def value(collector: Collector, service: str, method: str = "state") -> str:
    return (await collector.call("n", service, method, returns=StringValue)).value


@pytest.mark.asyncio
async def test_what_a_lifespan_yields_is_the_state_of_the_context_of_each_call() -> None:
    plain, told = Service("n", "Plain"), Told()
    plain.add("state", lambda context: StringValue(value=repr(context.state)))

    async with collector_of(told.service("A"), told.service("B"), plain) as collector:
        states = [await value(collector, name) for name in ("A", "B", "Plain")]
        in_thread = await value(collector, "B", "in_thread")

    assert states == ["state of A", "state of B", "None"]
    assert in_thread == "state of B"


@pytest.mark.asyncio
async def test_lifespans_open_in_order_before_anybody_can_connect_and_close_in_reverse_after_the_drain() -> (
    None
):
    told, network = Told(), LoopbackNetwork()
    answers, may_answer = asyncio.Event(), asyncio.Event()

    async def look() -> None:
        with pytest.raises(Exception, match="nobody listens"):
            await other.connect("a", timeout=0.01)
        told.words.append("nobody could connect")

    slow = told.service("A", opening=look)

    @slow.method
    async def late(context: CallContext) -> StringValue:
        answers.set()
        await may_answer.wait()
        told.words.append("answered")
        return StringValue(value=context.state)

    async with Collector("other", transport=network) as other:
        collector = Collector("a", transport=network, services=[slow, told.service("B")])
        await collector.start()
        call = asyncio.create_task(collector.dispatch("n", "A", "late"))
        await answers.wait()
        stopping = asyncio.create_task(collector.stop())
        await asyncio.wait([stopping], timeout=0)
        may_answer.set()
        async with asyncio.timeout(LIMIT):
            await stopping

    assert (await call).unpack(StringValue).value == "state of A"
    assert told.words == ["nobody could connect", "open A", "open B", "answered", "closed B", "closed A"]


@pytest.mark.asyncio
async def test_a_service_of_two_collectors_has_two_states() -> None:
    made: list[object] = []

    @contextlib.asynccontextmanager
    async def life() -> AsyncIterator[object]:
        made.append(object())
        yield made[-1]

    service = Service("n", "S", lifespan=life)
    seen: list[object] = []
    service.add("Look", lambda context: seen.append(context.state))
    network = LoopbackNetwork()

    async with (
        Collector("a", transport=network, services=[service]) as a,
        Collector("b", transport=network, services=[service]) as b,
    ):
        await a.call("n", "S", "Look")
        await b.call("n", "S", "Look")

    assert seen == made
    assert made[0] is not made[1]


@pytest.mark.asyncio
async def test_a_lifespan_is_opened_and_closed_in_one_task() -> None:
    current, seen = ContextVar("current", default=""), list[Any]()

    @contextlib.asynccontextmanager
    async def life() -> AsyncIterator[None]:
        current.set("of the lifespan")
        async with asyncio.TaskGroup() as group:  # which has to be left by the task that has entered it
            beside = group.create_task(hang())
            yield
            beside.cancel()
        seen.append(current.get())

    collector = collector_of(Service("n", "S", lifespan=life))
    await asyncio.create_task(collector.start())
    await asyncio.create_task(collector.stop())

    assert seen == ["of the lifespan"]


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        (fail, "lifespan of n/B has not opened: ValueError: no database"),
        (leave, "lifespan of n/B has not opened: SystemExit: 3"),
        (give_up, "lifespan of n/B has not opened: CancelledError"),
        (hang, r"lifespan of n/B has not opened within 0.05 s \(lifespan_open_timeout\)"),
    ],
)
@pytest.mark.asyncio
async def test_where_a_lifespan_does_not_open_the_collector_does_not_start_and_what_was_open_is_closed(
    opening: Callable[[], Awaitable[None]], said: str
) -> None:
    told = Told()
    collector = collector_of(
        told.service("A"), told.service("B", opening=opening), told.service("C"), settings=BRIEF
    )

    with pytest.raises(LifespanError, match=said):
        await collector.start()

    assert told.words == ["open A", "closed A"]
    assert collector.snapshot().state == "closed"
    with pytest.raises(RuntimeError, match="is closed"):
        await collector.dispatch("n", "A", "state")
    await collector.stop()


@pytest.mark.asyncio
async def test_where_the_start_is_cancelled_what_was_open_is_closed() -> None:
    told, is_opening = Told(), asyncio.Event()

    async def wait() -> None:
        is_opening.set()
        await hang()

    collector = collector_of(told.service("A"), told.service("B", opening=wait))
    starting = asyncio.create_task(collector.start())
    await is_opening.wait()

    with pytest.raises(RuntimeError, match="is new"):
        await collector.dispatch("n", "A", "state")
    with pytest.raises(RuntimeError, match="is being started: cancel that"):
        await collector.stop()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert told.words == ["open A", "closed A"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"closing": fail}, "no database"),
        ({"closing": leave}, "3"),
        ({"twice": True}, "generator didn't stop"),
        ({"closing": hang}, "it has not closed within 0.05 s (lifespan_close_timeout)"),
    ],
)
@pytest.mark.asyncio
async def test_a_lifespan_that_fails_to_close_is_told_and_keeps_no_other_open(bad: Any, said: str) -> None:
    told, observer = Told(), Observer()
    services = (told.service("A"), told.service("B", **bad), told.service("C"))

    async with collector_of(*services, observer=observer, settings=BRIEF) as collector:
        pass

    assert observer.told == [("n/B", "closing", said)]
    assert sorted(told.words) == ["closed A", "closed B", "closed C", "open A", "open B", "open C"]
    assert told.words[3] == "closed C"
    assert collector.snapshot().state == "closed"


@pytest.mark.asyncio
async def test_a_lifespan_that_swallows_its_cancellation_is_left_behind() -> None:
    told, observer, may_end = Told(), Observer(), asyncio.Event()

    async def stay() -> None:
        while not may_end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await may_end.wait()

    async with asyncio.timeout(LIMIT):
        async with collector_of(told.service(closing=stay), observer=observer, settings=BRIEF):
            pass

    may_end.set()
    assert [phase for _, phase, _ in observer.told] == ["closing"]


@pytest.mark.asyncio
async def test_a_lifespan_that_ends_by_itself_is_told_and_its_methods_are_served_on() -> None:
    observer, is_told = Observer(), asyncio.Event()

    @contextlib.asynccontextmanager
    async def life() -> AsyncIterator[str]:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            try:
                yield "state"
            finally:
                is_told.set()

    service = Service("n", "S", lifespan=life)
    service.add("state", lambda context: StringValue(value=context.state))
    async with collector_of(service, observer=observer) as collector:
        await is_told.wait()
        answer = await value(collector, "S")

    assert answer == "state"
    assert [(each.service, each.phase) for each in observer.failed] == [("n/S", "running")]
    assert isinstance(observer.failed[0].error, ExceptionGroup)


@pytest.mark.asyncio
async def test_a_service_that_is_added_is_served_once_its_lifespan_is_open() -> None:
    told, may_open = Told(), asyncio.Event()

    async def wait() -> None:
        await may_open.wait()

    async with collector_of() as collector:
        added = collector.add_service(told.service(opening=wait))
        before = (await collector.dispatch("n", "A", "state")).status.code, collector.namespaces
        may_open.set()
        await added
        after = await value(collector, "A"), collector.namespaces

    assert before == (404, ())
    assert after == ("state of A", ("n",))
    assert told.words == ["open A", "closed A"]


@pytest.mark.asyncio
async def test_a_service_that_is_added_from_a_thread_can_be_waited_for_there() -> None:
    async with collector_of() as collector:
        service = Told().service()
        await asyncio.to_thread(lambda: collector.add_service(service).result(LIMIT))

        assert await value(collector, "A") == "state of A"


@pytest.mark.asyncio
async def test_a_service_that_is_added_and_fails_to_open_is_told_raises_and_is_not_served() -> None:
    told, observer = Told(), Observer()
    async with collector_of(observer=observer) as collector:
        with pytest.raises(LifespanError, match="lifespan of n/A has not opened: ValueError: no database"):
            await collector.add_service(told.service(opening=fail))
        reply = await collector.dispatch("n", "A", "state")
        await collector.add_service(told.service())

        assert await value(collector, "A") == "state of A"
    assert reply.status.code == 404
    assert observer.told == [("n/A", "opening", "no database")]


@pytest.mark.asyncio
async def test_a_service_whose_methods_are_there_already_is_refused_at_once() -> None:
    told = Told()
    async with collector_of(told.service()) as collector:
        with pytest.raises(DuplicateMethodError, match=r"n/A\.state is registered already"):
            collector.add_service(Told().service())

    assert told.words == ["open A", "closed A"]


@pytest.mark.asyncio
async def test_a_removed_service_is_closed_after_its_running_calls_have_ended() -> None:
    told, is_running, may_end = Told(), asyncio.Event(), asyncio.Event()
    is_closed = asyncio.Event()

    async def closing() -> None:
        is_closed.set()

    service = told.service(closing=closing)

    @service.method
    async def late() -> None:
        is_running.set()
        await may_end.wait()
        told.words.append("answered")

    async with collector_of(service) as collector:
        call = asyncio.create_task(collector.dispatch("n", "A", "late"))
        await is_running.wait()
        collector.remove_service(service)
        gone = await collector.dispatch("n", "A", "state")
        may_end.set()
        async with asyncio.timeout(LIMIT):
            await is_closed.wait()
        with pytest.raises(NotFoundError):
            collector.remove_service(service)
        await collector.add_service(service)
        again = await value(collector, "A")

    assert (gone.status.code, (await call).status.code, again) == (404, 200, "state of A")
    assert told.words == ["open A", "answered", "closed A", "open A", "closed A"]


@pytest.mark.asyncio
async def test_a_service_that_is_removed_before_it_has_opened_never_is_served() -> None:
    service = Told().service(opening=hang)
    async with collector_of() as collector:
        added = collector.add_service(service)
        collector.remove_service(service)

        with pytest.raises(LifespanError, match="service n/A was removed before its lifespan was open"):
            await added
        with pytest.raises(NotFoundError):
            collector.remove_service(service)


@pytest.mark.asyncio
async def test_a_collector_that_ends_gives_up_what_is_still_opening() -> None:
    async with collector_of() as collector:
        added = collector.add_service(Told().service(opening=hang))

    with pytest.raises(LifespanError, match="was removed before its lifespan was open"):
        await added


@pytest.mark.asyncio
async def test_a_service_is_closed_when_another_one_has_taken_the_place_of_all_its_methods() -> None:
    told, is_closed = Told(), asyncio.Event()

    async def closing() -> None:
        is_closed.set()

    async with collector_of(told.service(closing=closing)) as collector:
        new = Service("n", "A")
        new.add("state", lambda: StringValue(value="new"))
        collector.add_service(new, replace=True)
        half = list(told.words)
        new.add("in_thread", lambda: None)
        collector.add_service(new, replace=True)
        async with asyncio.timeout(LIMIT):
            await is_closed.wait()
        answer = await value(collector, "A")

    assert (half, answer) == (["open A"], "new")
    assert told.words == ["open A", "closed A"]


@pytest.mark.asyncio
async def test_a_service_that_is_given_again_has_its_new_methods_and_keeps_its_lifespan() -> None:
    told = Told()
    service = told.service()
    async with collector_of(service) as collector:

        @service.method(replace=True)
        async def state(context: CallContext) -> StringValue:
            return StringValue(value=f"again the {context.state}")

        await collector.add_service(service, replace=True)
        answer = await value(collector, "A")

    assert answer == "again the state of A"
    assert told.words == ["open A", "closed A"]


@pytest.mark.asyncio
async def test_calls_that_wait_for_a_thread_run_before_their_service_is_closed() -> None:
    told, may_end, began, loop = Told(), threading.Event(), asyncio.Event(), asyncio.get_running_loop()
    service = told.service()

    @service.method
    def work() -> None:
        loop.call_soon_threadsafe(began.set)
        may_end.wait(LIMIT)
        told.words.append("worked")

    async with collector_of(service, settings=Settings(max_threads=1)) as collector:
        calls = [asyncio.create_task(collector.dispatch("n", "A", "work")) for _ in range(3)]
        await began.wait()
        collector.remove_service(service)
        may_end.set()
        async with asyncio.timeout(LIMIT):
            replies = await asyncio.gather(*calls)

    assert [reply.status.code for reply in replies] == [200, 200, 200]
    assert told.words == ["open A", "worked", "worked", "worked", "closed A"]


@pytest.mark.asyncio
async def test_a_handler_that_is_cancelled_by_a_drain_cleans_up_before_its_service_is_closed() -> None:
    told, is_running = Told(), asyncio.Event()
    service = told.service()

    @service.method
    async def wait() -> None:
        is_running.set()
        try:
            await hang()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            told.words.append("cleaned up")

    collector = collector_of(service, settings=Settings(drain_timeout=0.0))
    await collector.start()
    call = asyncio.create_task(collector.dispatch("n", "A", "wait"))
    await is_running.wait()
    await collector.stop()

    assert told.words == ["open A", "cleaned up", "closed A"]
    assert (await call).status.code == 502


@pytest.mark.asyncio
async def test_a_call_that_comes_to_its_handler_after_its_service_was_closed_does_not_run() -> None:
    told, is_closed, ran = Told(), asyncio.Event(), list[str]()

    async def closing() -> None:
        is_closed.set()

    service = told.service(closing=closing)
    service.add("Run", lambda: ran.append("it ran"))
    async with collector_of(service) as collector:
        method = collector.container.handlers().find(("n", "A", "Run"))
        assert method is not None
        collector.remove_service(service)
        async with asyncio.timeout(LIMIT):
            await is_closed.wait()
        # As it is found by a call that has looked it up before.
        collector.container.handlers().add((method,), replace=True)
        reply = await collector.dispatch("n", "A", "Run")

    assert (reply.status.code, reply.executed.value, ran) == (404, "no", [])


def with_argument(number: int) -> Any: ...


def plain_generator() -> Iterator[None]:
    yield


async def generator() -> AsyncIterator[None]:
    yield


async def coroutine() -> None: ...


@pytest.mark.parametrize(
    ("lifespan", "said"),
    [
        (7, "lifespan of n/S is int: a lifespan is a callable without arguments"),
        (with_argument, r"needs arguments \(number\)"),
        (generator, r"is an async generator, and needs @contextlib.asynccontextmanager"),
        (coroutine, "is an async function"),
        (contextlib.contextmanager(plain_generator), "is a plain generator"),
        (
            contextlib.asynccontextmanager(generator)(),
            r"needs arguments \(func\); give the function, without calling it",
        ),
        (int, "is the class int, which is no async context manager"),
    ],
)
def test_what_can_be_no_lifespan_is_refused_at_once(lifespan: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Service("n", "S", lifespan=lifespan)


@pytest.mark.asyncio
async def test_what_makes_no_async_context_manager_does_not_open() -> None:
    service = Service("n", "S", lifespan=lambda: 7)  # type: ignore[arg-type, return-value]  # it is wrong

    with pytest.raises(
        LifespanError, match=r"lifespan of n/S has not opened: TypeError: .*asynchronous context manager"
    ):
        await collector_of(service).start()


@pytest.mark.asyncio
@pytest.mark.parametrize("target", ["", "b"])
async def test_a_call_that_is_made_when_the_links_of_a_draining_collector_are_gone_says_that_it_is_draining(
    target: str,
) -> None:
    told, replies, network = Told(), list[Reply](), LoopbackNetwork()

    async def closing() -> None:
        async with asyncio.timeout(LIMIT):
            while collector.snapshot().connections:
                await asyncio.sleep(0)
        replies.append(await collector.dispatch("n", "B", "state", target=target))

    async with Collector("b", transport=network, services=[told.service("B")]) as other:
        collector = Collector("a", transport=network, services=[told.service(closing=closing)])
        await collector.start()
        await collector.connect(other.address)
        assert (await collector.dispatch("n", "B", "state", target=target)).status.code == 200
        await collector.stop()

    assert replies == [Reply.refused(UnavailableError("collector 'a' is draining"))]
