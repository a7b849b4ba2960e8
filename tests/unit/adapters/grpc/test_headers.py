import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.adapters.grpc.headers import headers_of, metadata_of, reply_metadata_of
from collector_mesh.domain.link.sizes import METADATA_HEADER_BYTES, header_bytes
from collector_mesh.domain.model.call import checked_metadata
from collector_mesh.domain.model.limits import DETAILS_CUT, MAX_ENTRIES, MAX_METADATA_BYTES
from collector_mesh.domain.model.reply_metadata import checked_reply_metadata
from collector_mesh.domain.model.status import OK, Reply

NAMES = st.sampled_from(
    [
        "via",
        "x-forwarded-for",
        "grpc-x",
        "mine",
        "mine-bin",
        "a" * 65,
        "UPPER",
        "",
        ":path",
        "grpc-status-details-bin",
    ]
)


def test_no_headers_are_no_metadata() -> None:
    assert metadata_of(None) == metadata_of(()) == ()


@pytest.mark.parametrize(
    "names",
    [
        "x-envoy-attempt-count x-envoy-expected-rq-timeout-ms x-forwarded-proto x-forwarded-client-cert",
        "x-real-ip x-forwarded-for x-original-uri x-scheme x-nginx-proxy ssl-client-verify ssl-client-subject-dn",
        "l5d-dst-canonical l5d-client-id l5d-remote-ip",
        "cf-ray cf-connecting-ip cf-ipcountry cf-visitor cdn-loop true-client-ip",
        "x-grpc-web x-user-agent referer sec-fetch-mode sec-ch-ua accept-language x-accept-content-transfer-encoding",
        "via forwarded te trailer accept-encoding client-cert if-none-match x-ssl-client-cert",
    ],
    ids=["envoy", "nginx", "linkerd", "cloudflare", "grpc-web", "http"],
)
def test_what_proxies_write_is_no_metadata(names: str) -> None:
    assert metadata_of((name, "x") for name in names.split()) == ()


def test_what_an_application_may_have_meant_is_metadata_as_often_as_it_is_there() -> None:
    names = (
        "traceparent tracestate baggage x-request-id x-b3-traceid authorization cookie x-tenant cfg secret"
    )
    headers: list[tuple[str, str | bytes]] = [
        *((name, "x") for name in names.split()),
        ("x-tenant", "y"),
        ("blob-bin", b"\0\xff"),
    ]

    assert metadata_of(headers) == tuple(headers)


def test_more_headers_than_metadata_may_have_are_left_out() -> None:
    found = metadata_of((f"k{number}", "v") for number in range(MAX_ENTRIES + 50))

    assert len(found) == MAX_ENTRIES


def test_a_header_that_does_not_fit_leaves_room_for_smaller_ones() -> None:
    headers = [("one", "x" * 8000), ("two", "x" * 8000), ("three", "x" * 180)]

    assert [key for key, _ in metadata_of(headers)] == ["one", "three"]


@given(st.lists(st.tuples(NAMES | st.text(max_size=70), st.text(max_size=3000) | st.binary(max_size=3000))))
def test_whatever_the_headers_are_what_is_left_is_metadata_in_their_order(
    headers: list[tuple[str, str | bytes]],
) -> None:
    found = metadata_of(headers)

    assert checked_metadata(found) == found
    assert [pair for pair in headers if pair in found] or not found
    assert sum(len(key) + len(value) for key, value in found) <= MAX_METADATA_BYTES
    assert not any(key.startswith(("x-forwarded-", "grpc-", ":")) or key == "via" for key, _ in found)


def test_of_a_response_what_servers_and_proxies_write_is_no_metadata_and_the_details_of_a_status_are() -> (
    None
):
    names = (
        "server date x-envoy-upstream-service-time alt-svc x-cache grpc-status grpc-message content-type via"
    )
    written = [(name, "x") for name in names.split()]
    own: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", b"\x08"),
        ("x-tenant", "y"),
        ("x-tenant", "z"),
    ]

    assert reply_metadata_of([*written, *own]) == tuple(own)
    assert metadata_of(own) == (("x-tenant", "y"), ("x-tenant", "z"))


@given(st.lists(st.tuples(NAMES | st.text(max_size=70), st.text(max_size=3000) | st.binary(max_size=3000))))
def test_whatever_comes_back_what_is_left_may_be_sent_on_and_arrives_as_it_is(
    headers: list[tuple[str, str | bytes]],
) -> None:
    found = reply_metadata_of(headers)

    assert checked_reply_metadata(found) == found
    assert headers_of(Reply(OK, metadata=found, initial_metadata=found)) == (found, found)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "via", "grpc-x", "b" * 64]), st.text("xy", max_size=900)),
        max_size=600,
    )
)
def test_headers_are_never_more_than_grpc_takes_and_the_reply_says_what_is_left_out(
    pairs: list[tuple[str, str]],
) -> None:
    reply = Reply(OK, metadata=tuple(pairs))

    initial, trailing = headers_of(reply)

    meant = [pair for pair in pairs if pair[0] not in ("via", "grpc-x")]
    assert initial == ()
    assert header_bytes(trailing) <= METADATA_HEADER_BYTES
    assert (DETAILS_CUT in reply.status.details) == (trailing != tuple(meant))
