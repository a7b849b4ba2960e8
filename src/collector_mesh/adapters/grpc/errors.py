"""What the errors of grpc mean to a caller: above all, whether the call may have run.

Outcomes of the mesh travel in a response that is OK to grpc. So these are errors of the way there, whatever their codes
are called; a code that a handler chose is read by `wire.grpc_codes`.
"""

import re

import grpc

from collector_mesh.adapters.grpc.failures import failure_of
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    ForbiddenError,
    MeshError,
    OutcomeUnknownError,
    OverloadedError,
    PayloadTooLargeError,
    UnavailableError,
)
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.policies.concurrency import RETRY_AFTER

_NEVER_SENT = (
    "failed to connect to all addresses",
    "empty address list",
    "errors resolving",
    "dns resolution failed",
    "domain name not found",
    "name resolution",
    "no connection established",
)
_REFUSED_STREAM = "error code 7"

_TOO_LARGE = re.compile(
    r"(?:server: received|client: sent|grpc: received) message (?:after decompression )?larger than max"
    r"(?: \((\d+) vs\. (\d+)\))?"
)
"""How grpc refuses a request, of the core and of Go; of an answer that is too large it says nearly the same."""


class RefusedStreamError(OverloadedError):
    """The peer takes no more streams on this connection: the call has not reached its handlers."""


def mesh_error(error: grpc.aio.AioRpcError, address: str) -> MeshError:
    """The mesh's error for a failed call to an address."""
    code = error.code()
    said = error.details() or code.name
    details = visible(said)
    text = f"{address}: {details}"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceededError("deadline exceeded")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return UnavailableError(f"{address} is no collector: {details}")
    if code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}:
        return ForbiddenError(text)
    lowered = details.lower()
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and (found := _TOO_LARGE.search(lowered)) is not None:
        size, limit = found.groups()
        numbers = f" of {size} bytes is over its limit of {limit} bytes" if size else " is over its limit"
        return PayloadTooLargeError(f"{address}: a request{numbers}")
    if code is grpc.StatusCode.UNAVAILABLE:
        if lowered.startswith(_NEVER_SENT):
            return UnavailableError(f"{address}: {failure_of(said).text}")
        if _REFUSED_STREAM in lowered:
            # The peer's limit of streams; the call never reached its handlers.
            return RefusedStreamError.after(RETRY_AFTER)
    # A cancellation that nobody here has asked for comes from a server that is ending.
    return OutcomeUnknownError(f"outcome unknown: {text}")
