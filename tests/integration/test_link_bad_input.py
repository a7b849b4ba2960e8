"""What a collector makes of links that are not spoken as they should be: one clear reason, and no harm to others."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.links import CLIENT, COLLECTOR, RawLink, call, hello, raw_channel
from tests.integration.services.processes import LOOPBACK, eventually
from tests.integration.services.things import texts_service
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, MeshClient, Settings
from collector_mesh.adapters.wire.generated import link_pb2 as pb
from collector_mesh.testing import FaultyProxy

QUICK = Settings(heartbeat_interval=0.2)


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector("texts-1", listen=LOOPBACK, services=[texts_service()], settings=QUICK) as entered:
        yield entered


@pytest_asyncio.fixture(autouse=True)
async def _other_link(collector: Collector) -> AsyncIterator[None]:
    """Another link to the same collector, that is well before a test and after it."""
    async with Collector("other-1", namespaces=["texts"], settings=QUICK) as other:
        await other.connect(collector.address)
        before = await other.dispatch("texts", "Texts", "Same", StringValue(value="before"))
        yield
        after = await other.dispatch("texts", "Texts", "Same", StringValue(value="after"))
    assert (before.status.code, after.status.code) == (200, 200)


def logged(caplog: pytest.LogCaptureFixture, word: str) -> list[str]:
    """The reasons in the log records of one event."""
    return [vars(record)["facts"]["reason"] for record in caplog.records if vars(record).get("event") == word]


def ended(collector: Collector) -> list[str]:
    """Why links have ended, the latest first."""
    return [end.reason for end in collector.snapshot().ended]


async def fails(
    collector: Collector,
    caplog: pytest.LogCaptureFixture,
    link: RawLink,
    reason: str,
    *,
    word: str = "link_failed",
) -> pb.Goodbye:
    """See that a link ends for one reason, which is told to the other side, in the snapshot and in the log."""
    goodbye = await link.goodbye()
    await eventually(lambda: any(reason in end for end in ended(collector)))
    await eventually(lambda: any(reason in text for text in logged(caplog, word)))
    assert reason in goodbye.reason
    return goodbye


# Before hello


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "frame",
    [
        call(),
        pb.Frame(cancel=[1]),
        pb.Frame(reply_to=[1], reply_type=[0], reply_value=[b""]),
        pb.Frame(chunks=[pb.Chunk(number=1, value=b"x")]),
        pb.Frame(control=pb.Control(ping=pb.Heartbeat(number=1))),
        pb.Frame(control=pb.Control(welcome=pb.Welcome(code=200))),
    ],
    ids=["call", "cancel", "reply", "chunk", "ping", "welcome"],
)
async def test_nothing_may_come_before_hello(
    collector: Collector, caplog: pytest.LogCaptureFixture, frame: pb.Frame
) -> None:
    async with RawLink(collector.address) as link:
        await link.say(frame)
        await fails(collector, caplog, link, "protocol error: something before hello")


@pytest.mark.asyncio
async def test_garbage_is_no_hello(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    async with RawLink(collector.address) as link:
        await link.say(b"\xff\xff garbage")
        await fails(collector, caplog, link, "a message that is no frame")


@pytest.mark.asyncio
async def test_nothing_may_come_together_with_hello(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    frame = call(1)
    frame.MergeFrom(hello("raw-1", "texts"))
    async with RawLink(collector.address) as link:
        await link.say(frame)
        await fails(collector, caplog, link, "protocol error: something before the answer to hello")


@pytest.mark.asyncio
async def test_version_0_is_none(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    async with RawLink(collector.address) as link:
        await link.say(hello(version=0))
        await fails(collector, caplog, link, "protocol error: version 0: it must be at least 1")


@pytest.mark.asyncio
async def test_a_later_version_with_fields_that_nobody_knows_is_taken(collector: Collector) -> None:
    unknown = bytes([15 << 3 | 2, 3]) + b"new"
    async with RawLink(collector.address) as link:
        greeting = hello("raw-1", "texts", version=9).SerializeToString() + unknown
        await link.say(greeting)
        welcome = await link.welcome()
        await link.say(
            call(1, value=StringValue(value="hello").SerializeToString()).SerializeToString() + unknown
        )
        frame = await link.reply()

    assert (welcome.code, list(welcome.shared_namespaces)) == (200, ["texts"])
    assert welcome.introduction.collector_id == "texts-1"
    assert StringValue.FromString(frame.reply_value[0]).value == "hello"


@pytest.mark.asyncio
async def test_whoever_says_nothing_is_let_go(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    async with RawLink(collector.address) as link:
        await link.say(pb.Frame())
        goodbye = await fails(collector, caplog, link, "nothing was said for 5 s")

    assert goodbye.code == 504


# Who may be a peer


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        (hello("texts-1"), 409, "collector id 'texts-1' is held by this collector"),
        (hello("raw 1"), 400, "collector_id must match"),
        (hello(""), 400, "collector_id is required"),
        (hello(role=7), 400, "role must be 0 (collector) or 1 (client), got 7"),
        (hello(dial=0), 400, "dial must be at least 1, got 0"),
        (hello(incarnation=""), 400, "incarnation must have 1 to 64 characters"),
        (hello(incarnation="x" * 65), 400, "incarnation must have 1 to 64 characters"),
        (hello("raw-1", "no name"), 400, "namespaces must match"),
        (hello(address="nowhere"), 400, "address must be HOST:PORT"),
        (hello("x" * 100_000), 400, "collector_id must match"),
        (hello(address="x" * 100_000), 400, "address must be HOST:PORT"),
        (hello(incarnation="x" * 100_000), 400, "incarnation must have 1 to 64 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_who_may_not_be_a_peer_is_told_why(
    collector: Collector, caplog: pytest.LogCaptureFixture, frame: pb.Frame, code: int, reason: str
) -> None:
    async with RawLink(collector.address) as link:
        welcome = await link.greet(frame)
        goodbye = await link.goodbye()
        await eventually(lambda: any(reason in end for end in ended(collector)))

    assert (welcome.code, goodbye.code) == (code, code)
    assert reason in welcome.message
    assert len(welcome.message.encode()) <= 1024
    assert all(len(end.peer_id) < 200 for end in collector.snapshot().ended)
    assert [text for text in logged(caplog, "peer_refused") if reason in text] != []
    assert logged(caplog, "link_failed") == []


@pytest.mark.asyncio
async def test_the_collectors_own_start_is_itself(collector: Collector) -> None:
    async with RawLink(collector.address) as link:
        await link.say(hello("probe"))
        own = (await link.welcome()).introduction
    async with RawLink(collector.address) as link:
        welcome = await link.greet(hello("texts-1", incarnation=own.incarnation))

    assert (welcome.code, welcome.message) == (400, "cannot connect to itself")


@pytest.mark.asyncio
async def test_an_id_whose_holder_answers_is_not_given_away(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    async with RawLink(collector.address) as link:
        welcome = await link.greet(hello("other-1", "texts", incarnation="another"))

    assert welcome.code == 409
    assert welcome.message == "collector id 'other-1' is held by a live collector"
    assert logged(caplog, "peer_refused") == [welcome.message]


@pytest.mark.asyncio
async def test_a_holder_that_does_not_answer_is_followed_and_may_not_come_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # With heartbeats as usual: with quick ones it would be dead before it was asked in vain.
    async with (
        Collector("texts-1", listen=LOOPBACK, services=[texts_service()]) as collector,
        RawLink(collector.address) as first,
        RawLink(collector.address) as second,
    ):
        assert (await first.greet(hello(address="127.0.0.1:9", incarnation="first"))).code == 200
        taken = await second.greet(hello(address="127.0.0.1:9", incarnation="second"))
        goodbye = await first.goodbye()
        async with RawLink(collector.address) as again:
            refused = await again.greet(hello(address="127.0.0.1:9", incarnation="first"))

    assert taken.code == 200
    assert (goodbye.code, goodbye.reason) == (409, "superseded by a new start of 'raw-1'")
    assert refused.code == 409
    assert refused.message == "this start of collector 'raw-1' was superseded by a later one"
    assert refused.message in logged(caplog, "peer_refused")


# On a link that is open


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (hello(), "protocol error: a second hello"),
        (pb.Frame(control=pb.Control(welcome=pb.Welcome(code=200))), "protocol error: a second hello"),
        (
            pb.Frame(reply_to=[1], reply_type=[0], reply_value=[b""]),
            "protocol error: a reply to call 1, which was never made",
        ),
        (pb.Frame(cancel=[7]), "protocol error: a cancel for call 7, which was never made"),
        (
            pb.Frame(chunks=[pb.Chunk(number=3, value=b"x")]),
            "protocol error: a chunk for call 3, which awaits none",
        ),
        (
            pb.Frame(chunks=[pb.Chunk(number=3, of_reply=True, value=b"x")]),
            "protocol error: a chunk for call 3, which awaits none",
        ),
        (pb.Frame(credit=99), "protocol error: credit for 99 frames, of which only 0 were sent"),
        (call(5), "protocol error: call 5 after call 0: they are numbered one by one"),
        (pb.Frame(call_first=1, call_method=[0]), "protocol error: calls with columns of different lengths"),
        (
            pb.Frame(reply_to=[1], reply_type=[0, 0]),
            "protocol error: replies with columns of different lengths",
        ),
        (
            pb.Frame(call_first=1, call_method=[9], call_type=[0], call_value=[b""], call_remaining=[1]),
            "protocol error: a call with a number for a name that was never told",
        ),
        (b"\xff\xff garbage", "a message that is no frame"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
@pytest.mark.parametrize("role", [0, CLIENT], ids=["collector", "client"])
async def test_what_makes_no_sense_ends_the_link(
    collector: Collector, caplog: pytest.LogCaptureFixture, role: int, bad: Any, reason: str
) -> None:
    async with RawLink(collector.address) as link:
        await link.greet(hello("raw-1", "texts", role=role))
        await link.say(bad)
        goodbye = await fails(collector, caplog, link, reason)

    assert goodbye.code == 400
    await eventually(
        lambda: all(
            peer.state != "live" or peer.peer_id != "raw-1" for peer in collector.snapshot().connections
        )
    )


@pytest.mark.asyncio
async def test_a_message_that_is_too_large_ends_the_link(collector: Collector) -> None:
    async with RawLink(collector.address) as link:
        await link.greet(hello("raw-1", "texts"))
        await link.say(call(1, value=b"x" * (9 << 20)))
        await link.goodbye()
        code, text = await link.status()
        await eventually(lambda: len(ended(collector)) == 1)

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in text
    assert (
        "the stream was cut: the other side has gone, or has sent too large a message" in ended(collector)[0]
    )


@pytest.mark.asyncio
async def test_a_payload_over_the_limit_is_refused_and_the_link_stays(collector: Collector) -> None:
    size = (4 << 20) + 1
    async with RawLink(collector.address) as link:
        await link.greet(hello("raw-1", "texts"))
        frame = call(1)
        frame.call_extra.add(index=0, size=size)
        await link.say(frame)
        for start in range(0, size, 1 << 20):
            await link.say(pb.Frame(chunks=[pb.Chunk(number=1, value=b"x" * min(1 << 20, size - start))]))
        refused = await link.reply()
        await link.say(call(2, value=StringValue(value="still").SerializeToString()))
        still = await link.reply()

    assert (refused.reply_extra[0].code, refused.reply_extra[0].executed) == (413, 1)
    assert StringValue.FromString(still.reply_value[0]).value == "still"


@pytest.mark.asyncio
async def test_a_client_may_not_have_calls_run_here_only(collector: Collector) -> None:
    async with RawLink(collector.address) as link:
        await link.greet(hello("raw-1", "texts", role=CLIENT))
        await link.say(call(1, mode=0))
        frame = await link.reply()

    assert (frame.reply_extra[0].code, frame.reply_extra[0].message) == (403, "a client may dispatch only")


@pytest.mark.asyncio
async def test_whoever_never_answers_is_dead(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    async with RawLink(collector.address) as link:
        await link.greet(hello("raw-1", "texts"))
        await eventually(lambda: any("nothing heard" in end for end in ended(collector)))

    assert any("nothing heard" in reason for reason in logged(caplog, "peer_lost"))


# Many


@pytest.mark.asyncio
async def test_of_a_hundred_silent_links_some_are_kept_and_the_others_are_told_why(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    channel = raw_channel(collector.address)
    async with AsyncExitStack() as exits:
        exits.push_async_callback(channel.close)
        links = [await exits.enter_async_context(RawLink("", channel=channel)) for _ in range(100)]
        for link in links:
            await link.say(pb.Frame())
        reading = [asyncio.create_task(link.goodbye()) for link in links]
        await eventually(lambda: sum(task.done() for task in reading) >= 36)
        told = [task.result() for task in reading if task.done()]
        kept = [link for link, task in zip(links, reading, strict=True) if not task.done()]
        await kept[-1].say(hello("raw-1", "texts"))
        await eventually(lambda: any(peer.peer_id == "raw-1" for peer in collector.snapshot().connections))
        async with (
            Collector("c-1", namespaces=["texts"], settings=QUICK) as other,
            MeshClient(collector.address) as client,
        ):
            await other.connect(collector.address)
            reply = await client.dispatch("texts", "Texts", "Who", timeout=LIMIT_SECONDS)
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)

    assert len(kept) == 64
    assert reply.status.code == 200
    assert {(goodbye.code, goodbye.reason) for goodbye in told} == {
        (429, "64 others have opened a link and said nothing yet")
    }
    assert "64 others have opened a link and said nothing yet" in logged(caplog, "link_failed")


@pytest.mark.asyncio
async def test_links_beyond_the_limit_are_told_why(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        Collector(
            "small-1", listen=LOOPBACK, services=[texts_service()], settings=Settings(max_links=2)
        ) as small,
        RawLink(small.address) as first,
        RawLink(small.address) as second,
    ):
        await first.greet(hello("client-1", role=CLIENT))
        await second.greet(hello("client-2", role=CLIENT))
        async with RawLink(small.address) as third:
            # It says nothing itself: whoever is turned away may be so before it has spoken.
            goodbye = await third.goodbye()
        await first.say(call(1, "Nothing", mode=1))
        still = await first.reply()

    assert (goodbye.code, goodbye.reason) == (429, "there are 2 links already, and no more are taken")
    assert list(still.reply_to) == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all addresses of 127.0.0.0/8")
@pytest.mark.asyncio
async def test_one_host_that_has_all_links_loses_its_latest_client_to_another_host() -> None:
    settings = Settings(max_links=4)
    async with (
        Collector("full-1", listen=LOOPBACK, services=[texts_service()], settings=settings) as collector,
        FaultyProxy(collector.address, source="127.0.0.2") as elsewhere,
        AsyncExitStack() as links,
    ):

        async def opened(address: str, name: str, role: int = CLIENT) -> tuple[RawLink, int]:
            link = await links.enter_async_context(RawLink(address))
            await link.say(hello(name, "texts", role=role))
            frame = await link.hear()
            return link, 0 if frame is None else frame.control.welcome.code

        hogs = [await opened(collector.address, f"hog-{number}") for number in range(3)]
        peer, _ = await opened(collector.address, "peer-1", COLLECTOR)
        _, again = await opened(collector.address, "hog-4")
        _, other = await opened(elsewhere.address, "other-1")
        ended = await hogs[-1][0].goodbye()
        _, further = await opened(elsewhere.address, "other-2")
        await peer.say(call(1, "Same", mode=1))
        answered = await peer.reply()

    assert [code for _, code in hogs] == [200, 200, 200]
    assert (again, other, further) == (0, 200, 0)
    assert (ended.code, ended.reason) == (
        429,
        "more than three quarters of 4 links are from 127.0.0.1, and others want some",
    )
    assert list(answered.reply_to) == [1]


async def partly(link: RawLink, size: int, sent: int) -> None:
    """Announce a call of a size, and send so much of its payload."""
    announced = call(value=b"", method="Same", mode=1)
    announced.call_extra.append(pb.CallExtra(index=0, size=size))
    await link.say(announced)
    for start in range(0, sent, 1 << 18):
        await link.say(pb.Frame(chunks=[pb.Chunk(number=1, value=b"x" * min(1 << 18, sent - start))]))


@pytest.mark.asyncio
async def test_over_the_budget_of_all_links_the_one_that_holds_most_ends_and_the_others_go_on() -> None:
    settings = Settings(max_held_bytes=2 << 20)
    async with (
        Collector("small-1", listen=LOOPBACK, services=[texts_service()], settings=settings) as collector,
        RawLink(collector.address) as small,
        RawLink(collector.address) as large,
        RawLink(collector.address) as third,
    ):
        for number, link in enumerate((small, large, third)):
            await link.greet(hello(f"raw-{number}", "texts", role=CLIENT))
        await partly(small, 3 << 17, 1 << 17)
        await partly(large, 3 << 20, 5 << 18)
        await eventually(lambda: collector.snapshot().held_bytes >= 11 << 17)
        resident = collector.snapshot().resident_bytes
        await partly(third, 3 << 20, 3 << 18)
        ended = await large.goodbye()
        await small.say(pb.Frame(chunks=[pb.Chunk(number=1, value=b"x" * (1 << 18))]))
        await small.reply()
        await eventually(lambda: collector.snapshot().held_bytes < 1 << 20)

    assert ended.code == 429
    assert "the most of all links" in ended.reason
    assert resident > 1 << 20
