"""Peers that are found by a name, in a mesh of whole collectors."""

import asyncio
from typing import Any

import pytest
from dependency_injector import providers
from tests.limits import until

from collector_mesh import Collector, LoopbackNetwork, MeshClient, Payload, Service
from collector_mesh.app.testing.fakes import FakeNames, FakeObserver
from collector_mesh.domain.model.errors import NotFoundError, UnavailableError
from collector_mesh.domain.model.events import DialFailed, PeerRefused

pytestmark = pytest.mark.asyncio

NAME = "dns:orders:1"
CREATE = ("orders", "OrderService", "Create")
orders = Service("orders", "OrderService")


@orders.method("Create")
async def create(request: Payload) -> Payload:
    return request


def by_name(
    network: LoopbackNetwork, names: FakeNames, collector_id: str = "front", **options: Any
) -> Collector:
    made = Collector(collector_id, transport=network, namespaces=["orders"], **options)
    made.container.names.override(providers.Object(names))
    return made


def shop(network: LoopbackNetwork, collector_id: str) -> Collector:
    return Collector(collector_id, transport=network, services=[orders])


def states(collector: Collector) -> dict[str, str]:
    return {peer.peer_id: peer.state for peer in collector.snapshot().connections}


async def test_the_first_call_waits_until_the_name_leads_somewhere() -> None:
    network, names = LoopbackNetwork(), FakeNames(seconds=0.0)
    async with by_name(network, names, peers=[NAME]) as front, shop(network, "a"):
        early = asyncio.ensure_future(front.dispatch(*CREATE))
        await until(lambda: front.container.waiting().count == 1)
        dialing = front.snapshot().dialing
        names.found[NAME] = ("a",)
        reply = await early

    assert dialing == (NAME,)
    assert reply.handled_by == "a"


async def test_a_member_that_has_gone_from_the_name_stays_until_it_goes_and_is_then_forgotten() -> None:
    network, names = LoopbackNetwork(), FakeNames({NAME: ("a", "b")}, seconds=0.0)
    async with by_name(network, names, peers=[NAME]) as front, shop(network, "b"):
        async with shop(network, "a"):
            await front.wait_for(peers=["a", "b"])
            names.found[NAME] = ("b",)
            asked = len(names.asked)
            await until(lambda: len(names.asked) > asked + 1)
            before = states(front)
        await until(lambda: "a" not in states(front))
        reply = await front.dispatch(*CREATE)

    assert before == {"a": "live", "b": "live"}
    assert reply.handled_by == "b"


async def test_a_name_that_leads_to_the_collector_itself_dials_itself_quietly() -> None:
    network, names, observer = LoopbackNetwork(), FakeNames(seconds=0.0), FakeObserver()
    names.found[NAME] = ("front", "a")
    async with by_name(network, names, peers=[NAME], observer=observer) as front, shop(network, "a"):
        await front.wait_for(peers=["a"])
        await until(lambda: len(names.asked) > 2)

        assert states(front) == {"a": "live"}
    assert [*observer.of(DialFailed), *observer.of(PeerRefused)] == []


async def test_connecting_to_a_name_gives_the_first_that_answers_and_keeps_all() -> None:
    network, names = LoopbackNetwork(), FakeNames({NAME: ("a", "b", "nobody")}, seconds=0.0)
    async with by_name(network, names) as front, shop(network, "a"), shop(network, "b"):
        info = await front.connect(NAME, namespaces=["orders"])
        await front.wait_for(peers=["a", "b"])
        offered = {peer.offered for peer in front.snapshot().connections}
        await front.disconnect(NAME)
        left = states(front), front.snapshot().dialing

    assert info.peer_id in {"a", "b"}
    assert offered == {("orders",)}
    assert left == ({}, ())


@pytest.mark.parametrize(("found", "told"), [((), f"{NAME} leads nowhere"), (("nobody",), "'nobody' (")])
async def test_connecting_to_a_name_where_nobody_is_says_why_and_leaves_nothing(
    found: tuple[str, ...], told: str
) -> None:
    network, names = LoopbackNetwork(), FakeNames({NAME: found} if found else {}, seconds=0.0)
    async with by_name(network, names) as front:
        with pytest.raises(UnavailableError) as raised:
            await front.connect(NAME, timeout=0.1)
        left = front.snapshot().dialing
        with pytest.raises(NotFoundError):
            await front.disconnect(NAME)

    assert told in str(raised.value)
    assert left == ()


async def test_a_member_that_is_disconnected_is_not_dialed_again_while_the_name_leads_to_it() -> None:
    network, names = LoopbackNetwork(), FakeNames({NAME: ("a", "b")}, seconds=0.0)
    async with by_name(network, names, peers=[NAME]) as front, shop(network, "a"), shop(network, "b"):
        await front.wait_for(peers=["a", "b"])
        await front.disconnect("a")
        asked = len(names.asked)
        await until(lambda: len(names.asked) > asked + 1)

        assert states(front) == {"b": "live"}


async def test_a_client_finds_a_collector_by_a_name_and_another_one_when_all_addresses_are_others() -> None:
    network, names = LoopbackNetwork(), FakeNames({NAME: ("a",)})
    client = MeshClient(NAME, transport=network)
    client.container.names.override(providers.Object(names))
    client.container.addresses.reset()
    async with client, shop(network, "b"):
        async with shop(network, "a"):
            first = await client.dispatch(*CREATE)
        names.found[NAME] = ("b",)
        second = await client.dispatch(*CREATE)

    assert (first.handled_by, second.handled_by) == ("a", "b")
