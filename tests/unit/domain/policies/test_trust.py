"""Which collector a certificate is the one of."""

import pytest

from collector_mesh import ForbiddenError, Identity, InvalidCallError
from collector_mesh.domain.policies.trust import TrustDomain, domain_of

MESH = TrustDomain("mesh.test")
URI = "spiffe://mesh.test/collector/a-1"
HOST = "a-1.mesh.test"


@pytest.mark.parametrize(
    "identity",
    [
        Identity(uris=(URI,)),
        Identity(dns_names=(HOST,)),
        Identity(uris=("SPIFFE://Mesh.Test/collector/a-1",)),
        Identity(dns_names=("a-1.MESH.test",)),
        Identity(dns_names=("localhost", "a-1.example.org", "*.mesh.test"), uris=(URI,), addresses=("::1",)),
        Identity(
            dns_names=(HOST, "mesh.test", "a-1"), uris=("spiffe://other.test/collector/b", "https://x/y")
        ),
        Identity(uris=(URI, "spiffe://mesh.test/workload/b", "spiffe://mesh.test/collector/")),
    ],
    ids=str,
)
def test_one_name_of_a_collector_proves_its_id_whatever_other_names_there_are(identity: Identity) -> None:
    MESH.check(identity, "a-1")


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        (None, "is not proved by a certificate"),
        (Identity(), "names no collector"),
        (Identity(dns_names=("a-1", "localhost", "a-1.example.org")), "names no collector"),
        (Identity(dns_names=("*.mesh.test",)), "names no collector"),
        (Identity(uris=("spiffe://mesh.test/collector/a-1/x",)), "names no collector"),
        (Identity(uris=("spiffe://mesh.test.evil/collector/a-1",)), "names no collector"),
        (Identity(uris=("spiffe://evil/mesh.test/collector/a-1",)), "names no collector"),
        (Identity(dns_names=("a-1xmesh.test", "a-1.mesh.test.evil")), "names no collector"),
        (Identity(uris=("https://mesh.test/collector/a-1",)), "names no collector"),
        (Identity(uris=("spiffe://mesh.test/collector/b-1",)), "names 'b-1'"),
        (Identity(dns_names=("A-1.mesh.test",)), "names 'A-1'"),
        (Identity(uris=(URI, "spiffe://mesh.test/collector/b-1")), "names 'a-1', 'b-1'"),
        (Identity(dns_names=("x.a-1.mesh.test",), uris=(URI,)), "names 'a-1', 'x.a-1'"),
        (Identity(dns_names=(HOST,), uris=(URI,)), "names 'a-1', 'a-1'"),
    ],
    ids=str,
)
def test_anything_else_does_not(identity: Identity | None, said: str) -> None:
    with pytest.raises(ForbiddenError, match=said) as raised:
        MESH.check(identity, "a-1")

    assert "spiffe://mesh.test/collector/a-1 or a-1.mesh.test" in str(raised.value)


@pytest.mark.parametrize(
    ("identity", "domain"),
    [
        (Identity(uris=(URI,)), "mesh.test"),
        (Identity(dns_names=("localhost", HOST)), "mesh.test"),
        (Identity(dns_names=("a-1.hosts.test",), uris=(URI,)), "mesh.test"),
    ],
    ids=str,
)
def test_the_domain_is_that_of_ones_own_certificate(identity: Identity, domain: str) -> None:
    assert domain_of(identity, "a-1") == TrustDomain(domain)


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        (Identity(dns_names=("localhost", "b.mesh.test")), "does not name it"),
        (Identity(uris=(URI, "spiffe://other.test/collector/a-1")), "names it in mesh.test, other.test"),
        (Identity(dns_names=(HOST, "a-1.other.test")), "names it in mesh.test, other.test"),
    ],
    ids=str,
)
def test_a_certificate_that_names_none_or_several_is_an_error(identity: Identity, said: str) -> None:
    with pytest.raises(InvalidCallError, match=said):
        domain_of(identity, "a-1")


@pytest.mark.parametrize("name", ["", "a/b", "a..b", ".a", "*.test", "x" * 300, "a b"])
def test_a_domain_has_a_name(name: str) -> None:
    with pytest.raises(InvalidCallError, match="trust_domain must be a domain name"):
        TrustDomain(name)
