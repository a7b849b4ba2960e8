"""Port: a registry at which a collector says what it serves."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import attrs


class ServiceName(NamedTuple):
    """A service of a namespace."""

    namespace: str
    service: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service}"


@attrs.frozen
class Offer:
    """A service as it is registered.

    Attributes:
        name: which one.
        method: one of its methods, with which it is looked up whether it is registered.
        files: a `FileDescriptorSet` with its file, and all that this needs; empty where it is in no file.
        descriptor: a `ServiceDescriptorProto`, which is registered by itself; empty where it is in a file.
    """

    name: ServiceName
    method: str
    files: bytes = attrs.field(default=b"", repr=False)
    descriptor: bytes = attrs.field(default=b"", repr=False)


class RegisteringPlace(Protocol):
    """A registry that is somewhere else. Its methods end in time."""

    async def register(self, offer: Offer) -> bool:
        """Register a service; gives whether it has changed anything.

        Raises:
            UnavailableError: the registry is away, or too busy.
            MeshError: it refuses.
        """
        ...

    async def has(self, offer: Offer) -> bool:
        """Whether the registry has a service of that name with that method.

        Raises:
            MeshError: see `register`.
        """
        ...

    async def lost(self) -> None:
        """Wait until the connection is lost, over which the last answer has come."""
        ...


class Offering(Protocol):
    """What a collector serves that can be registered."""

    @property
    def changes(self) -> int:
        """Counts the changes of what is served."""
        ...

    def services(self) -> Sequence[ServiceName]:
        """What is served, in order."""
        ...

    def offer(self, name: ServiceName) -> Offer | None:
        """A service as it is registered; None where it is not served anymore."""
        ...
