"""How much has arrived of messages that are not complete, and which connections have to end for it."""

from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from collector_mesh.domain.model.address import host_of
from collector_mesh.domain.policies.open_streams import OpenStream

STRIKES = 3
"""Looks in a row that must find too much, and no less than before: where this process has stood still, much is
complete and only not taken yet."""


@attrs.frozen
class Received:
    """What the system has received on a connection since that was opened.

    Attributes:
        socket: tells apart connections that come one after the other from the same address.
        size: in bytes.
    """

    socket: int
    size: int


@attrs.define
class _Seen:
    socket: int
    taken_before: int
    """What was taken from the same address over an earlier connection."""
    ahead: int = 0
    """Bytes that were received and not taken, at the last look, headers and the like included."""


class Incomplete:
    """Finds out from what was received and what was taken how much of it waits to become complete.

    Messages alone are taken, so the difference grows by itself with headers and frames. What counts is only how much it
    has grown since the oldest message began that a connection has not brought to an end.

    Args:
        most_bytes: of all connections together.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._seen: dict[str, _Seen] = {}
        self._strikes = 0
        self.waiting_bytes = 0
        """At the last look."""

    def look(
        self, received: Mapping[str, Received], taken: Mapping[str, int], reading: Iterable[OpenStream]
    ) -> list[str]:
        """See how much there is.

        Args:
            received: of each connection.
            taken: bytes of messages that were taken from each connection.
            reading: streams on which a message is waited for.

        Returns:
            The connections that have to end: of the host with most of it, those with most of it.
        """
        before = {connection: seen.ahead for connection, seen in self._seen.items()}
        self._seen = {
            connection: self._now(connection, found, taken.get(connection, 0))
            for connection, found in received.items()
        }
        waiting: Counter[str] = Counter()
        for stream in reading:
            seen = self._seen.get(stream.connection)
            if seen is None:
                continue
            if stream.taken_bytes != stream.taken_bytes_seen:
                # A message has come meanwhile, or this is a new stream: the next one has begun since the last look.
                stream.taken_bytes_seen = stream.taken_bytes
                stream.ahead_at_begin = min(before.get(stream.connection, 0), seen.ahead)
            waiting[stream.connection] = max(waiting[stream.connection], seen.ahead - stream.ahead_at_begin)
        total = waiting.total()
        has_shrunk, self.waiting_bytes = total < self.waiting_bytes, total
        self._strikes = 0 if has_shrunk or total <= self._most_bytes else self._strikes + 1
        return _largest(waiting, total - self._most_bytes) if self._strikes >= STRIKES else []

    def _now(self, connection: str, found: Received, taken: int) -> _Seen:
        seen = self._seen.get(connection)
        if seen is None:
            seen = _Seen(found.socket, 0)
        elif seen.socket != found.socket:
            seen = _Seen(found.socket, taken)
        seen.ahead = found.size - (taken - seen.taken_before)
        return seen


def _largest(waiting: Counter[str], excess: int) -> list[str]:
    """Those that have to go so that at least `excess` less is waiting."""
    gone: list[str] = []
    of_host: Counter[str] = Counter()
    for connection, size in waiting.items():
        of_host[host_of(connection)] += size
    while excess > 0 and of_host:
        host = max(of_host, key=lambda one: of_host[one])
        worst = max(
            (one for one in waiting if one not in gone and host_of(one) == host), key=lambda one: waiting[one]
        )
        gone.append(worst)
        excess -= waiting[worst]
        of_host[host] -= waiting[worst]
        if of_host[host] <= 0:
            del of_host[host]
    return gone
