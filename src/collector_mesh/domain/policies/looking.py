"""Who may look inside a collector from elsewhere, where no rules say so: what it knows is of use to an intruder too."""

from collections.abc import Sequence

from collector_mesh.domain.model.errors import ForbiddenError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.authorizer import ServingAuthorizer


def check_look(
    authorizer: ServingAuthorizer | None, identity: Identity | None, namespaces: Sequence[str]
) -> None:
    """See that the authorizer lets somebody look who is elsewhere: it has to let it use the namespaces.

    Raises:
        ForbiddenError: it does not; the text says why.
    """
    if authorizer is None:
        raise ForbiddenError(
            "inspection is refused: this collector listens beyond its machine, and has neither access rules, an"
            " authorizer (--authorizer), nor leave to show itself to every program (--inspect)"
        )
    if identity is None:
        raise ForbiddenError("inspection is refused: it needs an identity, proved with mutual TLS")
    if not namespaces:
        # Nothing to ask the authorizer about, which must not mean that everybody is allowed.
        raise ForbiddenError("inspection is refused: this collector is in no namespace")
    for namespace in namespaces:
        if not authorizer.may_use(identity, namespace):
            raise ForbiddenError(
                f"inspection is refused: {quoted(str(identity))} may not use the namespace {quoted(namespace)}"
            )
