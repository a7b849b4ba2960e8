"""A way to a registry: one request, and its answer or an error of the mesh."""

import asyncio
import re

import grpc

from collector_mesh.adapters.grpc.bearer import TokenSource
from collector_mesh.adapters.grpc.server_client import ServerClient, StatusError
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.adapters.runtime.cancelling import is_being_cancelled
from collector_mesh.adapters.wire.grpc_codes import FROM_GRPC
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    MeshError,
    UnavailableError,
    UnimplementedError,
    error_for,
    kind_of,
)
from collector_mesh.domain.model.status import Metadata
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.registry.metadata import COLLECTOR_ID_KEY
from collector_mesh.domain.registry.results import IncompatibleError

ORIGINAL = "/collector.CollectorRegistry/"
OURS = "/collector_mesh.registry.v1.Registry/"

_MAX_BYTES = 64 << 20
_MAX_TEXT = 8 << 10
_MAX_SECONDS = 3600.0
_DIFFERENCES = re.compile(r"incompatible with what is registered, \d+ differences?: (.*)", re.DOTALL)


def check_timeout(timeout: float) -> None:
    """See that something is a time that a registry may have for an answer.

    Raises:
        ValueError: it is too short, or too long.
        TypeError: it is no number.
    """
    if not isinstance(timeout, int | float):
        raise TypeError(f"timeout must be a number of seconds, got {kind_of(timeout)}")
    if not 0 < timeout <= _MAX_SECONDS:
        raise ValueError(f"timeout must be over 0 and at most {_MAX_SECONDS:g} seconds, got {timeout!r}")


class RegistryWay(ServerClient):
    """A way to one registry; an async context manager.

    Args:
        address: HOST:PORT, or `unix:PATH`.
        tls: certificates.
        insecure: whether plaintext may leave this machine.
        token: gives the bearer token that is shown, None for none.
        collector_id: the collector that asks; empty for none.
        timeout: seconds for an answer.

    Raises:
        InvalidCallError: it is no address, or plaintext would leave this machine.
        ValueError: the timeout is none.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: Tls | None,
        insecure: bool,
        collector_id: str = "",
        timeout: float,
        token: TokenSource | None = None,
    ) -> None:
        super().__init__(address, tls=tls, insecure=insecure, max_bytes=_MAX_BYTES, token=token)
        check_timeout(timeout)
        self.check()
        self._metadata: Metadata = ((COLLECTOR_ID_KEY, collector_id),) if collector_id else ()
        self._timeout = timeout

    async def send(self, path: str, data: bytes) -> tuple[bytes, Metadata]:
        """Send a request; gives the answer, and the trailing metadata.

        Raises:
            UnimplementedError: the server has no such method.
            UnavailableError: nobody answers.
            DeadlineExceededError: there is no answer in time.
            MeshError: the registry refuses; the class says why.
        """
        try:
            answer = await self.unary(path, data, metadata=self._metadata, timeout=self._timeout)
        except StatusError as error:
            raise self._error(error) from error
        except grpc.aio.BaseError as error:
            raise UnavailableError(f"the connection to {self.address} is closed") from error
        except asyncio.CancelledError:
            # A closed channel looks like a cancellation of whoever waits.
            if is_being_cancelled():
                raise
            raise UnavailableError(f"the connection to {self.address} was closed") from None
        return answer.data, answer.trailing

    async def lost(self) -> None:
        """Wait until the connection is lost; at once where there is none."""
        channel, ready = self._open(), grpc.ChannelConnectivity.READY
        if channel.get_state() is ready:
            await channel.wait_for_state_change(ready)

    def _error(self, error: StatusError) -> MeshError:
        where = f"the registry at {self.address}"
        if error.is_unreached:
            return UnavailableError(visible(error.text))
        if error.is_unimplemented:
            return UnimplementedError(f"{self.address} is no registry, or one without this method")
        if error.is_late:
            return DeadlineExceededError(f"no answer from {where} within {self._timeout:g} s")
        text = visible(error.text, _MAX_TEXT)
        if error.code == grpc.StatusCode.ALREADY_EXISTS.value[0]:
            incompatible = IncompatibleError(text)
            found = _DIFFERENCES.search(text)
            incompatible.differences = tuple(found[1].split("; ")) if found else ()
            return incompatible
        code = FROM_GRPC.get(error.code)  # type: ignore[call-overload]  # a number is found by what it is
        return error_for(500 if code is None else int(code), f"{where}: {text or error.name}")
