"""Metadata that handlers send with their replies, and codes of gRPC that they choose, on every way through the mesh."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from collector_mesh import (
    CallContext,
    Collector,
    Executed,
    LoopbackNetwork,
    MeshClient,
    MeshError,
    Payload,
    Reply,
    Service,
    Settings,
)
from collector_mesh.adapters.wire.grpc_codes import Code, chosen_error, grpc_status_of
from collector_mesh.domain.link.calls import LinkCalls

pytestmark = pytest.mark.asyncio

INITIAL = (("first", "1"), ("first", "2"), ("raw-bin", b"\x00\xff"))
TRAILING = (("last", "grue sse"), ("grpc-status-details-bin", b"\x08\x05\xff"))

Handler = Callable[..., Any]


def sets(context: CallContext) -> None:
    context.send_initial_metadata(INITIAL)
    context.set_trailing_metadata([("forgotten", "x")])
    context.set_trailing_metadata(TRAILING)


def service(*handlers: Handler) -> Service:
    made = Service("n", "S")
    for handler in handlers:
        made.add(handler.__name__, handler)
    return made


async def works(_request: Payload, context: CallContext) -> str:
    sets(context)
    return "done"


def works_plainly(_request: Payload, context: CallContext) -> str:
    sets(context)
    return "done"


async def fails(_request: Payload, context: CallContext) -> None:
    sets(context)
    raise chosen_error(Code.OUT_OF_RANGE, "é" * 4000)


def fails_plainly(_request: Payload, context: CallContext) -> None:
    sets(context)
    raise ValueError("boom")


async def gives_what_cannot_be_sent(_request: Payload, context: CallContext) -> Any:
    sets(context)
    return object()


async def asks(_request: Payload, context: CallContext) -> None:
    context.set_trailing_metadata({"own": "1"})
    await context.call("n", "S", "fails")


async def catches(_request: Payload, context: CallContext) -> str:
    with pytest.raises(MeshError) as raised:
        await context.call("n", "S", "fails")
    assert raised.value.metadata == TRAILING
    return raised.value.details["grpc-status"]


ALL = (works, works_plainly, fails, fails_plainly, gives_what_cannot_be_sent, asks, catches)

Ask = Callable[[str], Any]


@asynccontextmanager
async def over(way: str, *handlers: Handler) -> AsyncIterator[Ask]:
    """Somebody who calls handlers in some way: in the same collector, over a link, over two, or from outside."""
    network = LoopbackNetwork(through_codec=True)
    async with (
        Collector("far", transport=network, services=[service(*handlers)]) as far,
        Collector("hub", transport=network, namespaces=["n"], settings=Settings(relay=True)) as hub,
        Collector("near", transport=network, namespaces=["n"]) as near,
    ):
        await hub.connect(far.address)
        await near.connect(hub.address)
        if way == "from outside":
            async with MeshClient(hub.address, transport=network) as client:
                yield lambda method: client.dispatch("n", "S", method)
        else:
            caller = {"here": far, "over a link": hub, "over a hop": near}[way]
            await near.wait_for(methods=[f"n/S/{handlers[0].__name__}"])
            yield lambda method: caller.dispatch("n", "S", method)


WAYS = pytest.mark.parametrize("way", ["here", "over a link", "over a hop", "from outside"])


@WAYS
@pytest.mark.parametrize("handler", [works, works_plainly])
async def test_metadata_of_a_handler_comes_with_its_result(way: str, handler: Handler) -> None:
    async with over(way, *ALL) as ask:
        reply: Reply = await ask(handler.__name__)

    assert (reply.unpack(str), reply.handled_by) == ("done", "far")
    assert (reply.initial_metadata, reply.metadata) == (INITIAL, TRAILING)
    assert dict(reply.status.details) == {}


@WAYS
async def test_the_reply_of_a_handler_that_fails_has_its_code_its_whole_text_and_its_metadata(
    way: str,
) -> None:
    async with over(way, *ALL) as ask:
        reply: Reply = await ask("fails")

    assert grpc_status_of(reply) == (Code.OUT_OF_RANGE, "é" * 4000, TRAILING)
    assert (reply.status.code, reply.executed, reply.initial_metadata) == (400, Executed.YES, INITIAL)
    with pytest.raises(MeshError) as raised:
        reply.raise_for_status()
    assert raised.value.metadata == TRAILING


@pytest.mark.parametrize("handler", [fails_plainly, gives_what_cannot_be_sent])
async def test_so_has_the_reply_of_one_that_fails_by_mistake(handler: Handler) -> None:
    async with over("over a link", *ALL) as ask:
        reply: Reply = await ask(handler.__name__)

    assert (grpc_status_of(reply).code, reply.metadata) == (Code.UNKNOWN, TRAILING)
    assert reply.initial_metadata == INITIAL


async def test_nothing_of_a_call_that_failed_in_a_handler_is_told_as_the_handlers_own() -> None:
    async with over("over a link", *ALL) as ask:
        escaped: Reply = await ask("asks")
        caught: Reply = await ask("catches")

    assert grpc_status_of(escaped).code == Code.UNKNOWN
    assert escaped.metadata == (("own", "1"),)
    assert sorted(escaped.status.details) == ["nested_code", "nested_handled_by", "nested_method"]
    assert caught.unpack(str) == "11"


@pytest.mark.parametrize(
    "metadata", [[("Upper", "x")], [("grpc-status", "0")], [("a-bin", "text")], [("a", "é")]]
)
async def test_metadata_that_cannot_travel_is_the_mistake_of_the_handler(metadata: Any) -> None:
    async def sets_it(_request: Payload, context: CallContext) -> None:
        context.set_trailing_metadata(metadata)

    async with over("over a link", sets_it) as ask:
        reply: Reply = await ask("sets_it")

    assert (reply.status.code, reply.executed) == (500, Executed.YES)
    assert reply.status.message.startswith("handler error: metadata ")


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("k", "x" * 8192)], "metadata has 8193 bytes, at most 8192 are allowed"),
        ([("k", "")] * 1025, "metadata has more than 1024 entries"),
        ((("k", str(number)) for number in iter(int, 1)), "metadata has more than 1024 entries"),
    ],
    ids=["bytes", "number", "without end"],
)
async def test_there_is_a_limit_to_bytes_and_number_of_each(pairs: Any, says: str) -> None:
    from collector_mesh.testing import call_context

    context = call_context()

    with pytest.raises(ValueError, match=says):
        context.set_trailing_metadata(pairs)
    with pytest.raises((ValueError, TypeError)):
        context.send_initial_metadata([("k", "x" * 8192)])
    context.send_initial_metadata([("k", "x" * 8191)])
    context.set_trailing_metadata([("k", "x" * 8191)])
    assert context.initial_metadata == context.trailing_metadata == (("k", "x" * 8191),)


async def test_initial_metadata_is_sent_once_and_nothing_is_set_after_the_end() -> None:
    kept: list[CallContext] = []

    async def keeps(_request: Payload, context: CallContext) -> None:
        context.send_initial_metadata([])
        with pytest.raises(
            RuntimeError, match=r"the handler of n/S\.keeps has sent its initial metadata already"
        ):
            context.send_initial_metadata([("a", "b")])
        kept.append(context)

    async with over("over a link", keeps) as ask:
        reply: Reply = await ask("keeps")
        with pytest.raises(RuntimeError, match=r"the handler of n/S\.keeps has ended"):
            kept[0].set_trailing_metadata([("a", "b")])

    assert (reply.status.code, reply.initial_metadata, reply.metadata) == (200, (), ())


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ((("Upper", "x"), ("fine", "1"), ("bad", "a\nb")), (("fine", "1"),)),
        ((("grpc-status", "0"), ("fine", "1")), (("fine", "1"),)),
        ((("fine", "x" * 9000),), ()),
        ((("fine", "x"),) * 1025, ()),
    ],
    ids=["malformed", "reserved", "too large", "too many"],
)
async def test_of_what_a_hostile_peer_sends_nothing_arrives_that_may_not_travel(
    monkeypatch: pytest.MonkeyPatch, sent: Any, arrives: Any
) -> None:
    async def works(_request: Payload) -> str:
        return "done"

    answer = LinkCalls.answer

    def poisoned(calls: LinkCalls, taken: Any, reply: Reply) -> None:
        answer(calls, taken, reply)
        # After it was looked at.
        taken.reply = attrs.evolve(taken.reply, metadata=sent, initial_metadata=sent)

    monkeypatch.setattr(LinkCalls, "answer", poisoned)
    async with over("over a link", works) as ask:
        reply: Reply = await ask("works")

    assert (reply.status.code, reply.unpack(str)) == (200, "done")
    assert (reply.metadata, reply.initial_metadata) == (arrives, arrives)
    assert reply.status.details["details-cut"].startswith("metadata is left out: metadata ")
