"""Peers of the original: they have no links, and speak as `services/original` does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.original import NAMESPACE, Original, connect_to, original
from tests.integration.services.processes import LOOPBACK, eventually, free_port
from tests.integration.services.wire import RawClient

from collector_mesh import Collector, Executed, Service, Settings
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb
from collector_mesh.domain.model.events import DialFailed, Event, PeerForgotten, PeerLost
from collector_mesh.domain.model.payload import Payload

QUICK = Settings(refresh_interval=0.2, peer_expiry=1.5)
PATIENT = Settings(refresh_interval=0.2, peer_expiry=12.0)
"""Asks as often, and waits long for an answer."""


class Told:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def of(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]


def collector(told: Told | None = None, **options: Any) -> Collector:
    options = {"listen": LOOPBACK, "namespaces": [NAMESPACE], **options}
    return Collector("ours", observer=told, **options)


@pytest_asyncio.fixture
async def theirs() -> AsyncIterator[Original]:
    async with original() as made:
        yield made


def state(ours: Collector, peer_id: str = "original-1") -> str:
    found = [peer.state for peer in ours.snapshot().connections if peer.peer_id == peer_id]
    return found[0] if found else "forgotten"


async def echo(ours: Collector, value: bytes = b"hello", method: str = "Echo", **options: Any) -> Any:
    return await ours.dispatch(NAMESPACE, "Orders", method, Payload("t/x", value), **options)


@pytest.mark.asyncio
async def test_it_is_connected_to_though_its_word_that_it_has_no_links_is_lost(theirs: Original) -> None:
    told = Told()
    async with collector(told) as ours:
        connection = await ours.connect(theirs.address)
        reply = await echo(ours)

    assert connection.peer_id == "original-1"
    assert (reply.status.code, reply.handled_by) == (200, "original-1")
    assert theirs.recorded == ["ours"]
    assert told.of(DialFailed) == []


@pytest.mark.asyncio
async def test_it_is_kept_by_questions_that_it_does_not_record(theirs: Original) -> None:
    told = Told()
    async with collector(told, settings=PATIENT) as ours:
        await ours.connect(theirs.address)
        await eventually(lambda: theirs.refused >= 3)
        await eventually(lambda: state(ours) == "live")

    assert theirs.recorded == ["ours"]
    assert told.of(DialFailed, PeerLost) == []


@pytest.mark.asyncio
async def test_one_that_answers_too_late_for_once_is_neither_lost_nor_told_anew(theirs: Original) -> None:
    told = Told()
    async with collector(told, settings=PATIENT) as ours:
        await ours.connect(theirs.address)
        theirs.answers.clear()
        await eventually(lambda: state(ours) == "suspect")
        reply = await echo(ours)
        theirs.answers.set()
        await eventually(lambda: state(ours) == "live")

    assert reply.status.code == 200
    assert theirs.recorded == ["ours"]
    assert told.of(DialFailed, PeerLost) == []


@pytest.mark.asyncio
async def test_one_that_has_connected_by_itself_is_not_forgotten_while_it_is_there(theirs: Original) -> None:
    told = Told()
    async with collector(told, settings=PATIENT) as ours:
        await connect_to(ours.address, "original-1", theirs.address, NAMESPACE)
        await eventually(lambda: theirs.refused >= 3)
        await eventually(lambda: state(ours) == "live")

    assert theirs.recorded == []
    assert told.of(PeerForgotten) == []


@pytest.mark.asyncio
async def test_one_that_is_dead_is_not_shown_live_and_is_forgotten() -> None:
    async with collector(settings=QUICK) as ours:
        async with original() as theirs:
            await connect_to(ours.address, "original-1", theirs.address, NAMESPACE)
            await eventually(lambda: theirs.refused >= 1)
        await eventually(lambda: state(ours) == "suspect")
        await eventually(lambda: state(ours) == "forgotten")


@pytest.mark.asyncio
async def test_one_that_is_wanted_gets_a_real_connect_only_after_a_loss() -> None:
    port = free_port()
    async with collector(settings=QUICK) as ours:
        async with original(port=port) as theirs:
            await ours.connect(theirs.address)
        await eventually(lambda: state(ours) == "reconnecting")
        async with original(port=port) as again:
            await eventually(lambda: state(ours) == "live")
            await eventually(lambda: again.refused >= 3)

    assert again.recorded == ["ours"]


@pytest.mark.asyncio
async def test_who_claims_its_id_is_never_dialed_and_it_is_asked_at_its_own_address(theirs: Original) -> None:
    async with (
        original("original-1") as impostor,
        collector() as ours,
    ):
        await ours.connect(theirs.address)
        answer = await connect_to(ours.address, "original-1", impostor.address, NAMESPACE)
        reply = await echo(ours)

    assert answer.status.code == 409
    assert reply.status.code == 200
    assert theirs.refused >= 1
    assert (impostor.recorded, impostor.refused, impostor.streams, impostor.served) == ([], 0, 0, [])


@pytest.mark.asyncio
async def test_its_id_is_not_given_away_while_it_is_dialed_again() -> None:
    port = free_port()
    async with collector(settings=Settings(refresh_interval=0.1)) as ours, original() as impostor:
        async with original(port=port) as theirs:
            await ours.connect(theirs.address)
        await eventually(lambda: state(ours) == "reconnecting")
        async with original(port=port):
            answer = await connect_to(ours.address, "original-1", impostor.address, NAMESPACE)

    assert answer.status.code == 409


@pytest.mark.asyncio
async def test_it_has_run_what_it_answers_with_500_and_is_named(theirs: Original) -> None:
    async with collector() as ours:
        await ours.connect(theirs.address)
        reply = await echo(ours, method="Fail")

    assert (reply.status.code, reply.handled_by, reply.executed) == (500, "original-1", Executed.YES)
    assert theirs.served == ["Fail"]


@pytest.mark.asyncio
async def test_a_request_over_its_limit_is_413_and_was_not_run() -> None:
    async with original(max_receive_message_length=1000) as theirs, collector() as ours:
        await ours.connect(theirs.address)
        reply = await echo(ours, b"x" * 2000)
        after = await echo(ours)

    assert (reply.status.code, reply.executed) == (413, Executed.NO)
    assert "1000" in reply.status.message
    assert after.status.code == 200


@pytest.mark.asyncio
async def test_more_calls_than_a_connection_takes_wait(theirs: Original) -> None:
    theirs.gate.clear()
    async with collector(settings=Settings(max_outgoing=2000)) as ours:
        await ours.connect(theirs.address)
        calls = [asyncio.create_task(echo(ours, timeout=30.0)) for _ in range(600)]
        await eventually(lambda: theirs.most_at_once >= 256)
        theirs.gate.set()
        replies = await asyncio.gather(*calls)

    assert {reply.status.code for reply in replies} == {200}


@pytest.mark.asyncio
async def test_calls_wait_too_where_its_own_limit_of_streams_is_lower() -> None:
    async with original(max_concurrent_streams=20) as theirs, collector() as ours:
        await ours.connect(theirs.address)
        await echo(ours)
        replies = await asyncio.gather(*(echo(ours, timeout=30.0) for _ in range(100)))

    assert {reply.status.code for reply in replies} == {200}


@pytest.mark.asyncio
async def test_a_dead_address_of_a_stranger_changes_no_refusal() -> None:
    service = Service("full", "Full")
    entered = asyncio.Event()
    leave = asyncio.Event()

    @service.method("Wait")
    async def wait(request: Payload) -> Payload:
        entered.set()
        await leave.wait()
        return request

    async with (
        Collector("busy", listen=LOOPBACK, services=[service], settings=Settings(max_running=1)) as busy,
        collector(namespaces=[NAMESPACE, "full"]) as ours,
    ):
        await ours.connect(busy.address)
        await connect_to(ours.address, "stranger", f"127.0.0.1:{free_port()}", NAMESPACE, "full")
        nobody = await echo(ours)
        running = asyncio.create_task(ours.dispatch("full", "Full", "Wait"))
        await entered.wait()
        full = await ours.dispatch("full", "Full", "Wait")
        leave.set()
        await running

    assert nobody.status.code == 404
    assert nobody.status.message.startswith("no collector found for namespace 'orders'")
    assert full.status.code == 429
    assert full.status.details["retry_after_ms"] == "100"


@pytest.mark.asyncio
async def test_a_detail_of_a_handler_is_never_replaced_by_one_of_the_mesh(theirs: Original) -> None:
    details = {"attempts": "three", "routes": "mine"}
    theirs.outcomes["Judge"] = pb.Status(code=422, message="no", details=details)
    async with collector() as ours, RawClient(ours.address) as client:
        await ours.connect(theirs.address)
        reply = await echo(ours, method="Judge")
        request = pb.DispatchRequest(namespace=NAMESPACE, method_name="Judge")
        request.service.service_name = "Orders"
        request.input.value = StringValue(value="x").SerializeToString()
        answer = pb.DispatchResponse.FromString(await client.send("Dispatch", request.SerializeToString()))

    assert dict(reply.status.details) == details
    assert dict(answer.status.details) == details
