"""The descriptors of the services of one collector, for whoever shows what can be called."""

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.serving.handlers import HandlerRegistry

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor


class Descriptors:
    """Knows the protobuf descriptor of each service that is served and has one.

    Each namespace has its own: two of them may serve different versions of one file. Those descriptors are of
    different descriptor pools then. `descriptor.file` leads to the file, its pool and its dependencies.

    Any thread may change it and look at it. What the collector no longer serves is not in it.

    Args:
        handlers: what the collector serves.
    """

    def __init__(self, handlers: HandlerRegistry) -> None:
        self._handlers = handlers
        self._lock = Lock()
        self._all: Mapping[tuple[str, str], ServiceDescriptor] = {}

    def add(
        self, namespace: str, descriptors: "Mapping[str, ServiceDescriptor]", *, of: Iterable[str]
    ) -> None:
        """Know the descriptors of services, by their full names; of those services earlier ones are forgotten."""
        added = {(namespace, name): descriptor for name, descriptor in descriptors.items()}
        gone = {(namespace, name) for name in of}
        with self._lock:
            kept = {names: descriptor for names, descriptor in self._all.items() if names not in gone}
            self._all = {**kept, **added}

    def look(self) -> None:
        """Forget those of services that are no longer served."""
        with self._lock:
            served = self._served()
            self._all = {names: descriptor for names, descriptor in self._all.items() if names in served}

    def find(self, namespace: str, service: str) -> "ServiceDescriptor | None":
        """The descriptor of a service, by its full name; None where it has none, or is not served."""
        descriptor = self._all.get((namespace, service))
        if descriptor is None:
            return None
        # Not all methods are gone through: whoever looks may look for each service.
        names = (MethodKey(namespace, service, name) for name in descriptor.methods_by_name)
        return descriptor if any(map(self._handlers.has, names)) else None

    def services(self, namespace: str) -> "dict[str, ServiceDescriptor]":
        """The descriptors of the services of a namespace, by full name, in order of the names."""
        served = self._served()
        return {
            name: descriptor
            for (its_namespace, name), descriptor in sorted(self._all.items(), key=lambda item: item[0])
            if its_namespace == namespace and (namespace, name) in served
        }

    def _served(self) -> frozenset[tuple[str, str]]:
        return frozenset((info.key.namespace, info.key.service) for info in self._handlers.infos)
