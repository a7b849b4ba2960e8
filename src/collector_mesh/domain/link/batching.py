"""How much goes into a frame, and when."""

import attrs
from attrs.validators import and_, ge, le

from collector_mesh.domain.link.sizes import MAX_CHUNK_BYTES, MAX_ENVELOPES, MAX_FRAME_BYTES

_CHUNK = and_(ge(1), le(MAX_CHUNK_BYTES))
_ENVELOPES = and_(ge(1), le(MAX_FRAME_BYTES // 4))


@attrs.frozen
class Batching:
    """How much goes into a frame, and when; measured in an open loop at 10,000 to 100,000 calls a second.

    Attributes:
        max_envelopes: most calls and replies of a frame: both sides work at the same time then.
        frame_bytes: most bytes of a frame, as they are encoded, beside the chunk of a large payload.
        chunk_bytes: size of the pieces of a payload that is larger than `large_bytes`.
        large_bytes: largest payload that is sent in one piece.
        fast_chunk_bytes: in place of `chunk_bytes` after one that was acknowledged within `fast_seconds`: twice as many
            bytes a second between processes of one machine.
        fast_seconds: within which an acknowledgement is fast.
        slow_bytes: in place of `frame_bytes` and `chunk_bytes` while the other side is slow to take frames.
        slow_seconds: after which an acknowledgement is slow.
        enough: calls and replies that are worth a frame while another one is not acknowledged; up to twice as
            many are sent in two frames.
        window: most frames that are not acknowledged.
        queue_bytes: most bytes that wait.
        max_names: most names that are numbered at a time; a frame may go over it, and must not exceed `MAX_NAMES`.
    """

    max_envelopes: int = attrs.field(default=128, validator=and_(ge(1), le(MAX_ENVELOPES - 1)))
    frame_bytes: int = attrs.field(default=64 << 10, validator=_ENVELOPES)
    chunk_bytes: int = attrs.field(default=64 << 10, validator=_CHUNK)
    large_bytes: int = attrs.field(default=64 << 10, validator=_ENVELOPES)
    fast_chunk_bytes: int = attrs.field(default=256 << 10, validator=_CHUNK)
    fast_seconds: float = 0.05
    slow_bytes: int = attrs.field(default=16 << 10, validator=_ENVELOPES)
    slow_seconds: float = 0.1
    enough: int = attrs.field(default=32, validator=ge(1))
    window: int = attrs.field(default=4, validator=ge(1))
    queue_bytes: int = attrs.field(default=16 << 20, validator=ge(1))
    max_names: int = attrs.field(default=16384, validator=and_(ge(16), le(32768)))
