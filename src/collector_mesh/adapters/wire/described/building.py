"""Puts descriptor files into a pool, each after those that it imports, and says of which file why that cannot be."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from collector_mesh.adapters.wire.described.entries import Entries
from collector_mesh.adapters.wire.described.linking import Links
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.well_known import WELL_KNOWN, is_well_known, own_file
from collector_mesh.domain.model.texts import visible

T = TypeVar("T")


class Builder:
    """Builds files of others into a pool.

    Args:
        pool: where to.
        files: by name; there may come more.
        origins: who has told each of them.
        absent: names of files that nobody has.
        links: where what has a name is defined.
    """

    def __init__(
        self,
        pool: DescriptorPool,
        files: Mapping[str, FileDescriptorProto],
        *,
        origins: Mapping[str, str],
        absent: AbstractSet[str],
        links: Links,
    ) -> None:
        self._pool = pool
        self._files = files
        self._origins = origins
        self._absent = absent
        self._links = links
        self._entries = Entries()
        self._built: set[str] = set()
        self._broken: dict[str, DescriptorError] = {}

    def find(self, look: Callable[[str], T], name: str) -> T | None:
        """What has a name, by a question to the pool, once all files are in it that can be.

        Raises:
            DescriptorError: there is nothing of that name, and a file cannot be used that it might be in.
        """
        self._build_all()
        try:
            return look(name)
        except KeyError:
            pass
        # It may be in a file that cannot be used; others need not suffer from that.
        for error in self._broken.values():
            raise error
        return None

    def usable(self) -> Iterator[FileDescriptorProto]:
        """The files of others that are in the pool."""
        self._build_all()
        return (file for name, file in self._files.items() if name in self._built)

    def build_own(self) -> None:
        """Put all that comes with protobuf into the pool."""
        for name in WELL_KNOWN:
            self._build(name)

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
        linked: dict[str, FileDescriptorProto] = {}
        under_way: dict[str, None] = {}
        while waiting:
            current = waiting[-1]
            if current in self._built:
                waiting.pop()
                continue
            if (error := self._broken.get(current)) is not None:
                raise error
            file = linked.get(current)
            if file is None:
                file = linked[current] = self._links.completed(self.file(current))
            needed = [each for each in file.dependency if each not in self._built]
            if not needed:
                self._add_to_pool(file)
                under_way.pop(current, None)
                waiting.pop()
                continue
            under_way[current] = None
            if circle := next((each for each in needed if each in under_way), None):
                raise DescriptorError(
                    f"{self._origin(current)}: descriptor files import each other: {name_of(current)} and {name_of(circle)}"
                )
            waiting.append(needed[0])

    def file(self, name: str) -> FileDescriptorProto:
        """A file by its name."""
        if is_well_known(name):
            return own_file(name)
        found = self._files.get(name)
        # An empty one in the place of one that nobody has: few imports are needed for the messages themselves.
        return FileDescriptorProto(name=name) if found is None else found

    def _add_to_pool(self, file: FileDescriptorProto) -> None:
        if flaw := self._entries.flaw_of(file):
            raise DescriptorError(
                f"{self._origin(file.name)}: file {name_of(file.name)} cannot be used: {visible(flaw)}"
            )
        try:
            self._pool.AddSerializedFile(file.SerializeToString())
            # Protobuf in pure Python looks at a file only when somebody asks for it.
            self._pool.FindFileByName(file.name)
        except Exception as error:  # each runtime of protobuf raises others for what does not fit
            absent = [each for each in file.dependency if each in self._absent]
            if absent:
                raise DescriptorError(
                    f"{self._origin(file.name)}: file {name_of(file.name)} needs {name_of(absent[0])}, which is not there"
                ) from error
            raise DescriptorError(
                f"{self._origin(file.name)}: file {name_of(file.name)} cannot be used: {_reason(error)}"
            ) from error
        self._built.add(file.name)

    def _origin(self, name: str) -> str:
        return self._origins.get(name, "protobuf")


def name_of(file: str) -> str:
    """The name of a file as an error shows it."""
    return repr(visible(file, 100))


def _reason(error: Exception) -> str:
    # The runtime's own words before the reason say nothing.
    return visible(
        " ".join(str(error).split()).removeprefix("Couldn't build proto file into descriptor pool: ")
    )
