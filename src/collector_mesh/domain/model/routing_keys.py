"""Where a call is to go, as its metadata says: callers that know of no namespaces and collectors write it there."""

from typing import NamedTuple

from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.limits import check_idempotency_key
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.status import Metadata

NAMESPACE_KEY = "collector-namespace"
"""The key of the namespace."""

TARGET_KEY = "collector-target"
"""The key of the id of the only collector that may run the call."""

TELL_KEY = "collector-tell"
"""The key of what a caller wants to know beside the reply; `handled-by` is what there is."""

HANDLED_BY_KEY = "collector-handled-by"
"""The key of trailing metadata that has the id of the collector whose handler ran, for a caller that wants to know."""

HANDLED_BY = (TELL_KEY, "handled-by")
"""The pair of metadata by which a caller says that it wants to know."""

IDEMPOTENCY_KEY = "idempotency-key"
"""Under which an idempotency key travels where requests have no place of their own for it."""

OWN_PREFIX = "collector-"
"""How all keys begin that are for the mesh; none of them reaches a handler."""


class Routing(NamedTuple):
    """What the metadata of a call says of its way, and what is left of the metadata.

    Attributes:
        metadata: what is left.
        namespace: empty where nothing is said.
        target: empty where nothing is said.
        tells: whether the caller wants to know who has handled the call.
        idempotency_key: empty where there is none.
    """

    metadata: Metadata
    namespace: str = ""
    target: str = ""
    tells: bool = False
    idempotency_key: str = ""


def routing_of(metadata: Metadata) -> Routing:
    """Take the keys of the mesh out of metadata.

    A key of the mesh that has no meaning is left out like the others.

    Raises:
        InvalidCallError: a key is there twice with two values, or its value is no name; the text names the key.
    """
    for key, _ in metadata:
        if key.startswith(OWN_PREFIX) or key == IDEMPOTENCY_KEY:
            return _taken_out(metadata)
    # Nearly always: nothing has to be made anew.
    return Routing(metadata)


def _taken_out(metadata: Metadata) -> Routing:
    left: list[tuple[str, str | bytes]] = []
    said: dict[str, str] = {}
    tells = False
    for key, value in metadata:
        if key == IDEMPOTENCY_KEY:
            said[key] = _only_key(said.get(key), value)
        elif not key.startswith(OWN_PREFIX):
            left.append((key, value))
        elif (key, value) == HANDLED_BY:
            tells = True
        elif key in (NAMESPACE_KEY, TARGET_KEY):
            if not isinstance(value, str):
                raise InvalidCallError(f"metadata {key!r} must be a text")
            check_name(f"metadata {key!r}", value)
            if said.setdefault(key, value) != value:
                raise InvalidCallError(
                    f"metadata {key!r} must have one value, got {said[key]!r} and {value!r}"
                )
    return Routing(
        tuple(left),
        said.get(NAMESPACE_KEY, ""),
        said.get(TARGET_KEY, ""),
        tells,
        said.get(IDEMPOTENCY_KEY, ""),
    )


def _only_key(said: str | None, value: str | bytes) -> str:
    """The one idempotency key of a call; it is in no error."""
    if not isinstance(value, str) or said not in (None, value):
        raise InvalidCallError(f"metadata {IDEMPOTENCY_KEY!r} must have one value, a text")
    check_idempotency_key(value)
    return value
