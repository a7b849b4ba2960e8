"""What a file uses and does not import, found by its name: some servers leave imports out, or import by other paths."""

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto


class Links:
    """Where what has a name is defined, of all files that have been added."""

    def __init__(self) -> None:
        self._definers: dict[str, str] = {}
        self._undefined: dict[str, None] = {}

    def add(self, file: FileDescriptorProto, *, is_own: bool = False) -> None:
        """Know a file; of what is used in those of this process nothing is missing."""
        for name in defined_in(file):
            self._definers.setdefault(name, file.name)
            self._undefined.pop(f".{name}", None)
        if not is_own:
            for scope, name in used_in(file):
                if not self._definer(scope, name):
                    self._undefined[name] = None

    def defined(self) -> Iterator[str]:
        """Full names of what is defined in the files."""
        return iter(self._definers)

    def undefined(self) -> list[str]:
        """What is used by its whole name in some file, and defined in none."""
        return [name[1:] for name in self._undefined if name.startswith(".")]

    def completed(self, file: FileDescriptorProto) -> FileDescriptorProto:
        """A file that imports all that it uses and that is defined in a file."""
        definers = (self._definer(scope, name) for scope, name in used_in(file))
        found = dict.fromkeys(definer for definer in definers if definer)
        missing = found.keys() - {file.name, *file.dependency}
        if not missing:
            return file
        made = FileDescriptorProto()
        made.CopyFrom(file)
        made.dependency.extend(name for name in found if name in missing)
        return made

    def _definer(self, scope: str, name: str) -> str:
        """The file in which a name is defined, as it stands in a scope; empty if it is in none."""
        if name.startswith("."):
            return self._definers.get(name[1:], "")
        while scope:
            if found := self._definers.get(f"{scope}.{name}"):
                return found
            scope = scope.rpartition(".")[0]
        return self._definers.get(name, "")


def messages_in(file: FileDescriptorProto) -> Iterator[tuple[str, DescriptorProto]]:
    """The messages of a file, those within others too, by their full names."""
    prefix = f"{file.package}." if file.package else ""
    waiting = [(prefix + message.name, message) for message in file.message_type]
    while waiting:
        name, message = waiting.pop()
        yield name, message
        waiting += [(f"{name}.{nested.name}", nested) for nested in message.nested_type]


def defined_in(file: FileDescriptorProto, *, entries: bool = True) -> Iterator[str]:
    """Full names of the messages and enums of a file, with or without the entries of maps."""
    prefix = f"{file.package}." if file.package else ""
    yield from (prefix + enum.name for enum in file.enum_type)
    for name, message in messages_in(file):
        if entries or not message.options.map_entry:
            yield name
        yield from (f"{name}.{enum.name}" for enum in message.enum_type)


def used_in(file: FileDescriptorProto) -> dict[tuple[str, str], None]:
    """The names of messages and enums that a file uses, each with the scope that it stands in.

    A name that begins with a dot is whole, others are looked for in the scope and in those around it.
    """
    fields: list[tuple[str, FieldDescriptorProto]] = [(file.package, field) for field in file.extension]
    for scope, message in messages_in(file):
        fields += [(scope, field) for field in (*message.field, *message.extension)]
    names = [(scope, name) for scope, field in fields for name in (field.type_name, field.extendee) if name]
    names += [
        (file.package, name)
        for service in file.service
        for method in service.method
        for name in (method.input_type, method.output_type)
    ]
    # In whatever scope a whole name stands, it is the same.
    return dict.fromkeys(("" if name[:1] == "." else scope, name) for scope, name in names)
