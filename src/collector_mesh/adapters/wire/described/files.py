"""Messages and services of others that are known by their descriptors alone, in a descriptor pool of their own.

The descriptors may come from anybody: what contradicts itself, lacks a part or is too large has an error of one line.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.message import DecodeError

from collector_mesh.adapters.wire.described.entries import Entries
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.well_known import WELL_KNOWN, WellKnown, is_well_known, own_file
from collector_mesh.domain.model.texts import visible

T = TypeVar("T")

MAX_BYTES = 16 * 1024 * 1024
"""Of all files of servers together."""

MAX_FILES = 4096
"""Of servers."""

MAX_DEFINITIONS = 200_000
"""Messages, fields, enums and their values in files of servers: each takes the hundredfold of its bytes once it is built."""

MAX_NAME = 1024
"""Characters of a name of a file."""


class Files:
    """Descriptor files, and what is in them.

    Files are added in any order, and are built into the pool when they are asked for. A file that comes with protobuf
    is always that of this process. Of two files with the same name the first one counts, if they are of different
    origins: what a user has given stands before what a server says.

    Args:
        max_bytes: of all files of servers together; those of the user are not counted.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        self._own = WellKnown()
        self._pool = descriptor_pool.DescriptorPool()
        self._files: dict[str, FileDescriptorProto] = {}
        self._origins: dict[str, str] = {}
        self._entries = Entries()
        self._built: set[str] = set()
        self._absent: dict[str, str] = {}
        self._broken: dict[str, DescriptorError] = {}
        self._wanted: dict[str, str] = {}
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._definitions = 0

    def __len__(self) -> int:
        return len(self._files)

    def add(self, data: bytes, origin: str) -> FileDescriptorProto | None:
        """Take a file that a server tells, as serialized; None if there is one of that name already.

        Args:
            data: a `FileDescriptorProto`.
            origin: the server, for errors.

        Raises:
            DescriptorError: it is none, there is too much, or its origin has told another file of the same name.
        """
        self._left -= len(data)
        if self._left < 0:
            raise DescriptorError(f"{origin}: descriptors of more than {self._max_bytes} bytes")
        if len(self._files) >= MAX_FILES:
            raise DescriptorError(f"{origin}: more than {MAX_FILES} descriptor files")
        try:
            file = FileDescriptorProto.FromString(data)
        except (DecodeError, UnicodeDecodeError) as error:
            raise DescriptorError(f"{origin}: a descriptor cannot be read") from error
        self._definitions += definitions_in(file, MAX_DEFINITIONS - self._definitions)
        if self._definitions > MAX_DEFINITIONS:
            raise DescriptorError(
                f"{origin}: more than {MAX_DEFINITIONS} messages, fields and values in descriptors"
            )
        return self._take(file, origin)

    def add_set(self, data: bytes, origin: str) -> list[FileDescriptorProto]:
        """Take all files of a serialized `FileDescriptorSet` that the user has, as protoc writes it.

        Raises:
            DescriptorError: it is none, or has two different files with the same name.
        """
        try:
            given = FileDescriptorSet.FromString(data)
        except (DecodeError, UnicodeDecodeError) as error:
            raise DescriptorError(f"{origin} is no set of descriptors, as protoc -o writes it") from error
        if not given.file:
            raise DescriptorError(f"{origin} has no files in it")
        return [file for each in given.file if (file := self._take(each, origin)) is not None]

    def _take(self, file: FileDescriptorProto, origin: str) -> FileDescriptorProto | None:
        name = file.name
        texts = (name, file.package, *file.dependency, *(service.name for service in file.service))
        # This one of protobuf's own messages does not see to it that its texts are such.
        if not all(isinstance(text, str) for text in texts):
            raise DescriptorError(f"{origin}: a descriptor has a name that is no text")
        if not name or len(name) > MAX_NAME:
            raise DescriptorError(
                f"{origin}: a descriptor file must have a name of 1 to {MAX_NAME} characters"
            )
        if is_well_known(name):
            return None
        known = self._files.get(name)
        if known is not None:
            if self._origins[name] == origin and known != file:
                raise DescriptorError(f"{origin} has two different files {_name(name)}")
            return None
        self._files[name] = file
        self._origins[name] = origin
        self._wanted.pop(name, None)
        for needed in file.dependency:
            if not (needed in self._files or needed in self._absent or is_well_known(needed)):
                self._wanted.setdefault(needed, name)
        return file

    def lacking(self) -> dict[str, str]:
        """Files that are imported and not there, each with the file that imports it; not those known to be absent."""
        return dict(self._wanted)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return name in self._files

    def is_absent(self, name: str, importer: str) -> None:
        """Nobody has a file: whatever imports it is built without it, as most do not need it for their messages."""
        self._absent[name] = importer
        self._wanted.pop(name, None)

    def services(self, origins: frozenset[str] | None = None) -> Iterator[str]:
        """Full names of the services in the files, of some origins only."""
        for name, file in self._files.items():
            if origins is None or self._origins[name] in origins:
                for service in file.service:
                    yield f"{file.package}.{service.name}" if file.package else service.name

    def service(self, name: str) -> ServiceDescriptor | None:
        """A service by its full name."""
        return self._find(self._pool.FindServiceByName, name)

    def message(self, name: str) -> Descriptor | None:
        """A message by its full name; those that come with protobuf are known without any file."""
        found = self._find(self._pool.FindMessageTypeByName, name)
        if found is None and name.startswith("google.protobuf."):
            for each in WELL_KNOWN:
                self._build(each)
            found = self._find(self._pool.FindMessageTypeByName, name)
        return found

    def enum(self, name: str) -> EnumDescriptor | None:
        """An enum by its full name."""
        return self._find(self._pool.FindEnumTypeByName, name)

    def method(self, name: str) -> MethodDescriptor | None:
        """A method by its full name, with a dot between service and method."""
        service, _, method = name.rpartition(".")
        found = self.service(service) if service else None
        return None if found is None else found.methods_by_name.get(method)

    def symbols(self) -> Iterator[str]:
        """Full names of all services, methods, messages and enums in the files that can be used."""
        self._build_all()
        for file in (self._files[name] for name in self._files if name in self._built):
            prefix = f"{file.package}." if file.package else ""
            for service in file.service:
                yield prefix + service.name
                yield from (f"{prefix}{service.name}.{method.name}" for method in service.method)
            yield from (prefix + enum.name for enum in file.enum_type)
            waiting = [(prefix, message) for message in file.message_type]
            while waiting:
                above, message = waiting.pop()
                yield above + message.name
                inside = f"{above}{message.name}."
                yield from (inside + enum.name for enum in message.enum_type)
                waiting += [(inside, each) for each in message.nested_type if not each.options.map_entry]

    def extension(self, name: str) -> FieldDescriptor | None:
        """An extension by its full name."""
        return self._find(self._pool.FindExtensionByName, name)

    def _find(self, look: Callable[[str], T], name: str) -> T | None:
        self._build_all()
        try:
            return look(name)
        except KeyError:
            pass
        # It may be in a file that cannot be used; others need not suffer from that.
        for error in self._broken.values():
            raise error
        return None

    def _build_all(self) -> None:
        for name in self._files:
            if name not in self._built and name not in self._broken:
                try:
                    self._build(name)
                except DescriptorError as error:
                    self._broken[name] = error

    def _build(self, name: str) -> None:
        """Build a file after those that it imports, which may be many in a row."""
        waiting = [name]
        under_way: dict[str, None] = {}
        while waiting:
            current = waiting[-1]
            if current in self._built:
                waiting.pop()
                continue
            if (error := self._broken.get(current)) is not None:
                raise error
            file = self._file(current)
            needed = [each for each in file.dependency if each not in self._built]
            if not needed:
                self._add_to_pool(file)
                under_way.pop(current, None)
                waiting.pop()
                continue
            under_way[current] = None
            if circle := next((each for each in needed if each in under_way), None):
                raise DescriptorError(
                    f"{self._origin(current)}: descriptor files import each other: {_name(current)} and {_name(circle)}"
                )
            waiting.append(needed[0])

    def _file(self, name: str) -> FileDescriptorProto:
        if is_well_known(name):
            return own_file(name)
        found = self._files.get(name)
        # An empty one in the place of one that nobody has: few imports are needed for the messages themselves.
        return FileDescriptorProto(name=name) if found is None else found

    def _add_to_pool(self, file: FileDescriptorProto) -> None:
        if flaw := self._entries.flaw_of(file):
            raise DescriptorError(
                f"{self._origin(file.name)}: file {_name(file.name)} cannot be used: {visible(flaw)}"
            )
        try:
            self._pool.AddSerializedFile(file.SerializeToString())
            # Protobuf in pure Python looks at a file only when somebody asks for it.
            self._pool.FindFileByName(file.name)
        except Exception as error:  # each runtime of protobuf raises others for what does not fit
            absent = [each for each in file.dependency if each in self._absent]
            if absent:
                raise DescriptorError(
                    f"{self._origin(file.name)}: file {_name(file.name)} needs {_name(absent[0])}, which is not there"
                ) from error
            raise DescriptorError(
                f"{self._origin(file.name)}: file {_name(file.name)} cannot be used: {_reason(error)}"
            ) from error
        self._built.add(file.name)

    def _origin(self, name: str) -> str:
        return self._origins.get(name, "protobuf")

    def definition(self, what: Descriptor | EnumDescriptor) -> DescriptorProto | EnumDescriptorProto:
        """How a message or an enum of these files is written there; not every runtime of protobuf can tell."""
        package = what.file.package
        inside: DescriptorProto | FileDescriptorProto = self._file(what.file.name)
        *above, last = what.full_name.removeprefix(f"{package}." if package else "").split(".")
        for name in above:
            inside = next(each for each in _messages_in(inside) if each.name == name)
        of_kind = inside.enum_type if isinstance(what, EnumDescriptor) else _messages_in(inside)
        return next(each for each in of_kind if each.name == last)

    def special(self, message: Descriptor) -> str:
        """The name of a message that has a form of its own in JSON; empty if it has none."""
        return self._own.special(message)


def _messages_in(inside: DescriptorProto | FileDescriptorProto) -> Iterable[DescriptorProto]:
    return inside.message_type if isinstance(inside, FileDescriptorProto) else inside.nested_type


def definitions_in(file: FileDescriptorProto, most: int) -> int:
    """How many messages, fields, enums and values of enums are in a file; counted until they are more than `most`."""
    count = len(file.extension)
    enums = list(file.enum_type)
    waiting = list(file.message_type)
    while (waiting or enums) and count <= most:
        if enums:
            count += 1 + len(enums.pop().value)
            continue
        message = waiting.pop()
        count += 1 + len(message.field) + len(message.extension)
        enums += message.enum_type
        waiting += message.nested_type
    return count


def _name(name: str) -> str:
    return repr(visible(name, 100))


def _reason(error: Exception) -> str:
    # The runtime's own words before the reason say nothing.
    return visible(
        " ".join(str(error).split()).removeprefix("Couldn't build proto file into descriptor pool: ")
    )
