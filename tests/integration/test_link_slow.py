"""A wire that is slow or still: memory stays bounded, others do not notice, and what is urgent still passes."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
from google.protobuf.wrappers_pb2 import DoubleValue, StringValue
from tests.integration.services.processes import LOOPBACK, eventually
from tests.integration.services.things import numbers_service, texts_service
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, ConnectionInfo, Executed, Payload, Reply, Settings
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.testing import FaultyProxy

KIB = 1 << 10
SLOW = 125_000
"""Bytes a second: 1 Mbit/s."""

QUEUE = 512 * KIB
SETTINGS = Settings(
    heartbeat_interval=0.5,
    link_queue_bytes=QUEUE,
    reconnect_first=0.05,
    reconnect_cap=0.1,
    default_timeout=math.inf,
)
BODY = Payload("bytes", b"x" * (32 * KIB))
PATIENT = attrs.evolve(SETTINGS, heartbeat_interval=60.0)
"""Nobody is given up for what he does not say."""


@attrs.frozen
class Wires:
    """A caller, a peer behind a proxy, and one that is not."""

    caller: Collector
    far: Collector
    near: Collector
    wire: FaultyProxy

    @property
    def engine(self) -> LinkEngine:
        """The caller's end of the link with the far one; a snapshot does not tell how much waits on it."""
        connection = self.caller.container.topology().get("far-1")
        assert connection is not None
        assert isinstance(connection.way, LinkEngine)
        return connection.way

    @property
    def peer(self) -> ConnectionInfo:
        """What the caller knows of the far one."""
        (found,) = (peer for peer in self.caller.snapshot().connections if peer.peer_id == "far-1")
        return found

    async def pi(self, times: int = 50) -> None:
        """Call the near one, again and again."""
        for _ in range(times):
            reply = await self.caller.dispatch("numbers", "Numbers", "Pi")
            assert reply.unpack(DoubleValue).value == 3.14


@asynccontextmanager
async def wires(settings: Settings = SETTINGS) -> AsyncIterator[Wires]:
    async with (
        Collector("far-1", listen=LOOPBACK, services=[texts_service()], settings=settings) as far,
        Collector("near-1", listen=LOOPBACK, services=[numbers_service()]) as near,
        FaultyProxy(far.address) as wire,
        Collector("caller-1", namespaces=["texts", "numbers"], settings=settings) as caller,
    ):
        await caller.connect(wire.address)
        await caller.connect(near.address)
        yield Wires(caller, far, near, wire)


@pytest.mark.asyncio
async def test_what_waits_for_a_still_peer_is_bounded_and_more_is_refused() -> None:
    async with wires(PATIENT) as mesh:
        mesh.wire.stall()
        calls: list[asyncio.Task[Reply]] = []
        refused: list[Reply] = []
        # What grpc has taken is out of the queue, so it is full only after a while.
        async with asyncio.timeout(LIMIT_SECONDS):
            while len(refused) < 50:
                calls.append(asyncio.create_task(mesh.caller.dispatch("texts", "Texts", "Echo", BODY)))
                await asyncio.wait(calls[-1:], timeout=0.001)
                refused = [task.result() for task in calls if task.done()]
        most = mesh.engine.queued_bytes
        await mesh.pi()
        waiting = sum(not task.done() for task in calls)
        mesh.wire.heal()
        replies = await asyncio.gather(*calls)
        left = mesh.engine.queued_bytes

    assert QUEUE - 64 * KIB < most <= QUEUE + 64 * KIB
    assert {(reply.status.code, reply.executed) for reply in refused} == {(503, Executed.NO)}
    assert "'far-1' is too slow: " in refused[0].status.message
    assert waiting == len(calls) - len(refused)
    assert sum(reply.status.code == 200 for reply in replies) == len(calls) - len(refused)
    assert left == 0


@pytest.mark.asyncio
async def test_when_nothing_is_read_at_all_the_peer_is_dead_and_comes_back() -> None:
    async with wires() as mesh:
        waiting = asyncio.create_task(mesh.caller.dispatch("texts", "Texts", "Hang"))
        await eventually(lambda: mesh.far.snapshot().running == 1)
        mesh.wire.stall()
        reply = await waiting
        lost = mesh.peer
        mesh.wire.heal()
        await eventually(lambda: mesh.peer.state == "live")
        again = await mesh.caller.dispatch("texts", "Texts", "Nothing")

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)
    assert lost.state == "reconnecting"
    assert lost.reason.startswith("nothing heard for")
    assert again.status.code == 200


@pytest.mark.asyncio
async def test_a_slow_peer_is_not_given_up_and_what_is_urgent_passes_large_payloads(tmp_path: Path) -> None:
    async with wires(attrs.evolve(SETTINGS, link_queue_bytes=4096 * KIB)) as mesh:
        held = asyncio.create_task(
            mesh.caller.dispatch("texts", "Texts", "Hold", StringValue(value=str(tmp_path)))
        )
        await eventually((tmp_path / "started").exists)
        connection_id = mesh.peer.connection_id
        mesh.wire.rate = SLOW
        # Each takes ten times of what is waited for meanwhile.
        body = Payload("bytes", b"x" * (1536 * KIB))
        large = [
            asyncio.create_task(mesh.caller.dispatch("texts", "Texts", "Remaining", body)) for _ in range(2)
        ]
        await eventually(lambda: mesh.wire.passed["to_target"] > 400 * KIB)
        held.cancel()
        await eventually((tmp_path / "cancelled").exists)
        small = await mesh.caller.dispatch("texts", "Texts", "Nothing")
        await mesh.pi()
        under_way = sum(not task.done() for task in large)
        after = mesh.peer
        mesh.wire.rate = math.inf
        replies = await asyncio.gather(*large)

    assert under_way == 2
    assert small.status.code == 200
    assert [reply.status.code for reply in replies] == [200, 200]
    assert (after.state, after.connection_id) == ("live", connection_id)


@pytest.mark.asyncio
async def test_a_peer_that_does_not_take_its_replies_is_let_go_as_a_slow_consumer() -> None:
    async with wires(PATIENT) as mesh:
        go = asyncio.Event()

        async def late() -> Payload:
            await go.wait()
            return BODY

        mesh.far.register("texts", "Texts", "Late", late)
        await eventually(lambda: mesh.peer.methods == len(mesh.far.snapshot().methods))
        calls = [asyncio.create_task(mesh.caller.dispatch("texts", "Texts", "Late")) for _ in range(100)]
        await eventually(lambda: mesh.far.snapshot().running == 100)
        mesh.wire.stall()
        go.set()
        await eventually(lambda: mesh.far.snapshot().ended != ())
        (end,) = mesh.far.snapshot().ended
        await mesh.pi()
        mesh.wire.heal()
        replies = await asyncio.gather(*calls)
        await eventually(lambda: mesh.peer.state == "live")
        again = await mesh.caller.dispatch("texts", "Texts", "Nothing")

    assert end.peer_id == "caller-1"
    assert end.reason.startswith("'caller-1' is a slow consumer: ")
    assert {reply.status.code for reply in replies} <= {200, 502}
    assert 502 in {reply.status.code for reply in replies}
    assert again.status.code == 200
