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

from collector_mesh.adapters.wire.described.building import Builder, name_of
from collector_mesh.adapters.wire.described.linking import Links, defined_in
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.names import flaw_of_names
from collector_mesh.adapters.wire.described.weight import TooLargeError, Weights
from collector_mesh.adapters.wire.described.well_known import (
    OWN_PACKAGE,
    WELL_KNOWN,
    WellKnown,
    is_well_known,
    own_file,
)

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
        self._links = Links()
        for each in WELL_KNOWN:
            self._links.add(own_file(each), is_own=True)
        self._own_names = frozenset(self._links.defined())
        self._absent: set[str] = set()
        self._builder = Builder(
            self._pool, self._files, origins=self._origins, absent=self._absent, links=self._links
        )
        self._wanted: dict[str, str] = {}
        self._left = max_bytes
        self._weights = Weights()
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
            self._weights.check(FileDescriptorProto.DESCRIPTOR, data)
            file = FileDescriptorProto.FromString(data)
        except (DecodeError, UnicodeDecodeError) as error:
            raise DescriptorError(f"{origin}: a descriptor cannot be read") from error
        except TooLargeError as error:
            raise DescriptorError(f"{origin}: a descriptor is too large: {error}") from error
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
        if not all(isinstance(text, str) for text in (name, *file.dependency)):
            raise DescriptorError(f"{origin}: a descriptor has a name that is no text")
        if not name or len(name) > MAX_NAME:
            raise DescriptorError(
                f"{origin}: a descriptor file must have a name of 1 to {MAX_NAME} characters"
            )
        if is_well_known(name):
            return None
        if flaw := flaw_of_names(file):
            raise DescriptorError(f"{origin}: file {name_of(name)} cannot be used: {flaw}")
        self._leave_to_own(file)
        known = self._files.get(name)
        if known is not None:
            if self._origins[name] == origin and known != file:
                raise DescriptorError(f"{origin} has two different files {name_of(name)}")
            return None
        self._files[name] = file
        self._origins[name] = origin
        self._links.add(file)
        self._wanted.pop(name, None)
        for needed in file.dependency:
            if not (needed in self._files or needed in self._absent or is_well_known(needed)):
                self._wanted.setdefault(needed, name)
        return file

    def _leave_to_own(self, file: FileDescriptorProto) -> None:
        """Take out of a file what comes with protobuf; some servers have it in files of other names."""
        prefix = f"{file.package}."
        if prefix == OWN_PACKAGE:
            for message in [each for each in file.message_type if prefix + each.name in self._own_names]:
                file.message_type.remove(message)
            for enum in [each for each in file.enum_type if prefix + each.name in self._own_names]:
                file.enum_type.remove(enum)

    def undefined(self) -> list[str]:
        """Full names of what is used in some file, and defined in none."""
        return self._links.undefined()

    def lacking(self) -> dict[str, str]:
        """Files that are imported and not there, each with the file that imports it; not those known to be absent."""
        return dict(self._wanted)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return name in self._files

    def is_absent(self, name: str) -> None:
        """Nobody has a file: whatever imports it is built without it, as most do not need it for their messages."""
        self._absent.add(name)
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
        if name.startswith(OWN_PACKAGE):
            self._builder.build_own()
        return self._find(self._pool.FindMessageTypeByName, name)

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
        for file in self._builder.usable():
            prefix = f"{file.package}." if file.package else ""
            for service in file.service:
                yield prefix + service.name
                yield from (f"{prefix}{service.name}.{method.name}" for method in service.method)
            yield from defined_in(file, entries=False)

    def extension(self, name: str) -> FieldDescriptor | None:
        """An extension by its full name."""
        return self._find(self._pool.FindExtensionByName, name)

    def _find(self, look: Callable[[str], T], name: str) -> T | None:
        return self._builder.find(look, name)

    def definition(self, what: Descriptor | EnumDescriptor) -> DescriptorProto | EnumDescriptorProto:
        """How a message or an enum of these files is written there; not every runtime of protobuf can tell."""
        package = what.file.package
        inside: DescriptorProto | FileDescriptorProto = self._builder.file(what.file.name)
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
