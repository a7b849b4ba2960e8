"""The messages of `collector_mesh.inspect.v1.Inspect`, to and from the words of the domain."""

import math
from typing import cast

from google.protobuf.message import DecodeError

from collector_mesh.adapters.wire.dispatcher_codec import UNREADABLE
from collector_mesh.adapters.wire.generated import inspect_pb2 as pb
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, clipped, error_for
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import (
    CandidateInfo,
    Carrier,
    ConnectionInfo,
    Explanation,
    LinkEnd,
    MethodInfo,
    Snapshot,
    State,
)
from collector_mesh.domain.model.status import status_of


def encode_snapshot_request() -> bytes:
    """A SnapshotRequest."""
    return pb.SnapshotRequest().SerializeToString()


def decode_snapshot_request(data: bytes) -> None:
    """Read a SnapshotRequest, which has nothing to tell.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    try:
        pb.SnapshotRequest.FromString(data)
    except UNREADABLE as error:
        raise InvalidCallError("malformed request") from error


def encode_snapshot(outcome: Snapshot | MeshError) -> bytes:
    """A SnapshotResponse: what was asked for, or why it is refused."""
    if isinstance(outcome, MeshError):
        return pb.SnapshotResponse(error=_error(outcome)).SerializeToString()
    return pb.SnapshotResponse(
        collector_id=outcome.collector_id,
        address=outcome.address,
        state=outcome.state,
        namespaces=outcome.namespaces,
        methods=[_method(method) for method in outcome.methods],
        connections=[_connection(connection) for connection in outcome.connections],
        dialing=outcome.dialing,
        running=outcome.running,
        outgoing=outcome.outgoing,
        clients=outcome.clients,
        ended=[
            pb.LinkEnd(peer_id=end.peer_id, address=end.address, reason=clipped(end.reason), age=end.age)
            for end in outcome.ended
        ],
    ).SerializeToString()


def decode_snapshot(data: bytes) -> Snapshot:
    """Read a SnapshotResponse.

    Raises:
        MeshError: it tells why there is no snapshot.
        DecodeError, UnicodeDecodeError: the bytes are no such message; see `UNREADABLE`.
    """
    response = pb.SnapshotResponse.FromString(data)
    if response.HasField("error"):
        raise _refusal(response.error)
    if not response.collector_id:
        raise DecodeError("a snapshot without a collector")
    return Snapshot(
        collector_id=response.collector_id,
        address=response.address,
        state=response.state,
        namespaces=tuple(response.namespaces),
        methods=tuple(
            MethodInfo(
                MethodKey(method.namespace, method.service, method.method), method.kind, method.idempotent
            )
            for method in response.methods
        ),
        connections=tuple(_read_connection(connection) for connection in response.connections),
        dialing=tuple(response.dialing),
        running=response.running,
        outgoing=response.outgoing,
        clients=response.clients,
        ended=tuple(
            LinkEnd(end.peer_id, end.address, end.reason, _seconds(end.age)) for end in response.ended
        ),
    )


def encode_explain_request(key: MethodKey) -> bytes:
    """An ExplainRequest."""
    return pb.ExplainRequest(
        namespace=key.namespace, service=key.service, method=key.method
    ).SerializeToString()


def decode_explain_request(data: bytes) -> MethodKey:
    """Read an ExplainRequest; the names in it have not been checked.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    try:
        request = pb.ExplainRequest.FromString(data)
    except UNREADABLE as error:
        raise InvalidCallError("malformed request") from error
    return MethodKey(request.namespace, request.service, request.method)


def encode_explanation(outcome: Explanation | MeshError) -> bytes:
    """An ExplainResponse: what was asked for, or why it is refused."""
    if isinstance(outcome, MeshError):
        return pb.ExplainResponse(error=_error(outcome)).SerializeToString()
    return pb.ExplainResponse(
        candidates=[
            pb.Candidate(
                collector_id=candidate.collector_id, fit=candidate.fit, reason=clipped(candidate.reason)
            )
            for candidate in outcome.candidates
        ]
    ).SerializeToString()


def decode_explanation(data: bytes, key: MethodKey) -> Explanation:
    """Read the ExplainResponse to a question about `key`.

    Raises:
        MeshError: it tells why there is no explanation.
        DecodeError, UnicodeDecodeError: the bytes are no such message; see `UNREADABLE`.
    """
    response = pb.ExplainResponse.FromString(data)
    if response.HasField("error"):
        raise _refusal(response.error)
    return Explanation(
        key,
        tuple(
            CandidateInfo(candidate.collector_id, candidate.fit, candidate.reason)
            for candidate in response.candidates
        ),
    )


def _error(error: MeshError) -> pb.Error:
    status = status_of(error)
    return pb.Error(code=status.code, message=status.message)


def _refusal(error: pb.Error) -> MeshError:
    return error_for(error.code, clipped(error.message))


def _method(method: MethodInfo) -> pb.MethodInfo:
    return pb.MethodInfo(
        namespace=method.key.namespace,
        service=method.key.service,
        method=method.key.method,
        kind=method.kind,
        idempotent=method.idempotent,
    )


def _connection(connection: ConnectionInfo) -> pb.ConnectionInfo:
    return pb.ConnectionInfo(
        peer_id=connection.peer_id,
        address=connection.address,
        connection_id=connection.connection_id,
        shared_namespaces=connection.shared_namespaces,
        state=connection.state,
        dialed=connection.dialed,
        in_flight=connection.in_flight,
        carrier=connection.carrier,
        reason=clipped(connection.reason),
        age=connection.age,
        round_trip=connection.round_trip,
        methods=connection.methods,
    )


def _read_connection(connection: pb.ConnectionInfo) -> ConnectionInfo:
    return ConnectionInfo(
        peer_id=connection.peer_id,
        address=connection.address,
        connection_id=connection.connection_id,
        shared_namespaces=tuple(connection.shared_namespaces),
        # A later version may know further words; they are for people, so they are passed on.
        state=cast("State", connection.state),
        dialed=connection.dialed,
        in_flight=connection.in_flight,
        carrier=cast("Carrier", connection.carrier),
        reason=connection.reason,
        age=_seconds(connection.age),
        round_trip=_seconds(connection.round_trip) if connection.HasField("round_trip") else None,
        methods=connection.methods if connection.HasField("methods") else None,
    )


def _seconds(value: float) -> float:
    # JSON has no word for the others, and no clock tells them.
    if not math.isfinite(value):
        raise DecodeError("a time span that is no number")
    return value
