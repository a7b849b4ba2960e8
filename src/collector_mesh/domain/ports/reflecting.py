"""Port: shows which services the mesh has, and what their messages look like."""

from typing import NamedTuple, Protocol

from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import OWN_PACKAGE

DESCRIPTORS = f"{OWN_PACKAGE}reflection.v1.Descriptors"
"""The service with which collectors tell each other what the messages of their services look like."""

DESCRIBE = "Describe"
"""Its method: takes the name of a service (`google.protobuf.StringValue`), gives a `google.protobuf.FileDescriptorSet`."""


REGISTRY = ""
"""Stands for a registry where collectors are named: it tells what services look like, and serves none."""


class TypeSource(Protocol):
    """A registry, as far as it tells what services look like."""

    async def described(self, namespace: str, service: str) -> bytes:
        """The files of a service, with all that they need: a `FileDescriptorSet`. It ends in time.

        Raises:
            NotFoundError: the registry does not have them.
            MeshError: it is away, or refuses.
        """
        ...


class Holder(NamedTuple):
    """A collector that serves a service, or a registry that has it.

    Attributes:
        collector_id: its id; `REGISTRY` for a registry.
        version: another object when it serves something else, or may do so.
    """

    collector_id: str
    version: object


class Reflecting(Protocol):
    """Shows callers what they may use, and nothing else."""

    def namespaces(self, identity: Identity | None, named: str) -> tuple[str, ...]:
        """The namespaces that a caller may use, in order; the one that it names, if it names one.

        Raises:
            ForbiddenError: the caller may not use the one that it names.
            NotFoundError: this collector is not a member of that.
        """
        ...

    def services(self, namespace: str, identity: Identity | None = None) -> tuple[str, ...]:
        """The services of a namespace, here or elsewhere, of which a caller may call something, in order.

        It is the same object as long as nothing has changed.
        """
        ...

    def holders(self, namespace: str, service: str) -> tuple[Holder, ...]:
        """Some of those who serve a service, those first who are nearest."""
        ...

    async def describe(self, namespace: str, service: str, collector_id: str, *, timeout: float) -> bytes:
        """The descriptor of a service, with all that it depends on, as a collector tells it: a `FileDescriptorSet`.

        Raises:
            MeshError: the collector cannot be reached, or has none.
        """
        ...
