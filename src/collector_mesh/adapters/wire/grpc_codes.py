"""Codes of gRPC and codes of the mesh, both ways: the one table for all of it.

A code of gRPC that a handler chose travels beside the code of the mesh that follows from it, as a detail, so that it
arrives as it was whatever is between. Codes are plain numbers here: nothing of grpc is imported.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from collector_mesh.domain.model.errors import Executed, MeshError, clipped
from collector_mesh.domain.model.reply_metadata import PUSHBACK
from collector_mesh.domain.model.status import OK, Metadata, Reply, Status


class Code(IntEnum):
    """The codes of gRPC, under its own names."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


GRPC_STATUS: Final = "grpc-status"
"""The detail of a status that has the code of gRPC that a handler chose, as a decimal number from 1 to 16."""

GRPC_MESSAGE: Final = "grpc-message"
"""The detail beside it that has the whole text, where that is longer than a message of the mesh may be, or empty."""

MAX_GRPC_MESSAGE_BYTES: Final = 8192
"""Longest text that arrives whole beside a code of gRPC, in bytes of UTF-8; a longer one is cut."""

_OUTCOME_UNKNOWN = 502

TO_GRPC: Mapping[int, Code] = MappingProxyType(
    {
        200: Code.OK,
        400: Code.INVALID_ARGUMENT,
        401: Code.UNAUTHENTICATED,
        403: Code.PERMISSION_DENIED,
        404: Code.NOT_FOUND,
        409: Code.ABORTED,
        413: Code.RESOURCE_EXHAUSTED,
        429: Code.RESOURCE_EXHAUSTED,
        499: Code.CANCELLED,
        500: Code.UNKNOWN,
        501: Code.UNIMPLEMENTED,
        # Never UNAVAILABLE, which clients and proxies send once more: it may have run.
        _OUTCOME_UNKNOWN: Code.UNKNOWN,
        503: Code.UNAVAILABLE,
        504: Code.DEADLINE_EXCEEDED,
        508: Code.FAILED_PRECONDITION,
    }
)
"""The code of gRPC for a code of the mesh whose handler chose none; for any other it is UNKNOWN."""

NOT_RUN: Mapping[int, Code] = MappingProxyType({404: Code.UNIMPLEMENTED})
"""The same where no handler ran, as far as that makes a difference: it is the method that was not found."""

FROM_GRPC: Mapping[Code, int] = MappingProxyType(
    {
        Code.CANCELLED: 499,
        Code.UNKNOWN: 500,
        Code.INVALID_ARGUMENT: 400,
        Code.DEADLINE_EXCEEDED: 504,
        Code.NOT_FOUND: 404,
        Code.ALREADY_EXISTS: 409,
        Code.PERMISSION_DENIED: 403,
        Code.RESOURCE_EXHAUSTED: 429,
        Code.FAILED_PRECONDITION: 400,
        Code.ABORTED: 409,
        Code.OUT_OF_RANGE: 400,
        Code.UNIMPLEMENTED: 501,
        Code.INTERNAL: 500,
        Code.UNAVAILABLE: 503,
        Code.DATA_LOSS: 500,
        Code.UNAUTHENTICATED: 401,
    }
)
"""The code of the mesh beside a code of gRPC that a handler chose."""

_CHOSEN: Mapping[str, Code] = MappingProxyType({str(int(code)): code for code in FROM_GRPC})


class GrpcStatus(NamedTuple):
    """How a call has ended, as gRPC tells it.

    Attributes:
        code: a code of gRPC.
        text: for people; gRPC calls it the details.
        trailing: trailing metadata.
    """

    code: int
    text: str
    trailing: Metadata = ()


def grpc_status_of(reply: Reply) -> GrpcStatus:
    """What gRPC tells of a reply.

    A code that a handler chose is believed only where a handler ran. Where nobody knows whether one ran it is never
    UNAVAILABLE.
    """
    status = reply.status
    if status.code == OK.code:
        return GrpcStatus(Code.OK, "", reply.metadata)
    has_run = reply.executed is Executed.YES
    if has_run and (chosen := _CHOSEN.get(status.details.get(GRPC_STATUS, ""))) is not None:
        if status.code == _OUTCOME_UNKNOWN and chosen is Code.UNAVAILABLE:
            chosen = Code.UNKNOWN
        return GrpcStatus(chosen, _whole_text(status), reply.metadata)
    code = TO_GRPC.get(status.code, Code.UNKNOWN)
    if reply.executed is Executed.NO:
        code = NOT_RUN.get(status.code, code)
        if code is Code.UNIMPLEMENTED and is_not_connected(status):
            code = Code.UNAVAILABLE
    elif not has_run and code is Code.UNAVAILABLE:
        # Whatever it is called: it may have run.
        code = Code.UNKNOWN
    return GrpcStatus(code, status.message, _with_pushback(reply))


def chosen_error(code: int, text: str = "") -> MeshError:
    """The error that a handler raises to answer with a code of gRPC; its metadata is set on the context.

    Args:
        code: from 1 to 16.
        text: for people; `MAX_GRPC_MESSAGE_BYTES` of it arrive.

    Raises:
        ValueError: there is no such code, or it is that of success.
    """
    mesh_code = FROM_GRPC.get(code)  # type: ignore[call-overload]  # a number is found by what it is
    if mesh_code is None:
        raise ValueError(f"a code of gRPC that tells of an error is from 1 to 16, got {code!r}")
    whole = clipped(text, MAX_GRPC_MESSAGE_BYTES)
    # An error of the mesh always has a text.
    short = clipped(whole) if whole.strip() else Code(code).name
    details = {GRPC_STATUS: str(int(code))}
    if short != whole:
        details[GRPC_MESSAGE] = whole
    # Not of a class of the mesh's own: an error of a nested call, which is no choice, has such a one.
    return MeshError(short, code=mesh_code, details=details)


def is_not_connected(status: Status) -> bool:
    """Whether a status of a call that has not run says that its target is not connected."""
    message = status.message
    # The words are fixed (WIRE §2), and the same over unary and in other versions.
    return (
        status.code == 404
        and message.startswith("no connection to collector '")
        and "' in namespace '" not in message
    )


def _whole_text(status: Status) -> str:
    whole = status.details.get(GRPC_MESSAGE)
    if whole is None:
        return status.message
    whole = clipped(whole, MAX_GRPC_MESSAGE_BYTES)
    # Anything else is not what the handler has said.
    return whole if clipped(whole) == status.message or not whole.strip() else status.message


def _with_pushback(reply: Reply) -> Metadata:
    told = reply.status.details.get("retry_after_ms", "") if reply.status.code == 429 else ""
    if not (told.isascii() and told.isdigit() and len(told) < 10):
        return reply.metadata
    if any(key == PUSHBACK for key, _ in reply.metadata):
        # The handler has said it itself.
        return reply.metadata
    return (*reply.metadata, (PUSHBACK, str(int(told))))
