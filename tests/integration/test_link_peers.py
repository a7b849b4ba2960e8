"""What two collectors make of the link between them: calls of both directions, news, health, drain, cancellation."""

import asyncio
import math
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import DoubleValue, StringValue
from tests.integration.services.links import CLIENT, RawLink, hello, raw_channel
from tests.integration.services.processes import LOOPBACK, eventually, free_port, serving
from tests.integration.services.things import numbers_service, texts_service
from tests.integration.services.wire import RawClient, fake_collector, text_in
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    Collector,
    ConflictError,
    ConnectionInfo,
    Executed,
    MeshClient,
    Reply,
    Service,
    Settings,
)
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb

TEXTS = ("--service", "things:texts")
QUICK = Settings(heartbeat_interval=0.2, reconnect_first=0.05, reconnect_cap=0.1)


def text(value: object) -> StringValue:
    return StringValue(value=str(value))


def texts_collector(**options: Any) -> Collector:
    return Collector("texts-1", **{"listen": LOOPBACK, "services": [texts_service()], **options})


def hub_collector(**options: Any) -> Collector:
    return Collector("hub", **{"listen": LOOPBACK, "namespaces": ["texts", "numbers", "blocking"], **options})


def peer_of(collector: Collector, peer_id: str = "texts-1") -> ConnectionInfo:
    """The connection to a peer."""
    (found,) = (peer for peer in collector.snapshot().connections if peer.peer_id == peer_id)
    return found


async def until_answered(caller: Collector, code: int, *names: str) -> Reply:
    """Call until the answer has a code."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while (reply := await caller.dispatch(*names)).status.code != code:
            await asyncio.sleep(0.001)
    return reply


# Both directions


@pytest.mark.asyncio
async def test_a_collector_that_listens_nowhere_is_called_over_the_link_that_it_has_opened() -> None:
    async with hub_collector() as hub, texts_collector(listen=None) as hidden:
        connection = await hidden.connect(hub.address)
        back = await hub.dispatch("texts", "Texts", "Same", text("hello"))
        seen = peer_of(hub)

    assert (connection.peer_id, connection.carrier, connection.dialed) == ("hub", "link", True)
    assert (seen.carrier, seen.dialed, seen.address) == ("link", False, "")
    assert (back.status.code, back.handled_by, back.unpack(StringValue).value) == (200, "texts-1", "hello")


@pytest.mark.asyncio
async def test_a_collector_that_listens_nowhere_and_leaves_is_forgotten() -> None:
    async with hub_collector() as hub:
        async with texts_collector(listen=None) as hidden:
            await hidden.connect(hub.address)
            await eventually(lambda: len(hub.snapshot().connections) == 1)
        await eventually(lambda: hub.snapshot().connections == ())
        reply = await hub.dispatch("texts", "Texts", "Nothing")

    assert reply.status.code == 404


@pytest.mark.asyncio
async def test_collectors_behind_a_hub_are_called_by_its_clients() -> None:
    async with (
        hub_collector() as hub,
        texts_collector(listen=None) as texts,
        Collector("numbers-1", services=[numbers_service()]) as numbers,
        MeshClient(hub.address) as client,
    ):
        await texts.connect(hub.address)
        await numbers.connect(hub.address)
        one, other = await asyncio.gather(
            client.dispatch("texts", "Texts", "Nothing"), client.dispatch("numbers", "Numbers", "Pi")
        )

    assert (one.handled_by, other.handled_by) == ("texts-1", "numbers-1")


# Health


@pytest.mark.asyncio
async def test_a_frozen_peer_is_suspect_then_dialed_again_and_found_when_it_goes_on() -> None:
    states: list[tuple[str, str]] = []
    async with hub_collector(settings=QUICK) as hub, serving("texts-1", *TEXTS) as process:
        await hub.connect(process.address)

        def has_been(state: str) -> bool:
            peer = peer_of(hub)
            if not states or states[-1] != (peer.state, peer.reason):
                states.append((peer.state, peer.reason))
            return peer.state == state

        process.send(signal.SIGSTOP)
        await eventually(lambda: has_been("reconnecting"))
        refused = await hub.dispatch("texts", "Texts", "Nothing", target="texts-1")
        process.send(signal.SIGCONT)
        await eventually(lambda: has_been("live"))
        reply = await hub.dispatch("texts", "Texts", "Nothing")

    assert ("suspect", "not heard of for a while") in states
    assert ("reconnecting", "nothing heard for 1 s") in states
    assert (refused.status.code, refused.executed) == (503, Executed.NO)
    assert reply.status.code == 200


@pytest.mark.asyncio
async def test_calls_that_wait_for_a_killed_peer_end_at_once_and_may_have_run(tmp_path: Path) -> None:
    # That it has gone is not found out by heartbeats.
    patient = Settings(heartbeat_interval=600)
    async with hub_collector(settings=patient) as hub, serving("texts-1", *TEXTS) as process:
        await hub.connect(process.address)
        waiting = [
            asyncio.create_task(hub.dispatch("texts", "Texts", "Hang", timeout=math.inf)) for _ in range(20)
        ]
        waiting.append(
            asyncio.create_task(hub.dispatch("texts", "Texts", "Hold", text(tmp_path), timeout=math.inf))
        )
        await eventually((tmp_path / "started").exists)
        process.send(signal.SIGKILL)
        async with asyncio.timeout(LIMIT_SECONDS):
            replies = await asyncio.gather(*waiting)
        peer = peer_of(hub)

    assert {(reply.status.code, reply.executed) for reply in replies} == {(502, Executed.MAYBE)}
    assert peer.state == "reconnecting"
    assert peer.reason != ""


@pytest.mark.asyncio
async def test_a_peer_that_is_held_up_by_its_handler_is_not_given_up() -> None:
    settings = Settings(heartbeat_interval=0.5)
    async with (
        hub_collector(settings=settings) as hub,
        serving("busy-1", *TEXTS, "--service", "blocking:blocking") as process,
    ):
        connection = await hub.connect(process.address)
        replies = [
            await hub.dispatch(
                "blocking", "Blocking", "Block", DoubleValue(value=2 * settings.heartbeat_interval)
            )
            for _ in range(2)
        ]
        after = peer_of(hub, "busy-1")

    assert [reply.status.code for reply in replies] == [200, 200]
    assert after.connection_id == connection.connection_id


# News


@pytest.mark.asyncio
async def test_what_is_added_and_removed_is_routed_by_at_once() -> None:
    extra = Service("more", "Extra")
    extra.method("Nothing")(nothing)
    async with hub_collector(namespaces=["texts", "more"]) as hub, texts_collector() as texts:
        await hub.connect(texts.address)
        at_first = peer_of(hub).methods
        before = await hub.dispatch("more", "Extra", "Nothing")
        texts.add_service(extra)
        await until_answered(hub, 200, "more", "Extra", "Nothing")
        shared = peer_of(hub).shared_namespaces
        texts.remove_service(extra)
        # Until that is heard of, a call goes there, and hears from there that it is gone.
        await until_answered(hub, 404, "more", "Extra", "Nothing")
        await eventually(lambda: peer_of(hub).methods == at_first)
        after = await hub.dispatch("more", "Extra", "Nothing")
        texts.remove_namespace("texts")
        await eventually(lambda: peer_of(hub).shared_namespaces == ("more",))
        left = await hub.dispatch("texts", "Texts", "Nothing")
        texts.add_namespace("texts")
        await eventually(lambda: set(peer_of(hub).shared_namespaces) == {"texts", "more"})
        methods = peer_of(hub).methods

    assert before.status.code == 404
    assert set(shared) == {"texts", "more"}
    assert after.status.message == "no collector found for namespace 'more': nobody there has 'Extra.Nothing'"
    assert left.status.message == "no collector found for namespace 'texts': nobody there has 'Texts.Nothing'"
    assert methods == 0


@pytest.mark.asyncio
async def test_a_namespace_that_this_side_leaves_or_enters_is_shared_accordingly() -> None:
    async with hub_collector(namespaces=["texts"]) as hub, texts_collector() as texts:
        await hub.connect(texts.address)
        hub.remove_namespace("texts")
        left = peer_of(hub).shared_namespaces
        gone = await hub.dispatch("texts", "Texts", "Nothing")
        await eventually(lambda: peer_of(texts, "hub").shared_namespaces == ())
        hub.add_namespace("texts")
        await eventually(lambda: peer_of(texts, "hub").shared_namespaces == ("texts",))
        back = await until_answered(hub, 200, "texts", "Texts", "Nothing")

    assert left == ()
    assert gone.status.code == 404
    assert back.handled_by == "texts-1"


async def nothing() -> None:
    return None


# Cancellation and time


@pytest.mark.asyncio
async def test_what_the_caller_gives_up_is_cancelled_in_the_other_process(tmp_path: Path) -> None:
    async with hub_collector() as hub, serving("texts-1", *TEXTS) as process:
        await hub.connect(process.address)
        hold = hub.dispatch("texts", "Texts", "Hold", text(tmp_path), timeout=math.inf)
        running = asyncio.create_task(hold)
        await eventually((tmp_path / "started").exists)
        running.cancel()
        await eventually((tmp_path / "cancelled").exists)
        await eventually(lambda: peer_of(hub).in_flight == 0)

    assert running.cancelled()


@pytest.mark.asyncio
async def test_what_a_client_gives_up_is_cancelled_two_hops_away(tmp_path: Path) -> None:
    async with (
        hub_collector() as hub,
        serving("texts-1", *TEXTS, "--peer", hub.address),
        MeshClient(hub.address) as client,
    ):
        await eventually(lambda: hub.snapshot().connections != ())
        hold = client.dispatch("texts", "Texts", "Hold", text(tmp_path), timeout=math.inf)
        running = asyncio.create_task(hold)
        await eventually((tmp_path / "started").exists)
        running.cancel()
        await eventually((tmp_path / "cancelled").exists)
        await eventually(lambda: hub.snapshot().outgoing == 0)
        left = peer_of(hub).in_flight

    assert left == 0


@pytest.mark.asyncio
async def test_what_times_out_is_cancelled_in_the_other_process(tmp_path: Path) -> None:
    async with hub_collector() as hub, serving("texts-1", *TEXTS) as process:
        await hub.connect(process.address)
        reply = await hub.dispatch("texts", "Texts", "Hold", text(tmp_path), timeout=0.3)
        await eventually((tmp_path / "cancelled").exists)

    assert (reply.status.code, reply.executed is Executed.NO) == (504, False)


@pytest.mark.asyncio
async def test_time_gets_shorter_with_every_hop() -> None:
    async with (
        hub_collector() as hub,
        serving("texts-1", *TEXTS, "--peer", hub.address),
        MeshClient(hub.address) as client,
    ):
        await eventually(lambda: hub.snapshot().connections != ())
        one = await hub.dispatch("texts", "Texts", "Remaining", timeout=500.0)
        two = await client.dispatch("texts", "Texts", "Remaining", timeout=500.0)
        none = await hub.dispatch("texts", "Texts", "Remaining", timeout=math.inf)

    assert 400.0 < one.unpack(DoubleValue).value <= 500.0
    assert 400.0 < two.unpack(DoubleValue).value <= 500.0
    assert none.unpack(DoubleValue).value == math.inf


@pytest.mark.asyncio
async def test_a_call_made_in_a_handler_has_the_time_of_the_call_that_it_is_made_for() -> None:
    outer = Service("numbers", "Outer")
    middle = Collector("outer-1", services=[outer], namespaces=["texts"])

    @outer.method("Ask")
    async def ask() -> DoubleValue:
        reply = await middle.dispatch("texts", "Texts", "Remaining", timeout=6000.0)
        return reply.unpack(DoubleValue)

    async with hub_collector() as hub, texts_collector() as texts, middle:
        middle.add_service(outer)
        await middle.connect(hub.address)
        await middle.connect(texts.address)
        reply = await hub.dispatch("numbers", "Outer", "Ask", timeout=300.0)

    assert 200.0 < reply.unpack(DoubleValue).value <= 300.0


# Drain


@pytest.mark.asyncio
async def test_an_idle_collector_with_links_ends_at_once() -> None:
    patient = Settings(drain_timeout=3600)
    leaving = Collector("leaving-1", listen=LOOPBACK, services=[numbers_service()], settings=patient)
    async with hub_collector() as hub, texts_collector(listen=None) as hidden, leaving:
        await leaving.connect(hub.address)
        await hidden.connect(leaving.address)
        async with MeshClient(leaving.address) as client:
            await client.dispatch("numbers", "Numbers", "Pi")
            async with asyncio.timeout(LIMIT_SECONDS):
                await leaving.__aexit__(None, None, None)
        await eventually(lambda: hub.snapshot().connections == ())
        reason = hub.snapshot().ended[0].reason

    assert reason == "collector 'leaving-1' has ended"


@pytest.mark.asyncio
async def test_a_drain_lets_finish_what_runs_and_peers_choose_somebody_else(tmp_path: Path) -> None:
    async with (
        hub_collector() as hub,
        serving("texts-1", *TEXTS, "--peer", hub.address) as first,
        serving("texts-2", *TEXTS, "--peer", hub.address),
    ):
        await eventually(lambda: len(hub.snapshot().connections) == 2)
        held = asyncio.create_task(hub.dispatch("texts", "Texts", "Hold", text(tmp_path), target="texts-1"))
        await eventually((tmp_path / "started").exists)
        first.send(signal.SIGTERM)
        await eventually(lambda: peer_of(hub).state == "draining")
        explained = hub.explain("texts", "Texts", "Nothing")
        replies = [await hub.dispatch("texts", "Texts", "Nothing") for _ in range(50)]
        (tmp_path / "go").touch()
        reply = await held
        ended = await first.end()

    assert explained.fit == ("texts-2",)
    assert {(reply.status.code, reply.handled_by) for reply in replies} == {(200, "texts-2")}
    assert (reply.status.code, reply.handled_by) == (200, "texts-1")
    assert ended.status == 0


# Clients


@pytest.mark.asyncio
async def test_a_client_uses_one_link_for_everything(tmp_path: Path) -> None:
    async with (
        hub_collector(services=[numbers_service()]) as hub,
        serving("texts-1", *TEXTS, "--peer", hub.address),
        MeshClient(hub.address) as client,
    ):
        await eventually(lambda: hub.snapshot().connections != ())
        replies = await asyncio.gather(
            client.dispatch("texts", "Texts", "Same", text("hello")),
            client.dispatch("texts", "Texts", "Nothing", target="texts-1"),
            client.dispatch("texts", "Texts", "Nothing", target="nobody"),
            client.dispatch("texts", "Texts", "Nothing", hints={"color": "blue"}, metadata=[("tenant", "x")]),
            client.dispatch("texts", "Texts", "Metadata", metadata=[("tenant", "x"), ("key-bin", b"\x00")]),
            client.dispatch("texts", "Texts", "Fail", text("boom")),
            client.dispatch("texts", "Texts", "Hang", timeout=0.2),
            client.serve("numbers", "Numbers", "Pi"),
            client.serve("texts", "Texts", "Nothing"),
        )
        snapshot = hub.snapshot()

    codes = [reply.status.code for reply in replies]
    assert codes == [200, 200, 404, 200, 200, 500, 504, 200, 404]
    assert replies[1].handled_by == "texts-1"
    assert replies[4].unpack(StringValue).value == "(('tenant', 'x'), ('key-bin', b'\\x00'))"
    assert snapshot.clients == 1
    assert [peer.peer_id for peer in snapshot.connections] == ["texts-1"]


@pytest.mark.asyncio
async def test_a_client_finds_its_collector_again() -> None:
    address = f"127.0.0.1:{free_port()}"
    async with MeshClient(address) as client:
        nobody = await client.dispatch("texts", "Texts", "Nothing", timeout=0.3)
        async with texts_collector(listen=address):
            first = await client.dispatch("texts", "Texts", "Nothing")
        async with texts_collector(listen=address):
            second = await client.dispatch("texts", "Texts", "Nothing")

    assert nobody.status.code in {503, 504}
    assert nobody.executed is Executed.NO
    assert (first.status.code, second.status.code) == (200, 200)


@pytest.mark.asyncio
async def test_one_program_may_have_a_thousand_client_links() -> None:
    async with (
        Collector("wide-1", listen=LOOPBACK, services=[texts_service()]) as collector,
        AsyncExitStack() as exits,
    ):
        channels = [raw_channel(collector.address) for _ in range(3)]
        for channel in channels:
            exits.push_async_callback(channel.close)
        for index in range(1_000):
            link = await exits.enter_async_context(RawLink("", channel=channels[index % 3]))
            await link.greet(hello(f"client-{index}", role=CLIENT, incarnation=str(index)))
        before = collector.snapshot()
        async with MeshClient(collector.address) as client:
            reply = await client.dispatch("texts", "Texts", "Nothing")
        await exits.aclose()
        await eventually(lambda: collector.snapshot().clients == 0)

    assert (before.clients, before.connections) == (1_000, ())
    assert reply.status.code == 200


# Collectors without links


async def refuse_unknown(data: bytes, _context: object) -> bytes:
    request = pb.ServeRequest.FromString(data)
    if request.method_name == "Known":
        status = pb.Status(code=200, message="OK")
        return pb.ServeResponse(status=status, output=request.input, executor_id="fake-1").SerializeToString()
    name = f"{request.service.service_name}.{request.method_name}"
    text = f"method '{name}' not found in namespace '{request.namespace}'"
    return pb.ServeResponse(status=pb.Status(code=404, message=text)).SerializeToString()


@pytest.mark.asyncio
async def test_a_collector_without_links_is_called_with_one_request_each() -> None:
    async with fake_collector(Serve=refuse_unknown) as fake, texts_collector(namespaces=["a"]) as collector:
        connection = await collector.connect(fake.address)
        collector_address = collector.address
        known = await collector.dispatch("a", "Service", "Known", text("hello"))
        missing = [await collector.dispatch("a", "Service", "Missing") for _ in range(3)]
        async with RawClient(collector.address) as raw:
            served = await raw.serve("Same", "from the other side")

    assert fake.asked == ["Connect", "Serve", "Serve"]
    address = collector_address.encode()
    entry = b"\n\x0ccollector_id\x12\x07texts-1"
    assert fake.requests[0] == (
        bytes((0x0A, len(address))) + address + b"\x12\x01a\x12\x05texts" + bytes((0x1A, len(entry))) + entry
    )
    assert (connection.peer_id, connection.carrier, connection.methods) == ("fake-1", "unary", None)
    assert (known.status.code, known.handled_by) == (200, "fake-1")
    assert {(reply.status.code, reply.executed) for reply in missing} == {(404, Executed.NO)}
    assert text_in(served.output) == "from the other side"


@pytest.mark.asyncio
async def test_a_collector_that_listens_nowhere_cannot_connect_to_one_without_links() -> None:
    async with fake_collector() as fake, Collector("hidden", namespaces=["a"]) as collector:
        with pytest.raises(Exception, match="only a collector that listens can connect to it"):
            await collector.connect(fake.address)

    assert fake.asked == []


@pytest.mark.asyncio
async def test_a_client_of_a_collector_without_links_sends_one_request_each() -> None:
    async def dispatch(data: bytes, _context: object) -> bytes:
        request = pb.DispatchRequest.FromString(data)
        return pb.DispatchResponse(
            status=pb.Status(code=200, message="OK"), output=request.input, handled_by_collector_id="fake-1"
        ).SerializeToString()

    async with fake_collector(Dispatch=dispatch) as fake, MeshClient(fake.address) as client:
        replies = await asyncio.gather(*(client.dispatch("a", "Service", "Method") for _ in range(10)))
        served = await client.serve("a", "Service", "Method")

    assert [(reply.status.code, reply.handled_by) for reply in replies] == [(200, "fake-1")] * 10
    assert served.status.code == 200
    assert fake.asked == ["Dispatch"] * 10 + ["Serve"]


@pytest.mark.asyncio
async def test_whoever_has_no_links_is_found_out_whatever_is_noticed_first() -> None:
    async def dispatch(data: bytes, _context: object) -> bytes:
        return pb.DispatchResponse(
            status=pb.Status(code=200), handled_by_collector_id="fake-1"
        ).SerializeToString()

    async def once(address: str) -> Reply:
        async with MeshClient(address) as client:
            return await client.dispatch("a", "Service", "Method")

    async with fake_collector(Dispatch=dispatch) as fake:
        replies = [await once(fake.address) for _ in range(30)]

    assert [(reply.status.code, reply.status.message) for reply in replies] == [(200, "")] * 30


@pytest.mark.asyncio
async def test_a_peer_that_is_replaced_is_no_warning() -> None:
    listen = f"127.0.0.1:{free_port()}"
    async with (
        serving("c-2", "--service", "things:texts", listen=listen) as first,
        serving("c-1", "--namespace", "texts", "--peer", listen) as collector,
    ):
        await collector.logged("peer_connected")
        first.send(signal.SIGTERM)
        await first.end()
        await collector.logged("peer_left")
        async with serving("c-2", "--service", "things:texts", listen=listen):
            await eventually(lambda: collector.stderr.count("peer_connected") == 2)
            # At the end of the test everybody is killed, which is one.
            told = collector.stderr

    assert " warning " not in told
    assert " error " not in told


# Whose id it is


@pytest.mark.asyncio
async def test_the_id_of_a_peer_that_has_a_link_is_not_given_to_a_connect_while_it_answers() -> None:
    async with (
        hub_collector() as hub,
        serving("texts-1", *TEXTS, "--peer", hub.address) as process,
        RawClient(hub.address) as client,
    ):
        await eventually(lambda: hub.snapshot().connections != ())
        address = peer_of(hub).address
        answers = [await client.connect("texts-1", at, "texts") for at in (address, "127.0.0.1:1")]
        kept = peer_of(hub).carrier
        process.send(signal.SIGSTOP)
        taken = await client.connect("texts-1", "127.0.0.1:1", "texts")
        after = peer_of(hub).carrier
        process.send(signal.SIGCONT)

    assert [answer.status.code for answer in answers] == [409, 409]
    assert f"collector id 'texts-1' is held by a live collector at {address}" in answers[0].status.message
    assert (kept, taken.status.code, after) == ("link", 200, "unary")


@pytest.mark.asyncio
async def test_the_id_of_a_peer_that_has_no_links_is_not_given_to_one_that_has_while_it_answers() -> None:
    async with (
        hub_collector() as hub,
        RawClient(hub.address) as client,
        texts_collector(listen=None) as newcomer,
    ):
        async with fake_collector("texts-1") as fake:
            await client.connect("texts-1", fake.address, "texts")
            with pytest.raises(ConflictError, match="held by a live collector"):
                await newcomer.connect(hub.address)
            kept = peer_of(hub).carrier
        await newcomer.connect(hub.address)
        after = peer_of(hub).carrier

    assert (kept, after) == ("unary", "link")


@pytest.mark.asyncio
async def test_a_peer_that_has_got_links_meanwhile_is_found_out_at_the_address_that_is_known() -> None:
    address = f"127.0.0.1:{free_port()}"
    async with hub_collector() as hub, RawClient(hub.address) as client:
        # As if it had been another program until now, which had none.
        await client.connect("texts-1", address, "texts")
        async with texts_collector(listen=address, peers=[hub.address]):
            await eventually(lambda: peer_of(hub).carrier == "link")
            reply = await hub.dispatch("texts", "Texts", "Nothing")

    assert (reply.status.code, reply.handled_by) == (200, "texts-1")
