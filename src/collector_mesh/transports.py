"""The transports that come with the package."""

from typing import TYPE_CHECKING

from collector_mesh._door import door

if TYPE_CHECKING:
    from collector_mesh.adapters.grpc.transport import GrpcTransport
    from collector_mesh.adapters.loopback.network import LoopbackNetwork

_HOMES = {
    "GrpcTransport": "collector_mesh.adapters.grpc.transport",
    "LoopbackNetwork": "collector_mesh.adapters.loopback.network",
}

__all__ = [
    "GrpcTransport",
    "LoopbackNetwork",
]

__getattr__, __dir__ = door(__name__, _HOMES)
