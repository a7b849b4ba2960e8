"""What tells the types of services, and has something open for that."""

from typing import Protocol

from collector_mesh.domain.ports.reflecting import TypeSource


class RegistryTypes(TypeSource, Protocol):
    """A registry that tells the types of services, until it is closed."""

    async def aclose(self) -> None:
        """Close the connection, if there is one."""
        ...
