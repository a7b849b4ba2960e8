"""What bites in grpc, one test for each: see that the options and wrappers against it do what they are for."""

import asyncio
import math
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.integration.services.processes import (
    LOOPBACK,
    SERVICES,
    Ended,
    eventually,
    free_port,
    run,
    serving,
)
from tests.integration.services.things import numbers_service, texts_service
from tests.integration.services.wire import RawClient, fake_collector, text_in
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    Collector,
    Executed,
    ListenError,
    MeshClient,
    MeshError,
    Payload,
    Reply,
    Settings,
)
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import DeadlineExceededError
from collector_mesh.domain.model.names import MethodKey

TEXTS = ("--service", "things:texts")
MANY = Settings(max_running=8192, max_outgoing=8192)


def text(value: object) -> StringValue:
    return StringValue(value=str(value))


def texts_collector(**options: Any) -> Collector:
    return Collector("texts-1", **{"listen": LOOPBACK, "services": [texts_service()], **options})


# What takes seconds by its nature


@attrs.frozen
class Slow:
    """What has come of it.

    Attributes:
        frozen: of a call without a deadline to a collector that was frozen meanwhile.
        pinged: of a call over a connection that is pinged as often as the settings allow.
        silent: what came over a connection that said nothing itself, until it was closed.
    """

    frozen: Reply
    pinged: Reply
    silent: bytes


SHORTEST = Settings(keepalive_interval=2)
PINGS = 4.25
"""A server complains about the third ping that it finds too early."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Slow:
    """All of it at the same time."""
    marks = tmp_path_factory.mktemp("marks")

    async def everything() -> Slow:
        async with asyncio.timeout(LIMIT_SECONDS), texts_collector() as collector:
            return Slow(
                *await asyncio.gather(frozen(marks), pinged(collector.address), silent(collector.address))
            )

    return asyncio.run(everything())


async def frozen(marks: Path) -> Reply:
    # By unary calls: a link has heartbeats of its own, which are quicker than any ping may be.
    call = Call(MethodKey("texts", "Texts", "Hold"), Payload.pack(text(marks)), math.inf)
    async with serving("c-1", *TEXTS) as peer, MeshClient(peer.address, settings=SHORTEST) as client:
        link = client.container.transport().unary(peer.address)
        running = asyncio.create_task(link.serve(call))
        await eventually((marks / "started").exists)
        peer.send(signal.SIGSTOP)
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                return await running
        except MeshError as error:
            return Reply.refused(error)
        finally:
            await link.aclose()


async def pinged(address: str) -> Reply:
    async with MeshClient(address, settings=SHORTEST) as client:
        timeout = PINGS * SHORTEST.keepalive_interval
        return await client.serve("texts", "Texts", "Hang", timeout=timeout)


async def silent(address: str) -> bytes:
    # By itself grpc waits for two minutes, which is longer than all of this may take.
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    heard = await reader.read()
    writer.close()
    return heard


# Ports


@pytest.mark.asyncio
async def test_nobody_takes_the_same_port_silently() -> None:
    async with serving("c-1") as collector:
        second = await asyncio.to_thread(run, "serve", "--id", "c-2", "--listen", collector.address)
        foreign = grpc.aio.server()
        with pytest.raises(RuntimeError):
            foreign.add_insecure_port(collector.address)

    assert (second.status, second.stdout) == (1, "")
    assert f"cannot listen on {collector.address}" in second.stderr


@pytest.mark.asyncio
async def test_a_port_that_a_server_of_grpc_shares_is_taken_all_the_same() -> None:
    foreign = grpc.aio.server()
    port = foreign.add_insecure_port(LOOPBACK)
    await foreign.start()
    try:
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}"):
            async with texts_collector(listen=f"127.0.0.1:{port}"):
                pass
    finally:
        await foreign.stop(0)


# Peers that freeze, die, or are not there


def test_a_frozen_peer_is_found_by_keepalive(slow: Slow) -> None:
    assert (slow.frozen.status.code, slow.frozen.executed) == (502, Executed.MAYBE)


@pytest.mark.asyncio
async def test_a_frozen_peer_does_not_hold_a_call_over_its_deadline() -> None:
    async with serving("c-1", *TEXTS) as frozen, MeshClient(frozen.address) as client:
        await client.call("texts", "Texts", "Nothing")
        frozen.send(signal.SIGSTOP)
        reply = await client.serve("texts", "Texts", "Nothing", timeout=0.3)
        frozen.send(signal.SIGCONT)
        after = await client.serve("texts", "Texts", "Nothing")

    assert (reply.status.code, reply.executed) == (504, Executed.MAYBE)
    assert after.status.code == 200


@pytest.mark.asyncio
async def test_a_peer_that_is_killed_during_a_call_is_an_unknown_outcome(tmp_path: Path) -> None:
    async with (
        serving("c-1", *TEXTS) as killed,
        Collector("c-2", listen=LOOPBACK, namespaces=["texts"]) as collector,
    ):
        await collector.connect(killed.address)
        running = asyncio.create_task(collector.dispatch("texts", "Texts", "Hold", text(tmp_path)))
        await eventually((tmp_path / "started").exists)
        killed.send(signal.SIGKILL)
        reply = await running

    assert (reply.status.code, reply.executed, reply.handled_by) == (502, Executed.MAYBE, "")
    assert reply.status.message.startswith("outcome unknown: ")


@pytest.mark.asyncio
async def test_where_nobody_listens_a_call_fails_at_once_and_has_not_run() -> None:
    async with MeshClient(f"127.0.0.1:{free_port()}") as client:
        reply = await client.serve("texts", "Texts", "Nothing", timeout=LIMIT_SECONDS)

    assert (reply.status.code, reply.executed) == (503, Executed.NO)
    assert "Connection refused" in reply.status.message


@pytest.mark.asyncio
async def test_a_client_finds_a_collector_that_comes_back() -> None:
    async with texts_collector() as collector:
        address = collector.address
        client = MeshClient(address)
        await client.__aenter__()
        await client.call("texts", "Texts", "Nothing")
    gone = await client.serve("texts", "Texts", "Nothing")
    async with texts_collector(listen=address):
        async with asyncio.timeout(LIMIT_SECONDS):
            while (await client.serve("texts", "Texts", "Nothing")).status.code != 200:
                await asyncio.sleep(0.01)
        await client.__aexit__(None, None, None)

    assert (gone.status.code, gone.executed) == (503, Executed.NO)


@pytest.mark.asyncio
async def test_a_server_that_stops_during_a_call_is_an_unknown_outcome() -> None:
    async def hang(_data: bytes, _context: object) -> None:
        await asyncio.Event().wait()

    async with fake_collector(Serve=hang) as fake, MeshClient(fake.address) as client:
        running = asyncio.create_task(client.serve("texts", "Texts", "Nothing"))
        await fake.reached.wait()
        await fake.server.stop(0)
        reply = await running

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)


@pytest.mark.asyncio
async def test_a_client_that_is_closed_during_a_call_tells_whoever_waits(tmp_path: Path) -> None:
    async with texts_collector() as collector:
        client = MeshClient(collector.address)
        await client.__aenter__()
        running = asyncio.create_task(client.serve("texts", "Texts", "Hold", text(tmp_path)))
        await eventually((tmp_path / "started").exists)
        await client.__aexit__(None, None, None)
        reply = await running
        await eventually((tmp_path / "cancelled").exists)

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)


def test_connections_that_say_nothing_are_closed(slow: Slow) -> None:
    assert len(slow.silent) < 1024


def test_the_shortest_keepalive_is_not_too_many_pings(slow: Slow) -> None:
    assert slow.pinged.status.code == 504


# Many at once


@pytest.mark.asyncio
async def test_more_calls_at_once_than_a_connection_has_streams_all_succeed() -> None:
    async with (
        texts_collector(settings=MANY) as collector,
        MeshClient(collector.address) as client,
    ):
        replies = await asyncio.gather(
            *(client.serve("texts", "Texts", "Same", text(number)) for number in range(1_500))
        )

    assert [reply.unpack(StringValue).value for reply in replies] == [str(number) for number in range(1_500)]


@pytest.mark.asyncio
async def test_calls_beyond_the_streams_of_a_connection_wait_until_others_end(tmp_path: Path) -> None:
    hold = MethodKey("texts", "Texts", "Hold"), Payload.pack(text(tmp_path))
    async with texts_collector(settings=MANY) as collector:
        clock = collector.container.clock()
        link = collector.container.transport().unary(collector.address)
        held = [asyncio.create_task(link.serve(Call(*hold))) for _ in range(600)]
        await eventually(lambda: collector.snapshot().running == 256)
        with pytest.raises(DeadlineExceededError) as late:
            await link.serve(Call(*hold, clock.now() + 0.05))
        (tmp_path / "go").touch()
        replies = await asyncio.gather(*held)
        await link.aclose()

    assert late.value.executed is Executed.NO
    assert {reply.status.code for reply in replies} == {200}


@pytest.mark.asyncio
async def test_of_thousands_of_calls_at_once_over_several_connections_none_is_cancelled() -> None:
    async with texts_collector(settings=MANY) as collector:
        clients = [RawClient(collector.address, ("grpc.use_local_subchannel_pool", 1)) for _ in range(5)]
        calls = [client.serve("Nothing") for client in clients for _ in range(500)]
        answers = await asyncio.gather(*calls)
        await asyncio.gather(*(client.channel.close() for client in clients))

    assert len(answers) == 2_500
    assert {answer.status.code for answer in answers} == {200}


# Loops, forks, the environment


def test_a_client_and_a_collector_are_used_in_the_loop_that_they_were_entered_in() -> None:
    async def elsewhere(caller: Collector | MeshClient) -> Reply:
        return await caller.dispatch("texts", "Texts", "Nothing")

    async def enter() -> list[object]:
        async with texts_collector() as collector, MeshClient(collector.address) as client:
            return await asyncio.gather(
                *(asyncio.to_thread(asyncio.run, elsewhere(caller)) for caller in (collector, client)),
                return_exceptions=True,
            )

    raised = asyncio.run(enter())

    assert [type(error) for error in raised] == [RuntimeError, RuntimeError]
    assert all("belongs to another event loop" in str(error) for error in raised)


def test_use_after_a_fork_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "forks.py"],
        cwd=SERVICES,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in lines] == [
        "collector 'c-1' belongs to another event loop",
        "collector 'c-1' belongs to another event loop",
        "gRPC was used in the process that this one was forked from, and does not work here",
        "the client of 127.0.0.1",
        "the client of 127.0.0.1",
        "gRPC was used in the process that this one was forked from, and does not work here",
    ]
    assert all("it was entered in" in line or "start processes with 'spawn'" in line for line in lines)


@pytest.mark.asyncio
async def test_a_proxy_in_the_environment_is_not_asked() -> None:
    proxy = f"http://127.0.0.1:{free_port()}"
    environment = {"http_proxy": proxy, "https_proxy": proxy, "grpc_proxy": proxy, "no_proxy": ""}
    async with (
        serving("c-1", *TEXTS) as texts,
        serving("c-2", "--namespace", "texts", "--peer", texts.address, environment=environment) as middle,
    ):
        await middle.logged("peer_connected")
        call = ("dispatch", middle.address, "texts", "Texts", "Nothing")
        done = await asyncio.to_thread(run, *call, environment=environment)

    assert done == Ended(0, "{}\n", "")


# Sizes and texts


@pytest.mark.asyncio
async def test_8_kib_of_metadata_pass_and_more_is_refused_before_it_is_sent() -> None:
    async with texts_collector() as collector, MeshClient(collector.address) as client:
        full = [("key", "x" * (8 * 1024 - 3))]
        passed = await client.serve("texts", "Texts", "Metadata", metadata=full)
        refused = await client.serve("texts", "Texts", "Metadata", metadata=[("key", "x" * (8 * 1024 - 2))])

    assert passed.unpack(StringValue).value == repr(tuple(full))
    assert (refused.status.code, refused.executed) == (400, Executed.NO)
    assert "at most 8192" in refused.status.message


@pytest.mark.asyncio
async def test_headers_of_other_programs_that_do_not_fit_are_left_out() -> None:
    headers = (("before", "1"), ("key", "x" * 8 * 1024), ("after", "2"))
    async with texts_collector() as collector, RawClient(collector.address) as client:
        answer = await client.serve("Metadata", metadata=headers)

    assert answer.status.code == 200
    assert text_in(answer.output) == "(('before', '1'), ('after', '2'))"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("x" * 20_000, "handler error: xxx"),
        ("null \0 and \u2028 line", "handler error: null \0 and \u2028 line"),
        ("\U0001f600" * 2_000, "handler error: \U0001f600"),
    ],
    ids=["long", "control", "wide"],
)
async def test_any_text_of_a_handler_comes_through_cut_to_a_kibibyte(raised: str, said: str) -> None:
    async with texts_collector() as collector, MeshClient(collector.address) as client:
        reply = await client.serve("texts", "Texts", "Fail", text(raised))

    assert reply.status.code == 500
    assert reply.status.message.startswith(said)
    assert len(reply.status.message.encode()) <= 1024


@pytest.mark.asyncio
async def test_what_a_handler_says_that_is_no_utf8_comes_through_readable() -> None:
    async with texts_collector() as collector, MeshClient(collector.address) as client:
        odd = await client.serve("texts", "Texts", "FailOddly", timeout=5)
        after = await client.serve("texts", "Texts", "Nothing")

    assert (odd.status.code, odd.handled_by) == (422, "texts-1")
    assert odd.status.message == r"odd \ud800 text"
    assert after.status.code == 200


@pytest.mark.asyncio
async def test_a_result_that_cannot_be_written_is_a_handler_error() -> None:
    async with texts_collector() as collector, MeshClient(collector.address) as client:
        odd = await client.serve("texts", "Texts", "OddType", timeout=5)

    assert (odd.status.code, odd.handled_by) == (500, "texts-1")


# The end of a collector


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """The configuration of a collector that waits for what runs longer than any test does."""
    path = tmp_path / "patient.toml"
    path.write_text("[settings]\ndrain_timeout = 3600\n")
    return path


@pytest.mark.asyncio
async def test_a_stream_that_idles_does_not_hold_up_a_drain(patient: Path) -> None:
    async with serving("c-1", "--config", str(patient)) as collector, RawClient(collector.address) as client:
        watch = health_pb2_grpc.HealthStub(client.channel).Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        collector.send(signal.SIGTERM)
        ended = await collector.end()
        watch.cancel()

    assert ended.status == 0


@pytest.mark.asyncio
async def test_a_connection_that_idles_does_not_hold_up_a_drain(patient: Path) -> None:
    async with serving("c-1", *TEXTS, "--config", str(patient)) as collector:
        host, _, port = collector.address.rpartition(":")
        with closing(socket.create_connection((host, int(port)))):
            collector.send(signal.SIGTERM)
            ended = await collector.end()

    assert ended.status == 0


@pytest.mark.asyncio
async def test_two_collectors_in_one_process_share_nothing() -> None:
    async with (
        texts_collector() as texts,
        Collector("numbers-1", listen=LOOPBACK, services=[numbers_service()]) as numbers,
    ):
        reply = await texts.dispatch("numbers", "Numbers", "Pi")
        other = await numbers.dispatch("texts", "Texts", "Nothing")

    assert reply.status.message == "no collector found for namespace 'numbers'"
    assert other.status.message == "no collector found for namespace 'texts'"
