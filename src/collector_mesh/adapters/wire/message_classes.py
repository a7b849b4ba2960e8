"""Classes of messages, and descriptors of services, for files that nobody else knows: each time in a descriptor pool of its own."""

from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import ServiceDescriptor

from collector_mesh.adapters.wire.described.weight import TooLargeError, Weights
from collector_mesh.adapters.wire.described.well_known import is_well_known, own_file
from collector_mesh.adapters.wire.schemas import file_proto
from collector_mesh.domain.model.errors import PayloadTooLargeError
from collector_mesh.domain.registry.schema import File


def classes_for(file: File, names: Sequence[str]) -> dict[str, Any]:
    """The classes of messages of a file, by their full names.

    Args:
        file: it imports nothing but what comes with protobuf.
        names: the full names of the messages; one that has another one in a field stands before it, where that can be.
    """
    pool = _pool_of(file)
    # The last ones first: protobuf makes those of the fields of each, one within the other.
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in reversed(names)
    }


def service_of(file: File, name: str) -> ServiceDescriptor:
    """The descriptor of a service in a file, by its full name; the file imports nothing but what comes with protobuf."""
    found: ServiceDescriptor = _pool_of(file).FindServiceByName(name)
    return found


def _pool_of(file: File) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for name in file.imports:
        assert is_well_known(name), name  # as the caller promises
        pool.AddSerializedFile(own_file(name).SerializeToString())
    pool.AddSerializedFile(file_proto(file))
    return pool


MAX_MEMORY = 1 << 27
"""Bytes of memory that one message may take, about: some 2 million values."""


class Sizes:
    """Sees to it that messages of others take no more memory than they may, before they are read."""

    def __init__(self) -> None:
        self._weights = Weights(max_memory=MAX_MEMORY)

    def check(self, message: Any, data: bytes) -> None:
        """Look at the bytes of a message, given its class.

        Raises:
            PayloadTooLargeError: it would take too much.
        """
        try:
            self._weights.check(message.DESCRIPTOR, data)
        except TooLargeError:
            raise PayloadTooLargeError(f"{len(data)} bytes hold more values than may be read") from None
