"""Which links have ended last, and why."""

from collections import deque

from collector_mesh.domain.model.snapshot import LinkEnd
from collector_mesh.domain.model.texts import visible

_MAX_ENDED = 32
"""How many links that have ended are told in a snapshot."""


class EndedLinks:
    """Remembers the last ones, for a snapshot."""

    def __init__(self) -> None:
        self._ended: deque[tuple[float, str, str, str]] = deque(maxlen=_MAX_ENDED)

    def note(self, now: float, peer_id: str, address: str, reason: str) -> None:
        """One has ended."""
        self._ended.append((now, peer_id, address, reason))

    def recently(self, now: float) -> tuple[LinkEnd, ...]:
        """Those, the latest first."""
        return tuple(
            LinkEnd(visible(peer), visible(address), visible(reason), now - at)
            for at, peer, address, reason in reversed(self._ended)
        )
