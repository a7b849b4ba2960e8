"""Descriptors as the text of a proto file, without its comments, which no descriptor has."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice

from google.protobuf.descriptor import Descriptor, EnumDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    MethodOptions,
)

from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.messages import usable
from collector_mesh.domain.model.texts import visible

_SCALARS = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
_NAMED = frozenset(
    {FieldDescriptorProto.TYPE_ENUM, FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_GROUP}
)
_MAX_LINES = 5000
_MAX_LINE = 2000
_MAX_NESTED = 32
_INDENT = "  "


def proto_text(what: ServiceDescriptor | MethodDescriptor | Descriptor | EnumDescriptor, files: Files) -> str:
    """What a descriptor says, in the language of proto files, safe for a terminal.

    Args:
        what: a service, a method, a message or an enum.
        files: where it is from.

    Raises:
        DescriptorError: it cannot be shown.
    """
    with usable(what):
        taken = [visible(line, _MAX_LINE) for line in islice(_lines(what, files), _MAX_LINES + 1)]
    if len(taken) > _MAX_LINES:
        taken[_MAX_LINES:] = ["// ... and more"]
    return "\n".join(taken)


def _lines(
    what: ServiceDescriptor | MethodDescriptor | Descriptor | EnumDescriptor, files: Files
) -> Iterable[str]:
    if isinstance(what, ServiceDescriptor):
        return _service(what)
    if isinstance(what, MethodDescriptor):
        return [_method(what)]
    definition = files.definition(what)
    if isinstance(definition, EnumDescriptorProto):
        return _enum(definition, what.full_name)
    return _message(definition, what.full_name, 0)


def kind_of(method: MethodDescriptor) -> str:
    """Which sides of a method are streams: `unary`, `server`, `client` or `both`."""
    if method.client_streaming:
        return "both" if method.server_streaming else "client"
    return "server" if method.server_streaming else "unary"


def idempotency_of(method: MethodDescriptor) -> str:
    """What a method says of being run twice: `NO_SIDE_EFFECTS`, `IDEMPOTENT`, or nothing."""
    level = method.GetOptions().idempotency_level if method.has_options else MethodOptions.IDEMPOTENCY_UNKNOWN
    return "" if level == MethodOptions.IDEMPOTENCY_UNKNOWN else MethodOptions.IdempotencyLevel.Name(level)


def _service(service: ServiceDescriptor) -> Iterator[str]:
    yield f"service {service.full_name} {{"
    for method in service.methods:
        yield _INDENT + _method(method)
    yield "}"


def _method(method: MethodDescriptor) -> str:
    takes = ("stream " if method.client_streaming else "") + method.input_type.full_name
    gives = ("stream " if method.server_streaming else "") + method.output_type.full_name
    options = [f"option idempotency_level = {level};"] if (level := idempotency_of(method)) else []
    if method.has_options and method.GetOptions().deprecated:
        options.append("option deprecated = true;")
    end = f" {{ {' '.join(options)} }}" if options else ";"
    return f"rpc {method.name}({takes}) returns ({gives}){end}"


def _message(message: DescriptorProto, name: str, depth: int) -> Iterator[str]:
    indent = _INDENT * depth
    yield f"{indent}message {name} {{"
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    if depth >= _MAX_NESTED:
        yield f"{indent}{_INDENT}// ... and more"
    else:
        for enum in message.enum_type:
            for line in _enum(enum, enum.name):
                yield f"{indent}{_INDENT}{line}"
        for nested in message.nested_type:
            if nested.name not in entries:
                yield from _message(nested, nested.name, depth + 1)
    for line in _fields(message, entries):
        yield f"{indent}{_INDENT}{line}"
    reserved = [_span(each.start, each.end - 1) for each in message.reserved_range]
    reserved += [json.dumps(each) for each in message.reserved_name]
    if reserved:
        yield f"{indent}{_INDENT}reserved {', '.join(reserved)};"
    if message.extension_range:
        spans = ", ".join(_span(each.start, each.end - 1) for each in message.extension_range)
        yield f"{indent}{_INDENT}extensions {spans};"
    yield f"{indent}}}"


def _fields(message: DescriptorProto, entries: dict[str, DescriptorProto]) -> Iterator[str]:
    alternatives: dict[int, list[FieldDescriptorProto]] = {}
    for field in message.field:
        if _is_alternative(field):
            alternatives.setdefault(field.oneof_index, []).append(field)
    for field in message.field:
        if not _is_alternative(field):
            yield _field(field, entries)
        elif others := alternatives.pop(field.oneof_index, None):
            yield f"oneof {message.oneof_decl[field.oneof_index].name} {{"
            for other in others:
                yield _INDENT + _field(other, entries)
            yield "}"


def _is_alternative(field: FieldDescriptorProto) -> bool:
    return field.HasField("oneof_index") and not field.proto3_optional


def _field(field: FieldDescriptorProto, entries: dict[str, DescriptorProto]) -> str:
    entry = entries.get(field.type_name.rpartition(".")[2]) if field.type_name else None
    if entry is not None and len(entry.field) == 2 and field.label == FieldDescriptorProto.LABEL_REPEATED:
        keys, values = entry.field
        kind = f"map<{_type(keys)}, {_type(values)}>"
    else:
        kind = _label(field) + _type(field)
    options = []
    if field.HasField("default_value"):
        is_text = field.type in {FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_BYTES}
        options.append(f"default = {json.dumps(field.default_value) if is_text else field.default_value}")
    if field.json_name and field.json_name != _camel(field.name):
        options.append(f"json_name = {json.dumps(field.json_name)}")
    if field.options.deprecated:
        options.append("deprecated = true")
    end = f" [{', '.join(options)}];" if options else ";"
    return f"{kind} {field.name} = {field.number}{end}"


def _label(field: FieldDescriptorProto) -> str:
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return "repeated "
    if field.label == FieldDescriptorProto.LABEL_REQUIRED:
        return "required "
    return "optional " if field.proto3_optional else ""


def _type(field: FieldDescriptorProto) -> str:
    if field.type not in _NAMED:
        return _SCALARS[field.type]
    name = field.type_name.removeprefix(".")
    return f"group {name}" if field.type == FieldDescriptorProto.TYPE_GROUP else name


def _enum(enum: EnumDescriptorProto, name: str) -> Iterator[str]:
    yield f"enum {name} {{"
    if enum.options.allow_alias:
        yield f"{_INDENT}option allow_alias = true;"
    for value in enum.value:
        end = " [deprecated = true];" if value.options.deprecated else ";"
        yield f"{_INDENT}{value.name} = {value.number}{end}"
    reserved = [_span(each.start, each.end) for each in enum.reserved_range]
    reserved += [json.dumps(each) for each in enum.reserved_name]
    if reserved:
        yield f"{_INDENT}reserved {', '.join(reserved)};"
    yield "}"


def _span(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first} to max" if last >= (1 << 29) - 1 else f"{first} to {last}"


def _camel(name: str) -> str:
    """The name in JSON that protoc gives a field."""
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)
