"""Who a caller is: where it is, and what grpc has proved about it."""

from typing import Any
from urllib.parse import unquote

import grpc

from collector_mesh.domain.model.identity import Identity

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


def connection_of(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """The connection that a request comes over, by its other end: HOST:PORT, or what grpc calls a local socket."""
    # As in ipv4:10.0.0.1:50000 and ipv6:%5B::1%5D:50000.
    kind, _, connection = context.peer().partition(":")
    return unquote(connection) if kind in _INTERNET else f"{kind}:{unquote(connection)}"
