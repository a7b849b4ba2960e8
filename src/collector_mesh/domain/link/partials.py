"""Payloads of which chunks have come: how many there may be, how large they are, and for how long they wait."""

from math import inf

from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.sizes import MAX_ANNOUNCED
from collector_mesh.domain.model.frames import Chunk, ReplyExtra


class Partial:
    """A call or a reply whose payload has not come whole.

    Args:
        entry: the call of the other side, or the call of this side that is answered.
        size: of the payload, as was said.
        type_url: of the payload.
        extra: what else was said of a reply.
        by: who has run the call, if this is a reply.
    """

    __slots__ = ("by", "entry", "extra", "left", "pieces", "room", "size", "type_url")

    def __init__(
        self,
        entry: SentCall | TakenCall,
        size: int,
        type_url: str,
        extra: ReplyExtra | None = None,
        by: str = "",
    ) -> None:
        self.entry = entry
        self.size = self.left = self.room = size
        """Of the payload: what was said, what has not come yet, and what is kept room for."""
        self.type_url = type_url
        self.extra = extra
        self.by = by
        self.pieces: list[bytes] | None = []
        """None if it is not kept: it is too large, or nobody needs it anymore."""


class Partials:
    """Those of one end.

    Args:
        max_payload_bytes: a larger one is counted, and not kept.
        max_bytes: most bytes of those that are kept.
    """

    def __init__(self, *, max_payload_bytes: int, max_bytes: int) -> None:
        self._max_payload_bytes = max_payload_bytes
        self._max_bytes = max_bytes
        self._bytes = 0
        self.held_bytes = 0
        """What has come of those that are kept."""
        self.calls: dict[int, Partial] = {}
        self.replies: dict[int, Partial] = {}
        self.earliest = inf
        """Before this the time of none of the calls is up; one that has ended may still count."""
        self._open: dict[int, TakenCall] = {}

    @property
    def is_crowded(self) -> bool:
        """Whether so many calls are not complete that a further one has to be refused."""
        return len(self.calls) >= MAX_ANNOUNCED

    def add(self, partial: Partial) -> None:
        """A call or a reply was announced.

        Raises:
            ProtocolError: there is one already, or there are too many, or they are too large together.
        """
        number = partial.entry.number
        partials = self.replies if partial.extra is not None else self.calls
        if number in partials:
            raise ProtocolError(f"a second reply to call {number}")
        if partials is self.calls and len(partials) >= 2 * MAX_ANNOUNCED:
            raise ProtocolError(f"more than {2 * MAX_ANNOUNCED} calls that are not complete at a time")
        partials[number] = partial
        if isinstance(partial.entry, TakenCall):
            self._open[number] = partial.entry
            self.earliest = min(self.earliest, partial.entry.call.deadline)
        if partial.size > self._max_payload_bytes:
            partial.pieces, partial.room = None, 0
        self._bytes += partial.room
        if self._bytes > self._max_bytes:
            raise ProtocolError(f"more than {self._max_bytes} bytes in chunks at a time")

    def late(self, now: float) -> list[TakenCall]:
        """The calls whose time is up; they are looked at only if there can be any."""
        if now < self.earliest:
            return []
        late = [taken for taken in self._open.values() if taken.call.deadline <= now]
        for taken in late:
            self.give_up(self.calls[taken.number])
        self.earliest = min((taken.call.deadline for taken in self._open.values()), default=inf)
        return late

    def give_up(self, partial: Partial) -> None:
        """Keep nothing of a payload; what is still to come of it is counted and let go of."""
        self._bytes -= partial.room
        if partial.pieces is not None:
            self.held_bytes -= partial.size - partial.left
        partial.pieces, partial.room = None, 0
        if partial.extra is None:
            self._open.pop(partial.entry.number, None)

    def forget(self, partials: dict[int, Partial], number: int) -> None:
        """Nothing more comes of a payload, or it may come in vain."""
        partial = partials.pop(number, None)
        if partial is not None:
            self.give_up(partial)

    def clear(self) -> None:
        """Let go of everything: the link has ended."""
        self.calls, self.replies, self._open, self.earliest = {}, {}, {}, inf
        self._bytes = self.held_bytes = 0

    def take(self, chunk: Chunk, last_own: int) -> tuple[Partial, bytes | None] | None:
        """Take a chunk; gives what is whole now, with its payload, or None for that where it is not kept.

        Args:
            chunk: the chunk.
            last_own: the number of the last call of this side.

        Raises:
            ProtocolError: nothing awaits it, or it is more than was said.
        """
        partials = self.replies if chunk.of_reply else self.calls
        partial = partials.get(chunk.number)
        if partial is None:
            if chunk.of_reply and 0 < chunk.number <= last_own:
                return None  # its call has been cancelled
            raise ProtocolError(f"a chunk for call {chunk.number}, which awaits none")
        partial.left -= len(chunk.value)
        if partial.left < 0 or not chunk.value:
            raise ProtocolError(f"a chunk for call {chunk.number} that is empty or longer than was said")
        if partial.pieces is not None:
            partial.pieces.append(chunk.value)
            self.held_bytes += len(chunk.value)
        if partial.left:
            return None
        pieces = partial.pieces
        self.forget(partials, chunk.number)
        return partial, b"".join(pieces) if pieces is not None else None
