"""Files of descriptors as they travel: what a service needs to be understood, in one piece, and nothing that is not there."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError

from collector_mesh.adapters.wire.described.files import definitions_in
from collector_mesh.adapters.wire.described.names import flaw_of_names
from collector_mesh.domain.model.errors import InvalidCallError, NotFoundError, quoted, text_of
from collector_mesh.domain.model.texts import visible

MAX_SET_BYTES = 1 << 20
"""Of the files of one service; they are put together in the loop, which takes some 10 ms, and 100 ms where there is as much in
them as may be."""

MAX_FILES = 512

MAX_DEFINITIONS = 20_000
"""Messages, fields, values and methods in them; once it is built, each takes far more than its bytes."""

_DEFINITION_BYTES = 512
"""What that is, about."""

_KNOWN = "google/protobuf/"
"""Where the files are that every compiler brings along, and that may be left out."""


class FileSet:
    """The file of a service and all that it imports, in a descriptor pool of their own.

    Args:
        data: a `FileDescriptorSet`.
        service: the full name of a service that has to be in it, if one has.

    Raises:
        InvalidCallError: it cannot be read, is too large, lacks a file, or contradicts itself; the text says what.
    """

    def __init__(self, data: bytes, service: str = "") -> None:
        protos, definitions = _read(data)
        self.files: dict[str, bytes] = {}
        """Each file by its name, after those that it imports."""
        self._imports: dict[str, tuple[str, ...]] = {}
        self.pool = descriptor_pool.DescriptorPool()
        for name in _in_order(protos):
            proto = protos[name]
            self._imports[name] = tuple(dict.fromkeys(proto.dependency))
            try:
                # Fails as well: some options have fields that are required.
                self.files[name] = proto.SerializeToString(deterministic=True)
                self.pool.AddSerializedFile(self.files[name])
            except Exception as error:
                raise InvalidCallError(
                    f"the file {quoted(name)} does not fit: {visible(text_of(error))}"
                ) from error
        self.size = len(data) + _DEFINITION_BYTES * definitions
        """What it takes in memory, about, in bytes."""
        self.service_file = self._file_of(service) if service else ""
        if service and not self.service_file:
            raise InvalidCallError(f"no file has the service {quoted(service)}")

    def with_imports(self, name: str) -> list[bytes]:
        """A file, and then all that it imports."""
        found: dict[str, None] = {}
        left = [name]
        while left:
            name = left.pop()
            if name not in found:
                found[name] = None
                left += self._imports[name]
        return [self.files[one] for one in found]

    def file_of(self, symbol: str) -> str:
        """The name of the file that has a message, enum, service, method, field or the like; empty if none has."""
        found = ""
        with suppress(KeyError):
            found = self.pool.FindFileContainingSymbol(symbol).name
        if not found:
            # Some versions of protobuf do not find what is in a service or a message.
            parent, _, name = symbol.rpartition(".")
            with suppress(KeyError):
                service = self.pool.FindServiceByName(parent)
                found = service.file.name if name in service.methods_by_name else ""
            with suppress(KeyError):
                message = self.pool.FindMessageTypeByName(parent)
                found = found or (message.file.name if name in message.fields_by_name else "")
        return found

    def file_of_extension(self, message: str, number: int) -> str:
        """The name of the file that has an extension; empty if none has."""
        try:
            extended = self.pool.FindMessageTypeByName(message)
            extension: Any = self.pool.FindExtensionByNumber(extended, number)
        except (KeyError, ValueError, OverflowError):
            return ""
        found: str = extension.file.name
        return found

    def extensions_of(self, message: str) -> list[int] | None:
        """The numbers of the extensions of a message, in order; None where there is no such message."""
        try:
            extended = self.pool.FindMessageTypeByName(message)
        except KeyError:
            return None
        return sorted(extension.number for extension in self.pool.FindAllExtensions(extended))

    def _file_of(self, service: str) -> str:
        try:
            found: str = self.pool.FindServiceByName(service).file.name
        except KeyError:
            return ""
        return found


def set_of(descriptors: Iterable[ServiceDescriptor | FileDescriptor]) -> bytes:
    """The files of descriptors, as a `FileDescriptorSet`: with all that they import, and what extends their messages."""
    found: dict[str, FileDescriptor] = {}
    left = [one.file if isinstance(one, ServiceDescriptor) else one for one in descriptors]
    while left:
        file = left.pop()
        if file.name not in found:
            found[file.name] = file
            left += file.dependencies
            left += _extending(file)
    files = descriptor_pb2.FileDescriptorSet()
    for file in found.values():
        files.file.add().ParseFromString(file.serialized_pb)
    data: bytes = files.SerializeToString(deterministic=True)
    return data


def set_of_files(files: Iterable[bytes], service: str) -> bytes:
    """Serialized files of a service as a `FileDescriptorSet`.

    Raises:
        NotFoundError: there are none.
    """
    found = list(files)
    if not found:
        raise NotFoundError(f"nothing is known of the messages of service {quoted(service)}")
    data: bytes = descriptor_pb2.FileDescriptorSet(
        file=map(descriptor_pb2.FileDescriptorProto.FromString, found)
    ).SerializeToString()
    return data


def _extending(file: FileDescriptor) -> list[FileDescriptor]:
    """The files that extend messages of a file: it need not import them."""
    if file.package == "google.protobuf":
        # Options; every program has files that extend those, and whoever uses one imports it.
        return []
    left = list(file.message_types_by_name.values())
    found: list[FileDescriptor] = []
    while left:
        message = left.pop()
        left += message.nested_types
        if message.is_extendable:
            extensions: Any = file.pool.FindAllExtensions(message)
            found += [extension.file for extension in extensions]
    return found


def _read(data: bytes) -> tuple[dict[str, descriptor_pb2.FileDescriptorProto], int]:
    """The files by their names, and how many definitions are in them."""
    if len(data) > MAX_SET_BYTES:
        raise InvalidCallError(f"the files have {len(data)} bytes, at most {MAX_SET_BYTES} are taken")
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise InvalidCallError("the files cannot be read") from error
    # What is no text comes as bytes.
    if not all(type(name) is str for proto in files.file for name in (proto.name, *proto.dependency)):
        raise InvalidCallError("the files cannot be read")
    if len(files.file) > MAX_FILES:
        raise InvalidCallError(f"there are {len(files.file)} files, at most {MAX_FILES} are taken")
    found: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    count = 0
    for proto in files.file:
        count += definitions_in(proto, MAX_DEFINITIONS - count)
        count += sum(1 + len(service.method) for service in proto.service)
        if count > MAX_DEFINITIONS:
            raise InvalidCallError(
                f"there are more than {MAX_DEFINITIONS} messages, fields, values and methods"
            )
        if flaw := flaw_of_names(proto):
            raise InvalidCallError(f"the file {quoted(proto.name)} cannot be used: {flaw}")
        if found.setdefault(proto.name, proto) != proto:
            raise InvalidCallError(f"two files that are not the same have the name {quoted(proto.name)}")
    _add_known(found)
    return found, count


def _add_known(found: dict[str, descriptor_pb2.FileDescriptorProto]) -> None:
    """Add the files that are imported and that every compiler brings along.

    Raises:
        InvalidCallError: others are imported and not there.
    """
    missing = [name for proto in found.values() for name in proto.dependency if name not in found]
    while missing:
        name = missing.pop()
        if name in found:
            continue
        known = _known(name)
        if known is None:
            raise InvalidCallError(f"the file {quoted(name)} is imported and is not there")
        found[name] = known
        missing += known.dependency


def _known(name: str) -> descriptor_pb2.FileDescriptorProto | None:
    """One of the files that every compiler brings along, where this process has it."""
    if not name.startswith(_KNOWN):
        return None
    proto = descriptor_pb2.FileDescriptorProto()
    try:
        descriptor_pool.Default().FindFileByName(name).CopyToProto(proto)
    except KeyError:
        return None
    return proto


def _in_order(protos: dict[str, descriptor_pb2.FileDescriptorProto]) -> list[str]:
    """The names of files, each after those that it imports.

    Raises:
        InvalidCallError: some import each other.
    """
    done: dict[str, None] = {}
    for first, proto in protos.items():
        # Those whose imports are looked at, each with those that were not.
        waiting = {first: iter(proto.dependency)}
        while waiting:
            name = next(reversed(waiting))
            imported = next((one for one in waiting[name] if one not in done), None)
            if name in done or imported is None:
                del waiting[name]
                done[name] = None
            elif imported in waiting:
                raise InvalidCallError(f"the file {quoted(imported)} imports itself, by itself or others")
            else:
                waiting[imported] = iter(protos[imported].dependency)
    return list(done)
