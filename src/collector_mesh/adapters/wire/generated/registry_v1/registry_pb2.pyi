import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegisterRequest(_message.Message):
    __slots__ = ("namespace", "files", "services", "labels", "force", "dry_run")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    files: _containers.RepeatedScalarFieldContainer[bytes]
    services: _containers.RepeatedCompositeFieldContainer[GivenService]
    labels: _containers.ScalarMap[str, str]
    force: bool
    dry_run: bool
    def __init__(self, namespace: _Optional[str] = ..., files: _Optional[_Iterable[bytes]] = ..., services: _Optional[_Iterable[_Union[GivenService, _Mapping]]] = ..., labels: _Optional[_Mapping[str, str]] = ..., force: bool = ..., dry_run: bool = ...) -> None: ...

class GivenService(_message.Message):
    __slots__ = ("name", "service_descriptor")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    service_descriptor: bytes
    def __init__(self, name: _Optional[str] = ..., service_descriptor: _Optional[bytes] = ...) -> None: ...

class RegisterResponse(_message.Message):
    __slots__ = ("ids", "differences", "is_changed")
    IDS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    IS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    differences: _containers.RepeatedScalarFieldContainer[str]
    is_changed: bool
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., differences: _Optional[_Iterable[str]] = ..., is_changed: bool = ...) -> None: ...

class DeregisterRequest(_message.Message):
    __slots__ = ("namespace", "name")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class DeregisterResponse(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class LookupRequest(_message.Message):
    __slots__ = ("namespace", "service")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service: str
    def __init__(self, namespace: _Optional[str] = ..., service: _Optional[str] = ...) -> None: ...

class LookupResponse(_message.Message):
    __slots__ = ("service", "files")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    service: Service
    files: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, service: _Optional[_Union[Service, _Mapping]] = ..., files: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("namespace", "after", "limit")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    after: str
    limit: int
    def __init__(self, namespace: _Optional[str] = ..., after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("services", "next")
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    services: _containers.RepeatedCompositeFieldContainer[Service]
    next: str
    def __init__(self, services: _Optional[_Iterable[_Union[Service, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class Service(_message.Message):
    __slots__ = ("id", "namespace", "name", "full_name", "file", "methods", "created_at", "updated_at", "labels", "service_descriptor")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FULL_NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    name: str
    full_name: str
    file: str
    methods: _containers.RepeatedCompositeFieldContainer[Method]
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    service_descriptor: bytes
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., full_name: _Optional[str] = ..., file: _Optional[str] = ..., methods: _Optional[_Iterable[_Union[Method, _Mapping]]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., service_descriptor: _Optional[bytes] = ...) -> None: ...

class Method(_message.Message):
    __slots__ = ("name", "takes", "gives", "client_streaming", "server_streaming")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TAKES_FIELD_NUMBER: _ClassVar[int]
    GIVES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_STREAMING_FIELD_NUMBER: _ClassVar[int]
    SERVER_STREAMING_FIELD_NUMBER: _ClassVar[int]
    name: str
    takes: str
    gives: str
    client_streaming: bool
    server_streaming: bool
    def __init__(self, name: _Optional[str] = ..., takes: _Optional[str] = ..., gives: _Optional[str] = ..., client_streaming: bool = ..., server_streaming: bool = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("namespace", "name", "after", "limit")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    after: str
    limit: int
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class HistoryResponse(_message.Message):
    __slots__ = ("changes", "next")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    next: str
    def __init__(self, changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("id", "kind", "action", "at", "by", "differences", "forced")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    FORCED_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    action: str
    at: _timestamp_pb2.Timestamp
    by: str
    differences: _containers.RepeatedScalarFieldContainer[str]
    forced: bool
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., action: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., by: _Optional[str] = ..., differences: _Optional[_Iterable[str]] = ..., forced: bool = ...) -> None: ...
