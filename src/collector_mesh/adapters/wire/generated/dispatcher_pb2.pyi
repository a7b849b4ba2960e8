from google.protobuf import any_pb2 as _any_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ServiceTypeRef(_message.Message):
    __slots__ = ("namespace", "service_name")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service_name: str
    def __init__(self, namespace: _Optional[str] = ..., service_name: _Optional[str] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("code", "message", "details")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    details: _containers.ScalarMap[str, str]
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ConnectRequest(_message.Message):
    __slots__ = ("collector_id", "address", "namespaces")
    COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    collector_id: str
    address: str
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, collector_id: _Optional[str] = ..., address: _Optional[str] = ..., namespaces: _Optional[_Iterable[str]] = ...) -> None: ...

class ConnectResponse(_message.Message):
    __slots__ = ("status", "connection_id", "shared_namespaces", "target_collector_id")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    SHARED_NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    TARGET_COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    status: Status
    connection_id: str
    shared_namespaces: _containers.RepeatedScalarFieldContainer[str]
    target_collector_id: str
    def __init__(self, status: _Optional[_Union[Status, _Mapping]] = ..., connection_id: _Optional[str] = ..., shared_namespaces: _Optional[_Iterable[str]] = ..., target_collector_id: _Optional[str] = ...) -> None: ...

class ServeRequest(_message.Message):
    __slots__ = ("namespace", "service", "method_name", "input", "execution_context")
    class ExecutionContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    METHOD_NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service: ServiceTypeRef
    method_name: str
    input: _any_pb2.Any
    execution_context: _containers.ScalarMap[str, str]
    def __init__(self, namespace: _Optional[str] = ..., service: _Optional[_Union[ServiceTypeRef, _Mapping]] = ..., method_name: _Optional[str] = ..., input: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., execution_context: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ServeResponse(_message.Message):
    __slots__ = ("status", "output", "executor_id")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_ID_FIELD_NUMBER: _ClassVar[int]
    status: Status
    output: _any_pb2.Any
    executor_id: str
    def __init__(self, status: _Optional[_Union[Status, _Mapping]] = ..., output: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., executor_id: _Optional[str] = ...) -> None: ...

class DispatchRequest(_message.Message):
    __slots__ = ("namespace", "service", "method_name", "input", "target_collector_id", "routing_hints")
    class RoutingHintsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    METHOD_NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    TARGET_COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTING_HINTS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service: ServiceTypeRef
    method_name: str
    input: _any_pb2.Any
    target_collector_id: str
    routing_hints: _containers.ScalarMap[str, str]
    def __init__(self, namespace: _Optional[str] = ..., service: _Optional[_Union[ServiceTypeRef, _Mapping]] = ..., method_name: _Optional[str] = ..., input: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., target_collector_id: _Optional[str] = ..., routing_hints: _Optional[_Mapping[str, str]] = ...) -> None: ...

class DispatchResponse(_message.Message):
    __slots__ = ("status", "output", "handled_by_collector_id")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    HANDLED_BY_COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    status: Status
    output: _any_pb2.Any
    handled_by_collector_id: str
    def __init__(self, status: _Optional[_Union[Status, _Mapping]] = ..., output: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., handled_by_collector_id: _Optional[str] = ...) -> None: ...
