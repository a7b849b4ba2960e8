"""A call as it travels through the mesh."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import EMPTY, Payload
from collector_mesh.domain.model.status import Metadata

NO_HINTS: Mapping[str, str] = MappingProxyType({})

MAX_METADATA_BYTES = 1024
"""Most bytes of metadata, keys and values: what fits into the headers of a request everywhere.

gRPC refuses more than 8 KiB of headers at random and more than 16 KiB always (grpc#32600).
"""


class Origin(Enum):
    """Where a call comes from."""

    LOCAL = "local"
    CLIENT = "client"
    PEER = "peer"


_METADATA_KEY = re.compile(r"[a-z0-9_.-]{1,64}")
_RESERVED_PREFIX = "grpc-"
_BINARY_SUFFIX = "-bin"


# Not frozen: one is made for every call, and a frozen one costs three times as much.
@attrs.define
class Call:
    """A call for a method.

    Attributes:
        key: the method; unchecked until the pipeline has looked it up.
        payload: the request.
        deadline: when its time is up, on the local monotonic clock, in seconds; `math.inf` for never.
        target: the only collector that may run it, or empty.
        hints: for the router.
        metadata: pairs that travel with it to the handler.
        idempotent: whether it may run twice; None where the caller has not said.
        origin: this process, a caller that is not known, or a peer over its link.
        caller: id of that peer, or empty.
        identity: what the transport has proved about whoever sent it, or None.
        hops: how many collectors have passed it on.
        visited: their ids.
    """

    key: MethodKey
    payload: Payload = EMPTY
    deadline: float = float("inf")
    target: str = ""
    hints: Mapping[str, str] = NO_HINTS
    metadata: Metadata = ()
    idempotent: bool | None = None
    origin: Origin = Origin.LOCAL
    caller: str = ""
    identity: Identity | None = None
    hops: int = 0
    visited: tuple[str, ...] = ()


def checked_metadata(pairs: Iterable[tuple[str, str | bytes]]) -> Metadata:
    """Metadata that every transport can carry.

    Keys are lower case; one that ends in `-bin` has bytes for a value, any other printable ASCII.

    Raises:
        InvalidCallError: a key or value is not of that form, or all of it is too large.
        TypeError: it is not an iterable of pairs.
    """
    checked = []
    size = 0
    for key, value in pairs:
        if not _METADATA_KEY.fullmatch(key) or key.startswith(_RESERVED_PREFIX):
            raise InvalidCallError(
                f"metadata key must match {_METADATA_KEY.pattern} and not start with"
                f" {_RESERVED_PREFIX}, got {quoted(key)}"
            )
        if key.endswith(_BINARY_SUFFIX):
            if not isinstance(value, bytes):
                raise InvalidCallError(f"metadata {key!r} must be bytes: its key ends in {_BINARY_SUFFIX}")
        elif not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise InvalidCallError(
                f"metadata {key!r} must be printable ASCII, or have a key that ends in {_BINARY_SUFFIX}"
            )
        size += len(key) + len(value)
        checked.append((key, value))
    if size > MAX_METADATA_BYTES:
        raise InvalidCallError(f"metadata has {size} bytes, at most {MAX_METADATA_BYTES} are allowed")
    return tuple(checked)
