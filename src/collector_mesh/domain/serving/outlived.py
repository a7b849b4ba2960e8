"""Handlers that go on although nobody waits for them anymore: a plain one cannot be stopped, others may be slow to."""

from weakref import ref

from collector_mesh.domain.model.context import CallContext


class Outlived:
    """Knows what such handlers hold, for as long as they do."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        # Whoever keeps a context keeps the request.
        self._left: list[tuple[ref[CallContext], int]] = []

    def leave(self, context: CallContext) -> None:
        """Nobody waits for a call anymore."""
        context.cancel()
        size = context.payload_bytes
        if size and not context.has_ended:
            self._look()
            self._left.append((ref(context), size))

    @property
    def held_bytes(self) -> int:
        """The payloads of those that have not ended."""
        if self._left:
            self._look()
        return sum(size for _, size in self._left)

    def _look(self) -> None:
        self._left = [left for left in self._left if (it := left[0]()) is not None and not it.has_ended]
