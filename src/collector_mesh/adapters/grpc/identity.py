"""Who a caller has proved to be."""

from typing import Any

import grpc


def proven_identity(context: "grpc.aio.ServicerContext[Any, Any]") -> str | None:
    """The caller's SPIFFE id; grpc gives one only if the certificate has exactly one."""
    found = context.auth_context().get("peer_spiffe_id")
    return next(iter(found)).decode() if found else None
