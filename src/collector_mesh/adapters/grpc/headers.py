"""Which headers of a request are metadata of the call, and which of a response are those of the reply.

Callers, handlers and whatever stands between write into the same place, and nobody says who has written what. So a
header is never a reason to refuse a call: what belongs to the way that a request has taken, what no
metadata may look like, and what does not fit anymore is left out.
"""

from collections.abc import Callable, Collection, Iterable

from collector_mesh.domain.link.sizes import METADATA_HEADER_BYTES, header_bytes
from collector_mesh.domain.model.call import checked_metadata
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.limits import DETAILS_CUT, MAX_ENTRIES, MAX_METADATA_BYTES
from collector_mesh.domain.model.reply_metadata import RESERVED, fitting_metadata
from collector_mesh.domain.model.routing_keys import OWN_PREFIX, Routing, routing_of
from collector_mesh.domain.model.status import Metadata, Reply, Status

_OF_HTTP = """
    accept accept-charset accept-encoding accept-language accept-ranges alt-used cache-control connection
    content-encoding content-language content-length content-type dnt early-data expect forwarded host http2-settings
    keep-alive max-forwards pragma proxy-authorization proxy-connection referer save-data te trailer
    transfer-encoding upgrade upgrade-insecure-requests user-agent via
"""

_OF_PROXIES = """
    cdn-loop client-cert client-cert-chain front-end-https surrogate-capability true-client-ip x-client-ip
    x-client-port x-cluster-client-ip x-forwarded x-grpc-web x-nginx-proxy x-proxyuser-ip x-real-ip x-real-port
    x-scheme x-ssl-client-cert x-user-agent x-varnish
"""

_OF_RESPONSES = """
    age alt-svc date location server set-cookie strict-transport-security vary www-authenticate x-cache x-powered-by
    x-served-by x-timer
"""

_OF_THE_WAY = frozenset((_OF_HTTP + _OF_PROXIES).split())
"""Headers of HTTP itself, and those that proxies write about a request. Not among them is what an application
may want to pass on, as `traceparent`, `baggage`, `x-request-id`, `x-b3-*`, `x-amzn-trace-id` and `authorization`."""

_OF_THE_WAY_BACK = _OF_THE_WAY | frozenset(_OF_RESPONSES.split())

_PREFIXES_OF_THE_WAY = (
    ":",
    "grpc-",
    "cf-",  # Cloudflare
    "fastly-",
    "if-",
    "l5d-",  # Linkerd
    "sec-",  # browsers, which speak grpc-web
    "ssl-client-",  # nginx
    "x-accel-",
    "x-accept-",
    "x-envoy-",
    "x-forwarded-",
    "x-original-",
    "x-ssl-",
)

_NO_METADATA = (*_PREFIXES_OF_THE_WAY, OWN_PREFIX)
"""Where the request itself says where it is to go, what is for the mesh has no meaning and reaches no handler either."""


def routing_in(headers: Iterable[tuple[str, str | bytes]] | None) -> Routing:
    """Where a request says that it is to go, and all of its metadata, in their order.

    Nothing is left out that an application may have written: what does not fit is refused by whoever takes the call.

    Raises:
        InvalidCallError: what it says of its way is no name, or it says two things.
    """
    # On the way of every call through the gateway; most have two or three headers.
    return routing_of(
        tuple(
            [
                header
                for header in headers or ()
                if header[0] not in _OF_THE_WAY and not header[0].startswith(_PREFIXES_OF_THE_WAY)
            ]
        )
    )


def metadata_of(headers: Iterable[tuple[str, str | bytes]] | None) -> Metadata:
    """The metadata among the headers of a request, in their order."""
    return _among(headers, _OF_THE_WAY, (), _is_metadata)


def reply_metadata_of(headers: Iterable[tuple[str, str | bytes]] | None) -> Metadata:
    """The metadata of a reply among the headers, or the trailers, of a response, in their order."""
    return _among(headers, _OF_THE_WAY_BACK, RESERVED, _is_reply_metadata)


def headers_of(reply: Reply) -> tuple[Metadata, Metadata]:
    """The headers and trailers that carry the metadata of a reply; the reply says so where some of it is left out."""
    initial, why_initial = sendable(reply.initial_metadata)
    trailing, why = sendable(reply.metadata)
    if remark := why or why_initial:
        details = {**reply.status.details, DETAILS_CUT: f"metadata is left out: {remark}"}
        reply.status = Status(reply.status.code, reply.status.message, details)
    return initial, trailing


def sendable(metadata: Metadata) -> tuple[Metadata, str]:
    """Metadata as headers or trailers of a response, and why it is left out; empty where it is not."""
    if any(map(_is_of_the_way_back, (key for key, _ in metadata))):
        # Some of them would be taken for what HTTP itself says.
        metadata = tuple(pair for pair in metadata if not _is_of_the_way_back(pair[0]))
    size = header_bytes(metadata)
    if size > METADATA_HEADER_BYTES:
        return (), (
            f"{len(metadata)} pairs take {size} bytes of the headers of a response, 32 for each pair included, at most"
            f" {METADATA_HEADER_BYTES} are allowed"
        )
    return fitting_metadata(metadata)


def _among(
    headers: Iterable[tuple[str, str | bytes]] | None,
    of_the_way: frozenset[str],
    kept: Collection[str],
    is_metadata: Callable[[str, str | bytes], bool],
) -> Metadata:
    found: list[tuple[str, str | bytes]] = []
    size = 0
    for key, value in headers or ():
        if (key in of_the_way or key.startswith(_NO_METADATA)) and key not in kept:
            continue
        size_with = size + len(key) + len(value)
        if size_with > MAX_METADATA_BYTES or len(found) == MAX_ENTRIES or not is_metadata(key, value):
            continue
        size = size_with
        found.append((key, value))
    return tuple(found)


def _is_of_the_way_back(key: str) -> bool:
    return key not in RESERVED and (key in _OF_THE_WAY_BACK or key.startswith(_NO_METADATA))


def _is_reply_metadata(key: str, value: str | bytes) -> bool:
    return not fitting_metadata(((key, value),))[1]


def _is_metadata(key: str, value: str | bytes) -> bool:
    try:
        checked_metadata(((key, value),))
    except (InvalidCallError, TypeError):
        return False
    return True
