"""A grpc server on a socket of the machine, at which a collector can be looked at, and told to reload."""

from pathlib import Path
from typing import Self
from urllib.parse import quote

import grpc

from collector_mesh.adapters.grpc.channels import server_options
from collector_mesh.adapters.grpc.control_service import ControlService, Reload
from collector_mesh.adapters.grpc.forks import has_used
from collector_mesh.adapters.grpc.guard import Guard
from collector_mesh.adapters.grpc.health import Health
from collector_mesh.adapters.grpc.inspect_service import InspectService
from collector_mesh.adapters.grpc.notices import Notices
from collector_mesh.adapters.grpc.unary_link import SERVICE
from collector_mesh.domain.model.errors import ListenError
from collector_mesh.domain.ports.gateway import Gateway

UNIX = "unix:"
"""What the address of a socket of the machine begins with."""

MAX_PATH_BYTES = 107
"""Longest path of a socket on Linux; other systems have 103."""

_REQUEST_BYTES = 64 * 1024
_KEEPALIVE_SECONDS = 10.0
_GRACE = 0.5


def target_of(path: str) -> str:
    """A path of a socket as grpc takes it, which reads it as a URI."""
    return UNIX + quote(path)


class LocalInspection:
    """Offers the services inspect and control, and health, at a socket; an async context manager.

    Whoever can connect may look and reload: it is for the folder that the socket is in to say who can.

    Args:
        gateway: the collector.
        path: of the socket, where nothing is.
        reload: has the collector read its configuration again; None where it has none.
    """

    def __init__(self, gateway: Gateway, path: Path, reload: Reload | None = None) -> None:
        self._reload = reload
        self._path = path
        self._gateway = gateway
        self._health = Health("", SERVICE, served=gateway.served, sees_all=True)
        self._server: grpc.aio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            ListenError: the socket cannot be made.
        """
        has_used()
        options = server_options(max_payload_bytes=_REQUEST_BYTES, keepalive_interval=_KEEPALIVE_SECONDS)
        door = Guard(Notices(self._gateway, f"{UNIX}{self._path}"), has_tls=False).door
        inspect = InspectService(
            self._gateway.inspector,
            self._gateway.identify,
            proves_identity=False,
            is_local=True,
            is_own=True,
        )
        server = grpc.aio.server(options=options)
        server.add_generic_rpc_handlers((inspect.handler(door), self._health.handler(door)))
        if self._reload is not None:
            server.add_generic_rpc_handlers((ControlService(self._reload).handler(door),))
        try:
            server.add_insecure_port(target_of(str(self._path)))
            self._path.chmod(0o600)
        except (RuntimeError, OSError) as error:
            raise ListenError(f"cannot listen on {UNIX}{self._path}") from error
        self._server = server
        await server.start()
        return self

    def ready(self) -> None:
        """Say to whoever asks for its health that the collector takes calls."""
        self._health.ready()

    def drain(self) -> None:
        """Say to whoever asks for its health that the collector is about to end."""
        self._health.drain()

    async def __aexit__(self, *_: object) -> None:
        """Listen no more."""
        if self._server is not None:
            await self._server.stop(_GRACE)
