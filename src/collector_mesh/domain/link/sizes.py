"""What is said on a link costs bytes: how many of each thing, as it is encoded, and how many are taken.

Sizes are exact or, where that is cheaper, an upper bound of what protobuf makes of it: a field has at most
`_FIELD` bytes beside its content. Whoever writes frames and whoever takes them use the same numbers, and
transports get theirs from here too.
"""

from collections.abc import Iterable, Mapping

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import clipped
from collector_mesh.domain.model.frames import Introduction, Limits
from collector_mesh.domain.model.limits import (
    DETAILS_CUT,
    MAX_ID_BYTES,
    bytes_of,
    bytes_of_pairs,
    fitting_details,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.reply_metadata import fitting_metadata
from collector_mesh.domain.model.snapshot import NO_LABELS, MethodInfo
from collector_mesh.domain.model.status import Metadata, Reply, Status
from collector_mesh.domain.model.trace_context import IDS_BYTES

# ---- what the other side takes -----------------------------------------------------------------------

MAX_FRAME_BYTES = 512 << 10
"""Of a frame, beside the chunk that it may carry."""

MAX_CHUNK_BYTES = 256 << 10
"""Of a piece of a large payload."""

MAX_MESSAGE_BYTES = MAX_FRAME_BYTES + MAX_CHUNK_BYTES
"""Of a frame with its chunk: what a transport must carry whatever the largest payload is."""

MAX_ENVELOPES = 256
"""Most calls and replies of a frame: each costs time, a call that nobody takes up to 100 µs.

At most 128 are written, and the one whose payload follows in chunks.
"""

MAX_CANCELS = 16384
"""Most cancels of a frame."""

MAX_ASKED = 8192
"""Most calls of a lost link that are asked for, which is done in one frame."""

MAX_ASKING = 64
"""Most lost links whose calls are asked for over one link."""

MAX_LINK_NAME = 64
"""Most characters of what an end calls a link."""

MAX_NEW_NAMES = 4096
"""Most names that a frame tells."""

MAX_EXTRA_ITEMS = 8192
"""Most hints, pairs of metadata, details and ids in what few calls and replies of a frame have."""

MAX_TOLD_PATHS = 16384
"""Most ids of those who pass calls on to the collectors that a frame tells of."""

MAX_ANNOUNCED = 1024
"""Most calls whose payloads have not come whole; further ones are refused, and twice as many end the link."""

MAX_FIELDS = 16384
"""Most fields of a frame, those of hello, welcome and extras included, that is parsed where it is large."""

MAX_TOLD_NAMESPACES = 4096
"""Most namespaces that a frame tells of."""

MAX_TOLD_METHODS = 8192
"""Most methods that a frame tells of, of the sender or of others; see `backlog`."""

MAX_TOLD_REACH = 1024
"""Most collectors that a frame tells of."""

MAX_TOLD_LABELS = 1024
"""Most labels that a collector tells of itself; of these `limits.MAX_LABELS` are kept."""

MAX_TOLD_LABELS_BYTES = 16 << 10
"""Of all of them, keys and values."""

MAX_ADDRESS_BYTES = 512
"""Of where a collector can be dialed."""

MAX_CHUNKS = 64
"""Most pieces of large payloads in a frame."""

MAX_NAMES = 1 << 16
"""Most names that are remembered of one end."""

MAX_NAMES_BYTES = 8 << 20
"""What all of them may have together; each counts `NAME_BYTES` beside its text."""

NAME_BYTES = 64
"""What a name costs in memory beside its text, about."""

MAX_TRIED = 32
"""Most ids that are remembered of those who were tried for a call."""

# ---- what is written ---------------------------------------------------------------------------------

ENVELOPE_BYTES = 128
"""What a call or a reply costs beside its payload where it has nothing unusual.

In a frame that is at most 75 bytes, in memory somewhat more: so that empty ones fill the queue too.
"""

CANCELS_OF_A_FRAME = 4096
"""Most cancels that are written at once; the others go with the next frame."""

NAMES_KEPT_BYTES = 1 << 20
"""Bytes of all names that were told, counted as for `MAX_NAMES_BYTES`, at which they are forgotten."""

MAX_FIRST_PIECE = 2048
"""Most namespaces and methods of a catalog in a hello or a welcome; the rest follows in pieces."""

FIRST_PIECE_BYTES = 256 << 10
"""And most bytes of them."""

MAX_PIECE = 1024
"""Most names of a further piece, of a catalog or of news of others."""

PIECE_BYTES = 64 << 10
"""And most bytes of them."""

MAX_BACKLOG = 512
"""Most parts of news that wait to be taken in."""

EARLIER_OVERHEAD_BYTES = 64 << 10
"""What earlier versions take of a frame beside the largest payload."""

REACH_OF_A_FRAME = 256
"""Most collectors that are told of at once."""

# ---- what is kept of the other side ------------------------------------------------------------------

MAX_CATALOG_METHODS = 1 << 17
"""Most methods of a collector that others hear of."""

MAX_CATALOG_NAMESPACES = 1 << 16
"""Most namespaces of a collector that others hear of."""

MAX_CATALOG_BYTES = 32 << 20
"""What they may have together; each counts `NAME_BYTES` beside its names."""

MAX_REACHED_METHODS = 1 << 18
"""Most methods of other collectors that one peer may tell of."""

METHOD_MEMORY = 256
"""What a method that somebody tells of costs in memory beside its names, about; measured, as those below."""

REACHED_METHOD_MEMORY = 512
"""The same of a method of another collector, which is found by collector and by method."""

REACH_MEMORY = 192
"""What a collector that somebody tells of, or is told of, costs beside its methods."""

CALL_MEMORY = 512
"""What a call that is under way costs beside its payload."""

# ---- requests for one call each ----------------------------------------------------------------------

REQUEST_BYTES = 96 << 10
"""What a request or response for one call may have beside its payload: mostly details."""

MAX_CONNECT_BYTES = 64 << 10
"""Of a Connect."""

HEADER_BYTES = 16 << 10
"""Of the headers of a request, metadata included, without being refused at random."""

MAX_HEADER_BYTES = 32 << 10
"""Of the same, beyond which they are always refused."""

METADATA_HEADER_BYTES = HEADER_BYTES - (1 << 10)
"""What metadata may take of them; the rest is for the headers that every request has."""

_PAIR_HEADER = 32
"""What a header counts beside its key and value, whatever they are (RFC 9113, 6.5.2)."""


def envelopes_bytes(limits: Limits) -> int:
    """How many bytes of calls and replies the other side takes in one frame."""
    if limits.takes_pieces:
        return MAX_FRAME_BYTES // 4
    # One of an earlier version takes what its transport lets through: a payload and this.
    return (limits.max_payload_bytes + EARLIER_OVERHEAD_BYTES) // 2


def whole_catalog_bytes(me: Introduction, max_payload_bytes: int) -> int:
    """How many bytes of a catalog go into a hello or a welcome for somebody of an earlier version."""
    beside = 2048 + map_bytes(me.labels)
    return min(max_payload_bytes, me.limits.max_payload_bytes) + EARLIER_OVERHEAD_BYTES - beside


# ---- what things cost --------------------------------------------------------------------------------

_FIELD = 6
"""Tag and length of a field, at most: 2 bytes and 4."""

_ENTRY = 3 * _FIELD
"""An entry of a map, or a pair, beside its key and value."""

_METHOD = 4 * 4
"""A method beside its names, which are short."""

_FLAGS = 4 + 2 + 4
"""The flags of a method."""


def cut_introduction(who: Introduction) -> Introduction:
    """What somebody says of itself, as it may be kept and shown; its catalog has limits of its own.

    A text that is cut is still longer than it may be, and malformed: whoever checks it refuses it. Labels
    that are too many are left out.
    """
    collector_id = _cut(who.collector_id, MAX_ID_BYTES)
    address = _cut(who.address, MAX_ADDRESS_BYTES)
    incarnation = _cut(who.incarnation, MAX_ID_BYTES)
    key_store = _cut(who.key_store, MAX_ID_BYTES)
    labels = who.labels
    if len(who.limits.remembers) > MAX_LINK_NAME:
        who = attrs.evolve(who, limits=attrs.evolve(who.limits, remembers=""))
    if labels and (len(labels) > MAX_TOLD_LABELS or bytes_of_pairs(labels.items()) > MAX_TOLD_LABELS_BYTES):
        labels = NO_LABELS
    if (
        collector_id is who.collector_id
        and address is who.address
        and incarnation is who.incarnation
        and key_store is who.key_store
        and labels is who.labels
    ):
        return who
    return attrs.evolve(
        who,
        collector_id=collector_id,
        address=address,
        incarnation=incarnation,
        labels=labels,
        key_store=key_store,
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def map_bytes(found: Mapping[str, str]) -> int:
    """A map of texts."""
    return sum(_ENTRY + bytes_of(key) + bytes_of(value) for key, value in found.items())


def pairs_bytes(pairs: Iterable[tuple[str, str | bytes]]) -> int:
    """Pairs of metadata."""
    return sum(
        _ENTRY + bytes_of(key) + (len(value) if isinstance(value, bytes) else bytes_of(value))
        for key, value in pairs
    )


def header_bytes(metadata: Metadata) -> int:
    """What checked metadata counts as headers of a request."""
    return sum(_PAIR_HEADER + len(key) + len(value) for key, value in metadata)


def texts_bytes(texts: Iterable[str]) -> int:
    """Texts of a repeated field."""
    return sum(_FIELD + bytes_of(text) for text in texts)


def method_bytes(key: MethodKey) -> int:
    """The names of a method."""
    return _METHOD + bytes_of(key.namespace) + bytes_of(key.service) + bytes_of(key.method)


def info_bytes(info: MethodInfo) -> int:
    """A method with its flags."""
    return _FLAGS + method_bytes(info.key) + bytes_of(info.kind)


def exact_info_bytes(info: MethodInfo) -> int:
    """A method with its flags, to the byte: who takes no pieces is told of as many as there is room for."""
    key = info.key
    names = _field(bytes_of(key.namespace)) + _field(bytes_of(key.service)) + _field(bytes_of(key.method))
    kind = 0 if info.kind == "unary" else _field(bytes_of(info.kind))
    return _field(_field(names) + kind + (2 if info.idempotent else 0))


def _field(size: int) -> int:
    """What a field costs, its content of `size` bytes included."""
    return size + 2 if size < 1 << 7 else size + 3 if size < 1 << 14 else size + 4


def reach_bytes(reach: Reach) -> int:
    """News of a collector beside its methods."""
    return 4 * _FIELD + bytes_of(reach.collector_id) + texts_bytes(reach.path)


def text_bytes(text: str) -> int:
    """A name that is told."""
    return _FIELD + bytes_of(text)


def unusual_call_bytes(call: Call) -> int:
    """What a call has beside method, payload and time."""
    return (
        pairs_bytes(call.metadata)
        + len(call.trace)
        + map_bytes(call.hints)
        + texts_bytes(call.visited)
        + _FIELD
        + bytes_of(call.target)
        + (_FIELD + bytes_of(call.idempotency_key) if call.idempotency_key else 0)
    )


def call_memory(call: Call) -> int:
    """What a call that is under way is held at."""
    size = CALL_MEMORY + len(call.payload.value)
    if call.metadata or call.hints or call.visited or len(call.trace) > IDS_BYTES or call.idempotency_key:
        return size + unusual_call_bytes(call)
    return size


def fitting(reply: Reply) -> Reply:
    """A reply as it may travel: details and metadata that are too large, or malformed, are left out, with a remark."""
    status = reply.status
    message, details = clipped(status.message), fitting_details(status.details)
    metadata, remark = fitting_metadata(reply.metadata)
    initial, remark_on_initial = fitting_metadata(reply.initial_metadata)
    if remark := remark or remark_on_initial:
        details = {**details, DETAILS_CUT: f"metadata is left out: {remark}"}
    tried = tuple(clipped(peer_id, MAX_ID_BYTES) for peer_id in reply.tried[:MAX_TRIED])
    if (
        message == status.message
        and details is status.details
        and metadata is reply.metadata
        and initial is reply.initial_metadata
        and tried == reply.tried
    ):
        return reply
    cut = Status(status.code, message, details)
    return Reply(
        cut, reply.payload, reply.handled_by, reply.executed, metadata, tried, initial_metadata=initial
    )


def unusual_reply_bytes(reply: Reply) -> int:
    """What a reply has beside its payload and whoever has run it."""
    status = reply.status
    return (
        2 * _FIELD
        + bytes_of(status.message)
        + map_bytes(status.details)
        + pairs_bytes(reply.metadata)
        + pairs_bytes(reply.initial_metadata)
        + texts_bytes(reply.tried)
    )
