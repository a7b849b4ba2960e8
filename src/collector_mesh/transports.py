"""The transports that come with the package."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    """Resolve a public name on its first use."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
