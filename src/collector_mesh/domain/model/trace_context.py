"""The trace context of a call (W3C Trace Context, level 1): one value of bytes, which costs a call next to nothing.

Its first 25 bytes are the trace id (16), the id of the span that the call belongs to (8), and the flags (1); the others
are `tracestate`, as it is written. Empty bytes stand for a call without one. A link carries the first part as it is, and
whether somebody records the call is one look at one byte.
"""

import re
from collections.abc import Iterable

TRACEPARENT = "traceparent"
"""The key of metadata that has the ids and flags, and the name of the header."""

TRACESTATE = "tracestate"
"""The key of what vendors add to that."""

TRACE_KEYS = frozenset({TRACEPARENT, TRACESTATE})

IDS_BYTES = 25
"""Of a trace context, before its tracestate."""

MAX_STATE_BYTES = 512
"""Of a tracestate; members at its end that do not fit are left out."""

MAX_STATE_MEMBERS = 32
"""The same for their number."""

NO_TRACE = b""
"""Stands for a call without a trace context."""

NO_IDS = bytes(IDS_BYTES)
"""The same, where there is a place for one."""

SAMPLED = b"\x01"
"""The flags of a call that is recorded."""

_SAMPLED = 1
_KEPT_FLAGS = 3
"""Sampled, and random (level 2): flags that nobody knows are not passed on."""

_NO_TRACE_ID = bytes(16)
_NO_SPAN_ID = bytes(8)
_MOST_READ = 2048
"""Characters of a header that are looked at: what is longer is none that anybody would write."""

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})(-.*)?", re.DOTALL)
_MEMBER = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_INVALID_VERSION = "ff"
_VERSION = "00"


def trace_of(traceparent: str, tracestate: str = "") -> bytes:
    """The trace context that headers tell of; empty where `traceparent` is malformed, which is no error.

    A version later than ours is read as ours is, as the standard asks for. A malformed `tracestate` is left out.
    """
    if len(traceparent) > _MOST_READ or (found := _PARENT.fullmatch(traceparent)) is None:
        return NO_TRACE
    version, ids, more = found.groups()
    if version == _INVALID_VERSION or (version == _VERSION and more is not None):
        return NO_TRACE
    return checked_trace(bytes.fromhex(ids.replace("-", "")), tracestate)


def checked_trace(ids: bytes, tracestate: str = "") -> bytes:
    """The trace context for ids and flags as bytes, which may be anything; empty where they are none."""
    if len(ids) != IDS_BYTES or ids[:16] == _NO_TRACE_ID or ids[16:24] == _NO_SPAN_ID:
        return NO_TRACE
    if ids[24] > _KEPT_FLAGS:
        ids = ids[:24] + bytes((ids[24] & _KEPT_FLAGS,))
    return ids + checked_state(tracestate) if tracestate else ids


def checked_state(tracestate: str) -> bytes:
    """A tracestate as it is passed on: of many members the first ones; empty where one of them is malformed."""
    members: dict[str, str] = {}
    size = -1
    for part in tracestate[:_MOST_READ].split(",")[: 2 * MAX_STATE_MEMBERS]:
        member = part.strip(" \t")
        if not member:
            continue
        size += len(member) + 1
        if len(members) == MAX_STATE_MEMBERS or size > MAX_STATE_BYTES:
            break
        key = member.partition("=")[0]
        if _MEMBER.fullmatch(member) is None or key in members:
            return NO_TRACE
        members[key] = member
    return ",".join(members.values()).encode("ascii")


def trace_in(metadata: Iterable[tuple[str, str | bytes]]) -> bytes:
    """The trace context that metadata, or the headers of a request, tell of; empty where they tell of none."""
    parent: str | None = None
    states: list[str] = []
    for key, value in metadata:
        if key not in TRACE_KEYS or not isinstance(value, str):
            continue
        if key == TRACESTATE:
            states.append(value)
        elif parent is None:
            parent = value
        else:
            # Nobody knows which one is meant.
            return NO_TRACE
    return NO_TRACE if parent is None else trace_of(parent, ",".join(states))


def traceparent_of(trace: bytes) -> str:
    """What the header `traceparent` says for a trace context; empty where there is none."""
    if not trace:
        return ""
    ids = trace[:IDS_BYTES].hex()
    return f"{_VERSION}-{ids[:32]}-{ids[32:48]}-{ids[48:]}"


def tracestate_of(trace: bytes) -> str:
    """What the header `tracestate` says for a trace context; empty where nothing is said."""
    return trace[IDS_BYTES:].decode("ascii")


def headers_for(trace: bytes) -> tuple[tuple[str, str], ...]:
    """The headers that tell of a trace context."""
    if not trace:
        return ()
    parent = (TRACEPARENT, traceparent_of(trace))
    return (parent, (TRACESTATE, tracestate_of(trace))) if len(trace) > IDS_BYTES else (parent,)


def trace_id_of(trace: bytes) -> str:
    """The trace id as 32 hexadecimal digits; empty where there is none."""
    return trace[:16].hex()


def span_id_of(trace: bytes) -> str:
    """The id of the span that a call belongs to, as 16 hexadecimal digits; empty where there is none."""
    return trace[16:24].hex()


def is_sampled(trace: bytes) -> bool:
    """Whether the call is recorded."""
    return len(trace) >= IDS_BYTES and bool(trace[24] & _SAMPLED)


def child_of(trace: bytes, span_id: bytes) -> bytes:
    """The context of what belongs to another span of the same trace; the decision and the tracestate stay."""
    return trace[:16] + span_id + trace[24:]
