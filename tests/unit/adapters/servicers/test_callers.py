"""What contexts of servicers tell of the caller."""

import pytest

from collector_mesh import CallContext, Identity
from collector_mesh.adapters.servicers.aio_context import AioContext
from collector_mesh.adapters.servicers.rpc import Rpc
from collector_mesh.adapters.servicers.sync_context import SyncContext
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.testing import call_context

IDENTITY = Identity(
    dns_names=("front.example",), uris=("spiffe://mesh/front", "https://x"), addresses=("10.0.0.1",)
)


class Nobody:
    """Is told of nothing."""

    def failed(self, key: MethodKey, error: BaseException) -> None:
        raise AssertionError(key) from error


def contexts(call: CallContext) -> list[AioContext | SyncContext]:
    return [AioContext(Rpc(call, Nobody())), SyncContext(Rpc(call, Nobody()))]


@pytest.mark.parametrize("number", [0, 1])
def test_a_certificate_is_told_under_the_names_of_grpc(number: int) -> None:
    context = contexts(call_context(caller="front", identity=IDENTITY))[number]

    names = [b"spiffe://mesh/front", b"https://x", b"front.example", b"10.0.0.1"]
    assert context.peer_identity_key() == "x509_subject_alternative_name"
    assert context.peer_identities() == names
    assert context.auth_context() == {
        "transport_security_type": [b"ssl"],
        "x509_subject_alternative_name": names,
        "peer_dns": [b"front.example"],
        "peer_uri": [b"spiffe://mesh/front", b"https://x"],
        "peer_ip": [b"10.0.0.1"],
        "peer_spiffe_id": [b"spiffe://mesh/front"],
    }


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(("caller", "peer"), [("front", "collector:front:0"), ("", "client:unknown:0")])
def test_a_peer_can_be_taken_apart_as_an_address_can(number: int, caller: str, peer: str) -> None:
    context = contexts(call_context(caller=caller))[number]

    # As interceptors of OpenTelemetry do it.
    host, port = context.peer().split(",")[0].split(":", 1)[1].rsplit(":", 1)

    assert (context.peer(), host, port) == (peer, caller or "unknown", "0")
    assert (context.peer_identities(), context.peer_identity_key(), context.auth_context()) == (
        None,
        None,
        {},
    )


def test_a_call_without_a_deadline_has_none() -> None:
    of_async, of_plain = contexts(call_context())

    assert of_async.time_remaining() is None
    assert of_plain.time_remaining() > 1e9
