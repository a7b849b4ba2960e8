"""Calls that are passed on by hubs, between collectors that cannot see each other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    LoopbackNetwork,
    MeshClient,
    Payload,
    Reply,
    Service,
    Settings,
)

pytestmark = pytest.mark.asyncio

RELAY = Settings(relay=True)
NAMESPACE = "work"


def who(collector_id: str, cancelled: list[str], namespace: str = NAMESPACE) -> Service:
    service = Service(namespace, "Who")

    @service.method("Am", idempotent=True)
    async def am(_request: Payload, context: CallContext) -> StringValue:
        return StringValue(value=context.collector_id)

    @service.method("AmNot")
    async def am_not(_request: Payload, context: CallContext) -> StringValue:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(f"{collector_id} {context.time_remaining():.0f}")
            raise
        raise AssertionError("nobody sets it")

    return service


class Mesh:
    """Collectors in one process; who is connected to whom is up to the test."""

    def __init__(self, opened: AsyncExitStack) -> None:
        self.network = LoopbackNetwork(through_codec=True)
        self.cancelled: list[str] = []
        self._opened = opened
        self.collectors: dict[str, Collector] = {}

    async def hub(self, collector_id: str, *, namespaces: Sequence[str] = (NAMESPACE,)) -> Collector:
        return await self._add(
            Collector(collector_id, transport=self.network, namespaces=namespaces, settings=RELAY)
        )

    async def spoke(
        self, collector_id: str, *, serves: bool = False, settings: Settings | None = None
    ) -> Collector:
        services = [who(collector_id, self.cancelled)] if serves else []
        return await self._add(
            Collector(
                collector_id,
                transport=self.network,
                namespaces=[NAMESPACE],
                services=services,
                settings=settings,
            )
        )

    async def _add(self, collector: Collector) -> Collector:
        self.collectors[collector.collector_id] = collector
        return await self._opened.enter_async_context(collector)

    async def connect(self, *pairs: str) -> None:
        for pair in pairs:
            left, right = pair.split()
            await self.collectors[left].connect(self.collectors[right].address)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not condition():
                await asyncio.sleep(0.002)

    def ways(self, collector_id: str) -> Mapping[str, int]:
        """The candidates that a collector has for a method, with their hops."""
        found = self.collectors[collector_id].explain(NAMESPACE, "Who", "Am")
        return {candidate.collector_id: candidate.hops for candidate in found.candidates if candidate.fit}


@asynccontextmanager
async def mesh() -> AsyncIterator[Mesh]:
    async with AsyncExitStack() as opened:
        yield Mesh(opened)


async def ask(collector: Collector, method: str = "Am", *, target: str = "", timeout: float = 5.0) -> Reply:
    return await collector.dispatch(NAMESPACE, "Who", method, target=target, timeout=timeout)


async def test_with_many_ways_no_call_takes_one_that_is_longer_than_calls_may_go() -> None:
    async with mesh() as m:
        hubs = [f"hub-{n}" for n in range(6)]
        for index, hub in enumerate(hubs):
            await m.hub(hub)
            await m.connect(*(f"{hub} {other}" for other in hubs[:index]))
        await m.spoke("a", serves=True)
        b = await m.spoke("b")
        await m.connect("a hub-0", "b hub-5")
        await m.until(lambda: all(m.ways(name) for name in [*hubs, "b"]))

        codes = {(await ask(b)).status.code for _ in range(200)}

    assert codes == {200}


async def test_spokes_that_cannot_see_each_other_call_through_their_hub() -> None:
    async with mesh() as m:
        await m.hub("hub")
        await m.spoke("a", serves=True)
        b = await m.spoke("b")
        await m.connect("a hub", "b hub")
        await m.until(lambda: m.ways("b") == {"hub": 1})

        reply = await ask(b)
        targeted = await ask(b, target="a")

    assert (reply.unpack(StringValue).value, reply.handled_by, reply.attempts) == ("a", "a", ("a",))
    assert targeted.handled_by == "a"


async def test_a_client_of_a_spoke_reaches_everything_that_the_spoke_does() -> None:
    async with mesh() as m:
        await m.hub("hub")
        await m.spoke("a", serves=True)
        b = await m.spoke("b")
        await m.connect("a hub", "b hub")
        await m.until(lambda: bool(m.ways("b")))

        async with MeshClient(b.address, transport=m.network) as client:
            reply = await client.dispatch(NAMESPACE, "Who", "Am")

    assert reply.handled_by == "a"


async def test_a_collector_that_does_not_relay_passes_nothing_on() -> None:
    async with mesh() as m:
        await m.spoke("hub")
        await m.spoke("a", serves=True)
        b = await m.spoke("b")
        await m.connect("a hub", "b hub")

        reply = await ask(b)
        targeted = await ask(b, target="a")

    assert (reply.status.code, targeted.status.code) == (404, 404)


async def test_a_namespace_that_the_hub_does_not_share_is_not_reachable() -> None:
    async with mesh() as m:
        await m.hub("hub", namespaces=["other"])
        await m.spoke("a", serves=True)
        b = await m.spoke("b")
        await m.connect("a hub", "b hub")

        assert (await ask(b)).status.code == 404
        m.collectors["hub"].add_namespace(NAMESPACE)
        await m.until(lambda: bool(m.ways("b")))
        assert (await ask(b)).handled_by == "a"
        m.collectors["hub"].remove_namespace(NAMESPACE)
        await m.until(lambda: not m.ways("b"))


async def test_what_a_spoke_serves_now_is_known_beyond_the_hub() -> None:
    async with mesh() as m:
        await m.hub("hub")
        a = await m.spoke("a")
        await m.spoke("b")
        await m.connect("a hub", "b hub")
        service = who("a", [])

        a.add_service(service)
        await m.until(lambda: m.ways("b") == {"hub": 1})
        a.remove_service(service)
        await m.until(lambda: m.ways("b") == {})


async def test_a_collector_that_is_connected_itself_comes_before_one_behind_a_hub() -> None:
    async with mesh() as m:
        await m.hub("hub")
        await m.spoke("near", serves=True)
        await m.spoke("far", serves=True)
        b = await m.spoke("b")
        await m.connect("near hub", "far hub", "b hub", "b near")
        await m.until(lambda: b.explain(NAMESPACE, "Who", "Am").fit == ("near",))

        handled = {(await ask(b)).handled_by for _ in range(10)}
        await b.disconnect("near")
        beyond = {(await ask(b)).handled_by for _ in range(10)}

    assert handled == {"near"}
    assert beyond <= {"near", "far"}


async def chain(m: Mesh, hubs: int) -> Collector:
    """a - hub-1 - ... - hub-n - b, where a serves; gives b."""
    await m.spoke("a", serves=True)
    b = await m.spoke("b")
    names = ["a", *(f"hub-{number}" for number in range(1, hubs + 1)), "b"]
    for name in names[1:-1]:
        await m.hub(name)
    await m.connect(*(f"{left} {right}" for left, right in pairwise(names)))
    return b


@pytest.mark.parametrize("hubs", [2, 4])
async def test_a_call_is_passed_on_up_to_four_times(hubs: int) -> None:
    async with mesh() as m:
        b = await chain(m, hubs)
        await m.until(lambda: m.ways("b") == {f"hub-{hubs}": hubs})

        assert (await ask(b)).handled_by == "a"


async def test_nobody_is_told_of_a_way_over_more_than_four_hops() -> None:
    async with mesh() as m:
        b = await chain(m, 5)
        await m.until(lambda: m.ways("hub-5") == {"hub-4": 4})

        reply = await ask(b)

    assert reply.status.code == 404


async def test_deadline_and_cancellation_go_over_all_hops() -> None:
    async with mesh() as m:
        b = await chain(m, 3)
        await m.until(lambda: bool(m.ways("b")))
        call = asyncio.create_task(ask(b, "AmNot", timeout=2000.0))
        await m.until(lambda: m.collectors["a"].snapshot().running == 1)

        call.cancel()
        await m.until(lambda: bool(m.cancelled))
        late = await ask(b, "AmNot", timeout=0.2)
        await m.until(lambda: m.collectors["a"].snapshot().running == 0)

    who, left = m.cancelled[0].split()
    assert (who, 1900 < int(left) <= 2000) == ("a", True)
    assert (late.status.code, late.handled_by) == (504, "")


async def test_when_a_collector_has_gone_so_has_the_way_to_it_everywhere() -> None:
    async with mesh() as m:
        names = ["hub-1", "hub-2", "hub-3"]
        for name in names:
            await m.hub(name)
        a, b = await m.spoke("a", serves=True), await m.spoke("b")
        # A ring, so that there are ways around.
        await m.connect("hub-1 hub-2", "hub-2 hub-3", "hub-3 hub-1", "a hub-1", "b hub-2")
        await m.until(lambda: m.ways("b") == {"hub-2": 2})
        assert (await ask(b)).handled_by == "a"

        await a.__aexit__(None, None, None)
        await m.until(lambda: not any(m.ways(name) for name in ("b", *names)))
        reply = await ask(b)
        passed_on = sum(m.collectors[name].snapshot().counts.get("passed_on", 0) for name in names)

    assert reply.status.code in (404, 503)
    assert passed_on < 20


async def test_a_ring_that_loses_a_link_goes_around() -> None:
    async with mesh() as m:
        for name in ("hub-1", "hub-2", "hub-3"):
            await m.hub(name)
        b = await m.spoke("b")
        await m.spoke("a", serves=True)
        await m.connect("hub-1 hub-2", "hub-2 hub-3", "hub-3 hub-1", "a hub-1", "b hub-2")
        await m.until(lambda: m.ways("b") == {"hub-2": 2})

        await m.collectors["hub-1"].disconnect("hub-2")
        await m.until(lambda: m.ways("b") == {"hub-2": 3})

        assert (await ask(b)).handled_by == "a"


async def test_of_two_hubs_the_other_one_is_used_when_the_first_is_gone() -> None:
    async with mesh() as m:
        first, _ = await m.hub("hub-1"), await m.hub("hub-2")
        await m.spoke("a", serves=True)
        b = await m.spoke("b")
        await m.connect("a hub-1", "a hub-2", "b hub-1", "b hub-2")
        await m.until(lambda: set(m.ways("b")) == {"hub-1", "hub-2"})

        await first.__aexit__(None, None, None)
        replies = [await ask(b) for _ in range(20)]

    assert {reply.handled_by for reply in replies} == {"a"}


async def test_of_two_replicas_behind_a_hub_the_hub_tries_the_other_one_and_nobody_else_tries_again() -> None:
    async with mesh() as m:
        await m.hub("hub")
        busy = Settings(max_running=1)
        await m.spoke("a-1", serves=True, settings=busy)
        await m.spoke("a-2", serves=True, settings=busy)
        b = await m.spoke("b")
        await m.connect("a-1 hub", "a-2 hub", "b hub")
        await m.until(lambda: bool(m.ways("b")))
        holding = [asyncio.create_task(ask(b, "AmNot", timeout=10.0)) for _ in range(2)]
        await m.until(lambda: all(m.collectors[name].snapshot().running for name in ("a-1", "a-2")))

        refused = await ask(b)
        for call in holding:
            call.cancel()
        await m.until(lambda: len(m.cancelled) == 2)
        taken = await ask(b)

    assert refused.status.code == 429
    assert sorted(refused.attempts) == ["a-1", "a-2"]
    assert taken.status.code == 200
