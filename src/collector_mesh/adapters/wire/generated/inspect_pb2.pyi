from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SnapshotRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SnapshotResponse(_message.Message):
    __slots__ = ("error", "collector_id", "address", "state", "namespaces", "methods", "connections", "dialing", "running", "outgoing", "clients", "ended", "counts", "labels", "weight", "shares", "held_bytes", "resident_bytes", "members", "waiting")
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class SharesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class MembersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Members
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Members, _Mapping]] = ...) -> None: ...
    ERROR_FIELD_NUMBER: _ClassVar[int]
    COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    DIALING_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    OUTGOING_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    HELD_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    error: Error
    collector_id: str
    address: str
    state: str
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    methods: _containers.RepeatedCompositeFieldContainer[MethodInfo]
    connections: _containers.RepeatedCompositeFieldContainer[ConnectionInfo]
    dialing: _containers.RepeatedScalarFieldContainer[str]
    running: int
    outgoing: int
    clients: int
    ended: _containers.RepeatedCompositeFieldContainer[LinkEnd]
    counts: _containers.ScalarMap[str, int]
    labels: _containers.ScalarMap[str, str]
    weight: int
    shares: _containers.ScalarMap[str, int]
    held_bytes: int
    resident_bytes: int
    members: _containers.MessageMap[str, Members]
    waiting: int
    def __init__(self, error: _Optional[_Union[Error, _Mapping]] = ..., collector_id: _Optional[str] = ..., address: _Optional[str] = ..., state: _Optional[str] = ..., namespaces: _Optional[_Iterable[str]] = ..., methods: _Optional[_Iterable[_Union[MethodInfo, _Mapping]]] = ..., connections: _Optional[_Iterable[_Union[ConnectionInfo, _Mapping]]] = ..., dialing: _Optional[_Iterable[str]] = ..., running: _Optional[int] = ..., outgoing: _Optional[int] = ..., clients: _Optional[int] = ..., ended: _Optional[_Iterable[_Union[LinkEnd, _Mapping]]] = ..., counts: _Optional[_Mapping[str, int]] = ..., labels: _Optional[_Mapping[str, str]] = ..., weight: _Optional[int] = ..., shares: _Optional[_Mapping[str, int]] = ..., held_bytes: _Optional[int] = ..., resident_bytes: _Optional[int] = ..., members: _Optional[_Mapping[str, Members]] = ..., waiting: _Optional[int] = ...) -> None: ...

class Members(_message.Message):
    __slots__ = ("collector_ids",)
    COLLECTOR_IDS_FIELD_NUMBER: _ClassVar[int]
    collector_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, collector_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class MethodInfo(_message.Message):
    __slots__ = ("namespace", "service", "method", "kind", "idempotent")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service: str
    method: str
    kind: str
    idempotent: bool
    def __init__(self, namespace: _Optional[str] = ..., service: _Optional[str] = ..., method: _Optional[str] = ..., kind: _Optional[str] = ..., idempotent: bool = ...) -> None: ...

class ConnectionInfo(_message.Message):
    __slots__ = ("peer_id", "address", "connection_id", "shared_namespaces", "state", "dialed", "in_flight", "carrier", "reason", "age", "round_trip", "methods", "labels", "weight", "standings", "held_bytes", "offered")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    SHARED_NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DIALED_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    ROUND_TRIP_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    STANDINGS_FIELD_NUMBER: _ClassVar[int]
    HELD_BYTES_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    peer_id: str
    address: str
    connection_id: str
    shared_namespaces: _containers.RepeatedScalarFieldContainer[str]
    state: str
    dialed: bool
    in_flight: int
    carrier: str
    reason: str
    age: float
    round_trip: float
    methods: int
    labels: _containers.ScalarMap[str, str]
    weight: int
    standings: _containers.RepeatedCompositeFieldContainer[Standing]
    held_bytes: int
    offered: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, peer_id: _Optional[str] = ..., address: _Optional[str] = ..., connection_id: _Optional[str] = ..., shared_namespaces: _Optional[_Iterable[str]] = ..., state: _Optional[str] = ..., dialed: bool = ..., in_flight: _Optional[int] = ..., carrier: _Optional[str] = ..., reason: _Optional[str] = ..., age: _Optional[float] = ..., round_trip: _Optional[float] = ..., methods: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., weight: _Optional[int] = ..., standings: _Optional[_Iterable[_Union[Standing, _Mapping]]] = ..., held_bytes: _Optional[int] = ..., offered: _Optional[_Iterable[str]] = ...) -> None: ...

class Standing(_message.Message):
    __slots__ = ("namespace", "in_flight", "latency", "p99", "score", "success_share", "breaker", "open_for", "retries_left")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    P99_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_SHARE_FIELD_NUMBER: _ClassVar[int]
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    OPEN_FOR_FIELD_NUMBER: _ClassVar[int]
    RETRIES_LEFT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    in_flight: int
    latency: float
    p99: float
    score: float
    success_share: float
    breaker: str
    open_for: float
    retries_left: float
    def __init__(self, namespace: _Optional[str] = ..., in_flight: _Optional[int] = ..., latency: _Optional[float] = ..., p99: _Optional[float] = ..., score: _Optional[float] = ..., success_share: _Optional[float] = ..., breaker: _Optional[str] = ..., open_for: _Optional[float] = ..., retries_left: _Optional[float] = ...) -> None: ...

class LinkEnd(_message.Message):
    __slots__ = ("peer_id", "address", "reason", "age")
    PEER_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    peer_id: str
    address: str
    reason: str
    age: float
    def __init__(self, peer_id: _Optional[str] = ..., address: _Optional[str] = ..., reason: _Optional[str] = ..., age: _Optional[float] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("namespace", "service", "method", "caller")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service: str
    method: str
    caller: str
    def __init__(self, namespace: _Optional[str] = ..., service: _Optional[str] = ..., method: _Optional[str] = ..., caller: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("error", "candidates", "balancing", "note", "access")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    BALANCING_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    error: Error
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    balancing: str
    note: str
    access: str
    def __init__(self, error: _Optional[_Union[Error, _Mapping]] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., balancing: _Optional[str] = ..., note: _Optional[str] = ..., access: _Optional[str] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("collector_id", "fit", "reason", "score", "hops")
    COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    collector_id: str
    fit: bool
    reason: str
    score: float
    hops: int
    def __init__(self, collector_id: _Optional[str] = ..., fit: bool = ..., reason: _Optional[str] = ..., score: _Optional[float] = ..., hops: _Optional[int] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...
