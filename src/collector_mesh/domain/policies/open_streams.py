"""How many streams strangers may have open, and for how long they may say nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping

import attrs


@attrs.define(eq=False)
class OpenStream:
    """One request that has begun to arrive, or a link.

    Attributes:
        address: the host that it comes from.
        connection: the host and the port.
        since: when it was opened, on the monotonic clock; once it is answered, when that was.
        untaken_bytes: of its answer, until that is taken.
        taken_bytes: of the messages that were read on it, where there can be several.
        taken_bytes_seen: the same when it was looked at last, see `collector_mesh.domain.policies.incomplete`.
        ahead_at_begin: what its connection had received and nobody taken when its last message began.
    """

    address: str
    connection: str
    since: float
    untaken_bytes: int = 0
    taken_bytes: int = 0
    taken_bytes_seen: int = -1
    ahead_at_begin: int = 0


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
        most_sent_bytes: of messages that are sent on streams of many, and not taken, over one connection; over all of
            them it is `most_untaken_bytes`.
        most_incomplete_bytes: of messages that have not arrived as a whole.
    """

    most_of_address: int = 4096
    most_silent: int = 256
    patience: float = 2.0
    longest: float = 60.0
    most_untaken_bytes: int = 128 << 20
    most_sent_bytes: int = 8 << 20
    most_incomplete_bytes: int = 256 << 20


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
        self._reading: dict[OpenStream, None] = {}
        """Those on which more than one message may come."""
        self._taken: Counter[str] = Counter()
        """Bytes of messages that came over each connection; of those that are read on once they have ended."""
        self._untaken: dict[OpenStream, None] = {}
        """Those that have an answer; in the order in which it was given."""
        self._sent: Counter[str] = Counter()
        """Bytes that are sent over each connection, on streams of many messages, and not taken."""
        self._sent_bytes = 0

    def open(
        self, address: str, connection: str, now: float, *, is_silent: bool = True, is_read_on: bool = False
    ) -> OpenStream | None:
        """Take one more, or None where it is one too many.

        Args:
            address: the host that it comes from.
            connection: the host and the port.
            now: on the monotonic clock.
            is_silent: whether it has to make room for others as long as no message has come.
            is_read_on: whether one message after the other is read.
        """
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
        if is_read_on:
            self._reading[stream] = None
        return stream

    def is_busy(self, connection: str) -> bool:
        """Whether a connection has a stream."""
        return connection in self._of_connection

    def has_spoken(self, stream: OpenStream, size: int = 0) -> None:
        """A message of a size has arrived, or none ever will."""
        self._silent.pop(stream, None)
        if stream in self._reading:
            stream.taken_bytes += size
        else:
            self._taken[stream.connection] += size

    def waits(self, stream: OpenStream, now: float) -> None:
        """From now on a message is waited for that must not be long in coming."""
        stream.since = now
        self._silent[stream] = None

    def answered(self, stream: OpenStream, size: int, now: float) -> None:
        """There is an answer of a size, which is not taken yet."""
        stream.since, stream.untaken_bytes = now, size
        self._untaken[stream] = None

    def sends(self, stream: OpenStream, size: int, now: float) -> bool:
        """A message of a size is about to be sent on a stream of many; False if it must not, as too much waits already."""
        limits, connection = self.limits, stream.connection
        if (
            self._sent[connection] + size > limits.most_sent_bytes
            or self._sent_bytes + size > limits.most_untaken_bytes
        ):
            return False
        self._sent[connection] += size
        self._sent_bytes += size
        self.answered(stream, size, now)
        return True

    def has_taken(self, stream: OpenStream) -> None:
        """The message that was sent on it is taken, or never will be."""
        self._sent_bytes -= stream.untaken_bytes
        self._sent[stream.connection] -= stream.untaken_bytes
        if not self._sent[stream.connection]:
            del self._sent[stream.connection]
        self._untaken.pop(stream, None)
        stream.untaken_bytes = 0

    def close(self, stream: OpenStream) -> None:
        """It has ended."""
        self._silent.pop(stream, None)
        if stream in self._reading:
            del self._reading[stream]
            self._taken[stream.connection] += stream.taken_bytes
        self._untaken.pop(stream, None)
        _less(self._of_address, stream.address)
        _less(self._of_connection, stream.connection)
        if stream.connection not in self._of_connection:
            _less(self._connections, stream.address)

    @property
    def reading(self) -> Mapping[OpenStream, None]:
        """Those on which a message is waited for."""
        return self._silent | self._reading

    def taken(self, connections: Iterable[str]) -> Mapping[str, int]:
        """Bytes of messages that came over these connections; the others are not there anymore."""
        kept = {*connections, *self._of_connection}
        self._taken = Counter({one: size for one, size in self._taken.items() if one in kept})
        found = self._taken.copy()
        for stream in self._reading:
            found[stream.connection] += stream.taken_bytes
        return found

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
