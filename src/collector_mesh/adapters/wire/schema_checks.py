"""What is looked at before a file of descriptors is read: its size, depth and number, its names, and the paths in it."""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError

from collector_mesh.adapters.wire.described.entries import Entries
from collector_mesh.adapters.wire.described.files import MAX_NAME, definitions_in
from collector_mesh.adapters.wire.described.names import MAX_PARTS, flaw_of_names
from collector_mesh.adapters.wire.described.weight import TooLargeError, Weights, after_number, varint
from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.names import IDENTIFIERS
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.registry.closure import MAX_FILES

MAX_FILE_BYTES = 10 * 1024 * 1024
"""Of a file of descriptors; longer ones are not even read."""

MAX_FILE_DEFINITIONS = 50_000
"""Messages, fields, enums, their values, and methods in one file."""

_MAX_MEMORY = 1 << 26
"""Bytes that a file takes as protobuf reads it, about."""

_MAX_PARTS = 500_000
"""Fields in the bytes of a file, and in what is in it."""

_MAX_STEPS = 200_000
"""Of the look for the reason why a file cannot be read."""

_WEIGHTS = Weights(max_memory=_MAX_MEMORY, max_parts=_MAX_PARTS)


def parsed(data: bytes) -> FileDescriptorProto:
    """A file of descriptors whose names are what names may be, and that is not too large.

    Raises:
        InvalidCallError: it is not; the text says what is wrong.
    """
    if len(data) > MAX_FILE_BYTES:
        raise InvalidCallError(
            f"the file of descriptors has {len(data)} bytes, at most {MAX_FILE_BYTES} are taken"
        )
    try:
        _WEIGHTS.check(FileDescriptorProto.DESCRIPTOR, data)
        proto = FileDescriptorProto.FromString(data)
    except TooLargeError as error:
        raise InvalidCallError(f"the file of descriptors is too large: {error}") from error
    except (DecodeError, UnicodeDecodeError) as error:
        deep = f": messages are nested more than {MAX_PARTS} deep" if _is_too_deep(data) else ""
        raise InvalidCallError(f"the file of descriptors cannot be read{deep}") from error
    # What is no text comes as bytes.
    if type(proto.name) is not str or type(proto.syntax) is not str:
        raise InvalidCallError("the file of descriptors has a name that is no text")
    check_path(proto.name, "a file of descriptors")
    count = definitions_in(proto, MAX_FILE_DEFINITIONS) + sum(1 + len(one.method) for one in proto.service)
    if count > MAX_FILE_DEFINITIONS or _others_in(proto) > MAX_FILE_DEFINITIONS:
        raise InvalidCallError(
            f"the file {quoted(proto.name)} has more than {MAX_FILE_DEFINITIONS} messages, fields, values, methods, "
            "or reserved numbers and names"
        )
    if flaw := flaw_of_names(proto):
        raise InvalidCallError(f"the file {quoted(proto.name)} cannot be used: {flaw}")
    _check_imports(proto)
    _check_names(proto)
    if flaw := Entries().flaw_of(proto):
        raise InvalidCallError(f"the file {quoted(proto.name)} cannot be used: {visible(flaw)}")
    return proto


def _others_in(proto: FileDescriptorProto) -> int:
    """How many ranges, reserved names and oneofs are in a file, of which there may be as many as there are bytes."""
    count = 0
    enums = list(proto.enum_type)
    waiting = list(proto.message_type)
    while waiting:
        message = waiting.pop()
        count += len(message.reserved_range) + len(message.reserved_name)
        count += len(message.extension_range) + len(message.oneof_decl)
        enums += message.enum_type
        waiting += message.nested_type
    return count + sum(len(enum.reserved_range) + len(enum.reserved_name) for enum in enums)


def check_path(path: str, what: str) -> None:
    """See that files can be imported under a path: a relative one, with slashes, that does not lead out.

    Raises:
        InvalidCallError: it is none.
    """
    if not path:
        raise InvalidCallError(f"{what} has no name")
    if len(path) > MAX_NAME:
        raise InvalidCallError(
            f"{what} has a name of {len(path)} characters, at most {MAX_NAME} are taken: {quoted(path)}"
        )
    if "\\" in path or not path.isprintable():
        raise InvalidCallError(
            f"{what} has the name {quoted(path)}: there may be no backslash and nothing unprintable in it"
        )
    if path.startswith("/") or any(part in {"", ".", ".."} for part in path.split("/")):
        raise InvalidCallError(
            f"{what} has the name {quoted(path)}: it must be a relative path such as 'acme/shop.proto', "
            "without empty parts, '.' and '..'"
        )


def is_identifier(name: str) -> bool:
    """Whether a name is one part of letters, digits and underscores."""
    # What Python takes for one is the same, as long as it is ASCII.
    return name.isascii() and name.isidentifier()


def _check_imports(proto: FileDescriptorProto) -> None:
    where = f"the file {quoted(proto.name)}"
    if len(proto.dependency) > MAX_FILES:
        raise InvalidCallError(
            f"{where} imports {len(proto.dependency)} files, at most {MAX_FILES} are taken"
        )
    seen: set[str] = set()
    for name in proto.dependency:
        if type(name) is not str:
            raise InvalidCallError(f"{where} imports a file whose name is no text")
        check_path(name, f"a file that {where} imports")
        if name in seen:
            raise InvalidCallError(f"{where} imports {quoted(name)} twice")
        seen.add(name)
    if proto.name in seen:
        raise InvalidCallError(f"{where} imports itself")
    for kind, indices in (("public", proto.public_dependency), ("weak", proto.weak_dependency)):
        if len(indices) > len(seen) or not all(0 <= index < len(seen) for index in indices):
            raise InvalidCallError(f"{where} has {kind} imports that are none of its imports")


def _check_names(proto: FileDescriptorProto) -> None:
    """See that names are identifiers, and that each of them is there once."""
    where = f"the file {quoted(proto.name)}"
    if proto.package and not IDENTIFIERS.fullmatch(proto.package):
        raise InvalidCallError(
            f"{where} has the package {quoted(proto.package)}, which is no name of a package"
        )
    for scope, names in _scopes(proto):
        seen: set[str] = set()
        for name in names:
            if not is_identifier(name):
                raise InvalidCallError(
                    f"{where} has the name {quoted(name)} in {quoted(scope or proto.name)}: "
                    "names are letters, digits and underscores, and begin with no digit"
                )
            if name in seen:
                raise InvalidCallError(
                    f"{where} defines {quoted(f'{scope}.{name}' if scope else name)} twice"
                )
            seen.add(name)
    for name in _types_used(proto):
        if not IDENTIFIERS.fullmatch(name.removeprefix(".")):
            raise InvalidCallError(f"{where} uses the type {quoted(name)}, which is no name of a type")


def _scopes(proto: FileDescriptorProto) -> Iterator[tuple[str, list[str]]]:
    yield (
        proto.package,
        [
            *(one.name for one in proto.message_type),
            *_of_enums(proto.enum_type),
            *(one.name for one in proto.service),
            *(one.name for one in proto.extension),
        ],
    )
    prefix = f"{proto.package}." if proto.package else ""
    for service in proto.service:
        yield prefix + service.name, [method.name for method in service.method]
    waiting = [(prefix + message.name, message) for message in proto.message_type]
    while waiting:
        name, message = waiting.pop()
        yield (
            name,
            [
                *(one.name for one in message.field),
                *(one.name for one in message.oneof_decl),
                *(one.name for one in message.nested_type),
                *_of_enums(message.enum_type),
                *(one.name for one in message.extension),
            ],
        )
        waiting += [(f"{name}.{nested.name}", nested) for nested in message.nested_type]


def _of_enums(enums: Iterable[EnumDescriptorProto]) -> Iterator[str]:
    """The names that enums put into the scope that they stand in."""
    for enum in enums:
        yield enum.name
        yield from (value.name for value in enum.value)


def _types_used(proto: FileDescriptorProto) -> Iterator[str]:
    for service in proto.service:
        for method in service.method:
            yield from (method.input_type, method.output_type)
    fields = list(proto.extension)
    waiting: list[DescriptorProto] = list(proto.message_type)
    while waiting:
        message = waiting.pop()
        fields += (*message.field, *message.extension)
        waiting += message.nested_type
    for field in fields:
        yield from (name for name in (field.type_name, field.extendee) if name)


def _is_too_deep(data: bytes) -> bool:
    """Whether messages in the bytes of a file are nested deeper than names may be."""
    steps = 0
    waiting = [(0, len(data), 4, 0)]
    try:
        while waiting:
            at, end, number, depth = waiting.pop()
            if depth > MAX_PARTS:
                return True
            while at < end and steps < _MAX_STEPS:
                steps += 1
                tag, at = varint(data, at)
                if tag & 7 != 2:
                    at = after_number(data, at, tag & 7)
                    continue
                size, at = varint(data, at)
                if tag >> 3 == number:
                    # Messages are number 4 of a file, and number 3 of a message.
                    waiting.append((at, min(at + size, end), 3, depth + 1))
                at += size
    except IndexError:
        return False
    return False
