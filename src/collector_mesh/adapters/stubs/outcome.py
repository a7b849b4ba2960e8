"""How a call through a stub has ended, as grpc.aio tells it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import grpc
from grpc import aio

from collector_mesh.adapters.wire.grpc_codes import grpc_status_of
from collector_mesh.domain.model.errors import MeshError, stand_for
from collector_mesh.domain.model.status import Reply, nested_error_of
from collector_mesh.domain.model.texts import visible

CODES: Mapping[int, grpc.StatusCode] = MappingProxyType({code.value[0]: code for code in grpc.StatusCode})

LOCALLY_CANCELLED = "Locally cancelled by application!"
"""What gRPC says of a call that its caller has cancelled."""


class Outcome(NamedTuple):
    """How a call has ended.

    Attributes:
        code: the code of gRPC.
        details: for people.
        initial: initial metadata.
        trailing: trailing metadata.
        debug: what is known beside that.
        is_local: whether the caller has cancelled it.
        nested: the error of the mesh, of a call that a handler has made.
    """

    code: grpc.StatusCode
    details: str
    initial: aio.Metadata
    trailing: aio.Metadata
    debug: str = ""
    is_local: bool = False
    nested: MeshError | None = None

    def error(self) -> aio.AioRpcError:
        """What whoever awaits the call is told."""
        error = aio.AioRpcError(
            self.code, self.initial, self.trailing, details=self.details, debug_error_string=self.debug
        )
        if self.nested is not None:
            stand_for(error, self.nested)
        return error


def cancelled() -> Outcome:
    """That of a call which its caller has cancelled."""
    return Outcome(
        grpc.StatusCode.CANCELLED, LOCALLY_CANCELLED, aio.Metadata(), aio.Metadata(), is_local=True
    )


def failed(code: grpc.StatusCode, details: str) -> Outcome:
    """That of a call which was not sent, or whose response is of no use."""
    return Outcome(code, details, aio.Metadata(), aio.Metadata(), _debug(code, details))


def outcome_of(reply: Reply) -> Outcome:
    """That of a call which has a reply."""
    code, text, trailing = grpc_status_of(reply)
    told = CODES[code]
    debug = ""
    if told is not grpc.StatusCode.OK:
        by = f", by '{visible(reply.handled_by)}'" if reply.handled_by else ""
        tried = f", tried {', '.join(map(visible, reply.tried))}" if reply.tried else ""
        mesh = f"{reply.status.code}, executed: {reply.executed.value}{by}{tried}"
        debug = f"{_debug(told, text)} ({mesh})"
    initial = metadata_of(reply.initial_metadata)
    return Outcome(told, text, initial, metadata_of(trailing), debug, nested=nested_error_of(reply))


def metadata_of(pairs: Iterable[tuple[str, str | bytes]]) -> aio.Metadata:
    """Pairs as grpc.aio has them."""
    return aio.Metadata(*pairs)


def _debug(code: grpc.StatusCode, details: str) -> str:
    return f"{code.name}:{visible(details)}"


def shown(kind: str, outcome: Outcome | None) -> str:
    """A call as a text, as gRPC writes it."""
    if outcome is None:
        return f"<{kind} object>"
    more = f'\n\tdebug_error_string = "{outcome.debug}"' if outcome.code is not grpc.StatusCode.OK else ""
    return (
        f'<{kind} of RPC that terminated with:\n\tstatus = {outcome.code}\n\tdetails = "{visible(outcome.details)}"'
        f"{more}\n>"
    )
