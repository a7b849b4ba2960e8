"""Port: who may call, and who may be called."""

from typing import Protocol

from collector_mesh.domain.model.identity import Identity


class Authorizer(Protocol):
    """Says who may use which namespace, and who may serve it. Without one, everybody may.

    Plain functions, which are asked in the event loop: they must be quick. Where one raises, or gives anything but True,
    the answer is no.

    An authorizer may have a second method, `may_serve(identity, collector_id, namespace)`: whether a peer may be called in
    a namespace, or pass calls on there. It is asked for each namespace in which a peer says that it has methods, and for one
    that does not say what it has when a call goes there for the first time. The identity is None where the transport does
    not show whom this side has dialed, as gRPC; the id is then what the peer says. Where there is no such method,
    `may_use` stands in, and peers that this side has dialed and that show no identity may serve.
    """

    def may_use(self, identity: Identity | None, namespace: str, /) -> bool:
        """Whether a caller may use a namespace; asked for every call that comes from outside.

        Args:
            identity: what the transport has proved about the caller, or None.
            namespace: the namespace of the call.
        """
        ...


class ServingAuthorizer(Authorizer, Protocol):
    """An authorizer that can always be asked who may serve, as the mesh sees one of a user's."""

    @property
    def decides_serving(self) -> bool:
        """Whether the user has said who may serve; else `may_use` stands in."""
        ...

    def may_serve(self, identity: Identity | None, collector_id: str, namespace: str, /) -> bool:
        """Whether a collector may be called in a namespace, or pass calls on there.

        Args:
            identity: what the transport has proved about it, or None.
            collector_id: its id.
            namespace: the namespace.
        """
        ...
