"""The options of servers and channels, each with what it is against."""

import grpc

from collector_mesh.adapters.grpc.bearer import TokenSource, check_token_way, with_token
from collector_mesh.adapters.grpc.descriptors import RESERVE
from collector_mesh.adapters.grpc.forks import has_used
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.domain.link.sizes import (
    HEADER_BYTES,
    MAX_HEADER_BYTES,
    MAX_MESSAGE_BYTES,
    REQUEST_BYTES,
)
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError

Options = list[tuple[str, int | str]]

MAX_STREAMS = 512
"""Calls at once on one connection; more wait at the client, which is told of this number.

A call costs some 30 KiB with its handler. With 4,096 of them a stranger that opens links and resets them keeps others waiting
for two seconds; with 1,024 some of them.
"""

_PING_TIMEOUT_MS = 5_000
_LINK_PING_TIMEOUT_MS = 20_000
"""The heartbeats of a link decide after 16 s; a ping that is not answered is only the backstop."""

_MAX_BACKOFF_MS = 400
"""A collector that comes back is found within half a second, while its port refuses."""

_MIN_PING_MS = 1_000
"""The server allows faster pings than any client of ours sends; else it answers with GOAWAY."""

_HANDSHAKE_MS = 5_000
"""For the handshake of TLS and the first words of HTTP/2; 120 s by default."""

_IDLE_MS = 60_000
"""A connection without a request is closed; a collector asks a peer that it keeps more often."""

_PENDING = 1 << 14
"""Requests that may wait for Python; each takes some 20 KiB, and more are cancelled unread."""

_TAKEN = 2
"""How many times the largest request a server takes in, only to say in its answer how large it may be."""

_MARGIN_BYTES = 1 << 10
"""So that a frame that is somewhat too large is refused by its reader, who says why, and does not break the stream."""


def largest_message(max_payload_bytes: int) -> int:
    """Bytes of the largest message that is sent."""
    return max(max_payload_bytes + REQUEST_BYTES, MAX_MESSAGE_BYTES + _MARGIN_BYTES)


def _common(
    max_payload_bytes: int, keepalive_interval: float, ping_timeout_ms: int, *, takes: int = 1
) -> Options:
    # A frame of a link is larger than a small payload may be.
    limit = largest_message(max_payload_bytes)
    return [
        ("grpc.max_receive_message_length", takes * limit),
        ("grpc.max_send_message_length", limit),
        # Between the two a request is refused at random (grpc#32600): what may be sent stays below.
        ("grpc.max_metadata_size", HEADER_BYTES),
        ("grpc.absolute_max_metadata_size", MAX_HEADER_BYTES),
        # A frozen peer is only found with a timeout for the ping itself, 60 s by default (grpc#32095).
        ("grpc.keepalive_time_ms", round(keepalive_interval * 1000)),
        ("grpc.keepalive_timeout_ms", ping_timeout_ms),
        ("grpc.http2.ping_timeout_ms", ping_timeout_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # Else 1.6 MiB become 246 MiB before anybody can look at them. Bit 0 stands for "as it is".
        ("grpc.compression_enabled_algorithms_bitset", 1),
    ]


def server_options(*, max_payload_bytes: int, keepalive_interval: float) -> Options:
    """Options for `grpc.aio.server`; the interval is in seconds."""
    return [
        # What is larger is refused by grpc itself, and not in the answer as everything else is.
        *_common(max_payload_bytes, keepalive_interval, _LINK_PING_TIMEOUT_MS, takes=_TAKEN),
        # Else a second process takes the same port and part of the calls (grpc#16920).
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", MAX_STREAMS),
        # Else calls that have their answers count until grpc has forgotten them: with more calls than streams, up to a sixth
        # was refused. What resets can pile up is bounded by what may be pending, below.
        ("grpc.http.overload_protection", 0),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        ("grpc.max_connection_idle_ms", _IDLE_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_MS),
        # Else calls are cancelled once about 1,000 are pending; admission is ours.
        ("grpc.server.max_pending_requests", _PENDING),
        ("grpc.server.max_pending_requests_hard_limit", _PENDING),
    ]


def channel_options(
    *, max_payload_bytes: int, keepalive_interval: float, has_link: bool, dial_timeout: float = 5.0
) -> Options:
    """Options for a channel to one peer, with a link or for unary calls; times are in seconds."""
    return [
        *_common(
            max_payload_bytes, keepalive_interval, _LINK_PING_TIMEOUT_MS if has_link else _PING_TIMEOUT_MS
        ),
        # Else channels with equal options share one connection and its back-off.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
        # Else a peer that comes back is only found after 1 to 20 s (grpc#25540).
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", _MAX_BACKOFF_MS),
        # It is the time limit of a connection attempt, and no pause (grpc#33423).
        ("grpc.min_reconnect_backoff_ms", round(dial_timeout * 1000)),
        # What may run twice is decided by our own retry policy.
        ("grpc.enable_retries", 0),
    ]


def check_plaintext(address: HostPort, tls: Tls | None, *, insecure: bool) -> None:
    """See that plaintext stays on this machine.

    Raises:
        InvalidCallError: it would not, and nobody has said that it may.
    """
    if tls is None and not insecure and not address.is_loopback:
        raise InvalidCallError(
            f"plaintext is refused on {address}, which is not a loopback address:"
            " give it TLS certificates, or allow it with insecure (--insecure)"
        )


def open_channel(
    address: HostPort,
    tls: Tls | None,
    *,
    insecure: bool,
    options: Options,
    host_name: str | None = None,
    token: TokenSource | None = None,
) -> grpc.aio.Channel:
    """Make a channel, inside the loop that will use it.

    Args:
        address: where to.
        tls: certificates, None for plaintext.
        insecure: whether plaintext may leave this machine.
        options: of the channel.
        host_name: the name that the address was found by, which the certificate has to have.
        token: gives the bearer token that is shown with every request, None for none.

    Raises:
        InvalidCallError: plaintext would leave this machine, or there is no token.
        TlsError: the certificate files cannot be used.
    """
    check_plaintext(address, tls, insecure=insecure)
    if token is not None:
        check_token_way(address, has_tls=tls is not None)
        return with_token(
            open_channel(address, tls, insecure=insecure, options=options, host_name=host_name), token
        )
    has_used()
    RESERVE.make_room()
    if tls is None:
        return grpc.aio.insecure_channel(str(address.plain), options=options)
    name = tls.server_name or host_name
    if name is not None:
        options = [*options, ("grpc.ssl_target_name_override", name)]
    return grpc.aio.secure_channel(str(address.plain), tls.channel_credentials(), options=options)
