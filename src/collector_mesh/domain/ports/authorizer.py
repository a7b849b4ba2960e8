"""Port: who may call, and who may be called."""

from typing import Protocol

from collector_mesh.domain.model.identity import Identity


class Authorizer(Protocol):
    """Says who may use which namespace, and who may serve it. Without an authorizer all callers and peers may.

    Its methods are plain functions that run in the event loop, so they must be quick. If one raises, or returns anything
    but True, the answer is no.

    An authorizer may have a second method, `may_serve(identity, collector_id, namespace)`: whether a peer may be called in
    a namespace, or pass calls on there. The mesh asks it for each namespace in which a peer announces methods, and for a peer
    that announces none when a call first goes there. The identity is None where the transport does not show the other end
    that this side has dialed, as with gRPC; the id is then the peer's own word. Without such a method,
    `may_use` decides, and peers that this side has dialed and that show no identity may serve.
    """

    def may_use(self, identity: Identity | None, namespace: str, /) -> bool:
        """Whether a caller may use a namespace; asked for every call from outside.

        Args:
            identity: what the transport has proved about the caller, or None.
            namespace: the namespace of the call.
        """
        ...


class ServingAuthorizer(Authorizer, Protocol):
    """A user's authorizer as the mesh sees it: it always has an answer to who may serve."""

    @property
    def decides_serving(self) -> bool:
        """Whether the user's authorizer has `may_serve`; otherwise `may_use` decides."""
        ...

    def may_serve(self, identity: Identity | None, collector_id: str, namespace: str, /) -> bool:
        """Whether a collector may be called in a namespace, or pass calls on there.

        Args:
            identity: what the transport has proved about it, or None.
            collector_id: its id.
            namespace: the namespace.
        """
        ...
