"""`collector.blocking`: what is awaited in the loop of a collector, for other threads."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    LoopbackNetwork,
    MeshError,
    NotFoundError,
    Payload,
    Service,
    Settings,
)

pytestmark = pytest.mark.asyncio

ECHO = ("tests", "Echo", "Echo")


def echo(name: str = "Echo") -> Service:
    service = Service("tests", name)

    @service.method("Echo", idempotent=True)
    async def say(request: Payload) -> Payload:
        return request

    return service


@pytest_asyncio.fixture
async def peer(network: LoopbackNetwork) -> AsyncIterator[Collector]:
    async with Collector("peer", services=[echo()], transport=network) as peer:
        yield peer


@pytest.fixture
def network() -> LoopbackNetwork:
    return LoopbackNetwork()


@pytest_asyncio.fixture
async def collector(network: LoopbackNetwork) -> AsyncIterator[Collector]:
    async with Collector("front", namespaces=["tests"], transport=network) as collector:
        yield collector


async def test_other_threads_connect_call_and_look(collector: Collector, peer: Collector) -> None:
    def work() -> list[object]:
        blocking = collector.blocking
        connection = blocking.connect(peer.address, timeout=LIMIT_SECONDS)
        blocking.wait_for(peers=["peer"], methods=["tests/Echo/Echo"], timeout=LIMIT_SECONDS)
        reply = blocking.dispatch(*ECHO, Payload("t", b"x"))
        return [
            connection.peer_id,
            (reply.status.code, reply.payload.value, reply.handled_by),
            blocking.call(*ECHO, Payload("t", b"y")).value,
            [each.peer_id for each in blocking.snapshot().connections],
            [each.collector_id for each in blocking.explain(*ECHO).candidates if each.fit],
        ]

    assert await asyncio.to_thread(work) == ["peer", (200, b"x", "peer"), b"y", ["peer"], ["peer"]]


async def test_other_threads_disconnect(collector: Collector, peer: Collector) -> None:
    await collector.connect(peer.address)

    await asyncio.to_thread(collector.blocking.disconnect, "peer")

    assert collector.snapshot().connections == ()


async def test_what_a_call_raises_is_raised_in_the_thread(collector: Collector) -> None:
    with pytest.raises(NotFoundError, match="no collector found") as raised:
        await asyncio.to_thread(lambda: collector.blocking.call(*ECHO))
    assert isinstance(raised.value, MeshError)
    with pytest.raises(TypeError, match="timeout"):
        await asyncio.to_thread(lambda: collector.blocking.call(*ECHO, timeout="long"))  # type: ignore[call-overload]


async def test_other_threads_change_what_is_served(collector: Collector) -> None:
    service = echo("Late")

    def work() -> list[int]:
        blocking = collector.blocking
        blocking.remove_namespace("tests")
        blocking.add_namespace("tests")
        blocking.register("tests", "Made", "Up", lambda: None)
        blocking.add_service(service)
        found = [blocking.dispatch("tests", "Made", "Up").status.code]
        found.append(blocking.dispatch("tests", "Late", "Echo").status.code)
        blocking.remove_service(service)
        return [*found, blocking.dispatch("tests", "Late", "Echo").status.code]

    assert await asyncio.to_thread(work) == [200, 200, 404]


async def test_what_is_registered_from_a_thread_may_be_annotated_with_what_is_known_there(
    collector: Collector,
) -> None:
    def work() -> str:
        from google.protobuf.wrappers_pb2 import StringValue

        def greet(request: "StringValue") -> "StringValue":
            return request

        collector.blocking.register("tests", "Made", "Up", greet)
        return collector.blocking.call(
            "tests", "Made", "Up", StringValue(value="x"), returns=StringValue
        ).value

    assert await asyncio.to_thread(work) == "x"


class Nobody:
    async def validate_service_method(self, namespace: str, service_name: str, method_name: str) -> None:
        raise ValueError(f"{method_name} is for nobody")


async def test_other_threads_say_who_may_call(collector: Collector) -> None:
    collector.add_service(echo())

    def work() -> list[int]:
        codes = []
        for validator in (Nobody(), None):
            collector.blocking.set_validator(validator)
            codes.append(collector.blocking.dispatch(*ECHO).status.code)
        return codes

    assert await asyncio.to_thread(work) == [404, 200]


WAITING: dict[str, Callable[[Collector], object]] = {
    "dispatch": lambda collector: collector.blocking.dispatch(*ECHO),
    "call": lambda collector: collector.blocking.call(*ECHO),
    "connect": lambda collector: collector.blocking.connect("peer"),
    "wait_for": lambda collector: collector.blocking.wait_for(peers=1),
    "disconnect": lambda collector: collector.blocking.disconnect("peer"),
    "snapshot": lambda collector: collector.blocking.snapshot(),
    "explain": lambda collector: collector.blocking.explain(*ECHO),
}


@pytest.mark.parametrize("use", WAITING)
async def test_in_the_loop_itself_it_is_an_error_that_names_the_way_there(
    collector: Collector, use: str
) -> None:
    with pytest.raises(RuntimeError, match=r"collector 'front'.*use await collector\.call"):
        WAITING[use](collector)


@pytest.mark.parametrize("use", WAITING)
async def test_in_another_loop_it_is_an_error_that_names_the_ways(collector: Collector, use: str) -> None:
    async def elsewhere() -> None:
        WAITING[use](collector)

    with pytest.raises(RuntimeError, match=r"would block the event loop that runs in this thread"):
        await asyncio.to_thread(asyncio.run, elsewhere())


@pytest.mark.parametrize("use", WAITING)
async def test_before_it_is_entered_and_after_it_was_left_it_is_an_error(
    network: LoopbackNetwork, use: str
) -> None:
    collector = Collector("front", transport=network)

    with pytest.raises(RuntimeError, match="collector 'front' is new"):
        await asyncio.to_thread(WAITING[use], collector)
    async with collector:
        pass
    with pytest.raises(RuntimeError, match="collector 'front' is closed"):
        await asyncio.to_thread(WAITING[use], collector)


async def test_a_thread_whose_collector_is_closed_meanwhile_hears_of_it(network: LoopbackNetwork) -> None:
    begun = threading.Event()

    async def wait(context: CallContext) -> None:
        _ = context
        begun.set()
        await asyncio.sleep(LIMIT_SECONDS)

    settings = Settings(drain_timeout=0.01)
    collector = Collector("front", transport=network, namespaces=["tests"], settings=settings)
    collector.register("tests", "Slow", "Wait", wait)
    async with collector:
        waiting = asyncio.ensure_future(
            asyncio.to_thread(collector.blocking.dispatch, "tests", "Slow", "Wait")
        )
        await asyncio.to_thread(begun.wait, LIMIT_SECONDS)
    reply: Any = await waiting

    assert reply.status.code == 502


async def test_what_a_plain_handler_calls_has_the_time_that_its_own_call_has_left(
    collector: Collector,
) -> None:
    def deadline(context: CallContext) -> Payload:
        return Payload("t", str(context.deadline).encode())

    def nested(context: CallContext) -> Payload:
        found = collector.blocking.call("tests", "Plain", "Deadline").value
        return Payload("t", str(found.decode() == str(context.deadline)).encode())

    collector.register("tests", "Plain", "Deadline", deadline)
    collector.register("tests", "Plain", "Nested", nested)

    assert (await collector.call("tests", "Plain", "Nested", timeout=60)).value == b"True"


async def test_it_is_shown_as_what_it_is(collector: Collector) -> None:
    assert repr(collector.blocking) == "<Collector front on front, serving>.blocking"


async def test_a_forked_process_is_refused_also_where_nobody_has_waited_before_the_fork(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: number + 1)

    with pytest.raises(RuntimeError, match="belongs to the process that this one was forked from"):
        await asyncio.to_thread(collector.blocking.snapshot)
