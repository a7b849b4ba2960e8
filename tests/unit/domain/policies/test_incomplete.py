from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.policies.incomplete import STRIKES, Incomplete, Received
from collector_mesh.domain.policies.open_streams import OpenStream, OpenStreams, StreamLimits

KIB = 1 << 10
MOST = 1000 * KIB


class Port:
    """Streams, and what was received on their connections."""

    def __init__(self) -> None:
        self.streams = OpenStreams(StreamLimits())
        self.incomplete = Incomplete(MOST)
        self.received: dict[str, Received] = {}

    def open(self, connection: str, *, is_link: bool = False) -> OpenStream:
        host = connection.partition(":")[0]
        stream = self.streams.open(host, connection, 0.0, is_silent=not is_link, is_read_on=is_link)
        assert stream is not None
        self.receive(connection, 100)  # headers
        return stream

    def receive(self, connection: str, size: int, *, socket: int = 1) -> None:
        before = self.received.get(connection, Received(socket, 0))
        if before.socket != socket:
            before = Received(socket, 0)
        self.received[connection] = Received(socket, before.size + size)

    def call(self, connection: str, size: int) -> None:
        stream = self.open(connection)
        self.receive(connection, size + 14)
        self.streams.has_spoken(stream, size)
        self.streams.close(stream)

    def watch(self) -> list[str]:
        """Look as often as it takes to be sure."""
        found = [self.look() for _ in range(STRIKES)]
        assert not any(found[:-1])
        return found[-1]

    def look(self) -> list[str]:
        taken = self.streams.taken(self.received)
        return self.incomplete.look(self.received, taken, self.streams.reading)


def test_what_has_arrived_of_a_message_counts_until_it_is_complete() -> None:
    port = Port()
    stream = port.open("a:1")
    port.receive("a:1", 300 * KIB)
    port.look()
    held = port.incomplete.waiting_bytes
    port.streams.has_spoken(stream, 300 * KIB)
    port.look()

    assert held == 300 * KIB + 100
    assert port.incomplete.waiting_bytes == 0


def test_where_it_is_too_much_for_some_looks_the_connection_with_most_of_it_ends() -> None:
    port = Port()
    port.open("small:1")
    port.receive("small:1", 400 * KIB)
    port.open("large:1")
    port.receive("large:1", 700 * KIB)

    assert port.watch() == ["large:1"]


def test_connections_of_one_host_count_together() -> None:
    port = Port()
    for number in range(1, 5):
        port.open(f"many:{number}")
        port.receive(f"many:{number}", 200 * KIB)
    port.open("one:1")
    port.receive("one:1", 300 * KIB)

    assert port.watch() == ["many:1"]


def test_what_becomes_less_ends_nothing() -> None:
    port = Port()
    streams = [port.open("a:1") for _ in range(20)]
    port.receive("a:1", 4000 * KIB)
    found = port.look()
    for stream in streams[:10]:
        port.streams.has_spoken(stream, 200 * KIB)
        found += port.look()

    assert port.incomplete.waiting_bytes > MOST
    assert found == []


def test_what_a_connection_carries_beside_messages_counts_for_nothing() -> None:
    port = Port()
    found: list[str] = []
    for _ in range(100):
        for _ in range(200):
            port.call("a:1", 10)
        late = port.open("a:1")
        found += port.look()
        port.streams.has_spoken(late)

    assert port.received["a:1"].size > 2 * MOST
    assert port.incomplete.waiting_bytes < MOST // 10
    assert found == []


def test_a_link_on_which_messages_come_holds_nothing_up_and_one_that_stops_in_one_does() -> None:
    port = Port()
    link = port.open("a:1", is_link=True)
    for _ in range(50):
        port.receive("a:1", 100 * KIB)
        link.taken_bytes += 90 * KIB
        assert port.look() == []
    assert port.incomplete.waiting_bytes < MOST // 10

    port.receive("a:1", 2 * MOST)
    assert port.watch() == ["a:1"]


def test_a_connection_that_has_another_ones_address_owes_it_nothing() -> None:
    port = Port()
    port.call("a:1", 100 * MOST)
    port.look()
    port.open("a:1")
    port.receive("a:1", 2 * MOST, socket=2)

    assert port.watch() == ["a:1"]


def test_connections_that_are_gone_are_forgotten() -> None:
    port = Port()
    for number in range(100):
        port.call(f"a:{number}", 10)
    port.look()
    port.received.clear()
    port.look()

    assert port.streams.taken([]) == {}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(0, 2000 * KIB)), max_size=12))
def test_what_stays_after_the_largest_have_ended_is_not_too_much(parts: list[tuple[int, int, int]]) -> None:
    port = Port()
    for host, number, size in parts:
        port.open(f"{host}:{number}")
        port.receive(f"{host}:{number}", size)
    gone = port.watch()
    left = sum(received.size for connection, received in port.received.items() if connection not in gone)

    assert left <= MOST
    assert bool(gone) == (sum(received.size for received in port.received.values()) > MOST)
