"""How grpc is told of an outcome: code, text and trailers."""

from collections.abc import Mapping
from types import MappingProxyType

import grpc

from collector_mesh.adapters.grpc.headers import sendable
from collector_mesh.adapters.wire.grpc_codes import GrpcStatus
from collector_mesh.domain.link.sizes import header_bytes
from collector_mesh.domain.model.reply_metadata import PUSHBACK
from collector_mesh.domain.model.status import Metadata

STATUS_CODES: Mapping[int, grpc.StatusCode] = MappingProxyType(
    {code.value[0]: code for code in grpc.StatusCode}
)
"""The codes of gRPC as grpc wants them, by their numbers."""

TRAILERS_OF_A_CLIENT = (8 << 10) - 512
"""Bytes of trailers that clients take by default, without those that every response has.

Beyond 8 KiB they refuse some responses at random, and what the code was is lost (grpc#32600).
"""

LEAST_TEXT_BYTES = 1024
"""Bytes of a text, as it travels, that are kept whatever metadata there is beside it."""

_PLAIN = frozenset(range(0x20, 0x7F)) - {ord("%")}
"""Bytes that travel as they are; any other takes three."""


def told(status: GrpcStatus) -> tuple[grpc.StatusCode, str, Metadata]:
    """What `abort` takes for a status: the text is cut to what goes into the trailers beside the metadata."""
    metadata, pushback = status.trailing, status.trailing[-1:]
    if pushback and pushback[0][0] == PUSHBACK:
        metadata = metadata[:-1]
    else:
        pushback = ()
    trailers = (*sendable(metadata)[0], *pushback)
    room = max(LEAST_TEXT_BYTES, TRAILERS_OF_A_CLIENT - header_bytes(trailers))
    return STATUS_CODES[status.code], _fitting(status.text, room), trailers


def _fitting(text: str, room: int) -> str:
    """As much of a text as takes no more than some bytes, percent-encoded."""
    data = text.encode("utf-8", "backslashreplace")
    if 3 * len(data) <= room:
        return text
    for end, byte in enumerate(data):
        room -= 1 if byte in _PLAIN else 3
        if room < 0:
            return data[:end].decode("utf-8", "ignore")
    return text
