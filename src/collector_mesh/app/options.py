"""What a collector is made from, checked."""

from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.ports.authorizer import Authorizer
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.ports.validator import Validator

if TYPE_CHECKING:
    from collector_mesh.adapters.grpc.tls import Tls


def _is_name(_instance: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    check_name(attribute.name, value)


@attrs.frozen(kw_only=True)
class Options:
    """What a collector is made from, beside its services and peers; see `Collector`.

    Raises:
        InvalidCallError: the id is empty or malformed.
    """

    collector_id: str = attrs.field(validator=_is_name)
    listen: str | None = None
    advertise: str | None = None
    validator: Validator | None = None
    authorizer: Authorizer | None = None
    transport: Transport | None = None
    tls: "Tls | None" = None
    insecure: bool = False
    accept_unary_peers: bool = False
    reflection: bool = False


@attrs.frozen(kw_only=True)
class ClientOptions:
    """What a client is made from; see `MeshClient`."""

    address: str
    transport: Transport | None = None
    tls: "Tls | None" = None
    insecure: bool = False
