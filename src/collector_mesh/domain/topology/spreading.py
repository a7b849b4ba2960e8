"""News of collectors on their way to all who are connected: some at a time, as others want their turn."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.later import Later
from collector_mesh.domain.topology.topology import Topology

PAIRS_AT_ONCE = 2048
"""Pairs of a peer and a collector that it is to be told of that are looked at in one go; each costs some microseconds."""


class Spreading:
    """What is to be told and is not yet.

    It is kept of whom, not what: when it is told it is what is true then.

    Args:
        topology: who is connected.
        tell: tells a peer what is new of some collectors, and gives how much that was.
        later: calls something soon, when others have had their turn.
    """

    def __init__(
        self, topology: Topology, tell: Callable[[Connection, Sequence[str]], int], later: Later
    ) -> None:
        self._topology = topology
        self._tell = tell
        self._later = later
        self._targets: dict[str, None] = {}
        """Of whom everybody is to be told."""
        self._listeners: dict[str, tuple[Sequence[str], int]] = {}
        """Who is to be told of whom beside that, by peer, and how many of them were told."""
        self._told_now: list[str] = []
        """Of whom everybody is being told,"""
        self._left_out: deque[str] = deque()
        """and who has not heard of them yet."""
        self._is_coming = False

    def of(self, targets: Iterable[str]) -> None:
        """Tell every peer of some collectors."""
        self._targets.update(dict.fromkeys(targets))
        self._go_on()

    def to(self, peer_id: str, targets: Sequence[str]) -> None:
        """Tell one peer of some collectors, in place of what it was to be told before.

        The collectors are not copied: many peers may be told of the same.
        """
        self._listeners[peer_id] = targets, 0
        self._go_on()

    def _go_on(self) -> None:
        if (self._targets or self._listeners or self._left_out) and not self._is_coming:
            self._is_coming = True
            self._later(self._work)

    def _work(self) -> None:
        self._is_coming = False
        left = PAIRS_AT_ONCE
        while self._listeners and left > 0:
            left -= self._tell_one(left)
        while left > 0 and (self._left_out or self._begin_round(left)):
            left -= self._tell_next()
        self._go_on()

    def _tell_one(self, most: int) -> int:
        """Tell the peer that waits longest, and say how much that was."""
        peer_id, (waiting, told) = next(iter(self._listeners.items()))
        targets = waiting[told : told + most]
        if told + most < len(waiting):
            self._listeners[peer_id] = waiting, told + most
        else:
            del self._listeners[peer_id]
        connection = self._topology.get(peer_id)
        return max(1, len(targets), 0 if connection is None else self._tell(connection, targets))

    def _begin_round(self, most: int) -> bool:
        """Have everybody told of those that wait longest, if that much can be told now."""
        peers = len(self._topology)
        if not self._targets or most < min(PAIRS_AT_ONCE // 2, peers):
            return False
        self._told_now = _take(self._targets, max(1, most // max(1, peers)))
        self._left_out.extend(connection.peer_id for connection in self._topology)
        return bool(self._left_out)

    def _tell_next(self) -> int:
        """Tell the next peer, and say how much that was."""
        connection = self._topology.get(self._left_out.popleft())
        return max(
            1, len(self._told_now), 0 if connection is None else self._tell(connection, self._told_now)
        )


def _take(waiting: dict[str, None], most: int) -> list[str]:
    taken = list(islice(waiting, most))
    for target in taken:
        del waiting[target]
    return taken
