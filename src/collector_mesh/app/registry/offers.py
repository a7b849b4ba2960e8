"""What a collector serves, as it is registered elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from operator import is_
from typing import TYPE_CHECKING

import attrs
from google.protobuf.descriptor_pb2 import FileDescriptorSet, ServiceDescriptorProto

from collector_mesh.adapters.wire.descriptors import Descriptors
from collector_mesh.adapters.wire.told_services import described, name_of
from collector_mesh.domain.model.errors import NotFoundError, PayloadTooLargeError
from collector_mesh.domain.ports.registering import Offer, Offering, ServiceName
from collector_mesh.domain.serving.handlers import HandlerRegistry, Method

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor


@attrs.frozen
class _Made:
    """An offer, and what it was made of."""

    methods: list[Method]
    descriptor: "ServiceDescriptor | None"
    offer: Offer

    def is_of(self, methods: list[Method], descriptor: "ServiceDescriptor | None") -> bool:
        """Whether it was made of these."""
        same = len(methods) == len(self.methods) and all(map(is_, methods, self.methods))
        return same and descriptor is self.descriptor


class ServedOffers:
    """The services of a collector: with their files where all of their methods are in one, else by their methods alone.

    Args:
        handlers: what it serves.
        descriptors: those of what is mounted.
    """

    def __init__(self, handlers: HandlerRegistry, descriptors: Descriptors) -> None:
        self._handlers = handlers
        self._descriptors = descriptors
        self._served: dict[ServiceName, list[Method]] = {}
        self._as_of = -1
        self._made: dict[ServiceName, _Made] = {}

    @property
    def changes(self) -> int:
        """See the port."""
        return self._handlers.changes

    def services(self) -> Sequence[ServiceName]:
        """See the port."""
        return sorted(self._by_name())

    def offer(self, name: ServiceName) -> Offer | None:
        """See the port."""
        methods = self._by_name().get(name)
        if methods is None:
            return None
        descriptor = self._descriptors.find(*name)
        made = self._made.get(name)
        if made is None or not made.is_of(methods, descriptor):
            made = self._made[name] = _Made(methods, descriptor, self._offer_of(name, methods))
        return made.offer

    def _offer_of(self, name: ServiceName, methods: list[Method]) -> Offer:
        files = b""
        # There may be nothing that says what it takes, or too much of it.
        with suppress(NotFoundError, PayloadTooLargeError):
            files = described(methods, self._descriptors, *name)
        named = {method.key.method for method in methods}
        if files and named <= _methods_in(files, name.service):
            return Offer(name, methods[0].key.method, files)
        return Offer(name, methods[0].key.method, descriptor=_by_itself(name.service, methods))

    def _by_name(self) -> Mapping[ServiceName, list[Method]]:
        """The methods of each service. All of them are gone through once after each change, and not for each service."""
        changes = self._handlers.changes
        if changes != self._as_of:
            served: dict[ServiceName, list[Method]] = {}
            for method in self._handlers.methods:
                served.setdefault(ServiceName(*method.key[:2]), []).append(method)
            self._served, self._as_of = served, changes
            self._made = {name: made for name, made in self._made.items() if name in served}
        return self._served


def _methods_in(files: bytes, service: str) -> frozenset[str]:
    """The methods of a service that its file has."""
    package, _, short = service.rpartition(".")
    return frozenset(
        method.name
        for file in FileDescriptorSet.FromString(files).file
        for found in file.service
        if file.package == package and found.name == short
        for method in found.method
    )


def _by_itself(service: str, methods: Iterable[Method]) -> bytes:
    """The descriptor of a service that is in no file, with the types that are known."""
    made = ServiceDescriptorProto(name=service)
    for method in methods:
        told = made.method.add(name=method.key.method)
        if method.takes is not None and method.gives is not None:
            told.input_type, told.output_type = f".{name_of(method.takes)}", f".{name_of(method.gives)}"
    data: bytes = made.SerializeToString(deterministic=True)
    return data


if TYPE_CHECKING:
    _fits: type[Offering] = ServedOffers
