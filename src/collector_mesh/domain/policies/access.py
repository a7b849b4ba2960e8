"""Who may look at a collector: what it knows of the mesh is of use to an intruder too."""

from collections.abc import Sequence

import attrs

from collector_mesh.domain.model.errors import ForbiddenError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.authorizer import Authorizer


@attrs.frozen
class InspectionRule:
    """Everybody on this machine may look; from elsewhere only whom the authorizer lets use the namespaces.

    Attributes:
        authorizer: who may use which namespace; without one nobody looks in from elsewhere.
    """

    authorizer: Authorizer | None = None

    def check(self, identity: Identity | None, namespaces: Sequence[str], *, is_local: bool) -> None:
        """Check whether somebody may see what is in some namespaces.

        Raises:
            ForbiddenError: they may not; the text says why.
        """
        if is_local:
            return
        if self.authorizer is None:
            raise ForbiddenError(
                "inspection is refused: this collector listens beyond its machine and has no authorizer"
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
