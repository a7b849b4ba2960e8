"""The first calls of a mesh: they wait for peers that are still to come, however they are made."""

import asyncio

import pytest
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import Collector, LoopbackNetwork, MeshClient, Payload, Reply, Service, Settings
from collector_mesh.domain.model.errors import Executed

pytestmark = pytest.mark.asyncio

CREATE = ("orders", "OrderService", "Create")
orders = Service("orders", "OrderService")


@orders.method("Create")
async def create(request: Payload) -> Payload:
    return request


def shop(network: LoopbackNetwork, **options: object) -> Collector:
    return Collector("shop", transport=network, services=[orders], **options)  # type: ignore[arg-type]


def told(reply: Reply) -> tuple[int, Executed]:
    return reply.status.code, reply.executed


async def test_calls_of_every_form_wait_for_a_peer_that_is_not_up_yet() -> None:
    network = LoopbackNetwork()
    async with (
        Collector("front", transport=network, namespaces=["orders"], peers=["shop"]) as front,
        MeshClient("front", transport=network) as client,
    ):
        calls = [
            asyncio.ensure_future(caller.dispatch(*CREATE, target=target))
            for caller in (front, client)
            for target in ("", "shop")
        ]
        await until(lambda: front.container.waiting().count == len(calls))
        async with shop(network):
            replies = await asyncio.gather(*calls)

    assert [reply.handled_by for reply in replies] == ["shop"] * 4


async def test_a_call_that_waits_in_vain_hears_who_was_dialed_before_its_time_is_up() -> None:
    network = LoopbackNetwork()
    async with (
        Collector("front", transport=network, namespaces=["orders"], peers=["shop"]) as front,
        MeshClient("front", transport=network) as client,
    ):
        replies = await asyncio.gather(
            *(
                caller.dispatch(*CREATE, target=target, timeout=1.0)
                for caller in (front, client)
                for target in ("", "shop")
            )
        )

    assert [told(reply) for reply in replies] == [(503, Executed.NO)] * 4
    assert all("nobody has answered yet at 'shop'" in reply.status.message for reply in replies)


async def test_a_restart_of_the_only_one_that_has_the_method_loses_no_call() -> None:
    network = LoopbackNetwork()
    replies: list[Reply] = []
    async with Collector("front", transport=network, namespaces=["orders"], peers=["shop"]) as front:

        async def caller() -> None:
            while len(replies) < 2000:
                replies.append(await front.dispatch(*CREATE))

        callers = [asyncio.ensure_future(caller()) for _ in range(8)]
        for served in (500, 1000, 1500):
            async with shop(network):
                await until(lambda served=served: len(replies) >= served)  # type: ignore[misc]
        async with shop(network):
            await asyncio.gather(*callers)

    assert {told(reply) for reply in replies} == {(200, Executed.YES)}


async def test_calls_that_wait_do_not_hold_up_a_drain() -> None:
    network = LoopbackNetwork()
    settings = Settings(drain_timeout=LIMIT_SECONDS, wait_for_peer=LIMIT_SECONDS)
    async with (
        asyncio.timeout(LIMIT_SECONDS / 2),
        Collector(
            "front", transport=network, namespaces=["orders"], peers=["shop"], settings=settings
        ) as front,
        MeshClient("front", transport=network) as client,
    ):
        pending = asyncio.ensure_future(client.dispatch(*CREATE, timeout=LIMIT_SECONDS))
        await until(lambda: front.container.waiting().count == 1)
        ending = asyncio.ensure_future(front.__aexit__(None, None, None))
        reply = await pending
        await ending

    assert told(reply) == (503, Executed.NO)
