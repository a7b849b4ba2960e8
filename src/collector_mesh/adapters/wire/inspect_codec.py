"""The messages of `collector_mesh.inspect.v1.Inspect`, to and from the words of the domain.

What is read is shown to people, so it is made fit for that at once.
"""

import math
from collections.abc import Iterable, Mapping
from typing import cast

from google.protobuf.message import DecodeError, Message

from collector_mesh.adapters.wire.dispatcher_codec import UNREADABLE
from collector_mesh.adapters.wire.generated import inspect_pb2 as pb
from collector_mesh.domain.model.errors import (
    MAX_TEXT_BYTES,
    InvalidCallError,
    MeshError,
    clipped,
    error_for,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import (
    CandidateInfo,
    Carrier,
    ConnectionInfo,
    Explanation,
    LinkEnd,
    MethodInfo,
    Snapshot,
    StandingInfo,
    State,
)
from collector_mesh.domain.model.status import status_of
from collector_mesh.domain.model.texts import visible


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
        counts=outcome.counts,
        labels=outcome.labels,
        weight=outcome.weight,
        shares=dict(outcome.shares),
        held_bytes=outcome.held_bytes,
        resident_bytes=outcome.resident_bytes,
        waiting=outcome.waiting,
        members={name: pb.Members(collector_ids=ids) for name, ids in outcome.members.items()},
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
        collector_id=visible(response.collector_id),
        address=visible(response.address),
        state=visible(response.state),
        namespaces=_shown(response.namespaces),
        methods=tuple(
            MethodInfo(
                MethodKey(*_shown((method.namespace, method.service, method.method))),
                visible(method.kind),
                method.idempotent,
            )
            for method in response.methods
        ),
        connections=tuple(_read_connection(connection) for connection in response.connections),
        dialing=_shown(response.dialing),
        running=response.running,
        outgoing=response.outgoing,
        clients=response.clients,
        ended=tuple(
            LinkEnd(visible(end.peer_id), visible(end.address), visible(end.reason), _seconds(end.age))
            for end in response.ended
        ),
        counts={visible(name): count for name, count in sorted(response.counts.items())},
        labels=_labels(response.labels),
        weight=response.weight or 1,
        shares=tuple((visible(name), count) for name, count in sorted(response.shares.items())),
        held_bytes=response.held_bytes,
        resident_bytes=response.resident_bytes,
        waiting=response.waiting,
        members={
            visible(name): _shown(members.collector_ids) for name, members in sorted(response.members.items())
        },
    )


def encode_explain_request(key: MethodKey, caller: str = "") -> bytes:
    """An ExplainRequest."""
    return pb.ExplainRequest(
        namespace=key.namespace, service=key.service, method=key.method, caller=caller
    ).SerializeToString()


def decode_explain_request(data: bytes) -> tuple[MethodKey, str]:
    """Read an ExplainRequest: the method, and the caller of whom access is told; neither has been checked.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    try:
        request = pb.ExplainRequest.FromString(data)
    except UNREADABLE as error:
        raise InvalidCallError("malformed request") from error
    return MethodKey(request.namespace, request.service, request.method), request.caller


def encode_explanation(outcome: Explanation | MeshError) -> bytes:
    """An ExplainResponse: what was asked for, or why it is refused."""
    if isinstance(outcome, MeshError):
        return pb.ExplainResponse(error=_error(outcome)).SerializeToString()
    return pb.ExplainResponse(
        candidates=[
            pb.Candidate(
                collector_id=candidate.collector_id,
                fit=candidate.fit,
                reason=clipped(candidate.reason),
                score=candidate.score,
                hops=candidate.hops,
            )
            for candidate in outcome.candidates
        ],
        balancing=outcome.balancing,
        note=outcome.note,
        access=clipped(outcome.access),
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
            CandidateInfo(
                visible(candidate.collector_id),
                candidate.fit,
                visible(candidate.reason),
                _maybe_seconds(candidate, "score"),
                candidate.hops,
            )
            for candidate in response.candidates
        ),
        visible(response.balancing),
        visible(response.note),
        visible(response.access, MAX_TEXT_BYTES),
    )


def _error(error: MeshError) -> pb.Error:
    status = status_of(error)
    return pb.Error(code=status.code, message=status.message)


def _refusal(error: pb.Error) -> MeshError:
    return error_for(error.code, visible(error.message))


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
        labels=connection.labels,
        weight=connection.weight,
        standings=[_standing(standing) for standing in connection.standings],
        held_bytes=connection.held_bytes,
        offered=connection.offered,
    )


def _standing(standing: StandingInfo) -> pb.Standing:
    return pb.Standing(
        namespace=standing.namespace,
        in_flight=standing.in_flight,
        latency=standing.latency,
        p99=standing.p99,
        score=standing.score,
        success_share=standing.success_share,
        breaker=standing.breaker,
        open_for=standing.open_for,
        retries_left=standing.retries_left,
    )


def _read_standing(standing: pb.Standing) -> StandingInfo:
    return StandingInfo(
        visible(standing.namespace),
        standing.in_flight,
        _seconds(standing.latency),
        _maybe_seconds(standing, "p99"),
        _seconds(standing.score),
        _maybe_seconds(standing, "success_share"),
        visible(standing.breaker),
        _seconds(standing.open_for),
        _seconds(standing.retries_left),
    )


def _read_connection(connection: pb.ConnectionInfo) -> ConnectionInfo:
    return ConnectionInfo(
        peer_id=visible(connection.peer_id),
        address=visible(connection.address),
        connection_id=visible(connection.connection_id),
        shared_namespaces=_shown(connection.shared_namespaces),
        # A later version may know further words; they are for people, so they are passed on.
        state=cast("State", visible(connection.state)),
        dialed=connection.dialed,
        in_flight=connection.in_flight,
        carrier=cast("Carrier", visible(connection.carrier)),
        reason=visible(connection.reason),
        age=_seconds(connection.age),
        round_trip=_maybe_seconds(connection, "round_trip"),
        methods=connection.methods if connection.HasField("methods") else None,
        labels=_labels(connection.labels),
        weight=connection.weight or 1,
        standings=tuple(_read_standing(standing) for standing in connection.standings),
        held_bytes=connection.held_bytes,
        offered=_shown(connection.offered),
    )


def _shown(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(visible, texts))


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    return {visible(name): visible(text) for name, text in sorted(labels.items())}


def _maybe_seconds(message: Message, field: str) -> float | None:
    return _seconds(getattr(message, field)) if message.HasField(field) else None


def _seconds(value: float) -> float:
    # JSON has no word for the others, and no clock tells them.
    if not math.isfinite(value):
        raise DecodeError("a time span that is no number")
    return value
