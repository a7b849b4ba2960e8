"""Peers by name: a name server on a socket, and what collectors and clients make of what it says."""

import asyncio
import random
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs
import dns.message
import dns.rcode
import pytest
from tests.integration.services.certificates import Authority
from tests.integration.services.dns_server import DnsServer, name_server
from tests.integration.services.processes import free_port, run, serving
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import Collector, MeshClient, Payload, Reply, Service, Settings, Tls
from collector_mesh.adapters.dns import names
from collector_mesh.adapters.dns.names import DnsNames
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.errors import Executed, InvalidCallError, UnavailableError
from collector_mesh.domain.model.events import DialFailed, NameFailed, PeerRefused

pytestmark = pytest.mark.asyncio

CREATE = ("orders", "OrderService", "Create")
orders = Service("orders", "OrderService")


@orders.method("Create")
async def create(request: Payload) -> Payload:
    return request


def says(code: dns.rcode.Rcode) -> Callable[[dns.message.Message], bytes]:
    def answer(question: dns.message.Message) -> bytes:
        response = dns.message.make_response(question)
        response.set_rcode(code)
        return response.to_wire()

    return answer


def garbage(question: dns.message.Message) -> bytes:
    """What begins like an answer to the question, and is none."""
    head = dns.message.make_response(question).to_wire()[:12]
    return head[:4] + b"\x00\x01\xff\xff\x00\x00\x00\x00" + random.Random(7).randbytes(200)


# The adapter


async def test_the_addresses_of_a_name_are_found_of_both_kinds() -> None:
    async with name_server() as server:
        server.seconds = 7
        server.records["orders.test", "A"] = ["10.0.0.2", "10.0.0.1", "0.0.0.0"]
        server.records["orders.test", "AAAA"] = ["fd00::1"]

        found_by = DnsNames([server.address])
        found = await found_by.find("dns:orders.test:50051")

    assert set(found.addresses) == {"10.0.0.1:50051", "10.0.0.2:50051", "[fd00::1]:50051"}
    assert (found.seconds, found.is_partial) == (7.0, False)
    assert found_by.origin("10.0.0.1:50051") == "orders.test"


async def test_the_places_of_a_service_have_hosts_and_ports() -> None:
    async with name_server() as server:
        server.records["_mesh._tcp.orders.test", "SRV"] = [
            "0 1 5001 a.test.",
            "0 1 5002 b.test.",
            "0 1 9 gone.test.",
        ]
        server.records["a.test", "A"] = ["10.0.0.1"]
        server.records["b.test", "A"] = ["10.0.0.2"]
        server.records["b.test", "AAAA"] = ["fd00::2"]

        found_by = DnsNames([server.address])
        found = await found_by.find("dns:_mesh._tcp.orders.test")

    assert set(found.addresses) == {"10.0.0.1:5001", "10.0.0.2:5002", "[fd00::2]:5002"}
    assert found_by.origin("10.0.0.2:5002") == "b.test"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (says(dns.rcode.SERVFAIL), "no server could answer (SERVFAIL)"),
        (says(dns.rcode.REFUSED), "no server could answer (REFUSED)"),
        (says(dns.rcode.NXDOMAIN), "there is no such name"),
        (says(dns.rcode.NOERROR), "there is no such name, or it has no addresses"),
        (garbage, "orders.test"),
        (lambda _question: b"", "no answer for orders.test within 0.5 s"),
        (lambda _question: None, "no answer for orders.test within 0.5 s"),
    ],
    ids=["servfail", "refused", "nxdomain", "empty", "garbage", "nothing", "silence"],
)
async def test_what_leads_nowhere_says_why(answer: Any, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "FIND_SECONDS", 0.5)
    async with name_server() as server:
        server.answer = answer

        with pytest.raises(UnavailableError) as raised:
            await DnsNames([server.address]).find("dns:orders.test:50051")

    assert told in str(raised.value)
    assert len(str(raised.value)) < 500


async def test_where_one_kind_cannot_be_asked_for_the_answer_may_lack_some() -> None:
    async with name_server() as server:
        server.records["orders.test", "A"] = ["10.0.0.1"]
        fails = says(dns.rcode.SERVFAIL)

        def answer(question: dns.message.Message) -> bytes:
            is_four = question.question[0].rdtype.name == "A"
            return server.told(question).to_wire() if is_four else fails(question)

        server.answer = answer
        found = await DnsNames([server.address]).find("dns:orders.test:50051")

    assert (found.addresses, found.is_partial) == (("10.0.0.1:50051",), True)


async def test_where_one_kind_is_never_answered_the_answer_may_lack_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "FIND_SECONDS", 1.0)
    async with name_server() as server:
        server.records["_mesh._tcp.orders.test", "SRV"] = ["0 1 5001 orders.test."]
        server.records["orders.test", "A"] = ["10.0.0.1"]

        def answer(question: dns.message.Message) -> bytes | None:
            is_six = question.question[0].rdtype.name == "AAAA"
            return None if is_six else server.told(question).to_wire()

        server.answer = answer
        found_by = DnsNames([server.address])
        found = await found_by.find("dns:orders.test:50051")
        places = await found_by.find("dns:_mesh._tcp.orders.test")

    assert (found.addresses, found.is_partial) == (("10.0.0.1:50051",), True)
    assert (places.addresses, places.is_partial) == (("10.0.0.1:5001",), True)


async def test_a_thousand_addresses_are_found() -> None:
    async with name_server() as server:
        server.records["orders.test", "A"] = [f"10.0.{n // 250}.{n % 250 + 1}" for n in range(1000)]

        found = await DnsNames([server.address]).find("dns:orders.test:50051")

    assert len(found.addresses) == 1000


async def test_without_dnspython_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns", None)

    for make in (
        lambda: MeshClient("dns:orders:1"),
        lambda: DnsNames().check("dns:orders:1"),
    ):
        with pytest.raises(
            InvalidCallError, match=r"'dns:orders:1' needs dnspython: .*collector-mesh\[dns\]"
        ):
            make()


# Collectors


def settings(server: DnsServer, **options: Any) -> Settings:
    return Settings(dns_servers=[server.address], **options)


async def test_a_rollout_in_which_every_address_changes_loses_no_call() -> None:
    port = free_port()
    replies: list[Reply] = []
    old = [f"127.0.0.{number}" for number in range(2, 5)]
    new = [f"127.0.0.{number}" for number in range(12, 15)]

    async with name_server() as server, AsyncExitStack() as running:
        shops: dict[str, Collector] = {}

        async def start(host: str) -> None:
            shop = Collector(f"orders-{host}", listen=f"{host}:{port}", services=[orders])
            shops[host] = await running.enter_async_context(shop)

        for host in old:
            await start(host)
        server.records["orders.test", "A"] = old
        name = f"dns:orders.test:{port}"
        front = Collector(
            "front", listen="127.0.0.1:0", namespaces=["orders"], peers=[name], settings=settings(server)
        )
        async with front, MeshClient(name, settings=settings(server)) as client:
            is_over = asyncio.Event()

            async def call(caller: Collector | MeshClient) -> None:
                while len(replies) < 10_000 or not is_over.is_set():
                    replies.append(await caller.dispatch(*CREATE, idempotent=False))

            calling = [asyncio.ensure_future(call(caller)) for caller in (front, front, client, client)]
            for gone, come in zip(old, new, strict=True):
                await start(come)
                there = [*server.records["orders.test", "A"], come]
                server.records["orders.test", "A"] = [host for host in there if host != gone]
                await front.wait_for(peers=[f"orders-{come}"], timeout=LIMIT_SECONDS)
                await shops[gone].stop()
            is_over.set()
            await asyncio.gather(*calling)
            last = {reply.handled_by for reply in replies[-200:]}

    assert len(replies) >= 10_000
    assert [(reply.status.code, reply.executed) for reply in replies if reply.status.code != 200] == []
    assert all(reply.executed is Executed.YES for reply in replies)
    assert last <= {f"orders-{host}" for host in new}


async def test_what_the_server_says_amiss_changes_nothing() -> None:
    port, observer = free_port(), FakeObserver()
    async with name_server() as server, Collector("a", listen=f"127.0.0.2:{port}", services=[orders]):
        server.records["orders.test", "A"] = ["127.0.0.2"]
        front = Collector(
            "front",
            namespaces=["orders"],
            peers=[f"dns:orders.test:{port}"],
            settings=settings(server),
            observer=observer,
        )
        async with front:
            await front.wait_for(peers=["a"])
            codes = []
            for code in (dns.rcode.SERVFAIL, dns.rcode.NXDOMAIN):
                server.answer = says(code)
                failed = len(observer.of(NameFailed))
                await until(lambda failed=failed: len(observer.of(NameFailed)) > failed)  # type: ignore[misc]
                codes.append((await front.dispatch(*CREATE)).status.code)

    assert codes == [200, 200]


async def test_a_collector_that_finds_itself_at_another_address_leaves_that_alone() -> None:
    port, observer = free_port(), FakeObserver()
    async with name_server() as server, Collector("a", listen=f"127.0.0.3:{port}", services=[orders]):
        server.records["orders.test", "A"] = ["127.0.0.2", "127.0.0.3"]
        front = Collector(
            "front",
            listen=f"127.0.0.2:{port}",
            advertise=f"localhost:{port}",
            namespaces=["orders"],
            peers=[f"dns:orders.test:{port}"],
            settings=settings(server),
            observer=observer,
        )
        async with front:
            await front.wait_for(timeout=LIMIT_SECONDS)
            asked = server.asked
            await until(lambda: server.asked > asked + 4)
            there = [peer.peer_id for peer in front.snapshot().connections], front.snapshot().dialing

    assert there == (["a"], ())
    assert [*observer.of(DialFailed), *observer.of(PeerRefused)] == []


async def test_certificates_are_checked_against_the_name_that_was_looked_up(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    port = free_port()
    tls = {
        name: attrs.evolve(authority.issue(name, host=name), ca=None)
        for name in ("orders.test", "other.test")
    }
    trusting = Tls(ca=authority.ca)
    async with name_server() as server, AsyncExitStack() as running:
        for host, name in (("127.0.0.2", "orders.test"), ("127.0.0.3", "other.test")):
            await running.enter_async_context(
                Collector(f"at-{name}", listen=f"{host}:{port}", services=[orders], tls=tls[name])
            )
        server.records["orders.test", "A"] = ["127.0.0.2"]
        server.records["wrong.test", "A"] = ["127.0.0.3"]
        replies = []
        for name in ("orders.test", "wrong.test"):
            client = MeshClient(f"dns:{name}:{port}", tls=trusting, settings=settings(server))
            async with client:
                replies.append(await client.dispatch(*CREATE, timeout=5.0))

    assert [reply.status.code for reply in replies] == [200, 503]
    assert "wrong.test" in replies[1].status.message


async def test_serve_finds_its_peers_by_name() -> None:
    port = free_port()
    async with (
        name_server() as server,
        serving("late", "--service", "things:texts", listen=f"127.0.0.2:{port}"),
    ):
        server.records["texts.test", "A"] = ["127.0.0.2"]
        environment = {"COLLECTOR_MESH_SETTINGS__DNS_SERVERS": server.address}
        options = ("--namespace", "texts", "--peer", f"dns:texts.test:{port}", "--wait-for-peers", "all")
        async with (
            serving("front", *options, environment=environment) as front,
            MeshClient(front.address) as client,
        ):
            reply = await client.dispatch("texts", "Texts", "Missing")

    assert reply.status.code == 404
    assert "Texts.Missing" in reply.status.message


async def test_a_malformed_name_is_one_line_and_exit_status_2() -> None:
    ended = await asyncio.to_thread(run, "serve", "--id", "front", "--peer", "dns:orders")

    assert ended.status == 2
    assert "dns:NAME:PORT" in ended.stderr
