"""Sees whether anybody still listens on the port of this process, as somebody who wants to connect would."""

import asyncio
import socket
import struct
from collections import deque

from collector_mesh.adapters.grpc.connections import text_of
from collector_mesh.domain.model.address import HostPort

_CONNECT_SECONDS = 0.5

_RECENT = 128

_AT_ONCE = struct.pack("ii", 1, 0)
"""Ends a connection by a reset, which leaves nothing behind: neither end waits for the other."""

_STAND_IN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what is connected to, nothing is bound
"""What reaches an address that nobody can connect to."""


class OwnPort:
    """Connects to an address of this process.

    Nothing is sent, and the connection is reset at once, so that it is no work for whoever listens and
    is not taken for somebody who has failed to shake hands.

    Args:
        bound: what is listened on.
    """

    def __init__(self, bound: HostPort) -> None:
        self._host = _STAND_IN.get(bound.host, bound.host)
        self._port = bound.port
        self._found: tuple[socket.AddressFamily, tuple[object, ...]] | None = None
        self._recent: deque[str] = deque(maxlen=_RECENT)

    def is_own(self, connection: str) -> bool:
        """Whether a connection of the last minute was one of these."""
        return connection in self._recent

    async def find(self) -> None:
        """Look the address up, once: later a name may not be found, or only after a while."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError:
            return
        for family, _, _, _, address in found:
            if await self._knock(family, address) is None:
                self._found = family, address
                return

    async def is_shut(self) -> bool:
        """Whether connections are refused; False also where that cannot be found out."""
        if self._found is None:
            return False
        return isinstance(await self._knock(*self._found), ConnectionRefusedError)

    async def _knock(self, family: socket.AddressFamily, address: tuple[object, ...]) -> OSError | None:
        loop = asyncio.get_running_loop()
        try:
            with socket.socket(family, socket.SOCK_STREAM) as knocking:
                knocking.setblocking(False)
                knocking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await loop.sock_connect(knocking, address)
                self._recent.append(text_of(knocking.getsockname()))
        except OSError as error:  # a timeout is one too
            return error
        return None
