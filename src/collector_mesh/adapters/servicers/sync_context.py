"""The context of a servicer that runs in a thread."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import grpc

from collector_mesh.adapters.servicers.callers import (
    auth_context_of,
    invocation_metadata,
    peer_identities_of,
    peer_identity_key_of,
    peer_of,
)
from collector_mesh.adapters.servicers.rpc import Rpc, text_argument
from collector_mesh.adapters.wire.grpc_codes import Code


class SyncContext(grpc.ServicerContext):
    """What grpc gives to servicers that run in threads, for a call of the mesh.

    Args:
        rpc: the call.
    """

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._details: bytes | None = None
        self._trailing: Any = None
        self._is_cancelled = False

    def is_active(self) -> bool:
        """Whether somebody waits for the outcome, and the servicer has not ended."""
        return self._rpc.is_active

    def time_remaining(self) -> float:
        """Seconds until the deadline; `math.inf` without one."""
        return self._rpc.call.time_remaining()

    def cancel(self) -> bool:
        """End the call: the caller gets CANCELLED, whatever the servicer returns; gives whether it has not ended before."""
        if not self._rpc.is_active:
            return False
        self._is_cancelled = True
        self._rpc.abort(Code.CANCELLED, "CANCELLED", ())
        self._rpc.end()
        return True

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Have something called when the call has ended, also because its caller has gone; gives whether it will be.

        Where the caller has gone, it is called in a thread that all callbacks of the collector share.
        """
        return self._rpc.when_over(callback)

    def invocation_metadata(self) -> Any:
        """The metadata of the call."""
        return invocation_metadata(self._rpc.call)

    def peer(self) -> str:
        """`collector:ID:0` with the id of the collector that the call has come from, else `client:unknown:0`."""
        return peer_of(self._rpc.call)

    def peer_identities(self) -> list[bytes] | None:
        """The names that a certificate has proved of the caller."""
        return peer_identities_of(self._rpc.call)

    def peer_identity_key(self) -> str | None:
        """The property of `auth_context` that has them."""
        return peer_identity_key_of(self._rpc.call)

    def auth_context(self) -> Mapping[str, list[bytes]]:  # type: ignore[override]  # what the types say of it is wrong
        """What was proved of the caller, under the names that grpc has for it."""
        return auth_context_of(self._rpc.call)

    def set_compression(self, compression: grpc.Compression) -> None:
        """Have no effect: the mesh does not compress."""

    def disable_next_message_compression(self) -> None:
        """Have no effect: the mesh does not compress."""

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Send metadata before the response; of a unary method both arrive together.

        Raises:
            ValueError: it was sent before, or cannot travel.
            grpc.RpcError: nobody waits for the outcome anymore.
        """
        if not self._rpc.is_active:
            raise grpc.RpcError("the call has ended")
        if self._rpc.has_sent_initial:
            raise ValueError("Initial metadata no longer allowed!")
        self._rpc.send_initial(initial_metadata)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Set the metadata that is sent with the status; after an abort too, as on a grpc server."""
        self._rpc.set_trailing(trailing_metadata, also_after_abort=True)
        self._trailing = trailing_metadata

    def trailing_metadata(self) -> Any:
        """What was set so; None where nothing was."""
        return self._trailing

    def abort(self, code: Any, details: Any = None, trailing_metadata: Any = ()) -> NoReturn:
        """End the call with a status, and raise.

        A text and metadata that are left out, as grpc's server for asyncio allows plain methods, leave what was set before.
        """
        if self._is_cancelled:
            raise grpc.RpcError("the call was cancelled by its servicer")
        if details is not None:
            # Where there are several aborts, the last one counts, as on a grpc server.
            self._rpc.details = text_argument(details)
            self._details = _encoded(self._rpc.details)
        raise self._rpc.abort(code, "", trailing_metadata)

    def abort_with_status(self, status: Any) -> NoReturn:
        """End the call with a status, as `grpc_status.rpc_status.to_status` makes one, and raise."""
        self.set_trailing_metadata(status.trailing_metadata)
        self.abort(status.code, status.details)

    def set_code(self, code: Any) -> None:
        """Choose the code; one that is not OK drops the response."""
        self._rpc.choose(code)

    def code(self) -> Any:
        """The code that was chosen, as it was given; None where none was."""
        return self._rpc.given_code

    def set_details(self, details: Any) -> None:
        """Choose the text."""
        text = text_argument(details)
        self._rpc.describe(text)
        self._details = _encoded(text)

    def details(self) -> Any:
        """The text that was chosen, in UTF-8 as grpc has it; None where none was."""
        return self._details


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
