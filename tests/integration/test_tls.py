"""TLS and mutual TLS for serving, for peers and for clients."""

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import attrs
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.certificates import Authority, flags, identity_of
from tests.integration.services.processes import LOOPBACK, eventually, run, serving
from tests.integration.services.things import numbers_service, texts_service
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    ForbiddenError,
    Identity,
    InvalidCallError,
    MeshClient,
    MeshError,
    Payload,
    Reply,
    Service,
    Settings,
    Tls,
    TlsError,
)
from collector_mesh.adapters.grpc.transport import GrpcTransport
from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import HandshakeRefused
from collector_mesh.domain.model.introduction import Offer

ALICE = "spiffe://example.org/alice"
BOB = "spiffe://example.org/bob"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def texts_collector(tls: Tls | None) -> Collector:
    return Collector("texts-1", listen=LOOPBACK, services=[texts_service()], tls=tls)


async def who(address: str, tls: Tls | None) -> Reply:
    """Whom a collector takes a caller for."""
    async with MeshClient(address, tls=tls) as client:
        return await client.serve("texts", "Texts", "Who", timeout=10)


def shown_certificate(address: str) -> bytes | None:
    """The certificate that a new connection to an address is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    with (
        closing(socket.create_connection((host, int(port)), timeout=LIMIT_SECONDS)) as raw,
        context.wrap_socket(raw) as connection,
    ):
        return connection.getpeercert(binary_form=True)


@pytest.mark.asyncio
async def test_a_client_that_believes_the_authority_calls(authority: Authority) -> None:
    async with texts_collector(attrs.evolve(authority.collector("texts-1"), ca=None)) as collector:
        reply = await who(collector.address, Tls(ca=authority.ca))

    assert (reply.status.code, reply.handled_by) == (200, "texts-1")
    assert reply.unpack(StringValue).value == "None"


@pytest.mark.asyncio
async def test_with_mutual_tls_a_handler_knows_who_calls(authority: Authority) -> None:
    async with texts_collector(authority.collector("texts-1")) as collector:
        reply = await who(collector.address, authority.issue("alice", identity=ALICE))

    assert reply.unpack(StringValue).value == ALICE


@pytest.mark.asyncio
async def test_a_certificate_with_a_common_name_alone_is_nobody(authority: Authority) -> None:
    async with texts_collector(authority.collector("texts-1")) as collector:
        reply = await who(collector.address, authority.issue("alice.example.org", host=""))

    assert reply.unpack(StringValue).value == "None"


@pytest.mark.asyncio
async def test_every_name_of_a_certificate_is_part_of_the_identity(authority: Authority) -> None:
    seen: list[Identity | None] = []
    service = Service("texts", "Texts")

    @service.method("Who")
    async def look(request: Payload, context: CallContext) -> Payload:
        seen.append(context.identity)
        return request

    alice = authority.issue("alice", identity=ALICE, others=[BOB, "*.example.org"])

    async with Collector(
        "texts-1", listen=LOOPBACK, services=[service], tls=authority.collector("texts-1")
    ) as collector:
        reply = await who(collector.address, alice)

    assert reply.status.code == 200
    assert seen == [Identity(("localhost", "*.example.org"), (ALICE, BOB), ("127.0.0.1",))]


@pytest.mark.asyncio
async def test_without_mutual_tls_a_certificate_proves_nothing(authority: Authority) -> None:
    async with texts_collector(attrs.evolve(authority.collector("texts-1"), ca=None)) as collector:
        reply = await who(collector.address, authority.issue("alice", identity=ALICE))

    assert reply.unpack(StringValue).value == "None"


@pytest.mark.asyncio
async def test_a_client_without_a_certificate_is_refused_where_there_is_an_authority(
    authority: Authority,
) -> None:
    async with texts_collector(authority.collector("texts-1")) as collector:
        reply = await who(collector.address, Tls(ca=authority.ca))

    assert reply.status.code in {502, 503}
    assert reply.handled_by == ""


@pytest.mark.asyncio
async def test_a_client_of_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    mallory = Authority(tmp_path, "elsewhere").issue("mallory", identity=ALICE)

    async with texts_collector(authority.collector("texts-1")) as collector:
        reply = await who(collector.address, attrs.evolve(mallory, ca=authority.ca))

    assert reply.status.code in {502, 503}
    assert reply.handled_by == ""


@pytest.mark.asyncio
async def test_a_client_does_not_call_whom_it_does_not_believe(authority: Authority, tmp_path: Path) -> None:
    async with texts_collector(attrs.evolve(authority.collector("texts-1"), ca=None)) as collector:
        reply = await who(collector.address, Tls(ca=Authority(tmp_path, "elsewhere").ca))

    assert reply.status.code == 503


@pytest.mark.asyncio
async def test_a_certificate_of_another_host_is_not_believed(authority: Authority) -> None:
    async with texts_collector(authority.collector("texts-1", host="texts.example.org")) as collector:
        reply = await who(collector.address, authority.issue("alice"))

    assert reply.status.code == 503


@pytest.mark.asyncio
async def test_the_name_to_look_for_may_be_given(authority: Authority) -> None:
    alice = attrs.evolve(authority.issue("alice"), server_name="texts.example.org")

    async with texts_collector(authority.collector("texts-1", host="texts.example.org")) as collector:
        reply = await who(collector.address, alice)

    assert reply.status.code == 200


@pytest.mark.asyncio
async def test_plaintext_to_a_tls_port_is_an_error_and_no_hang(authority: Authority) -> None:
    async with texts_collector(attrs.evolve(authority.collector("texts-1"), ca=None)) as collector:
        with pytest.raises(MeshError) as raised:
            async with MeshClient(collector.address) as client:
                await client.call("texts", "Texts", "Nothing", timeout=LIMIT_SECONDS)

    assert raised.value.code == 503


@pytest.mark.asyncio
async def test_tls_to_a_plaintext_port_is_an_error_and_no_hang(authority: Authority) -> None:
    async with texts_collector(None) as collector:
        reply = await who(collector.address, Tls(ca=authority.ca))

    assert reply.status.code == 503


@asynccontextmanager
async def texts_and_numbers(authority: Authority) -> AsyncIterator[tuple[Collector, Collector]]:
    texts = Collector(
        "texts-1",
        listen=LOOPBACK,
        namespaces=["numbers"],
        services=[texts_service()],
        tls=authority.collector("texts-1"),
    )
    numbers = Collector(
        "numbers-1",
        listen=LOOPBACK,
        namespaces=["texts"],
        services=[numbers_service()],
        tls=authority.collector("numbers-1"),
    )
    async with texts, numbers:
        yield texts, numbers


@pytest.mark.asyncio
async def test_peers_call_each_other_over_mutual_tls_and_who_has_dialed_is_known(
    authority: Authority,
) -> None:
    async with texts_and_numbers(authority) as (texts, numbers):
        await texts.connect(numbers.address)
        there = await texts.dispatch("numbers", "Numbers", "Pi")
        back = await numbers.dispatch("texts", "Texts", "Who")
    async with texts_and_numbers(authority) as (texts, numbers):
        await numbers.connect(texts.address)
        dialed = await numbers.dispatch("texts", "Texts", "Who")

    assert (there.status.code, there.handled_by) == (200, "numbers-1")
    # grpc checks the certificate of a server, but does not show it to the client.
    assert (back.handled_by, back.unpack(StringValue).value) == ("texts-1", "None")
    assert (dialed.handled_by, dialed.unpack(StringValue).value) == ("texts-1", identity_of("numbers-1"))


@pytest.mark.asyncio
async def test_renewed_certificates_are_shown_to_new_connections(authority: Authority) -> None:
    async with texts_collector(authority.collector("texts-1")) as collector:
        alice = authority.issue("alice", identity=ALICE)
        async with MeshClient(collector.address, tls=alice) as older:
            await older.call("texts", "Texts", "Nothing")
            before = await asyncio.to_thread(shown_certificate, collector.address)
            authority.collector("texts-1")
            after = await asyncio.to_thread(shown_certificate, collector.address)
            still = await older.serve("texts", "Texts", "Nothing")
        reply = await who(collector.address, alice)

    assert before
    assert after
    assert before != after
    assert still.status.code == reply.status.code == 200


@pytest.mark.asyncio
async def test_broken_certificates_leave_the_old_ones_in_place(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "collector_mesh")
    tls = authority.collector("texts-1")
    async with texts_collector(tls) as collector:
        before = await asyncio.to_thread(shown_certificate, collector.address)
        assert tls.cert is not None
        tls.cert.write_text("half a file")
        after = await asyncio.to_thread(shown_certificate, collector.address)
        reply = await who(collector.address, authority.issue("alice"))

    assert before == after
    assert reply.status.code == 200
    assert any(text.startswith("certificate_unusable ") for text in caplog.messages)


@pytest.mark.asyncio
async def test_who_is_refused_when_hands_are_shaken_is_told_with_its_address(
    authority: Authority, tmp_path: Path
) -> None:
    observer = FakeObserver()
    stranger = attrs.evolve(Authority(tmp_path, "stranger").issue("mallory"), ca=authority.ca)
    async with Collector(
        "texts-1",
        listen=LOOPBACK,
        services=[texts_service()],
        tls=authority.collector("texts-1"),
        observer=observer,
    ) as collector:
        refused = await who(collector.address, stranger)
        taken = await who(collector.address, authority.issue("alice"))
        async with asyncio.timeout(LIMIT_SECONDS):
            while not observer.of(HandshakeRefused):
                await asyncio.sleep(0.05)

    told = [event for event in observer.of(HandshakeRefused) if isinstance(event, HandshakeRefused)]
    assert (refused.status.code, taken.status.code) == (503, 200)
    assert told[0].address.startswith("127.0.0.1:")
    assert told[0].reason.startswith("gone without a request")
    assert all(event.times == 2**number for number, event in enumerate(told))


@pytest.mark.asyncio
async def test_a_new_authority_is_believed_by_new_connections(authority: Authority, tmp_path: Path) -> None:
    newer = Authority(tmp_path, "newer")
    tls = authority.collector("texts-1")
    alice = attrs.evolve(newer.issue("alice", identity=ALICE), ca=authority.ca)
    both = authority.ca.read_bytes() + newer.ca.read_bytes()

    async with texts_collector(tls) as collector:
        before = await who(collector.address, alice)
        authority.ca.write_bytes(both)
        after = await who(collector.address, alice)

    assert before.handled_by == ""
    assert after.unpack(StringValue).value == ALICE


@pytest.mark.asyncio
async def test_commands_speak_tls_with_their_peers_and_callers(authority: Authority) -> None:
    one = authority.collector("c-1")
    other = authority.collector("c-2")
    async with (
        serving("c-1", "--service", "things:texts", *flags(one)) as texts,
        serving("c-2", "--namespace", "texts", "--peer", texts.address, *flags(other)) as middle,
    ):
        await eventually(lambda: "peer_connected" in middle.stderr)
        call = ("dispatch", middle.address, "texts", "Texts", "Who", *flags(other))
        request = ("--request", "google.protobuf.wrappers_pb2:StringValue", "--data", '""')
        done = await asyncio.to_thread(run, *call, *request)

    assert (done.status, done.stdout) == (0, f'"{identity_of("c-2")}"\n')


@pytest.mark.asyncio
async def test_serving_needs_a_certificate_of_its_own(authority: Authority) -> None:
    with pytest.raises(TlsError, match="needs a certificate"):
        async with texts_collector(Tls(ca=authority.ca)):
            pass


@pytest.mark.asyncio
async def test_plaintext_beyond_this_machine_is_refused_for_listening_and_for_dialing() -> None:
    with pytest.raises(InvalidCallError, match=r"plaintext is refused on 192\.0\.2\.1:50051"):
        async with MeshClient("192.0.2.1:50051"):
            pass
    with pytest.raises(InvalidCallError, match=r"plaintext is refused on 192\.0\.2\.1:50051"):
        async with Collector("c-1", listen="192.0.2.1:50051"):
            pass
    async with texts_collector(None) as collector:
        with pytest.raises(InvalidCallError, match=r"plaintext is refused on 192\.0\.2\.1:50051"):
            await collector.connect("192.0.2.1:50051")


# Whose id it is


def transport_of(tls: Tls) -> GrpcTransport:
    """A transport that shows a certificate, whoever uses it says to be."""
    return GrpcTransport(
        clock=LoopClock(),
        tls=tls,
        insecure=False,
        advertise=None,
        reflection=False,
        max_payload_bytes=1 << 20,
        keepalive_interval=10.0,
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("names", "named"),
    [
        ((identity_of("mallory-1"),), "'mallory-1'"),
        ((identity_of("numbers-1"), identity_of("mallory-1")), "'numbers-1', 'mallory-1'"),
        (("*.mesh.test",), "no collector"),
        (("spiffe://other.test/collector/numbers-1",), "no collector"),
        ((), "no collector"),
    ],
)
async def test_an_id_that_does_not_follow_from_the_certificate_is_refused_by_link_and_by_connect(
    authority: Authority, names: tuple[str, ...], named: str
) -> None:
    # Its common name says something else, which counts for nothing.
    mallory = transport_of(authority.issue("numbers-1.mesh.test", others=names))
    offer = Offer("numbers-1", "localhost:1", ("texts",))
    async with (
        texts_collector(authority.collector("texts-1")) as texts,
        Collector("numbers-1", transport=mallory, listen="", namespaces=["texts"]) as impostor,
    ):
        with pytest.raises(ForbiddenError, match=f"which names {re.escape(named)}"):
            await impostor.connect(texts.address)
        link = mallory.unary(texts.address)
        welcome = await link.connect(offer, timeout=10)
        await link.aclose()
        known = texts.snapshot().connections

    assert welcome.status.code == 403
    assert f"which names {named}:" in welcome.status.message
    assert "spiffe://mesh.test/collector/numbers-1 or numbers-1.mesh.test" in welcome.status.message
    assert known == ()


@pytest.mark.asyncio
@pytest.mark.parametrize("name", [identity_of("numbers-1"), "numbers-1.mesh.test"])
async def test_an_id_that_follows_from_the_certificate_is_taken_beside_names_of_hosts(
    authority: Authority, name: str
) -> None:
    tls = authority.issue("whatever", others=[name, "numbers.example.org"])
    numbers = Collector("numbers-1", namespaces=["texts"], tls=tls)
    async with texts_collector(authority.collector("texts-1")) as texts, numbers:
        connection = await numbers.connect(texts.address)

    assert connection.peer_id == "texts-1"


@pytest.mark.asyncio
async def test_the_trust_domain_may_be_a_setting(authority: Authority) -> None:
    settings = Settings(trust_domain="hosts.test")
    texts = Collector(
        "texts-1",
        listen=LOOPBACK,
        services=[texts_service()],
        settings=settings,
        tls=authority.issue("t", others=[identity_of("texts-1"), "texts-1.hosts.test"]),
    )
    numbers = transport_of(authority.issue("n", others=["numbers-1.hosts.test"]))
    other = transport_of(authority.collector("other-1"))
    async with (
        texts,
        Collector("numbers-1", transport=numbers, listen="", namespaces=["texts"]) as known,
        Collector("other-1", transport=other, listen="", namespaces=["texts"]) as unknown,
    ):
        connection = await known.connect(texts.address)
        with pytest.raises(ForbiddenError, match="which names no collector"):
            await unknown.connect(texts.address)

    assert connection.peer_id == "texts-1"
