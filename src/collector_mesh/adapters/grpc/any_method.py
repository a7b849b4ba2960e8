"""Calls for any method of the mesh, as any client of gRPC makes them: `/package.Service/Method`, and bytes."""

from collections.abc import Callable
from typing import Any

import grpc

from collector_mesh.adapters.grpc.door import Door
from collector_mesh.domain.model.names import OWN_PACKAGE
from collector_mesh.domain.ports.gateway import Gateway

OWN_SERVICES = ("/grpc.", "/collector.", f"/{OWN_PACKAGE}")
"""How the paths of services begin that a collector has itself, or that are nobody else's to have."""


class AnyMethod(grpc.GenericRpcHandler):
    """Takes what nobody else has taken, for the mesh.

    Nothing that it needs is loaded before there is such a call.

    Args:
        gateway: the collector.
        door: what every request passes.
        proves_identity: whether callers show certificates.
    """

    def __init__(self, gateway: Gateway, door: Door, *, proves_identity: bool) -> None:
        self._gateway = gateway
        self._door = door
        self._proves_identity = proves_identity
        self._of_path: Callable[[str], grpc.RpcMethodHandler[Any, Any]] | None = None

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """See grpc: what handles a call."""
        path = handler_call_details.method
        if path.startswith(OWN_SERVICES):
            return None
        if self._of_path is None:
            from collector_mesh.adapters.grpc.forwarding import Forwarding

            self._of_path = Forwarding(self._gateway, self._door, proves_identity=self._proves_identity).of
        return self._of_path(path)
