"""Dials over wires that are slow, to whoever is silent, and to whoever comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.services.certificates import Authority
from tests.integration.services.processes import eventually, free_port
from tests.integration.services.things import texts_service

from collector_mesh import Collector, MeshClient, MeshError, Settings, Tls
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import DialFailed
from collector_mesh.testing import FaultyProxy

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio]

ONE_WAY = 0.6
CALL = ("texts", "Texts", "Nothing")


def is_live(collector: Collector) -> bool:
    return [peer.state for peer in collector.snapshot().connections] == ["live"]


@contextlib.asynccontextmanager
async def slow_wires(tls: Tls | None) -> AsyncIterator[tuple[FaultyProxy, FaultyProxy]]:
    """Two to one collector that is far away."""
    async with (
        Collector("texts-1", listen="127.0.0.1:0", services=[texts_service()], tls=tls) as texts,
        FaultyProxy(texts.address) as one,
        FaultyProxy(texts.address) as other,
    ):
        one.delay = other.delay = ONE_WAY
        yield one, other


def named(wire: FaultyProxy) -> str:
    """Where it is, by the name that is in the certificate."""
    return wire.address.replace("127.0.0.1", "localhost")


async def peers_over(wire: FaultyProxy, tls: Tls | None) -> tuple[int, int]:
    """What two calls of a peer come to, one before and one after its connections were cut."""
    async with Collector("far-1", namespaces=["texts"], peers=[named(wire)], tls=tls) as far:
        await eventually(lambda: is_live(far))
        first = await far.dispatch(*CALL)
        wire.cut()
        await eventually(lambda: not is_live(far))
        await eventually(lambda: is_live(far))
        second = await far.dispatch(*CALL)
    return first.status.code, second.status.code


async def clients_over(wire: FaultyProxy, tls: Tls | None) -> tuple[int, int, int]:
    """The same of a client; the second call crosses the cut."""
    async with MeshClient(named(wire), tls=tls) as client:
        first = await client.dispatch(*CALL, timeout=60)
        wire.cut()
        second = await client.dispatch(*CALL, timeout=60, idempotent=True)
        third = await client.dispatch(*CALL, timeout=60)
    return first.status.code, second.status.code, third.status.code


async def far_away(tls: Tls | None, theirs: Tls | None) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """What peers and clients get over a slow wire."""
    async with slow_wires(tls) as (one, other):
        return await asyncio.gather(peers_over(one, theirs), clients_over(other, theirs))


async def test_over_a_slow_wire_peers_and_clients_connect_and_come_back(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    # It is all waiting, so that plaintext and TLS wait at the same time.
    found = await asyncio.gather(
        far_away(None, None), far_away(authority.server("texts-1"), Tls(ca=authority.ca))
    )

    assert [peers for peers, _ in found] == [(200, 200)] * 2
    assert [(first, third) for _, (first, _, third) in found] == [(200, 200)] * 2
    # What was sent before the cut was heard of may have run.
    assert {second for _, (_, second, _) in found} <= {200, 502}


class SilentPort:
    """Takes connections and says nothing."""

    def __init__(self) -> None:
        self.came = 0
        """The number of those that have come."""
        self.taking: set[asyncio.Task[None]] = set()
        """Those that are still there."""

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._take(reader, writer))
        self.taking.add(task)
        task.add_done_callback(self.taking.discard)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()


@contextlib.asynccontextmanager
async def silent_port() -> AsyncIterator[tuple[str, SilentPort]]:
    port = SilentPort()
    server = await asyncio.start_server(port.take, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", port
    finally:
        server.close()
        await asyncio.gather(*port.taking)


async def test_of_a_dial_that_was_given_up_nothing_goes_on_connecting() -> None:
    soon = Settings(dial_timeout=0.2, reconnect_cap=0.01)
    async with (
        silent_port() as (address, port),
        silent_port() as (other, beside),
        Collector("far-1", namespaces=["texts"], settings=soon) as far,
    ):
        for _ in range(3):
            with pytest.raises(MeshError, match="nobody has answered"):
                await far.connect(address, timeout=0.1)
        far.container.keeping().want(other)
        # Seconds, in which what has been given up would connect every 0.2 s.
        await eventually(lambda: beside.came >= 8)
        given_up = port.came
        await eventually(lambda: beside.came >= 16)
        left = len(port.taking)

    assert (port.came - given_up, left) == (0, 0)


async def test_a_silent_address_is_dialed_a_second_time_beside_the_first() -> None:
    async with (
        silent_port() as (address, port),
        Collector("far-1", namespaces=["texts"], peers=[address]),
    ):
        # The first one is still there: what is given up goes before its address is dialed anew.
        await eventually(lambda: len(port.taking) == 2)


async def test_a_collector_that_comes_back_is_found_soon_while_its_port_refuses() -> None:
    address = f"127.0.0.1:{free_port()}"
    patient = Settings(reconnect_cap=3600)
    async with Collector("far-1", namespaces=["texts"], peers=[address], settings=patient) as far:
        # Pauses would be many minutes long by now, were it not for the refusals.
        await eventually(lambda: len(far.snapshot().ended) >= 16)
        async with Collector("texts-1", listen=address, services=[texts_service()]):
            await eventually(lambda: is_live(far))


async def test_where_a_certificate_is_half_written_meanwhile_the_peer_is_dialed_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs = authority.server("texts-1")
    ca = tmp_path / "believed.pem"
    ca.write_bytes(authority.ca.read_bytes())
    observer = FakeObserver()
    texts = Collector("texts-1", listen="127.0.0.1:0", services=[texts_service()], tls=theirs)
    async with texts, FaultyProxy(texts.address) as wire:
        address = wire.address.replace("127.0.0.1", "localhost")
        async with Collector(
            "far-1", namespaces=["texts"], peers=[address], tls=Tls(ca=ca), observer=observer
        ) as far:
            await eventually(lambda: is_live(far))
            whole = ca.read_bytes()
            ca.write_bytes(whole[: len(whole) // 2])
            wire.cut()
            await eventually(lambda: not is_live(far))
            await eventually(lambda: observer.of(DialFailed) != [])
            ca.write_bytes(whole)
            await eventually(lambda: is_live(far))
            reply = await far.dispatch(*CALL)

    assert reply.status.code == 200
