"""How many streams strangers may have open, and for how long they may say nothing."""

from collections import Counter

import attrs


@attrs.define(eq=False)
class OpenStream:
    """One request that has begun to arrive, or a link.

    Attributes:
        address: the host that it comes from.
        connection: the host and the port.
        since: when it was opened, on the monotonic clock.
    """

    address: str
    connection: str
    since: float


@attrs.frozen(kw_only=True)
class StreamLimits:
    """What is allowed.

    Attributes:
        most_of_address: streams of one address. Its connections share them: one that has fewer than its
            share gets another one, so that one program on a machine cannot keep out the others there.
        most_silent: streams whose request has not arrived.
        patience: seconds before such a one has to make room for others.
        longest: seconds after which it is cut in any case.
    """

    most_of_address: int = 4096
    most_silent: int = 256
    patience: float = 2.0
    longest: float = 60.0


class OpenStreams:
    """The streams that are open, and which of them have to go.

    Args:
        limits: what is allowed.
    """

    def __init__(self, limits: StreamLimits) -> None:
        self.limits = limits
        self._of_address: Counter[str] = Counter()
        self._of_connection: Counter[str] = Counter()
        self._connections: Counter[str] = Counter()
        # In the order in which they were opened.
        self._silent: dict[OpenStream, None] = {}

    def open(self, address: str, connection: str, now: float, *, is_silent: bool = True) -> OpenStream | None:
        """Take one more, or None where it is one too many."""
        limits = self.limits
        if self._of_address[address] >= limits.most_of_address:
            connections = max(1, self._connections[address])
            if self._of_connection[connection] >= max(1, limits.most_of_address // connections):
                return None
        stream = OpenStream(address, connection, now)
        self._of_address[address] += 1
        self._of_connection[connection] += 1
        if self._of_connection[connection] == 1:
            self._connections[address] += 1
        if is_silent:
            self._silent[stream] = None
        return stream

    def is_busy(self, connection: str) -> bool:
        """Whether a connection has a stream."""
        return connection in self._of_connection

    def has_spoken(self, stream: OpenStream) -> None:
        """Its request has arrived."""
        self._silent.pop(stream, None)

    def close(self, stream: OpenStream) -> None:
        """It has ended."""
        self._silent.pop(stream, None)
        _less(self._of_address, stream.address)
        _less(self._of_connection, stream.connection)
        if stream.connection not in self._of_connection:
            _less(self._connections, stream.address)

    def overdue(self, now: float) -> list[OpenStream]:
        """Those that have to go, because they say nothing: the oldest of the connections with most of them."""
        limits = self.limits
        gone = [stream for stream in self._silent if now - stream.since >= limits.longest]
        excess = len(self._silent) - len(gone) - limits.most_silent
        if excess <= 0:
            return gone
        of_connection = Counter(stream.connection for stream in self._silent)
        waiting = [stream for stream in self._silent if now - stream.since < limits.longest]
        waiting.sort(key=lambda stream: (-of_connection[stream.connection], stream.since))
        return gone + [stream for stream in waiting[:excess] if now - stream.since >= limits.patience]


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
