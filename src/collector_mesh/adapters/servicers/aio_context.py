"""The context of an async servicer."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

import grpc
import grpc.aio

from collector_mesh.adapters.servicers.callers import (
    Metadatum,
    auth_context_of,
    invocation_metadata,
    peer_identities_of,
    peer_identity_key_of,
    peer_of,
)
from collector_mesh.adapters.servicers.rpc import Rpc, text_argument
from collector_mesh.domain.model.errors import kind_of

_OVER = "RPC already finished."


class AioContext(grpc.aio.ServicerContext[Any, Any]):
    """What grpc gives to async servicers, for a call of the mesh.

    Args:
        rpc: the call.
    """

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def read(self) -> NoReturn:
        """Refuse: the request of a unary method is its argument."""
        raise grpc.aio.UsageError(
            f"{self._rpc.key} is a unary method: its request is the argument, and there is no other"
        )

    async def write(self, message: object) -> NoReturn:  # noqa: ARG002  # contexts have it, here and below
        """Refuse: the response of a unary method is what it returns."""
        raise grpc.aio.UsageError(
            f"{self._rpc.key} is a unary method: it returns its response, and writes none"
        )

    async def send_initial_metadata(self, initial_metadata: object) -> None:
        """Send metadata before the response; of a unary method both arrive together."""
        self._check()
        if self._rpc.has_sent_initial:
            raise grpc.aio.UsageError("Send initial metadata failed: already sent")
        self._rpc.send_initial(initial_metadata)

    async def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """End the call with a status, and raise."""
        if self._rpc.is_aborted:
            raise grpc.aio.UsageError("Abort already called!")
        self._check()
        raise self._rpc.abort(code, _text(details), trailing_metadata)

    async def abort_with_status(self, status: Any) -> NoReturn:
        """End the call with a status, as `grpc_status.rpc_status.to_status` makes one, and raise."""
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Set the metadata that is sent with the status."""
        self._rpc.set_trailing(trailing_metadata)

    def trailing_metadata(self) -> Any:
        """What was set so."""
        return tuple(Metadatum(*pair) for pair in self._rpc.call.trailing_metadata)

    def invocation_metadata(self) -> Any:
        """The metadata of the call."""
        return invocation_metadata(self._rpc.call)

    def set_code(self, code: Any) -> None:
        """Choose the code; one that is not OK drops the response."""
        self._rpc.choose(code)

    def code(self) -> Any:
        """The code that was chosen, as it was given; None where none was."""
        return self._rpc.given_code

    def set_details(self, details: str) -> None:
        """Choose the text."""
        self._rpc.describe(_text(details))

    def details(self) -> str:
        """The text that was chosen."""
        return self._rpc.details

    def set_compression(self, compression: grpc.Compression) -> None:  # noqa: ARG002
        """Take it down, without effect: the mesh does not compress.

        Raises:
            RuntimeError: initial metadata has been sent.
        """
        if self._rpc.has_sent_initial:
            raise RuntimeError("Compression setting must be specified before sending initial metadata")

    def disable_next_message_compression(self) -> None:
        """Have no effect: the mesh does not compress."""

    def peer(self) -> str:
        """`collector:ID:0` with the id of the collector that the call has come from, else `client:unknown:0`."""
        return peer_of(self._rpc.call)

    def peer_identities(self) -> list[bytes] | None:
        """The names that a certificate has proved of the caller."""
        return peer_identities_of(self._rpc.call)

    def peer_identity_key(self) -> str | None:
        """The property of `auth_context` that has them."""
        return peer_identity_key_of(self._rpc.call)

    def auth_context(self) -> Mapping[str, list[bytes]]:
        """What was proved of the caller, under the names that grpc has for it."""
        return auth_context_of(self._rpc.call)

    def time_remaining(self) -> Any:
        """Seconds until the deadline; None without one."""
        left = self._rpc.call.time_remaining()
        return None if left == math.inf else left

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Have something called with this context when the call has ended, also where it was cancelled."""
        if not callable(callback):
            raise TypeError(f"a callback must be callable, got {kind_of(callback)}")
        self._rpc.when_over(partial(callback, self))

    def done(self) -> bool:
        """Whether there is an outcome."""
        return self._rpc.is_over or self._rpc.is_aborted

    def cancelled(self) -> bool:
        """Whether nobody waits for the outcome anymore, or the code CANCELLED was chosen."""
        return self._rpc.call.is_cancelled or self._rpc.code == grpc.StatusCode.CANCELLED.value[0]

    def _check(self) -> None:
        if self.done():
            raise grpc.aio.UsageError(_OVER)


def _text(details: object) -> str:
    """The text of a status; unlike the context for threads, grpc's takes no bytes."""
    if isinstance(details, bytes):
        raise TypeError("details must be a str, got bytes")
    return text_argument(details)
