"""What grpc has proved about a caller."""

from typing import Any

import grpc


def spiffe_id(context: grpc.aio.ServicerContext[Any, Any]) -> str | None:
    """The caller's SPIFFE id; grpc gives one only if the certificate has exactly one."""
    found = context.auth_context().get("peer_spiffe_id")
    return next(iter(found)).decode() if found else None
