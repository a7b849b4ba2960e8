"""What grpc has proved about a caller."""

from typing import Any

import grpc

from collector_mesh.domain.model.identity import Identity


def identity_of(context: grpc.aio.ServicerContext[Any, Any]) -> Identity | None:
    """The names in the caller's certificate, None if there are none."""
    found = context.auth_context()
    # `peer_identities` and the like fall back to the common name, which proves nothing.
    identity = Identity(*(_texts(found.get(key)) for key in ("peer_dns", "peer_uri", "peer_ip")))
    return identity or None


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(value.decode(errors="replace") for value in values or ())
