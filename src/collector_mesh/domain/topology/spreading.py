"""News of collectors on their way to all who are connected: so much at a time, as others want their turn."""

from collections.abc import Callable, Iterable
from itertools import islice

from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology

PAIRS_AT_ONCE = 2048
"""How often it is asked at a time what one peer is to be told of one collector; each costs some microseconds."""

Later = Callable[[Callable[[], None]], None]


def at_once(work: Callable[[], None]) -> None:
    """Do not wait at all."""
    work()


class Spreading:
    """What is to be told and is not yet.

    It is kept of whom, not what: when it is told it is what is true then.

    Args:
        topology: who is connected.
        tell: tells a peer what is new of some collectors.
        later: calls something soon, when others have had their turn.
    """

    def __init__(
        self, topology: Topology, tell: Callable[[Connection, Iterable[str]], None], later: Later
    ) -> None:
        self._topology = topology
        self._tell = tell
        self._later = later
        self._targets: dict[str, None] = {}
        """Of whom everybody is to be told."""
        self._listeners: dict[str, dict[str, None]] = {}
        """Who is to be told of whom beside that, by peer."""
        self._is_coming = False

    def of(self, targets: Iterable[str]) -> None:
        """Tell every peer of some collectors."""
        self._targets.update(dict.fromkeys(targets))
        self._go_on()

    def to(self, peer_id: str, targets: Iterable[str]) -> None:
        """Tell one peer of some collectors, in place of what it was to be told before."""
        self._listeners[peer_id] = dict.fromkeys(targets)
        self._go_on()

    def _go_on(self) -> None:
        if (self._targets or self._listeners) and not self._is_coming:
            self._is_coming = True
            self._later(self._work)

    def _work(self) -> None:
        self._is_coming = False
        left = PAIRS_AT_ONCE
        while self._listeners and left > 0:
            left -= self._tell_one(left)
        if self._targets and left >= min(PAIRS_AT_ONCE, len(self._topology)):
            self._tell_all(left)
        self._go_on()

    def _tell_one(self, most: int) -> int:
        """Tell the peer that waits longest, and say how much that was."""
        peer_id, waiting = next(iter(self._listeners.items()))
        targets = _take(waiting, most)
        if not waiting:
            del self._listeners[peer_id]
        connection = self._topology.get(peer_id)
        if connection is not None:
            self._tell(connection, targets)
        return max(1, len(targets))

    def _tell_all(self, most: int) -> None:
        """Tell everybody of those that wait longest."""
        targets = _take(self._targets, max(1, most // max(1, len(self._topology))))
        for connection in self._topology:
            self._tell(connection, targets)


def _take(waiting: dict[str, None], most: int) -> list[str]:
    taken = list(islice(waiting, most))
    for target in taken:
        del waiting[target]
    return taken
