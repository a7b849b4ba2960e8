"""What a collector serves, as it is registered elsewhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from collector_mesh.adapters.wire.descriptors import Descriptors
from collector_mesh.adapters.wire.told_services import described
from collector_mesh.domain.model.errors import NotFoundError, PayloadTooLargeError
from collector_mesh.domain.ports.registering import Offer, Offering, ServiceName
from collector_mesh.domain.serving.handlers import HandlerRegistry


class ServedOffers:
    """The services of a collector whose messages are known: servicers, contracts, handlers of protobuf messages.

    Args:
        handlers: what it serves.
        descriptors: those of what is mounted.
    """

    def __init__(self, handlers: HandlerRegistry, descriptors: Descriptors) -> None:
        self._handlers = handlers
        self._descriptors = descriptors

    @property
    def changes(self) -> int:
        """See the port."""
        return self._handlers.changes

    def services(self) -> Sequence[ServiceName]:
        """See the port."""
        return sorted({ServiceName(info.key.namespace, info.key.service) for info in self._handlers.infos})

    def offer(self, name: ServiceName) -> Offer | None:
        """See the port."""
        try:
            files = described(self._handlers, self._descriptors, *name)
        except (NotFoundError, PayloadTooLargeError):
            return None
        method = _first_method(files, name.service)
        return Offer(name, method, files) if method else None


def _first_method(files: bytes, service: str) -> str:
    """The first method of a service in its file; empty if it has none."""
    package, _, short = service.rpartition(".")
    for file in FileDescriptorSet.FromString(files).file:
        for found in file.service:
            if file.package == package and found.name == short and found.method:
                return str(found.method[0].name)
    return ""


if TYPE_CHECKING:
    _fits: type[Offering] = ServedOffers
