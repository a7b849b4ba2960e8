"""Sees whether anybody still listens on the port of this process, as somebody who wants to connect would."""

import asyncio
import socket
import struct
from collections import deque
from math import inf

from collector_mesh.adapters.grpc.connections import text_of
from collector_mesh.domain.model.address import HostPort

_CONNECT_SECONDS = 0.5

_TAKEN_SECONDS = 0.05
"""In which grpc takes a connection that was made: 1 ms on a quiet machine."""

_RECENT = 128

_AT_ONCE = struct.pack("ii", 1, 0)
"""Ends a connection by a reset, which leaves nothing behind: neither end waits for the other."""


class OwnPort:
    """Connects to an address of this process.

    Nothing is sent, and the connection is reset at once, so that it is no work for whoever listens and
    is not taken for somebody who has failed to shake hands.

    Args:
        bound: what is listened on.
    """

    def __init__(self, bound: HostPort) -> None:
        # A wildcard is no address that can be connected to.
        stand_in = "::1" if bound.is_ipv6 else "127.0.0.1"
        self._host = stand_in if bound.is_wildcard else bound.plain.host
        self._port = bound.port
        self._addresses: list[tuple[socket.AddressFamily, tuple[object, ...]]] = []
        self._knocked_at = -inf
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
        self._addresses = [(family, address) for family, _, _, _, address in found]

    async def is_shut(self) -> bool:
        """Whether connections are refused; False also where that cannot be found out."""
        is_refused = False
        for family, address in self._addresses:
            error = await self._knock(family, address)
            if error is None:
                # Of a name with several addresses only one may be listened on.
                self._addresses = [(family, address)]
                return False
            is_refused = is_refused or isinstance(error, ConnectionRefusedError)
        return is_refused

    async def settled(self) -> None:
        """Wait until the last connection was taken: grpcio 1.78 crashes where its server stops before that."""
        left = self._knocked_at + _TAKEN_SECONDS - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    async def _knock(self, family: socket.AddressFamily, address: tuple[object, ...]) -> OSError | None:
        loop = asyncio.get_running_loop()
        self._knocked_at = loop.time()
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
