"""The .proto of a contract, as people write one: for programs in other languages, and for those who read it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import attrs

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.locks.names import entries_of
from collector_mesh.app.contracts.numbers import MAX_VALUE_NUMBER
from collector_mesh.app.contracts.protos.scopes import Scopes
from collector_mesh.domain.model.texts import escaped
from collector_mesh.domain.registry.naming import json_name_of
from collector_mesh.domain.registry.schema import (
    MAX_NUMBER,
    Enum,
    Field,
    File,
    Idempotency,
    Message,
    Method,
    Reserved,
    Service,
)

_INDENT = "  "
_MOST_LINES = 200
"""Of one comment; a docstring may hold a manual."""

_MOST_SIGNS = 500

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})
_LEVELS: Mapping[Idempotency, str] = MappingProxyType(
    {"idempotent": "IDEMPOTENT", "no_side_effects": "NO_SIDE_EFFECTS"}
)

Lines = Iterator[str]


def proto_source(
    file: File,
    *,
    heading: str = "",
    comments: Mapping[str, str] = _NO_TEXTS,
    options: Mapping[str, str] = _NO_TEXTS,
) -> str:
    """The text of a .proto. What protoc makes of it is the file again.

    Args:
        file: in proto3.
        heading: a comment at the top.
        comments: by the full names of messages, fields, enums, values, services and methods.
        options: options of the file that are texts, by their names.

    Raises:
        ContractError: the file has something that proto3 does not have.
    """
    if file.syntax != "proto3":
        raise ContractError(f"{file.name} is in {file.syntax}; a .proto is written in proto3 only")
    return "\n".join(_Source(file, comments).lines(heading, options)) + "\n"


@attrs.frozen
class _Inner:
    """What is defined within a message, or in the file itself."""

    messages: list[Message] = attrs.Factory(list)
    enums: list[Enum] = attrs.Factory(list)


class _Source:
    def __init__(self, file: File, comments: Mapping[str, str]) -> None:
        self._file = file
        self._comments = comments
        self._scopes = Scopes(file)
        self._entries = entries_of(file)
        self._inner = {one.name: _Inner() for one in file.messages}
        self._outer = _Inner()
        for message in file.messages:
            if message.name not in self._entries:
                self._around(message.name).messages.append(message)
        for enum in file.enums:
            self._around(enum.name).enums.append(enum)

    def _around(self, name: str) -> _Inner:
        return self._inner.get(name.rpartition(".")[0], self._outer)

    def lines(self, heading: str, options: Mapping[str, str]) -> Lines:
        file = self._file
        yield from _comment(heading)
        yield 'syntax = "proto3";'
        if file.package:
            yield ""
            yield f"package {file.package};"
        if file.imports:
            yield ""
            yield from (f"import {_literal(name)};" for name in file.imports)
        if options:
            yield ""
            yield from (f"option {name} = {_literal(value)};" for name, value in options.items())
        for service in file.services:
            yield ""
            yield from self._service(service)
        yield from self._types(self._outer)

    def _types(self, inner: _Inner) -> Lines:
        for message in inner.messages:
            yield ""
            yield from self._message(message)
        for enum in inner.enums:
            yield ""
            yield from self._enum(enum)

    def _told(self, name: str) -> Lines:
        return _comment(self._comments.get(name, ""))

    def _service(self, service: Service) -> Lines:
        yield from self._told(service.name)
        methods = (self._method(service, method) for method in service.methods)
        yield from _block(f"service {_short(service.name)}", _indented(_apart(methods)))

    def _method(self, service: Service, method: Method) -> Lines:
        yield from self._told(f"{service.name}.{method.name}")
        takes, gives = (
            f"{'stream ' if is_stream else ''}{self._scopes.name(name, service.name)}"
            for name, is_stream in (
                (method.takes, method.client_streaming),
                (method.gives, method.server_streaming),
            )
        )
        head = f"rpc {method.name}({takes}) returns ({gives})"
        level = _LEVELS.get(method.idempotency)
        if level is None:
            yield f"{head};"
        else:
            yield from _block(head, iter([f"{_INDENT}option idempotency_level = {level};"]))

    def _message(self, message: Message) -> Lines:
        yield from self._told(message.name)
        body = [*self._fields(message), *_reserved(message.reserved, MAX_NUMBER)]
        inner = list(self._types(self._inner[message.name]))
        # The first line of what follows sets it apart from what is before it.
        yield from _block(
            f"message {_short(message.name)}", _indented(iter(body + (inner if body else inner[1:])))
        )

    def _fields(self, message: Message) -> Lines:
        done: set[str] = set()
        for field in message.fields:
            if not field.oneof:
                yield from self._field(message, field)
            elif field.oneof not in done:
                done.add(field.oneof)
                members = (self._field(message, one) for one in message.fields if one.oneof == field.oneof)
                yield from _block(
                    f"oneof {field.oneof}", _indented(line for lines in members for line in lines)
                )

    def _field(self, message: Message, field: Field) -> Lines:
        if field.cardinality == "required" or field.type == "group" or field.default:
            raise ContractError(f"{message.name}.{field.name} has no form in proto3")
        yield from self._told(f"{message.name}.{field.name}")
        option = (
            ""
            if field.json_name in {"", json_name_of(field.name)}
            else f" [json_name = {_literal(field.json_name)}]"
        )
        yield f"{self._label(field)}{self._type(message, field)} {field.name} = {field.number}{option};"

    def _label(self, field: Field) -> str:
        if field.cardinality == "repeated":
            return "repeated "
        # A message, and a member of a oneof, can always be absent.
        has_label = field.cardinality == "optional" and field.type != "message" and not field.oneof
        return "optional " if has_label else ""

    def _type(self, message: Message, field: Field) -> str:
        if field.cardinality == "map":
            key, value = sorted(self._entries[field.type_name].fields, key=lambda one: one.number)
            return f"map<{self._type(message, key)}, {self._type(message, value)}>"
        return self._scopes.name(field.type_name, message.name) if field.type_name else field.type

    def _enum(self, enum: Enum) -> Lines:
        yield from self._told(enum.name)
        body = [f"{_INDENT}option allow_alias = true;"] if enum.allows_alias else []
        for value in enum.values:
            body += _indented(self._told(f"{enum.name}.{value.name}"))
            body.append(f"{_INDENT}{value.name} = {value.number};")
        body += _indented(_reserved(enum.reserved, MAX_VALUE_NUMBER))
        yield from _block(f"enum {_short(enum.name)}", iter(body))


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _reserved(reserved: Reserved, most: int) -> Lines:
    if reserved.ranges:
        yield f"reserved {', '.join(_range(first, last, most) for first, last in reserved.ranges)};"
    if reserved.names:
        yield f"reserved {', '.join(map(_literal, reserved.names))};"


def _range(first: int, last: int, most: int) -> str:
    return str(first) if first == last else f"{first} to {'max' if last == most else last}"


def _block(head: str, body: Lines) -> Lines:
    lines = list(body)
    yield f"{head} {{" if lines else f"{head} {{}}"
    if lines:
        yield from lines
        yield "}"


def _indented(lines: Lines) -> Lines:
    return (f"{_INDENT}{line}" if line else "" for line in lines)


def _apart(blocks: Iterator[Lines]) -> Lines:
    """Blocks with a line between those that have more than one."""
    before: list[str] = []
    for lines in blocks:
        block = list(lines)
        if len(before) > 1 or (before and len(block) > 1):
            yield ""
        yield from block
        before = block


def _comment(text: str) -> Lines:
    lines = text.strip().splitlines()
    for line in lines[:_MOST_LINES]:
        # Nothing that turns the direction of writing, or ends a line elsewhere.
        told = escaped(line.expandtabs().rstrip()[:_MOST_SIGNS])
        yield f"// {told}" if told else "//"
    if len(lines) > _MOST_LINES:
        yield "// ..."


def _literal(text: str) -> str:
    backslashed = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped(backslashed)}"'
