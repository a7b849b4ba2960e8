"""Asks a collector what it is and knows, or tells it to do something."""

from collections.abc import Callable
from typing import TypeVar

import grpc

from collector_mesh.adapters.grpc.bearer import TokenSource
from collector_mesh.adapters.grpc.control_service import CONTROL_SERVICE
from collector_mesh.adapters.grpc.errors import mesh_error
from collector_mesh.adapters.grpc.inspect_service import INSPECT_SERVICE
from collector_mesh.adapters.grpc.places import Visitor
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.adapters.wire.control_codec import decode_reloaded, encode_reload_request
from collector_mesh.adapters.wire.dispatcher_codec import UNREADABLE
from collector_mesh.adapters.wire.inspect_codec import (
    decode_explanation,
    decode_snapshot,
    encode_explain_request,
    encode_snapshot_request,
)
from collector_mesh.domain.model.errors import MeshError, UnavailableError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reloaded import ReloadReport
from collector_mesh.domain.model.snapshot import Explanation, Snapshot

T = TypeVar("T")

_MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A snapshot of a collector with every peer and method that it may have is far below."""


class _Asking(Visitor):
    """A way to a service of one collector that is about the collector itself."""

    _service: str
    _name: str
    """What errors call the service."""

    async def _ask(self, method: str, data: bytes, decode: Callable[[bytes], T], timeout: float) -> T:
        if self._channel is None:
            raise UnavailableError("the client is closed: it is used inside 'async with'")
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            f"/{self._service}/{method}"
        )
        try:
            return decode(await ask(data, timeout=timeout))
        except grpc.aio.AioRpcError as error:
            raise await self._failure(error, timeout) from error
        except UNREADABLE as error:
            raise UnavailableError(f"{self.address} has answered what cannot be read") from error

    async def _failure(self, error: grpc.aio.AioRpcError, timeout: float) -> MeshError:
        code = error.code()
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return UnavailableError(
                f"{self.address} has no {self._name} service: it is no collector, or one of an earlier version"
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return UnavailableError(f"nobody has answered at {self.address} within {timeout:g} s")
        if code is grpc.StatusCode.UNAVAILABLE:
            why = await self._probes.why(self.address, error.details() or code.name)
            return UnavailableError(f"nobody answers at {self.address}: {why.text}")
        failure = mesh_error(error, self.address)
        # What is asked can be asked again, so there is no outcome that could be unknown.
        return UnavailableError(str(failure).removeprefix("outcome unknown: "))


class InspectClient(_Asking):
    """A way to the inspect service of one collector; an async context manager.

    Args:
        address: HOST:PORT with a port from 1, or `unix:PATH`.
        tls: certificates; none for a socket of the machine.
        insecure: whether plaintext may leave this machine.
        token: gives the bearer token that is shown, None for none.

    Raises:
        InvalidCallError: it is no such address.
    """

    _service, _name = INSPECT_SERVICE, "inspect"

    def __init__(
        self, address: str, *, tls: Tls | None, insecure: bool, token: TokenSource | None = None
    ) -> None:
        super().__init__(address, tls=tls, insecure=insecure, max_bytes=_MAX_ANSWER_BYTES, token=token)

    async def snapshot(self, *, timeout: float) -> Snapshot:
        """What the collector is and knows.

        Raises:
            UnavailableError: nobody has answered within so many seconds, or whoever did has no such service.
            MeshError: the collector has refused.
        """
        return await self._ask("Snapshot", encode_snapshot_request(), decode_snapshot, timeout)

    async def explain(self, key: MethodKey, *, timeout: float, caller: str = "") -> Explanation:
        """Where the collector would have a call go, and whether a caller may call; raises what `snapshot` raises."""
        return await self._ask(
            "Explain",
            encode_explain_request(key, caller),
            lambda data: decode_explanation(data, key),
            timeout,
        )


class ControlClient(_Asking):
    """A way to the control service of one collector of this machine; an async context manager.

    Args:
        address: `unix:PATH`.

    Raises:
        InvalidCallError: it is no such address.
    """

    _service, _name = CONTROL_SERVICE, "control"

    def __init__(self, address: str) -> None:
        super().__init__(address, tls=None, insecure=False, max_bytes=_MAX_ANSWER_BYTES)

    async def reload(self, *, timeout: float) -> ReloadReport:
        """Have it read its configuration again; tell what that has come to.

        Raises:
            UnavailableError: nobody has answered within so many seconds, or whoever did has no such service.
        """
        return await self._ask("Reload", encode_reload_request(), decode_reloaded, timeout)
