"""Where a program may be dialed that looks or calls from outside: HOST:PORT, or a socket of this machine."""

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from collector_mesh.adapters.grpc.bearer import TokenSource, check_token_way, with_token
from collector_mesh.adapters.grpc.channels import channel_options, check_plaintext, open_channel
from collector_mesh.adapters.grpc.forks import has_used
from collector_mesh.adapters.grpc.local_inspection import MAX_PATH_BYTES, UNIX, target_of
from collector_mesh.adapters.grpc.probes import Probes
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError, quoted

_KEEPALIVE_SECONDS = 10.0


class Place:
    """An address, and how it is dialed.

    Args:
        address: HOST:PORT with a port from 1, or `unix:PATH`.
        tls: certificates; none for a socket of the machine.
        insecure: whether plaintext may leave this machine.
        token: gives the bearer token that is shown, None for none.

    Raises:
        InvalidCallError: it is no such address.
    """

    def __init__(
        self, address: str, *, tls: Tls | None, insecure: bool, token: TokenSource | None = None
    ) -> None:
        self.address = address
        self.tls = tls
        self._parsed = _parsed(address)
        self._insecure = insecure
        self._token = token
        if isinstance(self._parsed, str) and tls is not None:
            raise InvalidCallError(f"{address} is a socket of this machine, which takes no certificates")

    def check(self) -> None:
        """See that it may be dialed.

        Raises:
            InvalidCallError: plaintext would leave this machine.
        """
        if not isinstance(self._parsed, str):
            check_plaintext(self._parsed, self.tls, insecure=self._insecure)
            if self._token is not None:
                check_token_way(self._parsed, has_tls=self.tls is not None)

    def open(self, max_bytes: int) -> grpc.aio.Channel:
        """Make a channel, inside the loop that will use it; nothing is sent yet.

        Args:
            max_bytes: of a message.

        Raises:
            InvalidCallError: plaintext would leave this machine.
            TlsError: the certificate files cannot be used.
        """
        options = channel_options(
            max_payload_bytes=max_bytes, keepalive_interval=_KEEPALIVE_SECONDS, has_link=False
        )
        if isinstance(self._parsed, str):
            has_used()
            channel = grpc.aio.insecure_channel(target_of(self._parsed), options=options)
            return channel if self._token is None else with_token(channel, self._token)
        return open_channel(
            self._parsed, self.tls, insecure=self._insecure, options=options, token=self._token
        )


class Visitor:
    """A way to the program at one place; an async context manager.

    Args:
        address: HOST:PORT with a port from 1, or `unix:PATH`.
        tls: certificates; none for a socket of the machine.
        insecure: whether plaintext may leave this machine.
        max_bytes: of a message.
        token: gives the bearer token that is shown, None for none.

    Raises:
        InvalidCallError: it is no such address.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: Tls | None,
        insecure: bool,
        max_bytes: int,
        token: TokenSource | None = None,
    ) -> None:
        self.address = address
        self._place = Place(address, tls=tls, insecure=insecure, token=token)
        self._max_bytes = max_bytes
        self._probes = Probes(tls, time.monotonic)
        self._channel: grpc.aio.Channel | None = None

    def check(self) -> None:
        """See `Place.check`."""
        self._place.check()

    async def __aenter__(self) -> Self:
        """Make ready; nothing is sent yet.

        Raises:
            InvalidCallError: plaintext would leave this machine.
            TlsError: the certificate files cannot be used.
        """
        self._channel = self._place.open(self._max_bytes)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.aclose()

    async def reach(self) -> None:
        """Make ready, unless it is so already; for whoever does not know when the first request comes. See `__aenter__`."""
        if self._channel is None:
            await self.__aenter__()

    async def aclose(self) -> None:
        """Close, if it is open; it can be made ready again, and reads the certificates anew then."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()


def _parsed(address: str) -> HostPort | str:
    """What an address means: a host and a port, or the path of a socket."""
    if address.startswith(UNIX):
        path = address.removeprefix(UNIX)
        if not path or "\0" in path or len(os.fsencode(path)) > MAX_PATH_BYTES:
            raise InvalidCallError(
                f"address must be {UNIX}PATH with a path of 1 to {MAX_PATH_BYTES} bytes, got {quoted(address)}"
            )
        return str(Path(path).absolute())
    parsed = HostPort.parse(address)
    if parsed.port == 0:
        raise InvalidCallError(f"address must have a port from 1 to 65535, got {address!r}")
    return parsed
