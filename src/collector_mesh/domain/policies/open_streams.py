"""How many streams strangers may have open, and for how long they may say nothing."""

from collections import Counter

import attrs


@attrs.define(eq=False)
class OpenStream:
    """One request that has begun to arrive, or a link.

    Attributes:
        address: the host that it comes from.
        connection: the host and the port.
        since: when it was opened, on the monotonic clock; once it is answered, when that was.
        untaken_bytes: of its answer, until that is taken.
    """

    address: str
    connection: str
    since: float
    untaken_bytes: int = 0


@attrs.frozen(kw_only=True)
class StreamLimits:
    """What is allowed.

    Attributes:
        most_of_address: streams of one address. Its connections share them: one that has fewer than its
            share gets another one, so that one program on a machine cannot keep out the others there.
        most_silent: streams whose request has not arrived.
        patience: seconds before such a one has to make room for others.
        longest: seconds after which it is cut in any case.
        most_untaken_bytes: of answers that have not been taken for as long as the patience.
    """

    most_of_address: int = 4096
    most_silent: int = 256
    patience: float = 2.0
    longest: float = 60.0
    most_untaken_bytes: int = 128 << 20


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
        self._untaken: dict[OpenStream, None] = {}
        """Those that have an answer; in the order in which it was given."""

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

    def answered(self, stream: OpenStream, size: int, now: float) -> None:
        """There is an answer of a size, which is not taken yet."""
        stream.since, stream.untaken_bytes = now, size
        self._untaken[stream] = None

    def close(self, stream: OpenStream) -> None:
        """It has ended."""
        self._silent.pop(stream, None)
        self._untaken.pop(stream, None)
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

    def not_taking(self, now: float) -> list[str]:
        """The connections that have to end because they take no answers, those that wait for most bytes first."""
        limits = self.limits
        gone: dict[str, None] = {}
        stuck: Counter[str] = Counter()
        for stream in self._untaken:
            waits = now - stream.since
            if waits < limits.patience:
                break
            if waits >= limits.longest:
                gone[stream.connection] = None
            stuck[stream.connection] += stream.untaken_bytes
        left = sum(size for connection, size in stuck.items() if connection not in gone)
        for connection, size in stuck.most_common():
            if left <= limits.most_untaken_bytes:
                break
            if connection not in gone:
                gone[connection] = None
                left -= size
        return list(gone)


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
