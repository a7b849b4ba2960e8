"""Whether files fit together: all that they import is there, nothing is there twice, and each name leads to a type.

The files come from other programs. One by itself is checked where it is read, and together with the others here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.registry.defaults import can_have_default, default_of
from collector_mesh.domain.registry.schema import (
    Extension,
    Field,
    File,
    Message,
    Method,
    Schema,
    Service,
)
from collector_mesh.domain.registry.symbols import Symbols

MAX_FILES = 512
"""Files that are taken together."""

MAX_DEFINITIONS = 200_000
"""Messages, fields, enums, their values, and methods in them."""

_MAX_NAMED = 10
"""Missing files that an error names."""


def linked(files: Iterable[File], *, find: Callable[[str], File | None] = lambda _name: None) -> Schema:
    """Files as one schema: each after those that it imports, and with all names of types in full.

    Args:
        files: a file and what it needs, in any order; the same one may be there several times.
        find: gives a file that is imported and not among them, None if there is none.

    Raises:
        InvalidCallError: they do not fit together; the text names what is wrong.
    """
    found = _by_name(files)
    _add_missing(found, find)
    if len(found) > MAX_FILES:
        raise InvalidCallError(f"there are more than {MAX_FILES} files, which is what is taken together")
    if sum(map(definitions_in, found.values())) > MAX_DEFINITIONS:
        raise InvalidCallError(
            f"there are more than {MAX_DEFINITIONS} messages, fields, values and methods in the files"
        )
    ordered = _in_order(found)
    linker = _Linker(Symbols(ordered))
    schema = Schema(tuple(linker.linked(file) for file in ordered))
    _check_together(schema)
    return schema


def definitions_in(file: File) -> int:
    """How many messages, fields, enums, values and methods are in a file."""
    return (
        len(file.messages)
        + len(file.enums)
        + len(file.extensions)
        + sum(len(message.fields) for message in file.messages)
        + sum(len(enum.values) for enum in file.enums)
        + sum(1 + len(service.methods) for service in file.services)
    )


def _by_name(files: Iterable[File]) -> dict[str, File]:
    found: dict[str, File] = {}
    for file in files:
        before = found.setdefault(file.name, file)
        if before is not file and before != file:
            raise InvalidCallError(f"two files that are not the same have the name {quoted(file.name)}")
        if len(found) > MAX_FILES:
            break
    return found


def _add_missing(found: dict[str, File], find: Callable[[str], File | None]) -> None:
    missing: dict[str, str] = {}
    waiting = list(found.values())
    while waiting and len(found) <= MAX_FILES:
        file = waiting.pop()
        for name in file.imports:
            if name in found or name in missing:
                continue
            other = find(name)
            if other is None:
                missing[name] = file.name
            else:
                found[name] = other
                waiting.append(other)
    if missing:
        shown = [
            f"{quoted(name)} (imported by {quoted(by)})" for name, by in list(missing.items())[:_MAX_NAMED]
        ]
        more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
        raise InvalidCallError(f"files are imported and not there: {', '.join(shown)}{more}")


def _in_order(files: Mapping[str, File]) -> list[File]:
    done: dict[str, None] = {}
    for first in files:
        # Those whose imports are looked at, each with those that were not.
        waiting: dict[str, Iterator[str]] = {first: iter(files[first].imports)}
        while waiting:
            name = next(reversed(waiting))
            imported = next((one for one in waiting[name] if one not in done), None)
            if name in done or imported is None:
                del waiting[name]
                done[name] = None
            elif imported in waiting:
                raise InvalidCallError(f"the file {quoted(imported)} imports itself, by itself or by others")
            else:
                waiting[imported] = iter(files[imported].imports)
    return [files[name] for name in done]


class _Linker:
    """Puts the full names of types into files.

    Args:
        symbols: what is defined in all of them.
    """

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols

    def linked(self, file: File) -> File:
        """A file with all names of types in full; the same object where they are already."""
        messages = tuple(self._message(file, message) for message in file.messages)
        extensions = tuple(self._extension(file, extension) for extension in file.extensions)
        services = tuple(self._service(file, service) for service in file.services)
        # Compared by what they are: what has not changed is the same object.
        pairs = zip(
            (*messages, *extensions, *services),
            (*file.messages, *file.extensions, *file.services),
            strict=True,
        )
        if all(now is before for now, before in pairs):
            return file
        return attrs.evolve(file, messages=messages, extensions=extensions, services=services)

    def _message(self, file: File, message: Message) -> Message:
        changed = {}
        for index, field in enumerate(message.fields):
            if field.type_name and (now := self._field(file, message.name, field)) is not field:
                changed[index] = now
        if not changed:
            return message
        fields = tuple(changed.get(index, field) for index, field in enumerate(message.fields))
        return attrs.evolve(message, fields=fields)

    def _extension(self, file: File, extension: Extension) -> Extension:
        extends = self._type(file, extension.extends, "message", extension.field.name)
        field = extension.field
        field = self._field(file, "", field) if field.type_name else field
        if field is extension.field and extends == extension.extends:
            return extension
        return Extension(extends, field)

    def _service(self, file: File, service: Service) -> Service:
        methods = tuple(self._method(file, service.name, method) for method in service.methods)
        if all(now is before for now, before in zip(methods, service.methods, strict=True)):
            return service
        return attrs.evolve(service, methods=methods)

    def _field(self, file: File, scope: str, field: Field) -> Field:
        kind = "enum" if field.type == "enum" else "message"
        name = self._type(file, field.type_name, kind, f"{scope}.{field.name}" if scope else field.name)
        return field if name == field.type_name else attrs.evolve(field, type_name=name)

    def _method(self, file: File, service: str, method: Method) -> Method:
        where = f"{service}.{method.name}"
        takes = self._type(file, method.takes, "message", where)
        gives = self._type(file, method.gives, "message", where)
        if (takes, gives) == (method.takes, method.gives):
            return method
        return attrs.evolve(method, takes=takes, gives=gives)

    def _type(self, file: File, name: str, expected: str, where: str) -> str:
        found, kind = self._symbols.find(name, file)
        if kind != expected:
            raise InvalidCallError(
                f"{quoted(where)} in {quoted(file.name)} needs {_with_article(expected)}, and {quoted(found)} is {_with_article(kind)}"
            )
        return found


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _check_together(schema: Schema) -> None:
    """Look at what can only be seen where a name has led to its type."""
    for file in schema.files:
        for message in file.messages:
            for field in message.fields:
                if field.type_name:
                    _check_field(
                        schema, file, f"{message.name}.{field.name}", field, is_in_entry=message.is_map_entry
                    )
        for extension in file.extensions:
            _check_extension(schema, file, extension)
        for service in file.services:
            for method in service.methods:
                for name in (method.takes, method.gives):
                    _refuse_entry(schema, file, f"{service.name}.{method.name}", name)
    if sum(len(file.extensions) for file in schema.files) != len(schema.extensions):
        raise InvalidCallError("two extensions of one message have the same number")


def _check_field(schema: Schema, file: File, where: str, field: Field, *, is_in_entry: bool = False) -> None:
    if field.type != "enum":
        if field.cardinality != "map":
            _refuse_entry(schema, file, where, field.type_name)
        if field.type == "group" and file.syntax == "proto2":
            _check_group(file, where, field.type_name)
        return
    enum = schema.enums[field.type_name]
    if field.default and can_have_default(field):
        try:
            default_of(field, enum)
        except ValueError as error:
            raise InvalidCallError(
                f"{quoted(where)} in {quoted(file.name)} has the default {quoted(field.default)}, "
                f"which is no value of {quoted(enum.name)}"
            ) from error
    if is_in_entry and enum.values[0].number:
        raise InvalidCallError(
            f"{quoted(where)} in {quoted(file.name)} has the type {quoted(enum.name)}: "
            "the first value of an enum in a map must be 0"
        )
    if enum.is_closed and (file.syntax == "proto3" or field.cardinality == "implicit"):
        raise InvalidCallError(
            f"{quoted(where)} in {quoted(file.name)} has the type {quoted(enum.name)}, an enum of proto2: "
            "fields of proto3, and others that cannot be absent, must have open ones"
        )


def _check_group(file: File, where: str, name: str) -> None:
    """See that a group is what compilers make of one, a field and a message at once."""
    scope, _, short = name.rpartition(".")
    if f"{scope}.{short.lower()}" != where:
        raise InvalidCallError(
            f"{quoted(where)} in {quoted(file.name)} is a group of the message {quoted(name)}: "
            "it must stand beside it, and be called like it in lower case"
        )


def _check_extension(schema: Schema, file: File, extension: Extension) -> None:
    field, extended = extension.field, schema.messages[extension.extends]
    if not any(first <= field.number <= last for first, last in extended.extensions):
        raise InvalidCallError(
            f"{quoted(field.name)} in {quoted(file.name)} has the number {field.number}, "
            f"which {quoted(extended.name)} does not have for extensions"
        )
    if field.type_name:
        _check_field(schema, file, field.name, field)


def _refuse_entry(schema: Schema, file: File, where: str, name: str) -> None:
    if schema.messages[name].is_map_entry:
        raise InvalidCallError(
            f"{quoted(where)} in {quoted(file.name)} has the type {quoted(name)}, which is the entry of a map"
        )
