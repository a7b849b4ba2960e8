"""Why a dial has failed, read from what grpc says of it: its words differ by version, and tell little to people."""

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

import attrs

from collector_mesh.domain.model.texts import visible


class Kind(Enum):
    """Why nobody is reached at an address, in words that follow the address."""

    REFUSED = "Connection refused: no program listens there"
    NO_PERMISSION = "permission denied: this user may not connect there"
    NO_SOCKET = "no such socket: nothing is at this path"
    UNKNOWN_HOST = "unknown host: its name cannot be resolved"
    NO_ROUTE = "no route to host: the network has no way there"
    TIMED_OUT = "timed out: no answer to the attempt to connect"
    SILENT = "no answer: the program there says nothing"
    WRONG_NAME = "wrong certificate name"
    UNTRUSTED = "certificate not trusted"
    EXPIRED = "certificate has expired"
    NOT_YET = "certificate is not valid yet"
    TLS_TO_PLAINTEXT = "TLS to a plaintext port: the program there does not speak TLS"
    PLAINTEXT_TO_TLS = "plaintext to a TLS port: the program there speaks TLS"
    NO_CERTIFICATE = (
        "certificate required: the program there hangs up after the handshake, as with mutual TLS, and this side shows"
        " no certificate"
    )
    CERTIFICATE_REFUSED = (
        "certificate refused: the program there hangs up after the handshake, as with mutual TLS and a certificate"
        " that it does not trust"
    )
    NO_HTTP2 = "no gRPC: the program there does not speak HTTP/2"
    CLOSED = "connection closed: the program there has ended it without a word"
    OTHER = ""
    """grpc's own words."""


@attrs.frozen
class Failure:
    """Why a dial has failed.

    Attributes:
        kind: what is told apart.
        more: what there is to say beside that; of `OTHER` all that is known.
    """

    kind: Kind
    more: str = ""

    @property
    def text(self) -> str:
        """For people, to follow the address."""
        return visible(": ".join(part for part in (self.kind.value, self.more) if part))


_PATTERNS: Mapping[Kind, re.Pattern[str]] = MappingProxyType(
    {
        kind: re.compile(pattern, re.IGNORECASE | re.DOTALL)
        for kind, pattern in {
            Kind.WRONG_NAME: r"hostname verification check failed|is not in peer certificate|no match found for server name",
            Kind.EXPIRED: r"certificate has expired",
            Kind.NOT_YET: r"certificate is not yet valid",
            # How far it has got, and what grpc adds behind it, says nothing.
            Kind.UNTRUSTED: r"certificate_verify_failed(?:: *([^:\[\]]+?))?(?: *[:\[].*)?$",
            Kind.TLS_TO_PLAINTEXT: r"wrong_version_number|ssl routines:[^:]*:http_request",
            Kind.NO_CERTIFICATE: r"certificate_required",
            Kind.CERTIFICATE_REFUSED: r"alert_(?:unknown_ca|bad_certificate|certificate_\w+)",
            Kind.NO_HTTP2: r"http1\.x server|failed parsing http/2",
            Kind.REFUSED: r"connection refused",
            Kind.NO_PERMISSION: r"permission denied",
            Kind.NO_SOCKET: r"no such file or directory",
            Kind.NO_ROUTE: r"no route to host|network is unreachable|host is (?:down|unreachable)",
            Kind.UNKNOWN_HOST: (
                r"(?:errors resolving|dns resolution failed|name resolution|domain name not found)"
                r"(?:.*: *([^:\[\]]+)\]?)?$"
            ),
            Kind.TIMED_OUT: r"timed out|timeout occurred|deadline exceeded",
            Kind.CLOSED: r"socket closed|connection reset|handshake read failed|broken pipe|end of tcp stream|eof",
        }.items()
    }
)
"""What stands in grpc's words, in the order in which they are looked for."""


def failure_of(details: str) -> Failure:
    """Why a dial has failed, as far as grpc's words for it tell."""
    for kind, pattern in _PATTERNS.items():
        found = pattern.search(details)
        if found is not None:
            more = found[1] if pattern.groups and found[1] is not None else ""
            return Failure(kind, more.strip())
    return Failure(Kind.OTHER, details)
