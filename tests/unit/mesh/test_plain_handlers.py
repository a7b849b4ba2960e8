"""Plain handlers: how many run, who waits for a thread, and that those which call each other never starve."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import (
    CallContext,
    Collector,
    Executed,
    LoopbackNetwork,
    MeshClient,
    Payload,
    Reply,
    Service,
    Settings,
    SyncMeshClient,
)

NS = "ns"


def a_call(text: str) -> Payload:
    return Payload("text", text.encode())


class Held:
    """A service whose plain handlers stand still until they are let go, and take down who has run, in order."""

    def __init__(self, name: str = "Held", namespace: str = NS) -> None:
        self.service = Service(namespace, name)
        self.go = threading.Event()
        self.ran: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        self.service.add("Stand", self.stand)
        self.service.add("Look", self.look)

    def stand(self, request: Payload) -> Payload:
        with self._lock:
            self.ran.append(request.value.decode())
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.go.wait(LIMIT_SECONDS)
        with self._lock:
            self.at_once -= 1
        return request

    async def look(self, request: Payload) -> Payload:
        return request


def is_idle(collector: Collector) -> bool:
    """Whether nothing of plain handlers is left, nor of what they hold."""
    plain, parts = collector.container.plain(), collector.container
    return not (plain.running or plain.threads or plain.waiting or parts.running().taken)


@asynccontextmanager
async def one(*services: Service, **options: Any) -> AsyncIterator[Collector]:
    async with Collector(
        "a", transport=LoopbackNetwork(), services=services, settings=Settings(**options)
    ) as collector:
        yield collector


@pytest.mark.asyncio
async def test_of_10000_calls_at_once_32_run_256_wait_and_the_rest_is_told_at_once() -> None:
    held = Held()
    async with one(held.service, max_outgoing=20_000) as a:
        calls = [
            asyncio.create_task(a.dispatch(NS, "Held", "Stand", a_call(str(n)), timeout=LIMIT_SECONDS))
            for n in range(10_000)
        ]
        await until(lambda: sum(call.done() for call in calls) == 10_000 - 288 and len(held.ran) == 32)
        shed = [call.result() for call in calls if call.done()]
        # Those that wait take nothing from those that need no thread.
        assert (a.snapshot().running, a.snapshot().waiting) == (32, 256)
        assert (await a.dispatch(NS, "Held", "Look", a_call("x"))).status.code == 200

        held.go.set()
        replies = [reply for reply in await asyncio.gather(*calls) if reply not in shed]
        await until(lambda: is_idle(a))

    assert {(r.status.code, r.status.message, r.executed) for r in shed} == {(429, "overloaded", Executed.NO)}
    assert all(int(reply.status.details["retry_after_ms"]) > 0 for reply in shed)
    assert Counter(reply.status.code for reply in replies) == {200: 288}
    assert held.most_at_once == 32


@pytest.mark.asyncio
async def test_those_that_wait_are_served_in_the_order_in_which_they_came() -> None:
    held = Held()
    async with one(held.service, max_threads=1) as a:
        calls = []
        for n in range(20):
            calls.append(asyncio.create_task(a.dispatch(NS, "Held", "Stand", a_call(str(n)))))
            await asyncio.sleep(0)
        await until(lambda: a.container.plain().waiting == 19)
        held.go.set()
        await asyncio.gather(*calls)

    assert held.ran == [str(n) for n in range(20)]


@pytest.mark.asyncio
async def test_whoever_waits_too_long_or_is_cancelled_is_not_run_and_leaves_its_place() -> None:
    held = Held()
    async with one(held.service, max_threads=1, max_waiting=2) as a:
        first = asyncio.create_task(a.dispatch(NS, "Held", "Stand", a_call("first")))
        await until(lambda: held.ran)
        reply = await a.dispatch(NS, "Held", "Stand", a_call("late"), timeout=0.05)
        left = [asyncio.create_task(a.dispatch(NS, "Held", "Stand", a_call("left"))) for _ in range(2)]
        await until(lambda: a.container.plain().waiting == 2)
        shed = await a.dispatch(NS, "Held", "Stand", a_call("shed"))
        for call in left:
            call.cancel()
        await until(lambda: a.container.plain().waiting == 0)
        last = asyncio.create_task(a.dispatch(NS, "Held", "Stand", a_call("last")))
        await until(lambda: a.container.plain().waiting == 1)
        held.go.set()
        assert [(await call).status.code for call in (first, last)] == [200, 200]
        await until(lambda: is_idle(a))

    assert shed.status.code == 429
    assert (reply.status.code, reply.executed, reply.handled_by) == (504, Executed.NO, "")
    assert held.ran == ["first", "last"]


@pytest.mark.asyncio
async def test_a_limit_of_a_namespace_holds_for_those_that_have_waited_too() -> None:
    held, narrow = Held(), Held("Narrow", "narrow")
    async with one(
        held.service, narrow.service, max_threads=2, overrides={"narrow": {"max_running": 1}}
    ) as a:
        busy = [asyncio.create_task(a.dispatch(NS, "Held", "Stand", a_call("x"))) for _ in range(2)]
        await until(lambda: len(held.ran) == 2)
        waiting = [
            asyncio.create_task(a.dispatch("narrow", "Narrow", "Stand", a_call("n"))) for _ in range(3)
        ]
        await until(lambda: a.container.plain().waiting == 3)
        held.go.set()
        await until(lambda: sum(call.done() for call in waiting) == 2)
        narrow.go.set()
        codes = Counter((reply.status.code, reply.executed) for reply in await asyncio.gather(*waiting))
        await asyncio.gather(*busy)
        await until(lambda: is_idle(a))

    assert codes == {(200, Executed.YES): 1, (429, Executed.NO): 2}
    assert narrow.most_at_once == 1


@pytest.mark.asyncio
async def test_a_drain_lets_those_that_wait_finish() -> None:
    held = Held()
    async with one(held.service, max_threads=1) as a:
        calls = [asyncio.create_task(a.dispatch(NS, "Held", "Stand", a_call(str(n)))) for n in range(5)]
        await until(lambda: a.container.plain().waiting == 4)
        asyncio.get_running_loop().call_later(0.05, held.go.set)

    assert [call.result().status.code for call in calls] == [200] * 5


@pytest.mark.asyncio
async def test_at_the_end_of_a_drain_those_that_wait_have_not_run() -> None:
    held = Held()
    network = LoopbackNetwork()
    settings = Settings(max_threads=1, drain_timeout=0.05)
    async with (
        Collector("caller", transport=network, namespaces=[NS], settings=Settings(wait_for_peer=0)) as caller,
        Collector("a", transport=network, services=[held.service], settings=settings) as a,
    ):
        await caller.connect(a.address)
        runs = asyncio.create_task(caller.dispatch(NS, "Held", "Stand", a_call("runs")))
        await until(lambda: held.ran)
        waits = asyncio.create_task(caller.dispatch(NS, "Held", "Stand", a_call("waits")))
        await until(lambda: a.container.plain().waiting == 1)
        await a.__aexit__(None, None, None)
        held.go.set()
        replies: list[Reply] = [await runs, await waits]

    assert [(reply.status.code, reply.executed) for reply in replies] == [
        (502, Executed.MAYBE),
        (503, Executed.NO),
    ]
    assert held.ran == ["runs"]


def chain(name: str) -> Service:
    """Plain handlers that call the next one, each with a way to go: `a,b` calls at a, and there at b, and so on."""
    service = Service(NS, name)

    @service.method("Go")
    def go(request: Payload, context: CallContext) -> Payload:
        way = request.value.decode().split(",") if request.value else []
        if not way:
            return Payload("text", b"0")
        rest = a_call(",".join(way[1:]))
        given = context.blocking.call(NS, "Chain", "Go", rest, target=way[0])
        return Payload("text", str(int(given.value) + 1).encode())

    return service


@pytest.mark.asyncio
async def test_32_busy_handlers_that_each_call_another_one_here_do_not_starve() -> None:
    async with one(chain("Chain"), max_waiting=0, max_threads=32) as a:
        way = a_call(",".join("aaaaa"))
        replies = await asyncio.gather(
            *(a.dispatch(NS, "Chain", "Go", way, timeout=LIMIT_SECONDS) for _ in range(32))
        )
        await until(lambda: is_idle(a))

    assert [(reply.status.code, reply.payload.value) for reply in replies] == [(200, b"5")] * 32


@pytest.mark.asyncio
async def test_what_a_handler_waits_for_comes_before_others_that_wait() -> None:
    # Otherwise each thread that waits would let in another one that is to wait, until there are no more.
    async with one(chain("Chain"), max_threads=4) as a:
        replies = await asyncio.gather(
            *(a.dispatch(NS, "Chain", "Go", a_call("a,a"), timeout=LIMIT_SECONDS) for _ in range(250))
        )
        most = a.container.plain()
        await until(lambda: is_idle(a))

    assert Counter(reply.status.code for reply in replies) == {200: 250}
    assert most.threads == 0


@pytest.mark.asyncio
async def test_that_holds_where_an_async_handler_is_in_between() -> None:
    service = Service(NS, "S")

    @service.method("Leaf")
    def leaf(request: Payload) -> Payload:
        return request

    @service.method("Between")
    async def between(request: Payload, context: CallContext) -> Payload:
        await asyncio.sleep(0)
        return await context.call(NS, "S", "Leaf", request)

    @service.method("Outer")
    def outer(request: Payload, context: CallContext) -> Payload:
        return context.blocking.call(NS, "S", "Between", request)

    async with one(service, max_threads=4, max_running=1000) as a:
        replies = await asyncio.gather(
            *(a.dispatch(NS, "S", "Outer", a_call("x"), timeout=LIMIT_SECONDS) for _ in range(250))
        )

    assert Counter(reply.status.code for reply in replies) == {200: 250}


@pytest.mark.asyncio
async def test_where_every_thread_waits_in_a_call_the_next_one_is_told_at_once_that_there_is_none() -> None:
    async with one(chain("Chain"), max_running=1000, max_waiting=10) as a:
        deep = a_call(",".join("a" * 300))
        reply = await a.dispatch(NS, "Chain", "Go", deep, timeout=LIMIT_SECONDS)
        threads = sum(each.name.startswith("collector-mesh-handler-") for each in threading.enumerate())
        await until(lambda: is_idle(a))

        assert threads <= 256
        assert reply.status.code == 500
        assert "failed: 500 at a" in reply.status.message
        # As deep as there are threads it goes well, and the others are not kept for ever.
        well = await a.call(NS, "Chain", "Go", a_call(",".join("a" * 255)), timeout=LIMIT_SECONDS)
        assert well.value == b"255"


@settings(max_examples=10)
@given(
    seed=st.integers(0, 1 << 30),
    count=st.integers(1, 60),
    threads=st.integers(1, 4),
    deepest=st.integers(0, 5),
)
def test_handlers_that_call_each_other_as_they_like_never_starve(
    seed: int, count: int, threads: int, deepest: int
) -> None:
    dice = random.Random(seed)

    async def run() -> list[Reply]:
        network = LoopbackNetwork()
        set_up = Settings(max_threads=threads, max_running=10_000, max_waiting=10_000)
        async with (
            Collector("a", transport=network, services=[chain("Chain")], settings=set_up) as a,
            Collector("b", transport=network, services=[chain("Chain")], settings=set_up) as b,
        ):
            await a.connect(b.address)
            ways = [",".join(dice.choices("ab", k=dice.randint(0, deepest))) for _ in range(count)]
            replies = await asyncio.gather(
                *(
                    dice.choice((a, b)).dispatch(NS, "Chain", "Go", a_call(way), timeout=LIMIT_SECONDS)
                    for way in ways
                )
            )
            await until(lambda: is_idle(a) and is_idle(b))
        return replies

    assert {reply.status.code for reply in asyncio.run(run())} == {200}


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["collector", "client", "threads"])
async def test_a_handler_that_waits_by_other_means_does_not_count_either(way: str) -> None:
    network = LoopbackNetwork()
    service = Service(NS, "S")

    @service.method("Leaf")
    def leaf(request: Payload) -> Payload:
        return request

    @service.method("Outer")
    def outer(request: Payload, context: CallContext) -> Payload:
        if way == "collector":
            return a.blocking.call(NS, "S", "Leaf", request)
        if way == "client":
            return client.call(NS, "S", "Leaf", request)
        given: list[Payload] = []
        thread = threading.Thread(
            target=lambda: given.append(context.blocking.call(NS, "S", "Leaf", request))
        )
        thread.start()
        thread.join(LIMIT_SECONDS)
        return given[0]

    a = Collector("a", transport=network, services=[service], settings=Settings(max_threads=1))
    async with a:
        client = SyncMeshClient("a", transport=network)
        replies = await asyncio.gather(
            *(a.dispatch(NS, "S", "Outer", a_call(str(n)), timeout=LIMIT_SECONDS) for n in range(5))
        )
        await until(lambda: is_idle(a))
        await asyncio.to_thread(client.close)

    assert [reply.payload.value for reply in replies] == [b"0", b"1", b"2", b"3", b"4"]


class Asking:
    """A plain validator that asks a plain handler."""

    def validate_service_method(
        self, namespace: str, service: str, method: str, context: CallContext
    ) -> None:
        if method == "Stand":
            context.blocking.call(namespace, service, "Leaf", a_call(method))


@pytest.mark.asyncio
async def test_a_plain_validator_that_waits_in_a_call_does_not_count_either() -> None:
    held = Held()
    held.go.set()
    held.service.add("Leaf", lambda request: request)
    async with Collector(
        "a",
        transport=LoopbackNetwork(),
        services=[held.service],
        validator=Asking(),  # type: ignore[arg-type]  # a plain one
        settings=Settings(max_threads=1),
    ) as a:
        replies = await asyncio.gather(
            *(a.dispatch(NS, "Held", "Stand", a_call("x"), timeout=LIMIT_SECONDS) for _ in range(5))
        )
        await until(lambda: is_idle(a))

    assert [reply.status.code for reply in replies] == [200] * 5


@pytest.mark.asyncio
async def test_what_waits_is_counted_with_what_is_held_for_others() -> None:
    held, network = Held(), LoopbackNetwork()
    async with (
        Collector("a", transport=network, services=[held.service], settings=Settings(max_threads=1)) as a,
        MeshClient("a", transport=network) as client,
    ):
        stand = (NS, "Held", "Stand", Payload("t", b"7" * 100_000))
        calls = [asyncio.create_task(client.dispatch(*stand))]
        await until(lambda: held.ran)
        calls += [asyncio.create_task(client.dispatch(*stand)) for _ in range(19)]
        await until(lambda: a.container.plain().waiting == 19)
        assert a.snapshot().held_bytes > 20 * 100_000
        for call in calls[1:]:
            call.cancel()
        await until(lambda: a.container.plain().waiting == 0 and a.snapshot().held_bytes < 200_000)
        held.go.set()
        await asyncio.wait(calls)


@pytest.mark.asyncio
async def test_threads_beyond_those_that_may_run_end_when_they_have_nothing_to_do() -> None:
    def count() -> int:
        return sum(each.name.startswith("collector-mesh-handler-") for each in threading.enumerate())

    before = count()
    async with one(chain("Chain"), max_threads=2) as a:
        deep = a_call(",".join("a" * 40))
        assert (await a.call(NS, "Chain", "Go", deep, timeout=LIMIT_SECONDS)).value == b"40"
        await until(lambda: count() - before <= 2)


@pytest.mark.asyncio
async def test_what_a_handler_waits_for_is_cancelled_when_nobody_waits_for_the_handler() -> None:
    service = Service(NS, "S")
    events: list[str] = []
    told: list[Reply] = []

    @service.method("Inner")
    async def inner() -> None:
        events.append("inner began")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("inner was cancelled")
            raise

    @service.method("Outer")
    def outer(context: CallContext) -> None:
        told.append(context.blocking.dispatch(NS, "S", "Inner"))
        told.append(context.blocking.dispatch(NS, "S", "Inner"))

    network = LoopbackNetwork()
    async with (
        Collector("a", transport=network, services=[service]) as a,
        MeshClient("a", transport=network) as c,
    ):
        call = asyncio.create_task(c.dispatch(NS, "S", "Outer"))
        await until(lambda: events)
        call.cancel()
        await until(lambda: len(told) == 2 and is_idle(a))

    # The second one is not even begun.
    assert events == ["inner began", "inner was cancelled"]
    assert [reply.status.code for reply in told] == [502, 502]
    assert told[0].status.message == "outcome unknown: the caller no longer waits for the handler"
