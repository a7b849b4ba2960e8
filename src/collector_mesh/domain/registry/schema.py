"""The types of an interface, as plain values: what a file of protobuf says, as far as two programs must agree on it.

Names of messages, enums and services are full ones, without a dot before them. Nested types stand beside those around them.

A file may also name a type in part, which protobuf then looks for in the scope that the name stands in, and in those around it.
Where that leads out of the file it stands as `SCOPE/NAME`, until `closure.linked` has found it.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Literal

import attrs

MAX_NUMBER = (1 << 29) - 1
"""The highest number of a field."""

FIRST_OWN_NUMBER, LAST_OWN_NUMBER = 19_000, 19_999
"""Numbers that protobuf keeps for itself."""

FieldType = Literal[
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
    "sfixed64", "bool", "string", "bytes", "message", "group", "enum",
]  # fmt: skip
"""The type of a field as a .proto names it; for messages, groups and enums `type_name` says which."""

Cardinality = Literal["implicit", "optional", "required", "repeated", "map"]
"""How many values a field has: `implicit` cannot tell an absent one from zero; `map` is a repeated one of map entries."""

Syntax = Literal["proto2", "proto3", "editions"]

Idempotency = Literal["unknown", "no_side_effects", "idempotent"]


@attrs.frozen
class Reserved:
    """What a message or an enum may never use again.

    Attributes:
        ranges: the first and the last number of each, both of them included.
        names: the names.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    names: tuple[str, ...] = ()

    def has_number(self, number: int) -> bool:
        """Whether a number is reserved."""
        return any(first <= number <= last for first, last in self.ranges)


@attrs.frozen
class Field:
    """A field of a message.

    Attributes:
        name: its name.
        number: its number, 1 to 536,870,911.
        type: its type.
        type_name: the full name of its message or enum, empty for others.
        cardinality: how many values it has. A single message, a member of a oneof, and an extension are `optional`, as they can be
            absent, whatever stands before them.
        oneof: the name of the oneof that it is in; empty for none. An `optional` field of proto3 is in none.
        json_name: its name in JSON; empty for an extension.
        default: the default that a file of proto2 gives it, as the descriptor writes it.
    """

    name: str
    number: int
    type: FieldType
    type_name: str = ""
    cardinality: Cardinality = "implicit"
    oneof: str = ""
    json_name: str = ""
    default: str = ""


@attrs.frozen
class Message:
    """A message.

    Attributes:
        name: its full name.
        fields: in the order of the file.
        reserved: numbers and names that it may not use.
        extensions: the ranges of numbers that are for extensions, first and last included.
        is_map_entry: whether it is what protobuf makes of a map; its fields are `key` and `value`.
        is_json: whether it is sure to have a form in JSON; those of proto2 are not.
    """

    name: str
    fields: tuple[Field, ...] = ()
    reserved: Reserved = Reserved()
    extensions: tuple[tuple[int, int], ...] = ()
    is_map_entry: bool = False
    is_json: bool = True


@attrs.frozen
class EnumValue:
    """A value of an enum."""

    name: str
    number: int


@attrs.frozen
class Enum:
    """An enum.

    Attributes:
        name: its full name.
        values: in the order of the file.
        reserved: numbers and names that it may not use.
        allows_alias: whether two values may have the same number.
        is_closed: whether readers take no value but those that they know, as in proto2.
        is_json: whether it is sure to have a form in JSON; those of proto2 are not.
    """

    name: str
    values: tuple[EnumValue, ...] = ()
    reserved: Reserved = Reserved()
    allows_alias: bool = False
    is_closed: bool = False
    is_json: bool = True


@attrs.frozen
class Extension:
    """A field that a file adds to a message of another one.

    Attributes:
        extends: the full name of that message.
        field: the field; its name is a full one.
    """

    extends: str
    field: Field


@attrs.frozen
class Method:
    """A method of a service.

    Attributes:
        name: its short name.
        takes: the full name of the message that it takes.
        gives: the full name of the message that it gives.
        client_streaming: whether it takes a stream of them.
        server_streaming: whether it gives a stream of them.
        idempotency: what the file says of running it twice.
    """

    name: str
    takes: str
    gives: str
    client_streaming: bool = False
    server_streaming: bool = False
    idempotency: Idempotency = "unknown"


@attrs.frozen
class Service:
    """A service: its full name, and its methods in the order of the file."""

    name: str
    methods: tuple[Method, ...] = ()


@attrs.frozen
class File:
    """A file of protobuf.

    Attributes:
        name: the path under which others import it.
        package: its package, empty for none.
        syntax: `proto2`, `proto3`, or `editions`.
        imports: the names of the files that it imports, in order.
        public_imports: those of them that files see as well that import this one.
        messages: all of them, nested ones and map entries included.
        enums: all of them, nested ones included.
        services: in the order of the file.
        extensions: all of them, those within messages included.
    """

    name: str
    package: str = ""
    syntax: Syntax = "proto3"
    imports: tuple[str, ...] = ()
    public_imports: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    enums: tuple[Enum, ...] = ()
    services: tuple[Service, ...] = ()
    extensions: tuple[Extension, ...] = ()


@attrs.frozen
class Schema:
    """A file with the closure of what it needs; `closure.linked` makes it of files that come from elsewhere.

    Attributes:
        files: each of them once.
    """

    files: tuple[File, ...] = ()

    @cached_property
    def messages(self) -> Mapping[str, Message]:
        """All messages by their full names."""
        return {message.name: message for file in self.files for message in file.messages}

    @cached_property
    def enums(self) -> Mapping[str, Enum]:
        """All enums by their full names."""
        return {enum.name: enum for file in self.files for enum in file.enums}

    @cached_property
    def services(self) -> Mapping[str, Service]:
        """All services by their full names."""
        return {service.name: service for file in self.files for service in file.services}

    @cached_property
    def extensions(self) -> Mapping[tuple[str, int], Extension]:
        """All extensions, by the message that they extend and their number."""
        return {(one.extends, one.field.number): one for file in self.files for one in file.extensions}


def map_entry(name: str, key: FieldType, value: FieldType, value_name: str = "") -> Message:
    """What protobuf makes of a map.

    Args:
        name: its full name, see `naming.entry_name_of`.
        key: the type of the keys.
        value: the type of the values.
        value_name: the full name of their message or enum.
    """
    fields = (
        Field("key", 1, key, cardinality="optional", json_name="key"),
        Field("value", 2, value, value_name, "optional", json_name="value"),
    )
    return Message(name, fields, is_map_entry=True)


def names_in(file: File) -> Iterator[tuple[str, str]]:
    """What is defined in a file and may be meant by a name, each with what it is: all but fields and methods."""
    yield from ((message.name, "message") for message in file.messages)
    for enum in file.enums:
        yield enum.name, "enum"
        # They stand beside their enum, not in it.
        scope = enum.name.rpartition(".")[0]
        yield from ((f"{scope}.{value.name}" if scope else value.name, "value") for value in enum.values)
    yield from ((service.name, "service") for service in file.services)
    yield from ((extension.field.name, "extension") for extension in file.extensions)
