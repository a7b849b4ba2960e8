"""Who has connected by TLS and has left without a request: grpc tells nobody whom it has refused."""

import time
from collections.abc import Callable, Collection

from collector_mesh.adapters.grpc.connections import Connections

HANDSHAKE_SECONDS = 5.0
"""How long somebody may take to shake hands; grpc closes the connection then."""

_MOST = 1024
"""Connections that are waited for at once."""

_SCAN_SECONDS = 0.1
"""Looking who is there takes time; in between some are missed."""

_EMPTY_SECONDS = 0.01
"""The same where nobody was there: what the listener itself opens to see whether it listens is gone by then."""

REASON = "gone without a request: no TLS, no certificate that is believed, or nothing to ask"


class Arrivals:
    """Notices connections when hands are shaken, and tells of those that are gone soon after.

    Args:
        connections: those of the port.
        on_refused: told who has gone, and what that may mean.
        is_own: whether a connection was of this process itself.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        on_refused: Callable[[str, str], None],
        is_own: Callable[[str], bool],
    ) -> None:
        self._connections = connections
        self._on_refused = on_refused
        self._is_own = is_own
        self._waiting: dict[str, float] = {}
        self._heard: set[str] = set()
        """Those that were there at the last scan or have come since, and have shaken hands."""
        self._next_scan = 0.0

    def scan(self) -> list[str] | None:
        """Look who is there, in any thread; None where that was done a moment ago."""
        now = time.monotonic()
        if now < self._next_scan:
            return None
        self._next_scan = now + _SCAN_SECONDS
        present = self._connections.all()
        if not present:
            self._next_scan = now + _EMPTY_SECONDS
        return present

    def seen(self, connections: Collection[str], now: float) -> None:
        """These are there now."""
        self._heard.intersection_update(connections)
        for connection in connections:
            if connection not in self._heard and len(self._waiting) < _MOST:
                self._waiting.setdefault(connection, now)

    def heard(self, connection: str) -> None:
        """It has made a request."""
        self._heard.add(connection)
        self._waiting.pop(connection, None)

    def look(self, now: float) -> None:
        """Some time has passed; on the clock of `seen`."""
        # Whoever has not said a word by then was sent away, or has all the time of an idle connection.
        due = [one for one, since in self._waiting.items() if now - since > HANDSHAKE_SECONDS + 1.0]
        if not due:
            return
        present = set(self._connections.all())
        for connection in due:
            del self._waiting[connection]
            if connection in present:
                self._heard.add(connection)
            elif not self._is_own(connection):
                self._on_refused(connection, REASON)
