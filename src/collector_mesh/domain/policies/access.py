"""Who may look at a collector, whose knowledge of the mesh is of use to an intruder too, and who may be called."""

from collections.abc import Sequence

import attrs

from collector_mesh.domain.model.errors import ForbiddenError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.authorizer import Authorizer, ServingAuthorizer


@attrs.frozen
class InspectionRule:
    """Everybody on this machine may look; from elsewhere only whom the authorizer lets use the namespaces.

    Attributes:
        authorizer: who may use which namespace; without one nobody looks in from elsewhere.
        is_open: whether everybody may look who can connect, wherever they are.
    """

    authorizer: Authorizer | None = None
    is_open: bool = False

    def check(self, identity: Identity | None, namespaces: Sequence[str], *, is_local: bool) -> None:
        """Check whether somebody may see what is in some namespaces.

        Raises:
            ForbiddenError: they may not; the text says why.
        """
        if is_local or self.is_open:
            return
        if self.authorizer is None:
            raise ForbiddenError(
                "inspection is refused: this collector listens beyond its machine, and has neither an authorizer"
                " (--authorizer) nor leave to show itself to every program (--inspect)"
            )
        if identity is None:
            raise ForbiddenError("inspection is refused: it needs an identity, proved with mutual TLS")
        if not namespaces:
            # Nothing to ask the authorizer about, which must not mean that everybody is allowed.
            raise ForbiddenError("inspection is refused: this collector is in no namespace")
        for namespace in namespaces:
            if not self.authorizer.may_use(identity, namespace):
                raise ForbiddenError(
                    f"inspection is refused: {quoted(str(identity))} may not use the namespace {quoted(namespace)}"
                )


@attrs.frozen
class ServingRule:
    """Whom calls in a namespace may go to: whoever is sent them sees what is in them.

    Attributes:
        authorizer: who may serve which namespace; without one everybody may.
    """

    authorizer: ServingAuthorizer | None = None

    def allows(
        self, identity: Identity | None, collector_id: str, namespace: str, *, was_dialed: bool
    ) -> bool:
        """Whether a peer may serve a namespace.

        Args:
            identity: what the transport has proved about it, or None.
            collector_id: its id.
            namespace: the namespace.
            was_dialed: whether this side has chosen the address that it is at.
        """
        authorizer = self.authorizer
        if authorizer is None:
            return True
        if was_dialed and identity is None and not authorizer.decides_serving:
            # `may_use` is about callers: of whom this side has dialed it knows nothing that could be asked.
            return True
        return authorizer.may_serve(identity, collector_id, namespace)

    def check(
        self, identity: Identity | None, collector_id: str, namespace: str, *, was_dialed: bool
    ) -> None:
        """See that a peer may serve a namespace.

        Raises:
            ForbiddenError: it may not.
        """
        if not self.allows(identity, collector_id, namespace, was_dialed=was_dialed):
            raise ForbiddenError(
                f"collector {quoted(collector_id)} may not serve the namespace {quoted(namespace)}"
            )
