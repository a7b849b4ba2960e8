"""Everybody of whom something is known, connected or not, for a while."""

from collections.abc import Iterator

from collector_mesh.domain.peers.peer import Peer
from collector_mesh.domain.topology.topology import Topology

_REMEMBERED_SECONDS = 600.0
"""How long it is remembered of a peer that is not known anymore which of its starts were superseded."""

_MAX_IDS = 4096
"""Most peers that are not known anymore of which that is remembered."""


class KnownPeers:
    """The peers by their ids.

    Args:
        collector_id: of this collector.
        topology: who is connected.
    """

    def __init__(self, collector_id: str, topology: Topology) -> None:
        self._collector_id = collector_id
        self._topology = topology
        self._peers: dict[str, Peer] = {}

    def get(self, peer_id: str) -> Peer | None:
        """What is known of a peer."""
        return self._peers.get(peer_id)

    def of(self, peer_id: str) -> Peer:
        """The same, of one that may be new."""
        peer = self._peers.get(peer_id)
        if peer is None:
            peer = self._peers[peer_id] = Peer(peer_id, self._collector_id)
            if len(self._peers) - len(self._topology) > _MAX_IDS:
                oldest = next(self._unknown(), None)
                if oldest is not None:
                    del self._peers[oldest.peer_id]
        return peer

    def forget(self, now: float) -> None:
        """Forget those that are not known anymore, after a while."""
        gone = {peer.peer_id for peer in self._unknown()}
        for peer_id, peer in list(self._peers.items()):
            if peer_id not in gone:
                peer.unknown_since = None
            elif peer.unknown_since is None:
                peer.unknown_since = now
            elif now - peer.unknown_since >= _REMEMBERED_SECONDS:
                del self._peers[peer_id]

    def _unknown(self) -> Iterator[Peer]:
        """Those that are neither connected nor wanted, the oldest first."""
        for peer_id, peer in self._peers.items():
            if not peer.links and not peer.wanted and self._topology.get(peer_id) is None:
                yield peer
