"""What a collector holds for others: one budget for all of it, seen from outside."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.links import CLIENT, RawLink, call, hello
from tests.integration.services.processes import LOOPBACK, eventually
from tests.integration.services.wire import RawClient

from collector_mesh import Collector, MeshClient, Payload, Service, Settings
from collector_mesh.adapters.wire.generated import link_pb2 as pb

MOST = 1 << 20
SMALL = Settings(max_held_bytes=MOST)


class Held:
    """A service whose handlers go on until they are told to end."""

    def __init__(self) -> None:
        self.leave, self.leave_thread = asyncio.Event(), threading.Event()
        self.started: list[int] = []
        self.service = Service("texts", "Texts")

        @self.service.method("Wait")
        async def wait(request: Payload) -> Payload:
            self.started.append(len(request.value))
            await self.leave.wait()
            return Payload(request.type_url, request.value[:10])

        @self.service.method("Block")
        def block(request: Payload) -> None:
            self.started.append(len(request.value))
            self.leave_thread.wait()

    def collector(self) -> Collector:
        return Collector("held-1", listen=LOOPBACK, services=[self.service], settings=SMALL)


def calls(first: int, number: int, size: int) -> list[pb.Frame]:
    """Calls whose payloads come with them."""
    numbers = range(first, first + number)
    return [call(at, "Wait", b"x" * size, mode=1, milliseconds=60_000) for at in numbers]


async def told(collector: Collector, link: RawLink, *frames: pb.Frame) -> pb.Goodbye:
    """Say one thing after the other until the collector has had enough; gives its goodbye.

    Nothing is said on a stream that may have ended: grpc would not read what has come on it any more.
    """
    ending = asyncio.create_task(link.goodbye())
    before = 0

    def is_taken() -> bool:
        return ending.done() or before < collector.snapshot().held_bytes <= MOST

    for frame in frames:
        before = collector.snapshot().held_bytes
        await link.say(frame)
        await eventually(is_taken)
        if ending.done():
            break
    return await ending


@pytest.mark.asyncio
async def test_of_links_whose_calls_run_the_one_that_holds_most_ends_and_the_other_is_answered() -> None:
    held = Held()
    async with (
        held.collector() as collector,
        RawLink(collector.address) as small,
        RawLink(collector.address) as large,
    ):
        for number, link in enumerate((small, large)):
            await link.greet(hello(f"raw-{number}", "texts", role=CLIENT))
        await small.say(*calls(1, 1, 200_000))
        await large.say(*calls(1, 5, 100_000))
        await eventually(lambda: len(held.started) == 6)
        held_then = collector.snapshot().held_bytes
        ended = await told(collector, large, *calls(6, 5, 100_000))
        held.leave.set()
        replied = await small.reply()
        await eventually(lambda: collector.snapshot().held_bytes < 10_000)

    assert 700_000 <= held_then <= 800_000
    assert ended.code == 429
    assert list(replied.reply_to) == [1]


@pytest.mark.asyncio
async def test_a_request_without_a_link_is_refused_over_the_budget_and_its_handler_is_not_started(
    caplog: pytest.LogCaptureFixture,
) -> None:
    held = Held()
    async with held.collector() as collector, RawClient(collector.address) as client:
        running = [asyncio.create_task(client.serve("Wait", "x" * 300_000)) for _ in range(2)]
        await eventually(lambda: len(held.started) == 2)
        held_then = collector.snapshot().held_bytes
        served = await client.serve("Wait", "x" * 300_000)
        dispatched = await client.dispatch("Wait", "x" * 300_000)
        started = len(held.started)
        held.leave.set()
        done = await asyncio.gather(*running)
        after = await client.serve("Wait", "x" * 300_000)
        held_after = collector.snapshot().held_bytes

    assert 600_000 <= held_then <= 610_000
    assert (served.status.code, served.status.message, served.executor_id) == (429, "overloaded", "")
    assert int(dispatched.status.details["retry_after_ms"]) > 0
    assert started == 2
    assert [answer.status.code for answer in (*done, after)] == [200] * 3
    assert held_after == 0
    facts = [
        vars(record)["facts"] for record in caplog.records if vars(record).get("event") == "limit_reached"
    ]
    assert facts[0]["limit"] == "max_held_bytes"


@pytest.mark.asyncio
async def test_a_handler_in_a_thread_counts_until_it_ends_though_its_caller_has_gone() -> None:
    held = Held()
    async with held.collector() as collector, RawClient(collector.address) as client:
        running = asyncio.create_task(client.serve("Block", "x" * 600_000))
        async with MeshClient(collector.address) as linked:
            also = asyncio.create_task(
                linked.dispatch("texts", "Texts", "Block", StringValue(value="x" * 300_000))
            )
            await eventually(lambda: len(held.started) == 2)
            running.cancel()
            also.cancel()
            await asyncio.wait([running, also])
        await eventually(lambda: collector.snapshot().clients == 0)
        outlived = collector.snapshot().held_bytes
        refused = await client.serve("Block", "x" * 300_000)
        held.leave_thread.set()
        await eventually(lambda: collector.snapshot().held_bytes == 0)

    assert 900_000 <= outlived <= 910_000
    assert refused.status.code == 429


def reaches(first: int, number: int) -> pb.Frame:
    """News of collectors, each with some methods."""
    return pb.Frame(
        control=pb.Control(
            reach=[
                pb.Reach(
                    collector_id=f"far-{at}",
                    path=["raw-0"],
                    methods=[
                        pb.MethodFlags(method=pb.Method(namespace="texts", service=f"S{at}", method=f"M{of}"))
                        for of in range(10)
                    ],
                )
                for at in range(first, first + number)
            ]
        )
    )


def methods(first: int, number: int) -> pb.Frame:
    """News of methods of the teller itself."""
    return pb.Frame(
        control=pb.Control(
            catalog_change=pb.CatalogChange(
                methods=[
                    pb.MethodFlags(method=pb.Method(namespace="texts", service="S", method=f"M{at}"))
                    for at in range(first, first + number)
                ]
            )
        )
    )


@pytest.mark.parametrize(("news", "number"), [(reaches, 50), (methods, 1000)])
@pytest.mark.asyncio
async def test_a_peer_that_tells_of_too_much_is_seen_with_it_and_its_link_ends(
    news: Callable[[int, int], pb.Frame], number: int
) -> None:
    held = Held()
    async with held.collector() as collector, RawLink(collector.address) as link:
        await link.greet(hello("raw-0", "texts"))
        await link.say(news(0, number))
        await eventually(lambda: collector.snapshot().held_bytes > 200_000)
        (seen,) = collector.snapshot().connections
        ended = await told(collector, link, *(news(more * number, number) for more in range(1, 10)))
        await eventually(lambda: collector.snapshot().held_bytes == 0)

    assert 200_000 <= seen.held_bytes <= 400_000
    assert ended.code == 429
