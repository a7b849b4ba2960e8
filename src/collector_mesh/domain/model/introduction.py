"""What two collectors say of themselves when they connect."""

import attrs

from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.status import Status


@attrs.frozen
class Offer:
    """What a collector says when it connects to another.

    Attributes:
        collector_id: its id.
        address: where it can be dialed.
        namespaces: the namespaces that it serves or calls.
        identity: what the transport has proved about it, or None.
        source: the connection that it comes over, by its other end, where the transport tells.
    """

    collector_id: str
    address: str
    namespaces: tuple[str, ...] = ()
    identity: Identity | None = None
    source: str = ""


@attrs.frozen
class Welcome:
    """What the other one answers.

    Attributes:
        status: 200 if they are connected now.
        connection_id: unique for this connection, empty if there is none.
        shared_namespaces: those of both, in the order of the offer.
        collector_id: who answers, whatever the status.
    """

    status: Status
    connection_id: str = ""
    shared_namespaces: tuple[str, ...] = ()
    collector_id: str = ""
