"""Metadata that comes with a reply, before and after the result; gRPC calls it initial and trailing."""

from collections.abc import Iterable, Mapping

from collector_mesh.domain.model.call import checked_metadata
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.limits import DETAILS_CUT, MAX_ENTRIES, MAX_METADATA_BYTES, bytes_of_pairs
from collector_mesh.domain.model.status import Metadata, Reply, Status

STATUS_DETAILS = "grpc-status-details-bin"
"""What programs are told of an error (`google.rpc.Status`)."""

PUSHBACK = "grpc-retry-pushback-ms"
"""When to try again, in milliseconds (gRFC A6); servers set it, and who has called them may pass it on."""

RESERVED = frozenset({STATUS_DETAILS, PUSHBACK})
"""Keys of gRPC's own that a reply may have: those that handlers set, and not gRPC itself."""


def checked_reply_metadata(
    metadata: Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]],
) -> Metadata:
    """Metadata that a reply can carry: as that of a call, and the keys in `RESERVED`.

    Raises:
        ValueError: a key or value is not of that form, or all of it is too large.
        TypeError: it is neither a mapping nor pairs, cannot be read, or a key or value is of another type.
    """
    try:
        return checked_metadata(metadata, RESERVED)
    except InvalidCallError as error:
        # The mistake of a handler, and not of whoever has called it.
        raise ValueError(str(error)) from None


def fitting_metadata(metadata: Metadata) -> tuple[Metadata, str]:
    """Metadata of a reply as far as it may travel, and why the rest of it is left out; empty where nothing is.

    All of it is left out where it is too much, and else pair by pair.
    """
    if not metadata:
        return (), ""
    try:
        checked_metadata(metadata, RESERVED)
    except (InvalidCallError, TypeError) as error:
        # Too much of it is not looked at pair by pair.
        if len(metadata) > MAX_ENTRIES or bytes_of_pairs(metadata) > MAX_METADATA_BYTES:
            return (), str(error)
        return tuple(pair for pair in metadata if _is_sound(pair)), str(error)
    return metadata, ""


def with_fitting_metadata(reply: Reply) -> Reply:
    """The same reply without what may not travel of its metadata, which a detail says then."""
    metadata, why = fitting_metadata(reply.metadata)
    initial, why_initial = fitting_metadata(reply.initial_metadata)
    if remark := why or why_initial:
        reply.metadata, reply.initial_metadata = metadata, initial
        details = {**reply.status.details, DETAILS_CUT: f"metadata is left out: {remark}"}
        reply.status = Status(reply.status.code, reply.status.message, details)
    return reply


def _is_sound(pair: tuple[str, str | bytes]) -> bool:
    try:
        checked_metadata((pair,), RESERVED)
    except (InvalidCallError, TypeError):
        return False
    return True
