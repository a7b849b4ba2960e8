"""Whatever part of a collector has a defect: each call is answered with no less than is known of it, and its slot is free."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector_mesh import (
    Collector,
    LoopbackNetwork,
    MeshClient,
    MeshError,
    Payload,
    Reply,
    Service,
    Settings,
)
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import DispatchFailed

DEFECTS = [("router", "choose"), ("sender", "first"), ("attempt_loop", "take")]
WAYS = ["awaited", "told"]


def broken(*_arguments: object, **_options: object) -> Any:
    raise ZeroDivisionError("a defect")


def service(ran: list[bytes]) -> Service:
    made = Service("tests", "Runs")

    @made.method("Run")
    async def run(request: Payload) -> Payload:
        ran.append(request.value)
        if request.value == b"refuse":
            raise MeshError("not now", code=503)
        return request

    return made


@asynccontextmanager
async def hub_with(
    part: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Collector, Any]]:
    """A hub that has a defect, with one peer, and a client of it."""
    network, observer, ran = LoopbackNetwork(), FakeObserver(), list[bytes]()
    quick = Settings(relay=True, drain_timeout=0.0)
    async with (
        Collector("peer", transport=network, services=[service(ran)]),
        Collector("hub", transport=network, namespaces=["tests"], observer=observer, settings=quick) as hub,
        MeshClient("hub", transport=network) as client,
    ):
        await hub.connect("peer")
        monkeypatch.setattr(getattr(hub.container, part)(), name, broken)
        yield hub, (client, observer, ran)


async def tried(hub: Collector, client: MeshClient, way: str, value: bytes) -> Reply:
    caller = hub if way == "awaited" else client
    return await caller.dispatch("tests", "Runs", "Run", Payload("", value), timeout=10.0)


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("part", "name"), DEFECTS)
async def test_a_call_is_answered_and_its_slot_is_free(
    part: str, name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_with(part, name, monkeypatch) as (hub, (client, observer, _)):
        reply = await tried(hub, client, way, b"refuse")
        taken = hub.snapshot().outgoing

    assert reply.status.code in (502, 503)
    assert taken == 0
    assert [type(event.error) for event in observer.of(DispatchFailed)] == [ZeroDivisionError]


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
async def test_a_call_that_has_run_is_not_told_as_one_that_has_not(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_with("attempt_loop", "take", monkeypatch) as (hub, (client, _, ran)):
        reply = await tried(hub, client, way, b"refuse")

    assert ran == [b"refuse"]
    assert (reply.status.code, reply.status.message, reply.executed.value) == (503, "not now", "yes")
