import datetime

from collector_mesh.adapters.wire.generated import dispatcher_pb2 as _dispatcher_pb2
from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegisterProtoRequest(_message.Message):
    __slots__ = ("namespace", "file_descriptor", "dependencies")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    FILE_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    file_descriptor: _descriptor_pb2.FileDescriptorProto
    dependencies: _containers.RepeatedCompositeFieldContainer[_descriptor_pb2.FileDescriptorProto]
    def __init__(self, namespace: _Optional[str] = ..., file_descriptor: _Optional[_Union[_descriptor_pb2.FileDescriptorProto, _Mapping]] = ..., dependencies: _Optional[_Iterable[_Union[_descriptor_pb2.FileDescriptorProto, _Mapping]]] = ...) -> None: ...

class RegisterProtoResponse(_message.Message):
    __slots__ = ("status", "proto_id", "registered_messages")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PROTO_ID_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    status: _dispatcher_pb2.Status
    proto_id: str
    registered_messages: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, status: _Optional[_Union[_dispatcher_pb2.Status, _Mapping]] = ..., proto_id: _Optional[str] = ..., registered_messages: _Optional[_Iterable[str]] = ...) -> None: ...

class RegisterServiceRequest(_message.Message):
    __slots__ = ("namespace", "service_descriptor", "file_descriptor")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    FILE_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service_descriptor: _descriptor_pb2.ServiceDescriptorProto
    file_descriptor: _descriptor_pb2.FileDescriptorProto
    def __init__(self, namespace: _Optional[str] = ..., service_descriptor: _Optional[_Union[_descriptor_pb2.ServiceDescriptorProto, _Mapping]] = ..., file_descriptor: _Optional[_Union[_descriptor_pb2.FileDescriptorProto, _Mapping]] = ...) -> None: ...

class RegisterServiceResponse(_message.Message):
    __slots__ = ("status", "service_id", "registered_methods")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_METHODS_FIELD_NUMBER: _ClassVar[int]
    status: _dispatcher_pb2.Status
    service_id: str
    registered_methods: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, status: _Optional[_Union[_dispatcher_pb2.Status, _Mapping]] = ..., service_id: _Optional[str] = ..., registered_methods: _Optional[_Iterable[str]] = ...) -> None: ...

class LookupServiceRequest(_message.Message):
    __slots__ = ("namespace", "service_name")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service_name: str
    def __init__(self, namespace: _Optional[str] = ..., service_name: _Optional[str] = ...) -> None: ...

class LookupServiceResponse(_message.Message):
    __slots__ = ("status", "service")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    status: _dispatcher_pb2.Status
    service: RegisteredService
    def __init__(self, status: _Optional[_Union[_dispatcher_pb2.Status, _Mapping]] = ..., service: _Optional[_Union[RegisteredService, _Mapping]] = ...) -> None: ...

class ValidateMethodRequest(_message.Message):
    __slots__ = ("namespace", "service_name", "method_name")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_NAME_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service_name: str
    method_name: str
    def __init__(self, namespace: _Optional[str] = ..., service_name: _Optional[str] = ..., method_name: _Optional[str] = ...) -> None: ...

class ValidateMethodResponse(_message.Message):
    __slots__ = ("status", "is_valid", "message")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    IS_VALID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    status: _dispatcher_pb2.Status
    is_valid: bool
    message: str
    def __init__(self, status: _Optional[_Union[_dispatcher_pb2.Status, _Mapping]] = ..., is_valid: bool = ..., message: _Optional[str] = ...) -> None: ...

class ListServicesRequest(_message.Message):
    __slots__ = ("namespace",)
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    def __init__(self, namespace: _Optional[str] = ...) -> None: ...

class ListServicesResponse(_message.Message):
    __slots__ = ("status", "services")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    status: _dispatcher_pb2.Status
    services: _containers.RepeatedCompositeFieldContainer[RegisteredService]
    def __init__(self, status: _Optional[_Union[_dispatcher_pb2.Status, _Mapping]] = ..., services: _Optional[_Iterable[_Union[RegisteredService, _Mapping]]] = ...) -> None: ...

class RegisteredService(_message.Message):
    __slots__ = ("id", "namespace", "service_name", "service_descriptor", "method_names", "metadata")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    METHOD_NAMES_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    service_name: str
    service_descriptor: _descriptor_pb2.ServiceDescriptorProto
    method_names: _containers.RepeatedScalarFieldContainer[str]
    metadata: Metadata
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., service_name: _Optional[str] = ..., service_descriptor: _Optional[_Union[_descriptor_pb2.ServiceDescriptorProto, _Mapping]] = ..., method_names: _Optional[_Iterable[str]] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...

class RegisteredProto(_message.Message):
    __slots__ = ("id", "namespace", "message_names", "file_descriptor", "dependencies", "metadata")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_NAMES_FIELD_NUMBER: _ClassVar[int]
    FILE_DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    message_names: _containers.RepeatedScalarFieldContainer[str]
    file_descriptor: _descriptor_pb2.FileDescriptorProto
    dependencies: _containers.RepeatedScalarFieldContainer[str]
    metadata: Metadata
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., message_names: _Optional[_Iterable[str]] = ..., file_descriptor: _Optional[_Union[_descriptor_pb2.FileDescriptorProto, _Mapping]] = ..., dependencies: _Optional[_Iterable[str]] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...

class Metadata(_message.Message):
    __slots__ = ("created_at", "updated_at", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    def __init__(self, created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...
