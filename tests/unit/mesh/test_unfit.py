"""Calls and replies that cannot be put into a frame, however they have come to a link: nobody else suffers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector_mesh import Collector, LoopbackNetwork, Payload, Service
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply, Status

pytestmark = pytest.mark.asyncio

ECHO = MethodKey("ns", "Texts", "Echo")
LIMIT = 10.0
SURROGATE = "\ud800"

UNFIT_CALLS: dict[str, dict[str, Any]] = {
    "payload of text": {"payload": Payload("t", "text")},  # type: ignore[arg-type]  # as below: what is meant to fail
    "payload of an array": {"payload": Payload("t", bytearray(b"x"))},  # type: ignore[arg-type]
    "large payload of an array": {"payload": Payload("t", bytearray(100_000))},  # type: ignore[arg-type]
    "no payload": {"payload": Payload("t", None)},  # type: ignore[arg-type]
    "type of a number": {"payload": Payload(5, b"x")},  # type: ignore[arg-type]
    "type with half a character": {"payload": Payload(SURROGATE, b"x")},
    "large, type with half a character": {"payload": Payload(SURROGATE, bytes(100_000))},
    "metadata of a number": {"metadata": (("a", 5),)},
    "metadata that is none": {"metadata": 5},
    "metadata with half a character": {"metadata": (("a", SURROGATE),)},
    "hints of a number": {"hints": {"a": 5}},
    "hints with half a character": {"hints": {SURROGATE: "a"}},
    "target of a number": {"target": 5},
    "idempotent in words": {"idempotent": "yes"},
    "hops below 0": {"hops": -1},
    "visited by a number": {"visited": (5,)},
}
UNFIT_REPLIES: dict[str, dict[str, Any]] = {
    "payload of text": {"payload": Payload("t", "text")},  # type: ignore[arg-type]
    "large payload of an array": {"payload": Payload("t", bytearray(100_000))},  # type: ignore[arg-type]
    "no payload": {"payload": Payload("t", None)},  # type: ignore[arg-type]
    "type of a number": {"payload": Payload(5, b"x")},  # type: ignore[arg-type]
    "type with half a character": {"payload": Payload(SURROGATE, b"x")},
    "message of a number": {"status": Status(404, 5)},  # type: ignore[arg-type]
    "message with half a character": {"status": Status(404, SURROGATE)},
    "code in words": {"status": Status("no", "no")},  # type: ignore[arg-type]
    "code below 0": {"status": Status(-5, "no")},
    "details of a number": {"status": Status(404, "no", {"a": 5})},  # type: ignore[dict-item]
    "details with half a character": {"status": Status(404, "no", {"a": SURROGATE})},
    "metadata of a number": {"metadata": (("a", 5),)},
    "executed in words": {"executed": "yes"},
    "handled by a number": {"handled_by": 5},
    "tried a number": {"tried": (5,)},
}


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Collector, Collector, asyncio.Event]]:
    """A caller and a server over a wire; calls of `Wait` are answered after the event."""
    network, go = LoopbackNetwork(through_codec=True), asyncio.Event()
    service = Service("ns", "Texts")

    @service.method("Echo")
    async def echo(request: Payload) -> Payload:
        return request

    @service.method("Wait")
    async def wait(request: Payload) -> Payload:
        await go.wait()
        return request

    async with (
        Collector("server", transport=network, services=[service]) as server,
        Collector("caller", transport=network, namespaces=["ns"]) as caller,
    ):
        await caller.connect(server.address)
        yield caller, server, go


def link_of(collector: Collector) -> LinkEngine:
    (engine,) = collector.container.streams()._open
    return engine


async def others_are_well(caller: Collector, go: asyncio.Event, during: Any) -> None:
    waiting = asyncio.ensure_future(caller.dispatch("ns", "Texts", "Wait", timeout=LIMIT))
    await asyncio.sleep(0)
    beside = [asyncio.ensure_future(caller.dispatch("ns", "Texts", "Echo", timeout=LIMIT)) for _ in range(3)]
    await asyncio.sleep(0)
    await during
    go.set()
    for call in (waiting, *beside):
        assert (await call).status.code == 200


@pytest.mark.parametrize("mode", [Mode.SERVE, Mode.DISPATCH])
@pytest.mark.parametrize("flaw", UNFIT_CALLS)
async def test_a_call_that_cannot_be_sent_is_refused_alone(flaw: str, mode: Mode) -> None:
    replies: list[Reply] = []

    async def send() -> None:
        deadline = asyncio.get_running_loop().time() + LIMIT
        call = Call(ECHO, **{"deadline": deadline, **UNFIT_CALLS[flaw]})
        engine.send(SentCall(call, mode, replies.append))
        async with asyncio.timeout(LIMIT):
            while not replies:
                await asyncio.sleep(0.001)

    async with pair() as (caller, _server, go):
        engine = link_of(caller)
        await others_are_well(caller, go, send())
        assert not engine.is_over

    (reply,) = replies
    # What is not told in this mode is not looked at.
    if not (flaw == "hops below 0" and mode is Mode.SERVE):
        assert (reply.status.code, reply.executed) == (400, Executed.NO)


@pytest.mark.parametrize("flaw", UNFIT_REPLIES)
async def test_a_reply_that_cannot_be_sent_is_told_as_a_failure_alone(
    monkeypatch: pytest.MonkeyPatch, flaw: str
) -> None:
    def flawed(taken: TakenCall, reply: Reply) -> None:
        if taken.call.payload.value == b"flawed":
            good = {"status": OK, "payload": Payload(), "handled_by": "server", "executed": Executed.YES}
            reply = Reply(**{**good, **UNFIT_REPLIES[flaw]})
        answer(taken, reply)

    replies: list[Reply] = []

    async def send() -> None:
        replies.append(
            await caller.dispatch("ns", "Texts", "Echo", Payload("t", b"flawed"), timeout=LIMIT / 2)
        )

    async with pair() as (caller, server, go):
        engine = link_of(server)
        answer = engine.answer
        monkeypatch.setattr(engine, "answer", flawed)
        await others_are_well(caller, go, send())
        assert not engine.is_over

    (reply,) = replies
    assert reply.status.code not in (200, 504)
    assert reply.executed is (Executed.MAYBE if flaw == "executed in words" else Executed.YES)
