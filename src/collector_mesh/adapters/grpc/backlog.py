"""What has arrived of requests that are not complete: grpc's core keeps it, and tells nobody how much it is."""

from collections.abc import Callable

from collector_mesh.adapters.grpc.connections import Connections
from collector_mesh.adapters.runtime.memory import resident_bytes
from collector_mesh.domain.policies.incomplete import Incomplete
from collector_mesh.domain.policies.open_streams import OpenStreams

_LOOK_SECONDS = 0.1
"""How often it is looked at while requests begin."""

_CLOSELY_SECONDS = 0.02
"""The same where there is much of it: over a loopback 1 GiB may come in a second."""

_MUCH = 4
"""Much is a quarter of too much."""

_GROWN_BYTES = 8 << 20
"""To look at every connection takes time: as long as the process has not grown by so much there is nothing to find."""

_RARELY_SECONDS = 5.0
"""But not for longer, or what the connections carry beside messages would count as well."""


class Backlog:
    """Ends the connections that have most of it, where it is too much.

    Args:
        connections: those of the port.
        streams: those that are open.
        on_limit: told how many bytes there may be, and whose connection had to go.
    """

    def __init__(
        self, connections: Connections, streams: OpenStreams, *, on_limit: Callable[[int, str], None]
    ) -> None:
        self._connections = connections
        self._streams = streams
        self._on_limit = on_limit
        self._incomplete = Incomplete(streams.limits.most_incomplete_bytes)
        self._resident = 0
        self._looked = 0.0

    @property
    def is_much(self) -> bool:
        """Whether it has to be looked at closely, also where no request begins."""
        return self._incomplete.waiting_bytes >= self._streams.limits.most_incomplete_bytes // _MUCH

    @property
    def pause(self) -> float:
        """Seconds until the next look, while requests begin or there is much of it."""
        return _CLOSELY_SECONDS if self.is_much else _LOOK_SECONDS

    def look(self, now: float) -> None:
        """Some time has passed."""
        reading, resident = self._streams.reading, resident_bytes()
        has_grown = resident >= self._resident + _GROWN_BYTES
        if now - self._looked < _RARELY_SECONDS and not (reading and (has_grown or self.is_much)):
            return
        self._resident, self._looked = resident, now
        received = self._connections.received()
        gone = self._incomplete.look(received, self._streams.taken(received), reading)
        if gone:
            self._connections.end(*gone)
        for connection in gone:
            self._on_limit(self._streams.limits.most_incomplete_bytes, connection)
