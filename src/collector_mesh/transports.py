"""The transports that come with the package, and the codec of frames for one of your own."""

from typing import TYPE_CHECKING

from collector_mesh._door import door

if TYPE_CHECKING:
    from collector_mesh.adapters.grpc.transport import GrpcTransport
    from collector_mesh.adapters.loopback.network import LoopbackNetwork
    from collector_mesh.adapters.wire.link_codec import decode_frame, encode_frame

_HOMES = {
    "GrpcTransport": "collector_mesh.adapters.grpc.transport",
    "LoopbackNetwork": "collector_mesh.adapters.loopback.network",
    "decode_frame": "collector_mesh.adapters.wire.link_codec",
    "encode_frame": "collector_mesh.adapters.wire.link_codec",
}

__all__ = [
    "GrpcTransport",
    "LoopbackNetwork",
    "decode_frame",
    "encode_frame",
]

__getattr__, __dir__ = door(__name__, _HOMES)
