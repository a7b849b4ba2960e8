"""How much may be on its way to the other side, and how large the pieces are."""

from collections import deque

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.page import Written

_QUEUED = 1 << 62
"""In place of the size of a frame that was written while others were on their way."""


class Window:
    """Counts the frames that take room, and learns from their acknowledgements.

    Args:
        batching: how calls are put into frames.
    """

    __slots__ = (
        "_acknowledged", "_alone", "_batching", "_most_bytes", "_on_the_way", "chunk_bytes", "frame_bytes", "size", "written",
    )  # fmt: skip

    def __init__(self, batching: Batching) -> None:
        self._batching = batching
        self._acknowledged = 0
        self._alone = 0.0
        """What an acknowledgement takes where nothing is in the way, as it was last seen, in seconds."""
        self._on_the_way: deque[tuple[float, int, int, Written | None]] = deque()
        self._most_bytes = batching.frame_bytes
        self.size = batching.window
        """Most frames that are not acknowledged."""
        self.frame_bytes = batching.frame_bytes
        """How many bytes of envelopes a frame may have now."""
        self.chunk_bytes = batching.chunk_bytes
        """How large a piece of a large payload may be now."""
        self.written = 0
        """Frames that have been written."""

    @property
    def open_frames(self) -> int:
        """Frames that are not acknowledged."""
        return self.written - self._acknowledged

    @property
    def unacknowledged(self) -> list[Written]:
        """What is kept with frames that are not acknowledged."""
        return [kept for *_, kept in self._on_the_way if kept is not None]

    def narrow(self, size: int, most_bytes: int) -> None:
        """Take down how many frames the other side lets wait, and how many bytes of envelopes it takes in one."""
        self.size = max(1, min(self.size, size))
        self._most_bytes = max(1, min(self._most_bytes, most_bytes))
        self.frame_bytes = min(self.frame_bytes, self._most_bytes)
        self.chunk_bytes = min(self.chunk_bytes, self._most_bytes)

    def wrote(self, now: float, size: int, chunk_size: int, kept: Written | None) -> None:
        """A frame that takes room has gone: `size` bytes, of which `chunk_size` are a piece of a large payload.

        What is `kept` with it is let go of when it is acknowledged; see `unacknowledged`.
        """
        if self.written > self._acknowledged:
            size = _QUEUED  # what it takes tells of others too
        self.written += 1
        self._on_the_way.append((now, size, chunk_size, kept))

    def ponged(self, seconds: float) -> None:
        """A sign of life was answered after some seconds."""
        if self.written == self._acknowledged:
            self._alone = seconds

    def take_credit(self, taken: int, now: float) -> bool:
        """Take down how many frames the other side has taken; False if that many were never written."""
        if taken > self.written:
            return False
        while self._acknowledged < taken:
            self._acknowledged += 1
            written_at, size, chunk_size, _ = self._on_the_way.popleft()
            self._learn(now - written_at, size, chunk_size)
        return True

    def _learn(self, seconds: float, size: int, chunk_size: int) -> None:
        batching, most = self._batching, self._most_bytes
        if size <= 2 * batching.slow_bytes:
            self._alone = seconds
        if seconds > batching.slow_seconds:
            if size == _QUEUED and seconds - self._alone <= batching.slow_seconds:
                # The wire is long and not slow: those in front of it have taken no time. Small pieces would only leave
                # it empty.
                self.frame_bytes = most
                self.chunk_bytes = min(batching.chunk_bytes, most)
            else:
                self.frame_bytes = self.chunk_bytes = min(batching.slow_bytes, most)
            return
        self.frame_bytes = most
        # Only a chunk that was taken fast shows that a larger one would be.
        if self.chunk_bytes < batching.chunk_bytes or seconds > batching.fast_seconds:
            self.chunk_bytes = batching.chunk_bytes
        elif chunk_size >= batching.chunk_bytes:
            self.chunk_bytes = batching.fast_chunk_bytes
        if most < batching.frame_bytes:
            self.chunk_bytes = min(self.chunk_bytes, most)
