"""Who a request is from, by the bearer token in its headers; and whom a rule names."""

import pytest

from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.policies.access_tokens import Tokens
from collector_mesh.domain.policies.credentials import identified, named_identity
from collector_mesh.domain.policies.trust import TrustDomain

SECRET = "of-the-build-0123456789"
TOKENS = Tokens.of({"ci": SECRET, "cd": f"another-{SECRET}"}, b"k" * 16)
PROVED = Identity(dns_names=("a.example.org",))
TRUST = TrustDomain("example.org")


def test_a_request_without_a_token_is_from_whom_the_transport_has_proved() -> None:
    headers = (("x-trace", "1"), ("authorization", "Basic dXNlcjpwYXNz"), ("authorization", b"Bearer bytes"))

    assert identified(PROVED, headers, TOKENS) == (PROVED, headers)
    assert identified(None, (), TOKENS) == (None, ())


@pytest.mark.parametrize("word", ["Bearer ", "bearer ", "BEARER   "])
def test_a_token_adds_its_name_to_what_is_proved_and_is_taken_out_of_the_headers(word: str) -> None:
    headers = (("a", "1"), ("authorization", word + SECRET), ("b", "2"))

    identity, left = identified(PROVED, headers, TOKENS)
    alone, _ = identified(None, headers, TOKENS)

    assert identity is not None
    assert (identity.token, identity.dns_names, identity.is_rejected) == ("ci", PROVED.dns_names, False)
    assert TOKENS.knows("ci", identity.proof)
    assert left == (("a", "1"), ("b", "2"))
    assert alone is not None
    assert alone.token == "ci"


def test_a_token_that_is_not_known_is_rejected_whatever_a_certificate_proves_and_goes_no_further() -> None:
    identity, left = identified(PROVED, (("authorization", "Bearer wrong"),), TOKENS)

    assert identity is not None
    assert (identity.is_rejected, identity.token) == (True, "")
    assert left == ()


def test_of_several_tokens_the_first_that_is_known_counts_and_only_a_few_are_looked_at() -> None:
    wrong, right = ("authorization", "Bearer wrong"), ("authorization", f"Bearer {SECRET}")
    other = ("authorization", f"Bearer another-{SECRET}")

    among, _ = identified(None, (wrong, other, right), TOKENS)
    late, left = identified(None, (*[wrong] * 4, right), TOKENS)

    assert among is not None
    assert among.token == "cd"
    assert late is not None
    assert late.is_rejected
    assert left == ()


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("anyone", None),
        ("token:ci", Identity(token="ci")),
        ("uri:spiffe://Example.org/team/blue", Identity(uris=("spiffe://example.org/team/blue",))),
        ("dns:A.example.org", Identity(dns_names=("a.example.org",))),
        ("id:orders-1", Identity(uris=("spiffe://example.org/collector/orders-1",))),
    ],
)
def test_somebody_is_named_as_in_rules(text: str, identity: Identity | None) -> None:
    assert named_identity(text, TRUST) == identity


@pytest.mark.parametrize(
    "text", ["id:orders-*", "dns:*.example.org", "uri:spiffe://example.org/*", "token:*"]
)
def test_a_name_of_several_is_nobody_in_particular(text: str) -> None:
    with pytest.raises(InvalidCallError, match="caller must be one"):
        named_identity(text, TRUST)


def test_an_id_means_somebody_only_where_ids_are_proved() -> None:
    with pytest.raises(InvalidCallError, match="'id:orders-1': ids are proved with mutual TLS"):
        named_identity("id:orders-1", None)


def test_what_is_no_name_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(InvalidCallError, match="must be id:NAME"):
        named_identity("somebody", TRUST)
