"""The types of an interface, as plain values: what a file of protobuf says, as far as two programs must agree on it.

Names of messages, enums and services are full ones, without a dot before them. Nested types stand beside those around them.
"""

from typing import Literal

import attrs

FieldType = Literal[
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
    "sfixed64", "bool", "string", "bytes", "message", "group", "enum",
]  # fmt: skip
"""The type of a field as a .proto names it; for messages, groups and enums `type_name` says which."""

Cardinality = Literal["implicit", "optional", "required", "repeated", "map"]
"""How many values a field has: `implicit` cannot tell an absent one from zero; `map` is a repeated one of map entries."""

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
        cardinality: how many values it has.
        oneof: the name of the oneof that it is in; empty for none. An `optional` field of proto3 is in none.
        json_name: its name in JSON.
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
    """

    name: str
    fields: tuple[Field, ...] = ()
    reserved: Reserved = Reserved()
    extensions: tuple[tuple[int, int], ...] = ()
    is_map_entry: bool = False


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
    """

    name: str
    values: tuple[EnumValue, ...] = ()
    reserved: Reserved = Reserved()
    allows_alias: bool = False
    is_closed: bool = False


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
        messages: all of them, nested ones and map entries included.
        enums: all of them, nested ones included.
        services: in the order of the file.
    """

    name: str
    package: str = ""
    syntax: str = "proto3"
    imports: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    enums: tuple[Enum, ...] = ()
    services: tuple[Service, ...] = ()
