from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import wrappers_pb2 as _wrappers_pb2
from mesh_test import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetUserRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("id", "name", "nickname", "role", "tags", "addresses", "created")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NICKNAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    nickname: str
    role: _common_pb2.Role
    tags: _containers.RepeatedScalarFieldContainer[str]
    addresses: _containers.RepeatedCompositeFieldContainer[_common_pb2.Address]
    created: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., nickname: _Optional[str] = ..., role: _Optional[_Union[_common_pb2.Role, str]] = ..., tags: _Optional[_Iterable[str]] = ..., addresses: _Optional[_Iterable[_Union[_common_pb2.Address, _Mapping]]] = ..., created: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Everything(_message.Message):
    __slots__ = ("text", "number", "user", "signed", "unsigned", "fixed", "small", "real", "short_real", "truth", "raw", "counts", "by_number", "many", "inners", "color", "colors", "any", "when", "maybe", "perhaps", "renamed")
    class Color(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        COLOR_UNSPECIFIED: _ClassVar[Everything.Color]
        COLOR_RED: _ClassVar[Everything.Color]
        COLOR_BLUE: _ClassVar[Everything.Color]
    COLOR_UNSPECIFIED: Everything.Color
    COLOR_RED: Everything.Color
    COLOR_BLUE: Everything.Color
    class Inner(_message.Message):
        __slots__ = ("text", "inner")
        TEXT_FIELD_NUMBER: _ClassVar[int]
        INNER_FIELD_NUMBER: _ClassVar[int]
        text: str
        inner: Everything.Inner
        def __init__(self, text: _Optional[str] = ..., inner: _Optional[_Union[Everything.Inner, _Mapping]] = ...) -> None: ...
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class ByNumberEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: User
        def __init__(self, key: _Optional[int] = ..., value: _Optional[_Union[User, _Mapping]] = ...) -> None: ...
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    UNSIGNED_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    SMALL_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    SHORT_REAL_FIELD_NUMBER: _ClassVar[int]
    TRUTH_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    BY_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MANY_FIELD_NUMBER: _ClassVar[int]
    INNERS_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    COLORS_FIELD_NUMBER: _ClassVar[int]
    ANY_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    MAYBE_FIELD_NUMBER: _ClassVar[int]
    PERHAPS_FIELD_NUMBER: _ClassVar[int]
    RENAMED_FIELD_NUMBER: _ClassVar[int]
    text: str
    number: int
    user: User
    signed: int
    unsigned: int
    fixed: int
    small: int
    real: float
    short_real: float
    truth: bool
    raw: bytes
    counts: _containers.ScalarMap[str, int]
    by_number: _containers.MessageMap[int, User]
    many: _containers.RepeatedScalarFieldContainer[int]
    inners: _containers.RepeatedCompositeFieldContainer[Everything.Inner]
    color: Everything.Color
    colors: _containers.RepeatedScalarFieldContainer[Everything.Color]
    any: _any_pb2.Any
    when: _timestamp_pb2.Timestamp
    maybe: _wrappers_pb2.StringValue
    perhaps: int
    renamed: str
    def __init__(self, text: _Optional[str] = ..., number: _Optional[int] = ..., user: _Optional[_Union[User, _Mapping]] = ..., signed: _Optional[int] = ..., unsigned: _Optional[int] = ..., fixed: _Optional[int] = ..., small: _Optional[int] = ..., real: _Optional[float] = ..., short_real: _Optional[float] = ..., truth: bool = ..., raw: _Optional[bytes] = ..., counts: _Optional[_Mapping[str, int]] = ..., by_number: _Optional[_Mapping[int, User]] = ..., many: _Optional[_Iterable[int]] = ..., inners: _Optional[_Iterable[_Union[Everything.Inner, _Mapping]]] = ..., color: _Optional[_Union[Everything.Color, str]] = ..., colors: _Optional[_Iterable[_Union[Everything.Color, str]]] = ..., any: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., when: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., maybe: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., perhaps: _Optional[int] = ..., renamed: _Optional[str] = ...) -> None: ...

class Behavior(_message.Message):
    __slots__ = ("initial_metadata", "trailing_metadata", "wait", "raises", "code", "details", "size", "padding")
    INITIAL_METADATA_FIELD_NUMBER: _ClassVar[int]
    TRAILING_METADATA_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    RAISES_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    initial_metadata: _containers.RepeatedCompositeFieldContainer[Pair]
    trailing_metadata: _containers.RepeatedCompositeFieldContainer[Pair]
    wait: float
    raises: str
    code: int
    details: str
    size: int
    padding: bytes
    def __init__(self, initial_metadata: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ..., trailing_metadata: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ..., wait: _Optional[float] = ..., raises: _Optional[str] = ..., code: _Optional[int] = ..., details: _Optional[str] = ..., size: _Optional[int] = ..., padding: _Optional[bytes] = ...) -> None: ...

class Behaved(_message.Message):
    __slots__ = ("payload", "by", "metadata", "time_remaining", "padding")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TIME_REMAINING_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    by: str
    metadata: _containers.RepeatedCompositeFieldContainer[Pair]
    time_remaining: float
    padding: int
    def __init__(self, payload: _Optional[bytes] = ..., by: _Optional[str] = ..., metadata: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ..., time_remaining: _Optional[float] = ..., padding: _Optional[int] = ...) -> None: ...

class Pair(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: bytes
    def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...

class ListUsersRequest(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class ImportSummary(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class Line(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...
