"""Descriptors as plain values: read by whoever knows protobuf, and kept, as the same ones come again and again."""

from typing import Generic, Protocol, TypeVar

from collector_mesh.domain.registry.results import GivenFile
from collector_mesh.domain.registry.schema import File, Service

V = TypeVar("V")

KEPT_BYTES = 8 << 20
"""Of descriptors whose values are kept; those take several times as much."""


class Schemas(Protocol):
    """Reads descriptors."""

    def read_file(self, data: bytes) -> File:
        """Read a `FileDescriptorProto`.

        Raises:
            InvalidCallError: it is malformed, or too large.
        """
        ...

    def read_service(self, data: bytes) -> Service:
        """Read a `ServiceDescriptorProto`; its name is as it stands there, without a package.

        Raises:
            InvalidCallError: it is malformed, or too large.
        """
        ...

    def service_data(self, data: bytes, service: Service) -> bytes:
        """Give the `ServiceDescriptorProto` of a service that a `FileDescriptorProto` has, with the types of methods in full.

        Args:
            data: the file.
            service: the service, under its full name, with full names of types.

        Raises:
            KeyError: the file has none of this name.
        """
        ...

    def known_file(self, name: str) -> GivenFile | None:
        """Give one of the files that every compiler brings along; None if it is none of them."""
        ...


class Kept(Generic[V]):
    """Values by the bytes that they were made from; those that were asked for longest ago go first.

    Args:
        most: bytes of those that are kept.
    """

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._size = 0
        self._values: dict[bytes, V] = {}

    def get(self, data: bytes) -> V | None:
        """The value for these bytes, if it is there."""
        value = self._values.pop(data, None)
        if value is not None:
            self._values[data] = value
        return value

    def put(self, data: bytes, value: V) -> None:
        """Keep a value that is not there."""
        self._values[data] = value
        self._size += len(data)
        while self._size > self._most:
            oldest = next(iter(self._values))
            del self._values[oldest]
            self._size -= len(oldest)


class Reader:
    """Reads descriptors, and keeps what it has read.

    Args:
        schemas: knows protobuf.
    """

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._files: Kept[File] = Kept()
        self._services: Kept[Service] = Kept()

    def file(self, data: bytes) -> File:
        """See `Schemas.read_file`."""
        file = self._files.get(data)
        if file is None:
            file = self._schemas.read_file(data)
            self._files.put(data, file)
        return file

    def keep(self, given: GivenFile) -> None:
        """Keep a file that somebody else has read."""
        if self._files.get(given.data) is None:
            self._files.put(given.data, given.schema)

    def service(self, data: bytes) -> Service:
        """See `Schemas.read_service`."""
        service = self._services.get(data)
        if service is None:
            service = self._schemas.read_service(data)
            self._services.put(data, service)
        return service

    def service_data(self, data: bytes, service: Service) -> bytes:
        """See `Schemas.service_data`."""
        return self._schemas.service_data(data, service)

    def known_file(self, name: str) -> GivenFile | None:
        """See `Schemas.known_file`."""
        return self._schemas.known_file(name)
