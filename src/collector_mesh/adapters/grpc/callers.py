"""Who a caller is: where it is, and what it has proved."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import grpc

from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.status import Metadata

Identify = Callable[[Identity | None, Metadata], tuple[Identity | None, Metadata]]

_INTERNET = ("ipv4", "ipv6")


def identity_of(context: grpc.aio.ServicerContext[Any, Any]) -> Identity | None:
    """The names in the caller's certificate, None if there are none."""
    found = context.auth_context()
    # `peer_identities` and the like fall back to the common name, which proves nothing.
    dns_names, uris, addresses = (_texts(found.get(key)) for key in ("peer_dns", "peer_uri", "peer_ip"))
    identity = Identity(dns_names, uris, addresses)
    return identity or None


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(value.decode(errors="replace") for value in values or ())


class Callers:
    """Tells who callers are: by their certificates, and by the bearer tokens that the collector knows.

    Args:
        identify: says who somebody is with the headers of its request, and which of these are left; see `Gateway.identify`.
        proves_identity: whether callers show certificates.
    """

    def __init__(self, identify: Identify, *, proves_identity: bool) -> None:
        self._identify = identify
        self._proves_identity = proves_identity

    def identity(self, context: grpc.aio.ServicerContext[Any, Any]) -> Identity | None:
        """Who sends a request."""
        return self.known(context)[0]

    def known(self, context: grpc.aio.ServicerContext[Any, Any]) -> tuple[Identity | None, Metadata]:
        """Who sends a request, and its headers without what has told that."""
        identity = identity_of(context) if self._proves_identity else None
        headers: Any = context.invocation_metadata() or ()
        return self._identify(identity, headers)


def connection_of(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """The connection that a request comes over, by its other end: HOST:PORT, or what grpc calls a local socket."""
    # As in ipv4:10.0.0.1:50000 and ipv6:%5B::1%5D:50000.
    kind, _, connection = context.peer().partition(":")
    return unquote(connection) if kind in _INTERNET else f"{kind}:{unquote(connection)}"
