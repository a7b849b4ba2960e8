"""The connections of a port as the system knows them: grpc tells neither who has connected nor closes any."""

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

from collector_mesh.domain.policies.incomplete import Received

try:
    import resource
except ImportError:  # not there on Windows
    resource = None  # type: ignore[assignment]

_DESCRIPTORS = "/dev/fd"

_TCP_INFO = getattr(socket, "TCP_INFO", 11)
_RECEIVED_AT = 128
"""Where `tcpi_bytes_received` is in what Linux tells of a connection; others tell something else, or less."""
_TCP_INFO_BYTES = _RECEIVED_AT + 8
_MOST_TRIED = 65_536


def limit() -> int:
    """How many descriptors the process may have, as far as is known."""
    if resource is None:
        return 1 << 20
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (1 << 20) if soft == resource.RLIM_INFINITY else int(soft)


class Connections:
    """Finds and ends connections that grpc has accepted on one port of this process.

    It looks through the descriptors of the process, which takes about 2 ms for 1,000. Where the system
    does not list them, none is found.

    Args:
        port: what is listened on.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def all(self) -> list[str]:
        """Where they come from, as HOST:PORT."""
        return [connection for connection, _ in self._find()]

    def received(self) -> dict[str, Received]:
        """How much the system has received on each, from its beginning; nothing where it does not tell."""
        found: dict[str, Received] = {}
        for connection, descriptor in self._find() if sys.platform == "linux" else ():
            with suppress(OSError, struct.error):
                looking = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 0, descriptor)
                try:
                    told = looking.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _TCP_INFO_BYTES)
                finally:
                    looking.detach()
                (size,) = struct.unpack_from("=Q", told, _RECEIVED_AT)
                found[connection] = Received(os.fstat(descriptor).st_ino, size)
        return found

    def end(self, *connections: str) -> int:
        """End some; grpc sees that the other side has gone, and clears away.

        Returns:
            How many there were.
        """
        wanted, ended = set(connections), 0
        for connection, descriptor in self._find():
            # A copy: grpc may close its own, and another file get the number, at any moment.
            if connection in wanted and self._end(connection, descriptor):
                ended += 1
        return ended

    def _end(self, connection: str, descriptor: int) -> bool:
        try:
            with socket.socket(fileno=os.dup(descriptor)) as copy:
                if self._peer_of(copy) != connection:
                    return False
                copy.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            if error.errno != errno.EMFILE:
                return False
            # Without one for a copy it has to be done to grpc's own, at once.
            looking = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 0, descriptor)
            with suppress(OSError):
                looking.shutdown(socket.SHUT_RDWR)
            looking.detach()
        return True

    def _find(self) -> Iterator[tuple[str, int]]:
        for descriptor in _descriptors():
            try:
                # Told what it is, Python does not ask for it, which would take as long again. Of the
                # families this is the one with the longest addresses; those of the others fit as well.
                looking = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 0, descriptor)
            except OSError:
                continue  # no socket, or gone
            try:
                connection = self._peer_of(looking)
            finally:
                # It is grpc's, and stays open.
                looking.detach()
            if connection:
                yield connection, descriptor

    def _peer_of(self, candidate: socket.socket) -> str:
        """Whom it is connected to, if it is of the port; else nothing."""
        with suppress(OSError):
            own = candidate.getsockname()
            if isinstance(own, tuple) and len(own) >= 2 and own[1] == self.port:
                return text_of(candidate.getpeername())
        return ""


def _descriptors() -> Iterable[int]:
    """The descriptors that are open, and perhaps others."""
    try:
        return [int(name) for name in os.listdir(_DESCRIPTORS)]  # noqa: PTH208  # numbers, not files
    except OSError as error:
        # To list them takes one more.
        return range(min(limit(), _MOST_TRIED)) if error.errno == errno.EMFILE else ()


def text_of(address: object) -> str:
    """An address of the system as HOST:PORT, in the form in which grpc tells of a caller."""
    if not isinstance(address, tuple) or len(address) < 2:
        return ""
    host, port = str(address[0]).removeprefix("::ffff:"), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
