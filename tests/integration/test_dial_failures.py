"""Why a dial has failed is told apart: in the log, in the error of `connect`, to callers, and in a snapshot."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
import pytest
from tests.integration.services.certificates import HOUR, Authority
from tests.integration.services.processes import LOOPBACK, eventually, free_port
from tests.integration.services.things import texts_service

from collector_mesh import Collector, MeshClient, Settings, Tls, UnavailableError
from collector_mesh.adapters.grpc.inspect_client import InspectClient
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import DialFailed

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio]

CALL = ("texts", "Texts", "Nothing")


@asynccontextmanager
async def raw(answer: bytes | None) -> AsyncIterator[str]:
    """A port that answers whatever comes with this, and hangs up; None for silence."""
    taking: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = await reader.read(1)
        while answer is None and heard:
            heard = await reader.read(1000)
        writer.write(answer or b"")
        writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(take(reader, writer))
        taking.add(task)
        task.add_done_callback(taking.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*taking, return_exceptions=True)


@attrs.frozen
class Places:
    """Addresses at which a dial fails, and with which certificates."""

    ours: Tls
    """Believes the authority, and shows nothing."""
    stranger: Tls
    """Believes the authority, and shows a certificate of another one."""
    found: dict[str, tuple[str, Tls | None, str]]
    """For each way to fail: the address, the certificates, and what is told."""


def expired(authority: Authority) -> Tls:
    tls = authority.issue("old", begins=-2 * HOUR, lasts=-HOUR)
    return attrs.evolve(tls, ca=None)


@asynccontextmanager
async def places(folder: Path) -> AsyncIterator[Places]:
    authority, other = Authority(folder), Authority(folder, "elsewhere")
    ours = Tls(ca=authority.ca)
    stranger = attrs.evolve(other.issue("mallory"), ca=authority.ca)
    async with AsyncExitStack() as stack:

        async def collector(tls: Tls | None) -> str:
            made = Collector("texts-1", listen=LOOPBACK, services=[texts_service()], tls=tls)
            return (await stack.enter_async_context(made)).address

        plain = await collector(None)
        named = await collector(authority.server("texts-1"))
        elsewhere = await collector(attrs.evolve(authority.issue("far", host="texts.example.org"), ca=None))
        mutual = await collector(authority.collector("texts-1"))
        old = await collector(expired(authority))
        closing = await stack.enter_async_context(raw(b""))
        web = await stack.enter_async_context(raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
        yield Places(
            ours,
            stranger,
            {
                "refused": (f"127.0.0.1:{free_port()}", None, "Connection refused"),
                "unknown host": ("no-such-host.invalid:1", ours, "unknown host"),
                "wrong name": (
                    elsewhere,
                    ours,
                    "wrong certificate name: wanted '127.0.0.1', got 'texts.example.org'",
                ),
                "wrong name that was given": (
                    named,
                    attrs.evolve(ours, server_name="texts.example.org"),
                    "wrong certificate name: wanted 'texts.example.org', got 'localhost', '127.0.0.1'",
                ),
                "untrusted": (named, Tls(ca=other.ca), "certificate not trusted"),
                "expired": (old, ours, f"certificate has expired: at {dt.datetime.now(dt.UTC):%Y}"),
                "plaintext to TLS": (named, None, "plaintext to a TLS port"),
                "TLS to plaintext": (plain, ours, "TLS to a plaintext port"),
                "no certificate": (mutual, ours, "certificate required"),
                "foreign certificate": (mutual, stranger, "certificate refused"),
                "no gRPC": (web, None, "no gRPC"),
                "closed": (closing, None, "connection closed"),
            },
        )


async def text_for_a_client(address: str, tls: Tls | None) -> str:
    async with MeshClient(address, tls=tls) as client:
        reply = await client.dispatch(*CALL, timeout=60)
    return f"{reply.status.code} {reply.status.message}"


async def told_of_a_peer(address: str, tls: Tls | None) -> tuple[str, str]:
    """What the observer is told, and what a snapshot has."""
    observer = FakeObserver()
    async with Collector(
        "front",
        transport=None,
        namespaces=["texts"],
        peers=[address],
        tls=attrs.evolve(tls, cert=None, key=None) if tls is not None else None,
        observer=observer,
    ) as front:
        await eventually(lambda: observer.of(DialFailed) != [])
        event = observer.of(DialFailed)[0]
        assert isinstance(event, DialFailed)
        return event.reason, front.snapshot().ended[0].reason


async def test_callers_are_told_why_nobody_was_reached(tmp_path: Path) -> None:
    async with places(tmp_path) as failing:
        texts = await asyncio.gather(
            *(text_for_a_client(address, tls) for address, tls, _ in failing.found.values())
        )
        wanted = [f"503 {address}: {text}" for address, _, text in failing.found.values()]

    assert [text[: len(want)] for text, want in zip(texts, wanted, strict=True)] == wanted


async def test_observers_and_snapshots_are_told_why_a_peer_is_not_connected(tmp_path: Path) -> None:
    async with places(tmp_path) as failing:
        # What this side shows is another matter: who dials as a collector has to have a certificate of its own.
        cases = [case for name, case in failing.found.items() if name != "foreign certificate"]
        told = await asyncio.gather(*(told_of_a_peer(address, tls) for address, tls, _ in cases))
        wanted = [f"{address}: {text}" for address, _, text in cases]

    assert [reason[: len(want)] for (reason, _), want in zip(told, wanted, strict=True)] == wanted
    assert [reason[: len(want)] for (_, reason), want in zip(told, wanted, strict=True)] == wanted


async def test_whoever_waits_for_a_peer_is_told_why_it_is_not_there(tmp_path: Path) -> None:
    async with places(tmp_path) as failing:
        address, tls, text = failing.found["wrong name"]
        observer = FakeObserver()
        async with Collector(
            "front", namespaces=["texts"], peers=[address], tls=tls, observer=observer
        ) as front:
            await eventually(lambda: observer.of(DialFailed) != [])
            with pytest.raises(UnavailableError) as raised:
                await front.wait_for(peers="all", timeout=0.01)
            reply = await front.dispatch(*CALL, timeout=0.5)

    assert str(raised.value).endswith(f"nobody answers at '{address}' ({text})")
    assert reply.status.code == 503
    assert f"nobody has answered yet at '{address}' ({text})" in reply.status.message


async def test_connect_waits_for_somebody_and_tells_why_nobody_came(tmp_path: Path) -> None:
    async def connects(address: str, tls: Tls | None) -> str:
        async with Collector("front", namespaces=["texts"], tls=tls) as front:
            with pytest.raises(UnavailableError) as raised:
                await front.connect(address, timeout=3)
        return str(raised.value)

    names = [
        "refused",
        "unknown host",
        "wrong name",
        "untrusted",
        "plaintext to TLS",
        "TLS to plaintext",
        "no certificate",
    ]
    async with places(tmp_path) as failing, raw(None) as silent:
        cases = [failing.found[name] for name in names] + [(silent, None, "no answer")]
        texts = await asyncio.gather(*(connects(address, tls) for address, tls, _ in cases))
        wanted = [f"nobody has answered at {address} within 3 s: {text}" for address, _, text in cases]

    assert [text[: len(want)] for text, want in zip(texts, wanted, strict=True)] == wanted


async def test_whoever_looks_at_a_collector_is_told_why_it_is_not_reached(tmp_path: Path) -> None:
    async with places(tmp_path) as failing:
        address, tls, text = failing.found["wrong name"]
        async with InspectClient(address, tls=tls, insecure=False) as client:
            with pytest.raises(UnavailableError) as raised:
                await client.snapshot(timeout=60)

    assert str(raised.value).startswith(f"nobody answers at {address}: {text}")


async def test_a_failure_that_lasts_is_looked_into_now_and_then_and_not_at_each_dial(tmp_path: Path) -> None:
    soon = Settings(reconnect_first=0.01, reconnect_cap=0.05)
    observer = FakeObserver()
    async with (
        raw(b"") as closing,
        Collector("front", namespaces=["texts"], peers=[closing], settings=soon, observer=observer) as front,
    ):
        # Ten dials of three streams each.
        await eventually(lambda: len(front.snapshot().ended) >= 16)

    assert [event.reason for event in observer.events if isinstance(event, DialFailed)] == [
        f"{closing}: connection closed: the program there has ended it without a word"
    ]
