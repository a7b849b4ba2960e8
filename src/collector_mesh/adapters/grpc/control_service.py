"""The control service on a grpc server: a collector is told to do something by its own user."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import grpc

from collector_mesh.adapters.grpc.door import Context, Door
from collector_mesh.domain.model.errors import MeshError

if TYPE_CHECKING:
    from collector_mesh.domain.model.reloaded import ReloadReport

CONTROL_SERVICE = "collector_mesh.control.v1.Control"

Reload = Callable[[], Awaitable["ReloadReport"]]
"""Reads the configuration again; raises nothing."""


class ControlService:
    """Reload; it is for a socket that only the user of the collector can reach.

    Args:
        reload: reads the configuration again.
    """

    def __init__(self, reload: Reload) -> None:
        self._reload = reload

    def handler(self, door: Door) -> grpc.GenericRpcHandler:
        """What a server takes."""
        return grpc.method_handlers_generic_handler(
            CONTROL_SERVICE, {"Reload": door.unary(self.reload, _refused)}
        )

    async def reload(self, _data: bytes, _context: Context) -> bytes:
        """Answer Reload."""
        # Most collectors are never told to.
        from collector_mesh.adapters.wire.control_codec import encode_reloaded

        return encode_reloaded(await self._reload())


def _refused(error: MeshError) -> bytes:
    from collector_mesh.adapters.wire.control_codec import encode_reloaded
    from collector_mesh.domain.model.reloaded import ReloadReport

    return encode_reloaded(ReloadReport(problems=(str(error),)))
