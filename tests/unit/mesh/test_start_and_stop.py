"""A collector and a client are started and stopped by hand as `async with` does it."""

import asyncio
import gc
import os
import warnings
from typing import Any

import pytest

from collector_mesh import Collector, LoopbackNetwork, MeshClient, Payload, Service

LIMIT = 20.0
"""Seconds within which what is waited for comes, also where the machine has much to do."""


def make(what: str) -> Any:
    network = LoopbackNetwork()
    return MeshClient("a", transport=network) if what == "client" else Collector("a", transport=network)


def warned_of(what: Any) -> list[str]:
    """What is said when nobody holds something anymore."""
    held = [what]
    del what
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        held.clear()
        gc.collect()
    told = [each for each in caught if each.category is ResourceWarning]
    assert {each.filename for each in told} <= {__file__}
    return [str(each.message) for each in told]


@pytest.mark.asyncio
async def test_between_start_and_stop_it_takes_calls() -> None:
    service = Service("n", "S")
    service.add("Echo", lambda request: request)
    network = LoopbackNetwork()
    collector, client = (
        Collector("a", transport=network, services=[service]),
        MeshClient("a", transport=network),
    )

    await collector.start()
    await client.start()
    reply = await client.dispatch("n", "S", "Echo", Payload("x", b"y"))
    await client.stop()
    await collector.stop()

    assert reply.payload == Payload("x", b"y")
    assert collector.snapshot().state == "closed"
    with pytest.raises(RuntimeError, match=r"is closed: it is used .* between start\(\) and stop\(\)"):
        await client.dispatch("n", "S", "Echo")


@pytest.mark.parametrize("what", ["collector", "client"])
@pytest.mark.asyncio
async def test_it_is_started_once_and_stopped_as_often_as_one_likes(what: str) -> None:
    used = make(what)

    await used.stop()
    await used.start()
    with pytest.raises(RuntimeError, match="can be started, or entered, once; make a new one"):
        await used.start()
    await used.stop()
    await used.stop()
    with pytest.raises(RuntimeError, match="can be started, or entered, once; make a new one"):
        await used.start()


@pytest.mark.asyncio
async def test_whoever_stops_it_meanwhile_waits_until_it_has_stopped() -> None:
    service, may_end = Service("n", "S"), asyncio.Event()
    service.add("Wait", may_end.wait)
    collector = Collector("a", transport=LoopbackNetwork(), services=[service])
    await collector.start()
    call = asyncio.create_task(collector.dispatch("n", "S", "Wait"))
    await asyncio.sleep(0)

    first, second = asyncio.create_task(collector.stop()), asyncio.create_task(collector.stop())
    done, _ = await asyncio.wait([first, second], timeout=0)
    state = collector.snapshot().state
    may_end.set()
    async with asyncio.timeout(LIMIT):
        await second

    assert (done, state) == (set(), "draining")
    assert collector.snapshot().state == "closed"
    await first
    assert (await call).executed.value == "yes"


@pytest.mark.parametrize("what", ["collector", "client"])
@pytest.mark.asyncio
async def test_what_was_started_and_never_stopped_is_warned_of(what: str) -> None:
    used = make(what)
    await used.start()
    parts = used.container
    held = [used]
    del used

    said = warned_of(held.pop())
    await parts.tasks().close()

    name = "the client of a" if what == "client" else "collector 'a'"
    assert said == [f"{name} was started and never stopped: leave its 'with', or stop or close it"]


@pytest.mark.parametrize("what", ["collector", "client"])
@pytest.mark.asyncio
async def test_what_was_stopped_or_never_started_is_not_warned_of(what: str) -> None:
    stopped = make(what)
    async with stopped:
        pass
    held = [stopped, make(what)]
    del stopped

    assert [warned_of(held.pop()), warned_of(held.pop())] == [[], []]


@pytest.mark.asyncio
async def test_a_forked_process_is_not_warned_of_what_the_other_one_has_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = make("client")
    await used.start()
    parts, held = used.container, [used]
    del used
    monkeypatch.setattr(os, "getpid", lambda: -1)

    said = warned_of(held.pop())
    await parts.tasks().close()

    assert said == []
