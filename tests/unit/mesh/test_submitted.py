"""Calls that are begun and not awaited: `submit` of a collector and of a client."""

import asyncio
import gc
import math
import weakref
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    LoopbackNetwork,
    MeshClient,
    MethodKey,
    Payload,
    Reply,
    Service,
)
from collector_mesh.ports import CallStarter

ECHO = MethodKey("tests", "Echo", "Echo")
WAIT = MethodKey("tests", "Echo", "Wait")
LEFT = MethodKey("tests", "Echo", "Left")
NESTED = MethodKey("tests", "Nested", "Left")


class Served:
    """A collector with an echo, one that waits, and what has become of the waiting."""

    def __init__(self, network: LoopbackNetwork) -> None:
        self.waiting = asyncio.Event()
        self.cancelled = asyncio.Event()
        service = Service("tests", "Echo")

        @service.method("Echo")
        async def echo(request: Payload) -> Payload:
            return request

        @service.method("Wait")
        async def wait(request: Payload) -> Payload:
            self.waiting.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            return request

        @service.method("Left")
        async def left(request: Payload, context: CallContext) -> Payload:
            return Payload("t", str(context.time_remaining()).encode())

        self.collector = Collector("server", services=[service], transport=network)


@pytest.fixture
def network() -> LoopbackNetwork:
    return LoopbackNetwork()


@pytest_asyncio.fixture
async def served(network: LoopbackNetwork) -> AsyncIterator[Served]:
    served = Served(network)
    async with served.collector:
        yield served


@pytest_asyncio.fixture(params=["collector", "peer", "client"])
async def starter(
    request: pytest.FixtureRequest, network: LoopbackNetwork, served: Served
) -> AsyncIterator[CallStarter]:
    """Whoever makes calls: the collector that runs them, one with a link to it, a client."""
    if request.param == "collector":
        yield served.collector
    elif request.param == "client":
        async with MeshClient("server", transport=network) as client:
            yield client
    else:
        async with Collector("front", namespaces=["tests"], transport=network) as front:
            await front.connect("server")
            yield front


async def outcome(begin: Callable[[Callable[[Reply], None]], object]) -> Reply:
    told: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    begin(told.set_result)
    return await asyncio.wait_for(told, LIMIT_SECONDS)


@pytest.mark.asyncio
async def test_whoever_begins_a_call_is_told_of_its_reply(starter: CallStarter) -> None:
    reply = await outcome(lambda told: starter.submit(ECHO, Payload("t", b"x"), told))

    assert (reply.status.code, reply.payload.value, reply.handled_by) == (200, b"x", "server")


@pytest.mark.asyncio
async def test_what_is_wrong_with_a_call_is_its_reply(starter: CallStarter) -> None:
    answers: list[Reply] = []

    started = starter.submit(ECHO, Payload("t", b"x"), answers.append, metadata=[("Upper", "x")])

    assert started is None
    assert [reply.status.code for reply in answers] == [400]
    with pytest.raises(TypeError, match="timeout"):
        starter.submit(ECHO, Payload(), answers.append, timeout="1")  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_cancelling_stops_the_handler_and_nobody_is_told(starter: CallStarter, served: Served) -> None:
    answers: list[Reply] = []
    started = starter.submit(WAIT, Payload(), answers.append, timeout=2 * LIMIT_SECONDS)
    await asyncio.wait_for(served.waiting.wait(), LIMIT_SECONDS)

    assert started is not None
    assert 0 < started.time_remaining() <= 2 * LIMIT_SECONDS
    started.cancel()
    started.cancel()

    await asyncio.wait_for(served.cancelled.wait(), LIMIT_SECONDS)
    assert (await outcome(lambda told: starter.submit(ECHO, Payload(), told))).status.code == 200
    assert answers == []


@pytest.mark.asyncio
async def test_a_call_without_a_limit_has_all_the_time(starter: CallStarter) -> None:
    started = starter.submit(WAIT, Payload(), lambda _reply: None, timeout=math.inf)

    assert started is not None
    assert started.time_remaining() == math.inf
    started.cancel()


@pytest.mark.asyncio
async def test_what_has_ended_is_no_garbage(starter: CallStarter) -> None:
    class Told:
        started: object = None

        def __init__(self) -> None:
            self.told = asyncio.Event()

        def answer(self, reply: Reply) -> None:
            self.told.set()

    await outcome(lambda told: starter.submit(ECHO, Payload(), told))
    gc.disable()
    try:
        told = Told()
        told.started = starter.submit(ECHO, Payload("t", b"x"), told.answer)
        await asyncio.wait_for(told.told.wait(), LIMIT_SECONDS)
        await asyncio.sleep(0)
        held = weakref.ref(told)
        del told
        assert held() is None
    finally:
        gc.enable()


@pytest.mark.asyncio
async def test_a_call_that_is_begun_in_a_handler_has_no_more_time_than_that(
    network: LoopbackNetwork, served: Served
) -> None:
    front = Collector("front", namespaces=["tests"], transport=network)
    service = Service("tests", "Nested")

    @service.method("Left")
    async def left(request: Payload) -> Payload:
        return (await outcome(lambda told: front.submit(LEFT, request, told, timeout=1e6))).payload

    front.add_service(service)
    async with front:
        await front.connect("server")
        reply = await front.dispatch(*NESTED, Payload(), timeout=LIMIT_SECONDS)

    assert 0 < float(reply.payload.value) <= LIMIT_SECONDS


@pytest.mark.asyncio
async def test_nothing_is_begun_before_entering_or_after_leaving(network: LoopbackNetwork) -> None:
    collector = Collector("one", namespaces=["tests"], transport=network)
    client = MeshClient("one", transport=network)

    for state in ("new", "closed"):
        for starter, word in ((collector, "collector 'one' is"), (client, "the client of one is")):
            with pytest.raises(RuntimeError, match=word):
                starter.submit(ECHO, Payload(), lambda _reply: None)
        if state == "new":
            async with collector, client:
                pass


@pytest.mark.asyncio
async def test_nothing_is_begun_in_another_loop(starter: CallStarter) -> None:
    async def begin() -> None:
        starter.submit(ECHO, Payload(), lambda _reply: None)

    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        await asyncio.to_thread(asyncio.run, begin())
