"""Port: says where a call is meant to go that names a service and a method only."""

from typing import Protocol

from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey


class Placing(Protocol):
    """Finds the namespace of calls of programs that need not know of namespaces.

    Names come as they arrived, unchecked. What cannot be is an error before anything of the request is read.
    """

    def place(
        self, service: str, method: str, *, namespace: str, target: str, identity: Identity | None
    ) -> MethodKey | None:
        """The method that is meant; None if that cannot be said yet, and is worth to `wait` for.

        Args:
            service: the service.
            method: the method.
            namespace: the only namespace that may be meant, or empty.
            target: the id of the only collector that may run the call, or empty.
            identity: what the transport has proved about the caller, or None.

        Raises:
            AmbiguousError: it may be in several namespaces.
            ForbiddenError: the caller may not use the namespace.
            NotFoundError: nobody has the method.
            UnimplementedError: it is of a kind that cannot be called.
            UnavailableError: somebody may have it who has not answered yet, or this collector is draining.
        """
        ...

    async def wait(
        self,
        service: str,
        method: str,
        *,
        namespace: str,
        target: str,
        identity: Identity | None,
        timeout: float | None,
        address: str,
    ) -> MethodKey:
        """As `place`, but waits for those who are dialed and may have the method, as calls do.

        Args:
            service: the service.
            method: the method.
            namespace: as for `place`.
            target: as for `place`.
            identity: as for `place`.
            timeout: the time that the call has left, in seconds, `math.inf` for no limit, None if the caller has set none.
            address: that of the caller.

        Raises:
            MeshError: as `place`.
        """
        ...
