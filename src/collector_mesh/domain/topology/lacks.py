"""Words of peers that they lack a method, remembered for a while."""

from collections import deque
from collections.abc import Collection
from math import inf

from collector_mesh.domain.model.names import MethodKey

LACKS_SECONDS = 1.0
"""How long a peer is taken at its word that it lacks a method (WIRE §3)."""

MAX_LACKS = 1024
"""Most such words that are remembered: callers name methods as they like."""


class Lacks:
    """Who has just said of what that it is lacking."""

    __slots__ = ("_of_method", "_of_peer", "_until")

    def __init__(self) -> None:
        self._of_method: dict[MethodKey, dict[str, float]] = {}
        self._of_peer: dict[str, dict[MethodKey, None]] = {}
        self._until: deque[tuple[float, MethodKey, str]] = deque()

    def __len__(self) -> int:
        return len(self._until)

    def note(self, key: MethodKey, peer_id: str, *, now: float) -> None:
        """Remember for a while that a peer does not have a method."""
        self._forget_old(now)
        if len(self._until) >= MAX_LACKS:
            self._forget_oldest()
        until = now + LACKS_SECONDS
        self._of_method.setdefault(key, {})[peer_id] = until
        self._of_peer.setdefault(peer_id, {})[key] = None
        self._until.append((until, key, peer_id))

    def of(self, key: MethodKey, *, now: float) -> Collection[str]:
        """Ids of the peers that have just said that they do not have a method."""
        self._forget_old(now)
        return self._of_method.get(key, ())

    def forget(self, peer_id: str) -> None:
        """Drop what is remembered of a peer: it may have other methods now."""
        for key in self._of_peer.get(peer_id, {}).copy():
            self._drop(key, peer_id)

    def _forget_old(self, now: float) -> None:
        while self._until and self._until[0][0] <= now:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        until, key, peer_id = self._until.popleft()
        peers = self._of_method.get(key)
        # It may have said so again since, or there was news of it.
        if peers is not None and peers.get(peer_id, inf) <= until:
            self._drop(key, peer_id)

    def _drop(self, key: MethodKey, peer_id: str) -> None:
        peers, keys = self._of_method[key], self._of_peer[peer_id]
        del peers[peer_id], keys[key]
        if not peers:
            del self._of_method[key]
        if not keys:
            del self._of_peer[peer_id]
