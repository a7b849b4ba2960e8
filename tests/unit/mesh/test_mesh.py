"""Whole meshes in this process."""

import asyncio
import contextvars
import gc
import math
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from dependency_injector import providers
from google.protobuf.wrappers_pb2 import DoubleValue, StringValue
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    ListenError,
    LoopbackNetwork,
    MeshClient,
    MeshError,
    NotFoundError,
    Payload,
    Service,
    Settings,
)
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import Counted, Draining, HandlerFailed, Started, Stopped


def who_service(namespace: str) -> Service:
    service = Service(namespace, "Who")

    @service.method("Am")
    async def am(_request: Payload, context: CallContext) -> StringValue:
        return StringValue(value=context.collector_id)

    return service


SILENT = Settings(heartbeat_interval=600)
"""Nobody is taken for dead who waits for his turn: on a busy machine so many in one process have to wait for long."""


@asynccontextmanager
async def mesh(size: int) -> AsyncIterator[list[Collector]]:
    """A full mesh, of which every collector serves a namespace of its own and is in all the others."""
    network = LoopbackNetwork()
    everything = [f"n-{index}" for index in range(size)]
    async with AsyncExitStack() as opened:
        collectors = [
            await opened.enter_async_context(
                Collector(
                    f"c-{index}",
                    transport=network,
                    namespaces=everything,
                    services=[who_service(f"n-{index}")],
                    settings=SILENT,
                )
            )
            for index in range(size)
        ]
        # Whoever dials ends first: else those who are left dial the others again and again.
        for index, collector in enumerate(collectors):
            for other in collectors[:index]:
                await collector.connect(other.address, timeout=LIMIT_SECONDS)
        yield collectors


@pytest.mark.asyncio
async def test_in_a_mesh_of_50_every_collector_reaches_every_others_method() -> None:
    async with mesh(50) as collectors:
        for collector in collectors:
            for index, other in enumerate(collectors):
                reply = await collector.dispatch(
                    f"n-{index}", "Who", "Am", target=other.collector_id, timeout=LIMIT_SECONDS
                )
                assert reply.unpack(StringValue).value == reply.handled_by == other.collector_id
        found = await collectors[0].dispatch("n-49", "Who", "Am")
        assert found.handled_by == "c-49"


@pytest.mark.asyncio
async def test_meshes_in_one_process_do_not_see_each_other() -> None:
    here, there = LoopbackNetwork(), LoopbackNetwork()
    async with (
        Collector("a", transport=here, services=[who_service("n")]) as a,
        Collector("b", transport=here, namespaces=["n"]) as b,
        Collector("a", transport=there, services=[who_service("n")]),
        Collector("b", transport=there, namespaces=["n"]) as other_b,
    ):
        await b.connect(a.address)

        assert (await b.dispatch("n", "Who", "Am")).handled_by == "a"
        assert (await other_b.dispatch("n", "Who", "Am")).status.code == 404


@pytest.mark.asyncio
async def test_a_part_is_replaced_by_one_override() -> None:
    observer = FakeObserver()
    collector = Collector("a", transport=LoopbackNetwork(), services=[failing_service()])
    collector.container.observer.override(providers.Object(observer))

    async with collector:
        await collector.dispatch("n", "S", "fail")

    assert [type(event) for event in observer.events] == [Started, HandlerFailed, Draining, Counted, Stopped]


def failing_service() -> Service:
    service = Service("n", "S")

    @service.method("fail")
    async def fail() -> None:
        raise ValueError("no")

    return service


@pytest.mark.asyncio
async def test_the_transport_is_replaced_by_one_override() -> None:
    network = LoopbackNetwork()
    collector = Collector("a", listen="anywhere", services=[who_service("n")])
    collector.container.transport.override(providers.Object(network))

    async with collector, MeshClient("anywhere", transport=network) as client:
        assert (await client.dispatch("n", "Who", "Am")).handled_by == "a"


@pytest.mark.asyncio
async def test_calls_made_in_a_handler_inherit_what_is_left_of_its_time() -> None:
    network = LoopbackNetwork()
    service = Service("n", "S")
    async with Collector("a", transport=network, services=[service]) as collector:

        async def left(_request: Payload, context: CallContext) -> DoubleValue:
            return DoubleValue(value=context.time_remaining())

        async def nested() -> DoubleValue:
            return await collector.call("n", "S", "left", returns=DoubleValue)

        async def asking_for_more() -> DoubleValue:
            return await collector.call("n", "S", "left", returns=DoubleValue, timeout=math.inf)

        async def asking_for_less() -> DoubleValue:
            return await collector.call("n", "S", "left", returns=DoubleValue, timeout=50.0)

        for handler in (left, nested, asking_for_more, asking_for_less):
            collector.register("n", "S", handler.__name__, handler)

        times = {
            name: (await collector.call("n", "S", name, returns=DoubleValue, timeout=200.0)).value
            for name in ("nested", "asking_for_more", "asking_for_less")
        }

    assert 100.0 < times["nested"] <= 200.0
    assert 100.0 < times["asking_for_more"] <= 200.0
    assert 0.0 < times["asking_for_less"] <= 50.0


@pytest.mark.asyncio
async def test_a_handler_has_a_context_of_its_own() -> None:
    color: contextvars.ContextVar[str] = contextvars.ContextVar("color", default="none")
    network = LoopbackNetwork()
    service = Service("n", "S")

    @service.method("paint")
    async def paint() -> StringValue:
        seen = color.get()
        color.set("blue")
        return StringValue(value=seen)

    async with (
        Collector("a", transport=network, services=[service]) as a,
        Collector("b", transport=network, namespaces=["n"]) as b,
    ):
        await b.connect(a.address)
        color.set("red")
        here = await a.call("n", "S", "paint", returns=StringValue)
        over_a_link = await b.call("n", "S", "paint", returns=StringValue)

    assert (here.value, over_a_link.value, color.get()) == ("red", "none", "red")


@pytest.mark.asyncio
async def test_a_drain_lets_running_calls_finish_and_refuses_new_ones() -> None:
    network = LoopbackNetwork()
    service = Service("n", "S")
    started, release = asyncio.Event(), asyncio.Event()

    @service.method("slow")
    async def slow() -> StringValue:
        started.set()
        await release.wait()
        return StringValue(value="done")

    collector = Collector("a", transport=network, services=[service])
    async with MeshClient("a", transport=network) as client:
        await collector.__aenter__()
        running = asyncio.create_task(client.dispatch("n", "S", "slow"))
        await started.wait()
        leaving = asyncio.create_task(collector.__aexit__(None, None, None))
        while collector.snapshot().state != "draining":
            await asyncio.sleep(0)
        refused = await client.dispatch("n", "S", "slow")
        release.set()
        await leaving
        gone = await client.dispatch("n", "S", "slow")

        assert (await running).unpack(StringValue).value == "done"
    assert (refused.status.code, refused.status.message) == (503, "collector 'a' is draining")
    assert gone.status.code == 503
    with pytest.raises(RuntimeError, match="collector 'a' is closed"):
        await collector.dispatch("n", "S", "slow")
    assert collector.snapshot().state == "closed"


@pytest.mark.asyncio
async def test_what_does_not_finish_in_a_drain_is_cancelled() -> None:
    network = LoopbackNetwork()
    service = Service("n", "S")
    started, cancelled = asyncio.Event(), asyncio.Event()

    @service.method("hang")
    async def hang() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    settings = Settings(drain_timeout=0.05)
    async with MeshClient("a", transport=network) as client:
        async with Collector("a", transport=network, services=[service], settings=settings):
            call = asyncio.create_task(client.dispatch("n", "S", "hang"))
            await started.wait()
        reply = await call

    assert reply.status.code == 502
    assert reply.status.message.startswith("outcome unknown: ")
    assert cancelled.is_set()


@pytest.mark.asyncio
async def test_a_collector_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()

    async with mesh(3) as collectors:
        await collectors[0].dispatch("n-1", "Who", "Am")
        parts: list[weakref.ref[Any]] = [weakref.ref(c.container.dispatcher()) for c in collectors]

    assert asyncio.all_tasks() == before
    collectors.clear()
    gc.collect()
    assert [part() for part in parts] == [None, None, None]


@pytest.mark.asyncio
async def test_a_taken_address_is_named_and_nothing_is_left() -> None:
    network = LoopbackNetwork()
    async with Collector("a", transport=network):
        with pytest.raises(ListenError, match="cannot listen on a: it is taken"):
            await Collector("a", transport=network).__aenter__()
    async with Collector("a", transport=network):
        pass


def test_a_collector_is_used_in_the_loop_that_it_was_entered_in() -> None:
    collector = Collector("a", transport=LoopbackNetwork(), services=[who_service("n")])

    async def enter() -> None:
        await collector.__aenter__()

    async def use() -> None:
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            await collector.dispatch("n", "Who", "Am")
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            await collector.connect("b")

    async def leave() -> None:
        await collector.__aexit__(None, None, None)

    with asyncio.Runner() as first:
        first.run(enter())
        with asyncio.Runner() as second:
            second.run(use())
        asyncio.set_event_loop(first.get_loop())
        first.run(leave())


@pytest.mark.asyncio
async def test_a_collector_that_is_not_entered_says_so() -> None:
    collector = Collector("a", transport=LoopbackNetwork(), services=[who_service("n")])

    with pytest.raises(RuntimeError, match="collector 'a' is new: it is used inside 'async with'"):
        await collector.dispatch("n", "Who", "Am")
    with pytest.raises(RuntimeError, match="is new"):
        await collector.connect("b")
    assert collector.snapshot().state == "new"
    assert repr(collector) == "<Collector a, new>"
    async with collector:
        assert repr(collector) == "<Collector a on a, serving>"
        with pytest.raises(RuntimeError, match="can be started, or entered, once"):
            await collector.__aenter__()
        assert (await collector.dispatch("n", "Who", "Am")).status.code == 200


@pytest.mark.asyncio
async def test_a_collector_that_does_not_listen_runs_its_own_methods() -> None:
    async with Collector("a", services=[who_service("n")]) as collector:
        assert (await collector.dispatch("n", "Who", "Am")).handled_by == "a"
        assert collector.address == ""
        with pytest.raises(MeshError, match=r"nobody has answered at 127\.0\.0\.1:1 within 0\.2 s"):
            await collector.connect("127.0.0.1:1", timeout=0.2)


@pytest.mark.asyncio
async def test_call_gives_the_result_or_raises() -> None:
    async with Collector("a", transport=LoopbackNetwork(), services=[who_service("n")]) as collector:
        message = await collector.call("n", "Who", "Am", returns=StringValue)
        raw = await collector.call("n", "Who", "Am")
        with pytest.raises(NotFoundError, match="no collector found for namespace 'm'") as raised:
            await collector.call("m", "Who", "Am", returns=StringValue)

    assert (message.value, raw.unpack(StringValue).value, raised.value.code) == ("a", "a", 404)


@pytest.mark.asyncio
async def test_arguments_of_the_wrong_type_are_type_errors() -> None:
    async with Collector("a", transport=LoopbackNetwork(), services=[who_service("n")]) as collector:
        wrong: Any = 7
        with pytest.raises(TypeError, match="expected a protobuf message, a Payload or None, got tuple"):
            await collector.dispatch("n", "Who", "Am", (wrong,))  # type: ignore[arg-type]  # the point
        with pytest.raises(TypeError, match="hints: each key and value must be a str, got int"):
            await collector.dispatch("n", "Who", "Am", hints={"a": wrong})
        with pytest.raises(TypeError):
            await collector.dispatch(wrong, "Who", "Am")
    with pytest.raises(TypeError, match="namespaces must be several, as in a list, got one: 'users'"):
        Collector("a", namespaces="users")


@pytest.mark.parametrize("timeout", [-1.0, float("nan")])
@pytest.mark.asyncio
async def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    async with Collector("a", transport=LoopbackNetwork(), services=[who_service("n")]) as collector:
        reply = await collector.dispatch("n", "Who", "Am", timeout=timeout)

    assert (reply.status.code, reply.status.message) == (
        400,
        f"timeout must be at least 0 seconds, got {timeout!r}",
    )


@pytest.mark.asyncio
async def test_what_is_known_of_a_peer_goes_with_the_namespaces_of_tenants() -> None:
    network = LoopbackNetwork()
    async with (
        Collector("b", transport=network, namespaces=["n"]) as b,
        Collector("a", transport=network, namespaces=["n"]) as a,
    ):
        await a.connect(b.address)
        for number in range(20):
            tenant = f"tenant-{number}"
            a.add_namespace(tenant)
            b.add_service(who_service(tenant))
            async with asyncio.timeout(LIMIT_SECONDS):
                while (await a.dispatch(tenant, "Who", "Am")).status.code != 200:
                    await asyncio.sleep(0)
            b.remove_namespace(tenant)
            a.remove_namespace(tenant)

        (connection,) = a.snapshot().connections
        assert connection.standings == ()
        assert a.namespaces == b.namespaces == ("n",)
