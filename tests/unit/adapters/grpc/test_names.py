"""The names in a certificate, from its file."""

from pathlib import Path

import pytest
from tests.integration.services.certificates import Authority

from collector_mesh import Identity, Tls, TlsError
from collector_mesh.adapters.grpc.names import names_in
from collector_mesh.adapters.grpc.validity import validity_of


def test_all_kinds_of_names_are_read_in_their_order(tmp_path: Path) -> None:
    tls = Authority(tmp_path).issue(
        "a-1",
        identity="spiffe://mesh.test/collector/a-1",
        others=["a-1.mesh.test", "*.mesh.test", "https://example.org/x"],
    )

    assert tls.identity() == Identity(
        ("localhost", "a-1.mesh.test", "*.mesh.test"),
        ("spiffe://mesh.test/collector/a-1", "https://example.org/x"),
        ("127.0.0.1",),
    )


def test_a_common_name_is_none(tmp_path: Path) -> None:
    assert Authority(tmp_path).issue("a-1.mesh.test", host="").identity() == Identity()


def test_of_a_chain_the_first_certificate_counts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    leaf, other = authority.issue("leaf", host="leaf.test"), authority.issue("other", host="other.test")
    assert leaf.cert is not None
    assert other.cert is not None
    chain = b"Subject: CN=leaf\n" + leaf.cert.read_bytes() + other.cert.read_bytes()

    assert names_in(chain).dns_names == ("leaf.test",)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9])
def test_half_a_file_is_an_error_that_names_it(tmp_path: Path, share: float) -> None:
    tls = Authority(tmp_path).issue("a-1")
    assert tls.cert is not None
    whole = tls.cert.read_bytes()
    tls.cert.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(TlsError, match=r"a-1\.crt cannot be read"):
        tls.identity()
    assert validity_of(tls.cert.read_bytes()) is None


def test_what_is_no_certificate_within_is_an_error() -> None:
    nonsense = b"-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"

    with pytest.raises(ValueError, match=r"no certificate|cut off"):
        names_in(nonsense)
    assert validity_of(nonsense) is None


def test_without_a_certificate_there_is_no_identity() -> None:
    with pytest.raises(TlsError, match="no certificate"):
        Tls(ca="ca.pem").identity()
