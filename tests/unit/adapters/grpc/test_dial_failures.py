"""What grpc says of a dial that has failed, in the words of several of its versions."""

import pytest

from collector_mesh.adapters.grpc.failures import Kind, failure_of

ALL = "failed to connect to all addresses; last error: "
TLS = f"{ALL}UNKNOWN: ipv4:127.0.0.1:1: Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:"
VERIFY = "1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED"
BEHIND = ": Invalid certificate verification context"


@pytest.mark.parametrize(
    ("details", "kind", "more"),
    [
        (
            f"{ALL}UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host: Connection refused",
            Kind.REFUSED,
            "",
        ),
        (f"{ALL}UNKNOWN: ipv4:127.0.0.1:1: connect: Connection refused (111)", Kind.REFUSED, ""),
        (
            (
                "errors resolving no.invalid:1: [field:hostname lookup error:address lookup failed for no.invalid:1:"
                " Domain name not found]"
            ),
            Kind.UNKNOWN_HOST,
            "Domain name not found",
        ),
        (
            (
                "DNS resolution failed for no.invalid:1: C-ares status is not ARES_SUCCESS qtype=A name=no.invalid"
                " is_balancer=0: Domain name not found"
            ),
            Kind.UNKNOWN_HOST,
            "Domain name not found",
        ),
        ("DNS resolution failed", Kind.UNKNOWN_HOST, ""),
        (
            (
                f"{ALL}FAILED_PRECONDITION: unix:/x.sock: connect failed: addr: unix:/x.sock error: No such file"
                " or directory"
            ),
            Kind.NO_SOCKET,
            "",
        ),
        (
            f"{ALL}FAILED_PRECONDITION: unix:/x.sock: connect failed: addr: unix:/x.sock error: Permission denied",
            Kind.NO_PERMISSION,
            "",
        ),
        (f"{ALL}UNKNOWN: ipv6:x: connect: No route to host (113)", Kind.NO_ROUTE, ""),
        (f"{ALL}UNKNOWN: ipv6:x: Network is unreachable", Kind.NO_ROUTE, ""),
        (f"{ALL}UNAVAILABLE: ipv4:192.0.2.1:1: connect: Connection timed out (110)", Kind.TIMED_OUT, ""),
        (f"{ALL}UNKNOWN: ipv4:1.1.1.1:1: FD Shutdown: Timeout occurred", Kind.TIMED_OUT, ""),
        (
            (
                f"{ALL}UNKNOWN: ipv4:127.0.0.1:1: Custom verification check failed with error: UNAUTHENTICATED:"
                " Hostname Verification Check failed."
            ),
            Kind.WRONG_NAME,
            "",
        ),
        (
            f"{TLS}{VERIFY}: unable to get local issuer certificate{BEHIND}",
            Kind.UNTRUSTED,
            "unable to get local issuer certificate",
        ),
        (
            f"{TLS}{VERIFY}: self signed certificate in certificate chain [type.googleapis.com/x='0']",
            Kind.UNTRUSTED,
            "self signed certificate in certificate chain",
        ),
        (f"{TLS}{VERIFY}", Kind.UNTRUSTED, ""),
        (f"{TLS}{VERIFY}: certificate has expired{BEHIND}", Kind.EXPIRED, ""),
        (f"{TLS}{VERIFY}: certificate is not yet valid{BEHIND}", Kind.NOT_YET, ""),
        (
            f"{TLS}100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER{BEHIND}",
            Kind.TLS_TO_PLAINTEXT,
            "",
        ),
        (
            f"{ALL}INTERNAL: ipv4:127.0.0.1:1: Trying to connect an http1.x server (HTTP status 400)",
            Kind.NO_HTTP2,
            "",
        ),
        (f"{ALL}UNAVAILABLE: ipv4:127.0.0.1:1: Socket closed", Kind.CLOSED, ""),
        (f"{ALL}UNAVAILABLE: ipv4:127.0.0.1:1: recvmsg:Connection reset by peer (104)", Kind.CLOSED, ""),
        (f"{ALL}UNAVAILABLE: ipv4:127.0.0.1:1: Handshake read failed (Socket closed)", Kind.CLOSED, ""),
        ("something new", Kind.OTHER, "something new"),
        ("", Kind.OTHER, ""),
    ],
)
def test_the_words_of_grpc_tell_failures_apart(details: str, kind: Kind, more: str) -> None:
    failure = failure_of(details)

    assert (failure.kind, failure.more) == (kind, more)


def test_what_is_told_is_one_short_line_whatever_grpc_has_heard() -> None:
    text = failure_of("x\n\x1b[2J" * 1_000_000).text

    assert text.isprintable()
    assert len(text) <= 256


def test_each_kind_of_failure_is_told_in_other_words() -> None:
    texts = [kind.value for kind in Kind]

    assert len(set(texts)) == len(texts)
