"""What a collector with many peers does for each of them when something changes: counted in calls of functions, not in time."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import FrameType

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, LoopbackNetwork, Payload, Service, Settings

pytestmark = pytest.mark.asyncio

PEERS = 24
METHODS = 30


async def echo(request: Payload) -> Payload:
    return request


def who(number: int) -> Service:
    service = Service("n", f"Of{number}")
    for method in range(20):
        service.add(f"M{method}", echo)
    return service


@asynccontextmanager
async def hub_with_peers() -> AsyncIterator[tuple[Collector, list[Collector]]]:
    network = LoopbackNetwork()
    async with AsyncExitStack() as opened:
        hub = await opened.enter_async_context(
            Collector("hub", transport=network, namespaces=["n"], settings=Settings(relay=True))
        )
        peers = [
            await opened.enter_async_context(
                Collector(f"peer-{number}", transport=network, services=[who(number)])
            )
            for number in range(PEERS)
        ]
        for peer in peers:
            await peer.connect("hub", timeout=LIMIT_SECONDS)
        yield hub, peers


async def all_know(peers: list[Collector], methods: int) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while {peer.snapshot().connections[0].methods for peer in peers} != {methods}:
            await asyncio.sleep(0)


async def calls_made(change: Callable[[], None], *, turns: int = 200) -> int:
    """How many functions are called when something is changed, and in so many turns of the loop after that."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        change()
        for _ in range(turns):
            await asyncio.sleep(0)
    finally:
        sys.setprofile(before)
    return count


def register(hub: Collector, service: str, methods: int) -> None:
    for number in range(methods):
        hub.register("n", service, f"M{number}", echo)


async def test_thirty_methods_registered_at_once_are_told_once() -> None:
    async with hub_with_peers() as (hub, peers):
        await all_know(peers, 0)

        for_thirty = await calls_made(lambda: register(hub, "First", METHODS))
        await all_know(peers, METHODS)

    # About 1,200 for each peer, which takes them in; where it was looked at each pair of peers it were 27,000.
    assert for_thirty < 3000 * PEERS


async def test_methods_registered_one_by_one_are_told_together_where_there_are_many_peers() -> None:
    async with hub_with_peers() as (hub, peers):
        register(hub, "First", 1)
        await all_know(peers, 1)
        seen = set()

        for number in range(METHODS):
            hub.register("n", "Second", f"M{number}", echo)
            await asyncio.sleep(0)
            seen.add(peers[0].snapshot().connections[0].methods)
        await all_know(peers, 1 + METHODS)

    assert len(seen) < METHODS


async def test_a_method_of_the_hub_itself_has_nothing_told_of_others() -> None:
    async with hub_with_peers() as (hub, peers):
        await all_know(peers, 0)

        for_another = await calls_made(lambda: hub.add_namespace("elsewhere"))
        for_none = await calls_made(lambda: None)

    # It is looked at each peer, not at each pair of peers.
    assert for_another - for_none < 2000 * PEERS


async def test_a_namespace_that_is_added_is_used_before_peers_are_told() -> None:
    network = LoopbackNetwork()
    async with (
        Collector("a", transport=network, namespaces=["n"]) as a,
        Collector("b", transport=network, namespaces=["n"], services=[who(1)]) as b,
    ):
        b.add_namespace("later")
        b.register("later", "S", "Echo", echo)
        # Whoever has dialed has told of all that it is a member of.
        await b.connect("a", timeout=LIMIT_SECONDS)

        a.add_namespace("later")
        (connection,) = a.snapshot().connections
        a.remove_namespace("later")
        (without,) = a.snapshot().connections

    assert connection.shared_namespaces == ("n", "later")
    assert without.shared_namespaces == ("n",)
