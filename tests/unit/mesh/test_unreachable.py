"""What a caller is told of what nobody can run now: gone for good, not there now, or of a kind that cannot be called."""

import pytest
from tests.limits import until

from collector_mesh import Collector, LoopbackNetwork, MeshClient, Payload, Reply, Service, Settings
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import Catalog, Control, Frame, Heartbeat, Hello, Introduction
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import MethodInfo

pytestmark = pytest.mark.asyncio

AM = ("work", "Who", "Am")
RELAY = Settings(relay=True)
who = Service("work", "Who")


@who.method("Am")
async def am(request: Payload) -> Payload:
    return request


def told(reply: Reply) -> tuple[int, Executed]:
    return reply.status.code, reply.executed


def hub_at(network: LoopbackNetwork) -> Collector:
    return Collector("hub", transport=network, listen="hub", namespaces=["work"], settings=RELAY)


def fits(collector: Collector) -> bool:
    return bool(collector.explain(*AM).fit)


async def test_what_was_behind_a_hub_that_is_dialed_again_is_not_there_now_and_not_unknown() -> None:
    network = LoopbackNetwork()
    async with Collector("caller", transport=network, namespaces=["work"], peers=["hub"]) as caller:
        async with Collector("far", transport=network, namespaces=["work"], services=[who], peers=["hub"]):
            async with hub_at(network):
                await until(lambda: fits(caller))
                before = await caller.dispatch(*AM)
                unknown = await caller.dispatch("work", "Who", "Else")

            gone = await caller.dispatch(*AM, timeout=0.5)
            targeted = await caller.dispatch(*AM, target="far", timeout=0.5)
            stranger = await caller.dispatch(*AM, target="stranger", timeout=0.5)
            still_unknown = await caller.dispatch("work", "Who", "Else", timeout=0.5)
            routes = {c.collector_id: c.reason for c in caller.explain(*AM).candidates}
        async with hub_at(network):
            await until(lambda: caller.snapshot().connections[0].state == "live")
            back_alone = await caller.dispatch(*AM, timeout=0.5)

    assert told(before) == (200, Executed.YES)
    assert told(gone) == told(targeted) == (503, Executed.NO)
    assert routes["hub"] == "does not answer"
    assert told(unknown) == told(still_unknown) == told(stranger) == told(back_alone) == (404, Executed.NO)


async def test_a_configured_peer_that_has_not_answered_yet_may_have_the_method() -> None:
    network = LoopbackNetwork()
    async with Collector("caller", transport=network, namespaces=["work"], peers=["late"]) as caller:
        early = await caller.dispatch(*AM, timeout=0.5)
        async with Collector("late", transport=network, listen="late", namespaces=["work"]):
            await until(lambda: bool(caller.snapshot().connections))
            answered = await caller.dispatch(*AM)

    assert told(early) == (503, Executed.NO)
    assert "'late'" in early.status.message
    assert told(answered) == (404, Executed.NO)


async def test_a_method_of_a_kind_that_this_version_does_not_know_cannot_be_called() -> None:
    network = LoopbackNetwork()
    key = MethodKey("work", "Feed", "Follow")
    later = Introduction(
        collector_id="later",
        incarnation="1",
        catalog=Catalog(("work",), (MethodInfo(key, "server-streaming", idempotent=False),)),
    )
    async with (
        Collector("caller", transport=network, listen="caller", namespaces=["work"]) as caller,
        MeshClient("caller", transport=network) as client,
    ):
        stream = network.dial("caller", is_patient=False)
        await stream.write(Frame(control=Control(hello=Hello(later, dial=1))))
        await stream.read()
        await stream.write(Frame(control=Control(ping=Heartbeat(1))))
        await until(lambda: bool(caller.snapshot().connections))

        replies = [
            await caller.dispatch(*key),
            await caller.dispatch(*key, target="later"),
            await client.dispatch(*key),
        ]
        other = await caller.dispatch("work", "Feed", "Other")

    assert [told(reply) for reply in replies] == [(501, Executed.NO)] * 3
    assert all("'server-streaming'" in reply.status.message for reply in replies)
    assert all("unary" in reply.status.message for reply in replies)
    assert other.status.code == 404
