"""A call as it travels through the mesh."""

import re
from collections.abc import Container, Iterable, Mapping
from enum import Enum
from hashlib import blake2b
from itertools import islice
from types import MappingProxyType

import attrs

from collector_mesh.domain.model.errors import (
    InvalidCallError,
    clipped,
    is_unicode,
    kind_of,
    quoted,
    text_of,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.limits import MAX_ENTRIES, MAX_HINTS_BYTES, MAX_METADATA_BYTES
from collector_mesh.domain.model.names import MethodKey, text_argument
from collector_mesh.domain.model.payload import EMPTY, Payload
from collector_mesh.domain.model.status import Metadata

NO_HINTS: Mapping[str, str] = MappingProxyType({})


class Origin(Enum):
    """Where a call comes from."""

    LOCAL = "local"
    """From this process."""
    CLIENT = "client"
    """From a caller that is no peer: a client's link, or a unary request."""
    PEER = "peer"
    """From a peer, over its link."""


_METADATA_KEY = re.compile(r"[a-z0-9_.-]{1,64}")
_RESERVED_PREFIX = "grpc-"
_BINARY_SUFFIX = "-bin"
_SCOPED = "of:"


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
        origin: where it comes from.
        caller: id of that peer, or empty.
        identity: what the transport has proved about whoever sent it, or None.
        hops: how many collectors have passed it on.
        visited: their ids.
        source: who has sent it here, by what is proved, else by where it is; empty for this process itself.
        trace: its trace context, or empty; see `trace_context`.
        idempotency_key: what makes every repeat of it the same call; empty where there is none.
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
    source: str = ""
    trace: bytes = b""
    idempotency_key: str = attrs.field(default="", repr=False)


def scope_key(call: Call) -> None:
    """Make the idempotency key of a caller one of its identity: what others make up never meets it.

    A collector that passes the call on sends that one, so a repeat over another collector is the same call.
    """
    who = str(call.identity) if call.identity else ""
    if who or call.idempotency_key.startswith(_SCOPED):
        said = f"{who}\0{call.idempotency_key}".encode("utf-8", "backslashreplace")
        call.idempotency_key = _SCOPED + blake2b(said, digest_size=24).hexdigest()


def path_of(call: Call, here: str) -> tuple[str, ...]:
    """The ids of the collectors that a call has come over, from the first one to this one.

    One that a collector without links has sent, or a version that does not say so, has come from nowhere.
    """
    visited, caller = call.visited, call.caller
    before = (*visited, caller) if caller and caller not in visited else visited
    return (*before, here) if here not in before else before


def says_idempotent(call: Call) -> bool | None:
    """What the caller says on whether a call may run twice; None if nothing."""
    if call.idempotent is not None:
        return call.idempotent
    # So it is said over unary (WIRE §1); a caller that says no is heard as well.
    return {"true": True, "false": False}.get(call.hints.get("idempotent", ""))


def check_metadata_key(key: str, reserved: Container[str] = ()) -> None:
    """See that metadata can have a key; `reserved` has those of gRPC's own that it may have.

    Raises:
        InvalidCallError: it cannot; the text says what is allowed.
    """
    if not _METADATA_KEY.fullmatch(key) or (key.startswith(_RESERVED_PREFIX) and key not in reserved):
        raise InvalidCallError(
            f"metadata key must match {_METADATA_KEY.pattern} and not start with"
            f" {_RESERVED_PREFIX}, got {quoted(key)}"
        )


def checked_metadata(
    metadata: "Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]", reserved: Container[str] = ()
) -> Metadata:
    """Metadata that every link can carry; without one it is carried as headers, where pairs have a limit of their own.

    Keys are lower case; one that ends in `-bin` has bytes for a value, any other printable ASCII.

    Args:
        metadata: a mapping, or pairs, of which a key may have several.
        reserved: keys of gRPC's own that it may have.

    Raises:
        InvalidCallError: a key or value is not of that form, or all of it is too large.
        TypeError: it is neither, cannot be read, or a key or value is of another type.
    """
    checked: list[tuple[str, str | bytes]] = []
    size = 0
    for pair in _read("metadata", metadata):
        key, value = _pair(pair)
        check_metadata_key(key, reserved)
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


def checked_hints(hints: Mapping[str, str]) -> Mapping[str, str]:
    """Hints that every transport can carry.

    Raises:
        InvalidCallError: a text is no valid Unicode, or all of them are too large.
        TypeError: it is no mapping of texts, or cannot be read.
    """
    if not isinstance(hints, Mapping):
        raise TypeError(f"hints must be a mapping of str to str, got {kind_of(hints)}")
    checked: dict[str, str] = {}
    size = 0
    for given in _read("hints", hints):
        parts = _parts(given) if isinstance(given, tuple) else ()
        if len(parts) != 2:
            raise TypeError(f"hints must be a mapping of str to str, got {kind_of(given)} for an item")
        key, value = (text_argument("hints: each key and value", part) for part in parts)
        if not is_unicode(key + value):
            raise InvalidCallError(f"hints must be valid Unicode, got {quoted(key)}: {quoted(value)}")
        size += len(key.encode()) + len(value.encode())
        checked[key] = value
    if size > MAX_HINTS_BYTES:
        raise InvalidCallError(f"hints have {size} bytes, at most {MAX_HINTS_BYTES} are allowed")
    return MappingProxyType(checked)


def _read(name: str, source: object) -> list[object]:
    """The items of a mapping, or of anything else that has some."""
    if isinstance(source, str | bytes | bytearray | memoryview):
        raise TypeError(f"{name} must be a mapping or pairs, got {kind_of(source)}")
    try:
        items = source.items() if isinstance(source, Mapping) else source
        # A generator may never end.
        found: list[object] = list(islice(items, MAX_ENTRIES + 1))  # type: ignore[call-overload]  # what cannot be iterated raises
    except Exception as error:
        # A user's own, which may do anything.
        raise TypeError(
            f"{name} must be a mapping or pairs, got {kind_of(source)}: {clipped(text_of(error))}"
        ) from error
    if len(found) > MAX_ENTRIES:
        raise InvalidCallError(f"{name} has more than {MAX_ENTRIES} entries")
    return found


def _parts(given: tuple[object, ...] | list[object]) -> tuple[object, ...]:
    """What a tuple or list holds, whatever one of a class of its own makes of being read."""
    of = tuple if issubclass(type(given), tuple) else list
    return tuple(of.__iter__(given)) if issubclass(type(given), of) else ()  # type: ignore[arg-type]  # just looked


def _pair(pair: object) -> tuple[str, str | bytes]:
    # A text of two characters would do as well, and never be meant.
    parts = _parts(pair) if isinstance(pair, tuple | list) else None
    if parts is None or len(parts) != 2:
        many = f" of {len(parts)}" if parts is not None else ""
        raise TypeError(
            f"metadata must be a mapping or pairs of a str and a str or bytes, got {kind_of(pair)}{many}"
        )
    key, value = parts
    key = text_argument("metadata: each key", key)
    if type(value) is not bytes and not issubclass(type(value), str):
        raise TypeError(f"metadata {quoted(key)} must be a str or bytes, got {kind_of(value)}")
    return key, value if type(value) is bytes else text_argument("metadata", value)
