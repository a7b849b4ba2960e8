"""Port: who may call."""

from typing import Protocol

from collector_mesh.domain.model.identity import Identity


class Authorizer(Protocol):
    """Says who may use which namespace. Without one, everybody may.

    Plain functions, which are asked in the event loop: they must be quick. Where one raises, or gives anything but True,
    the answer is no.
    """

    def may_use(self, identity: Identity | None, namespace: str, /) -> bool:
        """Whether a caller may use a namespace; asked for every call that comes from outside.

        Args:
            identity: what the transport has proved about the caller, or None.
            namespace: the namespace of the call.
        """
        ...
