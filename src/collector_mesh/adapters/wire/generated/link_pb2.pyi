from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Frame(_message.Message):
    __slots__ = ("credit", "control", "forget_names", "methods", "texts", "call_first", "call_method", "call_type", "call_value", "call_remaining", "call_mode", "call_extra", "call_trace", "reply_to", "reply_type", "reply_value", "reply_executor", "reply_extra", "cancel", "chunks")
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    FORGET_NAMES_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    CALL_FIRST_FIELD_NUMBER: _ClassVar[int]
    CALL_METHOD_FIELD_NUMBER: _ClassVar[int]
    CALL_TYPE_FIELD_NUMBER: _ClassVar[int]
    CALL_VALUE_FIELD_NUMBER: _ClassVar[int]
    CALL_REMAINING_FIELD_NUMBER: _ClassVar[int]
    CALL_MODE_FIELD_NUMBER: _ClassVar[int]
    CALL_EXTRA_FIELD_NUMBER: _ClassVar[int]
    CALL_TRACE_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    REPLY_TYPE_FIELD_NUMBER: _ClassVar[int]
    REPLY_VALUE_FIELD_NUMBER: _ClassVar[int]
    REPLY_EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    REPLY_EXTRA_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    credit: int
    control: Control
    forget_names: bool
    methods: _containers.RepeatedCompositeFieldContainer[Method]
    texts: _containers.RepeatedScalarFieldContainer[str]
    call_first: int
    call_method: _containers.RepeatedScalarFieldContainer[int]
    call_type: _containers.RepeatedScalarFieldContainer[int]
    call_value: _containers.RepeatedScalarFieldContainer[bytes]
    call_remaining: _containers.RepeatedScalarFieldContainer[int]
    call_mode: _containers.RepeatedScalarFieldContainer[int]
    call_extra: _containers.RepeatedCompositeFieldContainer[CallExtra]
    call_trace: bytes
    reply_to: _containers.RepeatedScalarFieldContainer[int]
    reply_type: _containers.RepeatedScalarFieldContainer[int]
    reply_value: _containers.RepeatedScalarFieldContainer[bytes]
    reply_executor: _containers.RepeatedScalarFieldContainer[int]
    reply_extra: _containers.RepeatedCompositeFieldContainer[ReplyExtra]
    cancel: _containers.RepeatedScalarFieldContainer[int]
    chunks: _containers.RepeatedCompositeFieldContainer[Chunk]
    def __init__(self, credit: _Optional[int] = ..., control: _Optional[_Union[Control, _Mapping]] = ..., forget_names: bool = ..., methods: _Optional[_Iterable[_Union[Method, _Mapping]]] = ..., texts: _Optional[_Iterable[str]] = ..., call_first: _Optional[int] = ..., call_method: _Optional[_Iterable[int]] = ..., call_type: _Optional[_Iterable[int]] = ..., call_value: _Optional[_Iterable[bytes]] = ..., call_remaining: _Optional[_Iterable[int]] = ..., call_mode: _Optional[_Iterable[int]] = ..., call_extra: _Optional[_Iterable[_Union[CallExtra, _Mapping]]] = ..., call_trace: _Optional[bytes] = ..., reply_to: _Optional[_Iterable[int]] = ..., reply_type: _Optional[_Iterable[int]] = ..., reply_value: _Optional[_Iterable[bytes]] = ..., reply_executor: _Optional[_Iterable[int]] = ..., reply_extra: _Optional[_Iterable[_Union[ReplyExtra, _Mapping]]] = ..., cancel: _Optional[_Iterable[int]] = ..., chunks: _Optional[_Iterable[_Union[Chunk, _Mapping]]] = ...) -> None: ...

class Method(_message.Message):
    __slots__ = ("namespace", "service", "method")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    service: str
    method: str
    def __init__(self, namespace: _Optional[str] = ..., service: _Optional[str] = ..., method: _Optional[str] = ...) -> None: ...

class CallExtra(_message.Message):
    __slots__ = ("index", "target", "hints", "hops", "visited", "metadata", "idempotent", "size", "tracestate", "idempotency_key")
    class HintsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    VISITED_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    TRACESTATE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    index: int
    target: str
    hints: _containers.ScalarMap[str, str]
    hops: int
    visited: _containers.RepeatedScalarFieldContainer[str]
    metadata: _containers.RepeatedCompositeFieldContainer[Pair]
    idempotent: int
    size: int
    tracestate: str
    idempotency_key: str
    def __init__(self, index: _Optional[int] = ..., target: _Optional[str] = ..., hints: _Optional[_Mapping[str, str]] = ..., hops: _Optional[int] = ..., visited: _Optional[_Iterable[str]] = ..., metadata: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ..., idempotent: _Optional[int] = ..., size: _Optional[int] = ..., tracestate: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ReplyExtra(_message.Message):
    __slots__ = ("index", "code", "message", "details", "executed", "metadata", "size", "tried", "initial_metadata")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    TRIED_FIELD_NUMBER: _ClassVar[int]
    INITIAL_METADATA_FIELD_NUMBER: _ClassVar[int]
    index: int
    code: int
    message: str
    details: _containers.ScalarMap[str, str]
    executed: int
    metadata: _containers.RepeatedCompositeFieldContainer[Pair]
    size: int
    tried: _containers.RepeatedScalarFieldContainer[str]
    initial_metadata: _containers.RepeatedCompositeFieldContainer[Pair]
    def __init__(self, index: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ..., executed: _Optional[int] = ..., metadata: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ..., size: _Optional[int] = ..., tried: _Optional[_Iterable[str]] = ..., initial_metadata: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ...) -> None: ...

class Pair(_message.Message):
    __slots__ = ("key", "text", "data")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    key: str
    text: str
    data: bytes
    def __init__(self, key: _Optional[str] = ..., text: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("number", "of_reply", "value")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OF_REPLY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    number: int
    of_reply: bool
    value: bytes
    def __init__(self, number: _Optional[int] = ..., of_reply: bool = ..., value: _Optional[bytes] = ...) -> None: ...

class Control(_message.Message):
    __slots__ = ("hello", "welcome", "catalog", "ping", "pong", "draining", "draining_seen", "goodbye", "reach", "catalog_change", "reach_more", "asked", "renew")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    DRAINING_SEEN_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    CATALOG_CHANGE_FIELD_NUMBER: _ClassVar[int]
    REACH_MORE_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    RENEW_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    welcome: Welcome
    catalog: Catalog
    ping: Heartbeat
    pong: Heartbeat
    draining: bool
    draining_seen: bool
    goodbye: Goodbye
    reach: _containers.RepeatedCompositeFieldContainer[Reach]
    catalog_change: CatalogChange
    reach_more: _containers.RepeatedCompositeFieldContainer[Reach]
    asked: Asked
    renew: bool
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., catalog: _Optional[_Union[Catalog, _Mapping]] = ..., ping: _Optional[_Union[Heartbeat, _Mapping]] = ..., pong: _Optional[_Union[Heartbeat, _Mapping]] = ..., draining: bool = ..., draining_seen: bool = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., reach: _Optional[_Iterable[_Union[Reach, _Mapping]]] = ..., catalog_change: _Optional[_Union[CatalogChange, _Mapping]] = ..., reach_more: _Optional[_Iterable[_Union[Reach, _Mapping]]] = ..., asked: _Optional[_Union[Asked, _Mapping]] = ..., renew: bool = ...) -> None: ...

class Asked(_message.Message):
    __slots__ = ("link", "first", "numbers")
    LINK_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    link: str
    first: int
    numbers: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, link: _Optional[str] = ..., first: _Optional[int] = ..., numbers: _Optional[_Iterable[int]] = ...) -> None: ...

class Reach(_message.Message):
    __slots__ = ("collector_id", "path", "methods", "gone")
    COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    collector_id: str
    path: _containers.RepeatedScalarFieldContainer[str]
    methods: _containers.RepeatedCompositeFieldContainer[MethodFlags]
    gone: bool
    def __init__(self, collector_id: _Optional[str] = ..., path: _Optional[_Iterable[str]] = ..., methods: _Optional[_Iterable[_Union[MethodFlags, _Mapping]]] = ..., gone: bool = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("number", "lag", "dial", "dial_answer")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    DIAL_FIELD_NUMBER: _ClassVar[int]
    DIAL_ANSWER_FIELD_NUMBER: _ClassVar[int]
    number: int
    lag: int
    dial: int
    dial_answer: int
    def __init__(self, number: _Optional[int] = ..., lag: _Optional[int] = ..., dial: _Optional[int] = ..., dial_answer: _Optional[int] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("version", "role", "introduction", "dial")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    INTRODUCTION_FIELD_NUMBER: _ClassVar[int]
    DIAL_FIELD_NUMBER: _ClassVar[int]
    version: int
    role: int
    introduction: Introduction
    dial: int
    def __init__(self, version: _Optional[int] = ..., role: _Optional[int] = ..., introduction: _Optional[_Union[Introduction, _Mapping]] = ..., dial: _Optional[int] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("version", "code", "message", "details", "connection_id", "shared_namespaces", "introduction")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    SHARED_NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    INTRODUCTION_FIELD_NUMBER: _ClassVar[int]
    version: int
    code: int
    message: str
    details: _containers.ScalarMap[str, str]
    connection_id: str
    shared_namespaces: _containers.RepeatedScalarFieldContainer[str]
    introduction: Introduction
    def __init__(self, version: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ..., connection_id: _Optional[str] = ..., shared_namespaces: _Optional[_Iterable[str]] = ..., introduction: _Optional[_Union[Introduction, _Mapping]] = ...) -> None: ...

class Introduction(_message.Message):
    __slots__ = ("collector_id", "address", "incarnation", "catalog", "labels", "weight", "limits", "key_store")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    KEY_STORE_FIELD_NUMBER: _ClassVar[int]
    collector_id: str
    address: str
    incarnation: str
    catalog: Catalog
    labels: _containers.ScalarMap[str, str]
    weight: int
    limits: Limits
    key_store: str
    def __init__(self, collector_id: _Optional[str] = ..., address: _Optional[str] = ..., incarnation: _Optional[str] = ..., catalog: _Optional[_Union[Catalog, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., weight: _Optional[int] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., key_store: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_payload_bytes", "window", "takes_pieces", "remembers")
    MAX_PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    TAKES_PIECES_FIELD_NUMBER: _ClassVar[int]
    REMEMBERS_FIELD_NUMBER: _ClassVar[int]
    max_payload_bytes: int
    window: int
    takes_pieces: bool
    remembers: str
    def __init__(self, max_payload_bytes: _Optional[int] = ..., window: _Optional[int] = ..., takes_pieces: bool = ..., remembers: _Optional[str] = ...) -> None: ...

class Catalog(_message.Message):
    __slots__ = ("namespaces", "methods", "more")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    methods: _containers.RepeatedCompositeFieldContainer[MethodFlags]
    more: bool
    def __init__(self, namespaces: _Optional[_Iterable[str]] = ..., methods: _Optional[_Iterable[_Union[MethodFlags, _Mapping]]] = ..., more: bool = ...) -> None: ...

class CatalogChange(_message.Message):
    __slots__ = ("namespaces", "removed_namespaces", "methods", "removed_methods", "more")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_METHODS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedScalarFieldContainer[str]
    removed_namespaces: _containers.RepeatedScalarFieldContainer[str]
    methods: _containers.RepeatedCompositeFieldContainer[MethodFlags]
    removed_methods: _containers.RepeatedCompositeFieldContainer[Method]
    more: bool
    def __init__(self, namespaces: _Optional[_Iterable[str]] = ..., removed_namespaces: _Optional[_Iterable[str]] = ..., methods: _Optional[_Iterable[_Union[MethodFlags, _Mapping]]] = ..., removed_methods: _Optional[_Iterable[_Union[Method, _Mapping]]] = ..., more: bool = ...) -> None: ...

class MethodFlags(_message.Message):
    __slots__ = ("method", "idempotent", "kind")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    method: Method
    idempotent: bool
    kind: str
    def __init__(self, method: _Optional[_Union[Method, _Mapping]] = ..., idempotent: bool = ..., kind: _Optional[str] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("code", "reason", "is_clean")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IS_CLEAN_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    is_clean: bool
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., is_clean: bool = ...) -> None: ...
