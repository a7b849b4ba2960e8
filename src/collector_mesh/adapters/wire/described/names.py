"""Names in descriptors of others: whoever knows a descriptor keeps the full name of all that is in it.

So a few bytes in it may stand for a very long name, and that of a package stands before every other one.
"""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

MAX_FULL_NAME = 1024
"""Characters of a full name."""

MAX_PARTS = 64
"""Of a full name, between its dots: what is not named in full is looked for in so many places."""


def flaw_of_names(file: FileDescriptorProto) -> str:
    """What is wrong with the names in a file, empty for nothing; it is told without any of them."""
    package = file.package
    if not isinstance(package, str):
        return "a name is no text"
    above = (len(package) + 1, package.count(".") + 1) if package else (0, 0)
    for length, parts, name in _names_in(file, above):
        # Protobuf's own messages do not see to it that their texts are such.
        if not isinstance(name, str):
            return "a name is no text"
        if length + len(name) > MAX_FULL_NAME:
            return f"a name has more than {MAX_FULL_NAME} characters"
        if parts + name.count(".") + 1 > MAX_PARTS:
            return f"a name has more than {MAX_PARTS} parts"
    return ""


_Names = Iterator[tuple[int, int, str]]
"""Names, each with the characters and the parts of what stands before it."""


def _names_in(file: FileDescriptorProto, above: tuple[int, int]) -> _Names:
    yield 0, 0, file.package
    for service in file.service:
        yield *above, service.name
        inside = _below(above, service.name)
        for method in service.method:
            yield *inside, method.name
            yield from ((-1, -1, name) for name in (method.input_type, method.output_type))
    yield from _fields(above, file.extension)
    waiting: list[tuple[tuple[int, int], DescriptorProto | FileDescriptorProto]] = [(above, file)]
    while waiting:
        outside, each = waiting.pop()
        for enum in each.enum_type:
            yield *outside, enum.name
            yield from ((*_below(outside, enum.name), value.name) for value in enum.value)
        for message in each.message_type if isinstance(each, FileDescriptorProto) else each.nested_type:
            yield *outside, message.name
            inside = _below(outside, message.name)
            yield from _fields(inside, [*message.field, *message.extension])
            yield from ((*inside, oneof.name) for oneof in message.oneof_decl)
            waiting.append((inside, message))


def _fields(inside: tuple[int, int], fields: Iterable[FieldDescriptorProto]) -> _Names:
    for field in fields:
        yield *inside, field.name
        # These may begin with a dot.
        yield from ((-1, -1, name) for name in (field.type_name, field.extendee) if name)


def _below(above: tuple[int, int], name: str) -> tuple[int, int]:
    return above[0] + len(name) + 1, above[1] + 1
