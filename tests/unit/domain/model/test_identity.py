import pytest

from collector_mesh import Identity


def test_an_identity_is_a_value() -> None:
    one = Identity(dns_names=("a.example.org",), uris=("spiffe://example.org/a",), addresses=("192.0.2.1",))
    other = Identity(("a.example.org",), ("spiffe://example.org/a",), ("192.0.2.1",))

    assert one == other
    assert len({one, other}) == 1


@pytest.mark.parametrize(
    ("identity", "shown"),
    [
        (Identity(("a.example.org",), ("spiffe://example.org/a",), ("192.0.2.1",)), "spiffe://example.org/a"),
        (Identity(("a.example.org", "b.example.org"), (), ("192.0.2.1",)), "a.example.org"),
        (Identity(addresses=("192.0.2.1",)), "192.0.2.1"),
        (Identity(), ""),
    ],
)
def test_its_first_name_is_shown_to_people(identity: Identity, shown: str) -> None:
    assert str(identity) == shown
    assert bool(identity) == bool(shown)
