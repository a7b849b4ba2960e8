"""What is found out about connections from outside of grpc: over plain sockets of this process."""

import os
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from collector_mesh.adapters.grpc.arrivals import HANDSHAKE_SECONDS, REASON, Arrivals
from collector_mesh.adapters.grpc.connections import Connections, limit
from collector_mesh.adapters.grpc.descriptors import Reserve, Shortage, raise_limit


def descriptors() -> list[int]:
    """Those of this process; the one that they are read through is among them."""
    return sorted(int(path.name) for path in Path("/dev/fd").iterdir())


class Port:
    """A port of this process, and connections to it."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.listening = socket.create_server(("", 0), family=family)
        self.number: int = self.listening.getsockname()[1]
        self.sockets: list[socket.socket] = []

    def connect(self) -> tuple[socket.socket, str]:
        """The other end, and where the connection comes from."""
        here = socket.create_connection(("127.0.0.1", self.number))
        accepted, _ = self.listening.accept()
        self.sockets += [here, accepted]
        return here, "127.0.0.1:{1}".format(*here.getsockname())

    def close(self) -> None:
        for one in [self.listening, *self.sockets]:
            one.close()


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port()
    yield port
    port.close()


def test_connections_of_a_port_are_found_and_others_are_not(port: Port) -> None:
    other = Port()
    _, one = port.connect()
    _, two = port.connect()
    other.connect()

    assert sorted(Connections(port.number).all()) == sorted([one, two])
    other.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_how_much_was_received_is_told_of_each_connection(port: Port) -> None:
    here, one = port.connect()
    there, two = port.connect()
    here.sendall(b"x" * 100_000)
    there.sendall(b"x")

    found = Connections(port.number).received()

    assert {connection: told.size for connection, told in found.items()} == {one: 100_000, two: 1}
    assert found[one].socket != found[two].socket


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_a_caller_looks_the_same_whatever_family_was_listened_on() -> None:
    port = Port(socket.AF_INET6)
    port.listening.close()
    port.listening = socket.create_server(("", port.number), family=socket.AF_INET6, dualstack_ipv6=True)

    _, connection = port.connect()

    assert Connections(port.number).all() == [connection]
    port.close()


def test_one_is_ended_and_the_others_stay(port: Port) -> None:
    here, one = port.connect()
    staying, _ = port.connect()

    Connections(port.number).end(one)

    assert here.recv(1) == b""
    staying.setblocking(False)
    with pytest.raises(BlockingIOError):
        staying.recv(1)


def test_nothing_is_closed_by_looking(port: Port) -> None:
    port.connect()
    before = descriptors()

    Connections(port.number).all()

    assert descriptors() == before


class Limited:
    """A process without descriptors, for the time of a context."""

    def __init__(self, spare: int) -> None:
        self._spare = spare

    def __enter__(self) -> Self:
        self._kept = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = max(descriptors()) + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + self._spare, self._kept[1]))
        self.taken: list[int] = []
        return self

    def take_all(self) -> None:
        try:
            while True:
                self.taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass

    def give_back(self) -> None:
        while self.taken:
            os.close(self.taken.pop())

    def __exit__(self, *raised: object) -> None:
        self.give_back()
        resource.setrlimit(resource.RLIMIT_NOFILE, self._kept)


def test_the_reserve_is_given_up_when_there_are_no_others_and_filled_up_later() -> None:
    reserve = Reserve()
    with Limited(32) as limited:
        reserve.begin()
        limited.take_all()
        assert reserve.look()
        with ExitStack() as opened:
            for _ in range(4):
                opened.enter_context(open(os.devnull))  # noqa: PTH123
        limited.give_back()
        assert not reserve.look()
        limited.take_all()
        assert reserve.look()
        reserve.end()


def test_a_dial_finds_descriptors_in_the_reserve() -> None:
    reserve = Reserve()
    with Limited(32) as limited:
        reserve.begin()
        limited.take_all()
        reserve.make_room()
        os.close(os.open(os.devnull, os.O_RDONLY))
        reserve.end()


def test_where_descriptors_are_short_connections_without_a_request_go_and_the_oldest_first(
    port: Port,
) -> None:
    told: list[tuple[int, str]] = []
    ends = [port.connect() for _ in range(4)]
    busy = ends[0][1]
    shortage = Shortage(
        Connections(port.number), is_busy=busy.__eq__, on_short=lambda most, whose: told.append((most, whose))
    )
    with Limited(0) as limited:
        limited.take_all()
        shortage.look(10.0)
        shortage.look(11.5)
        most = limit()

    assert told == [(most, ""), *((most, connection) for _, connection in ends[1:])]
    assert [here.recv(1) for here, _ in ends[1:]] == [b""] * 3


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    kept = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, kept[1]), kept[1]))
        raise_limit()
        assert limit() == (1 << 20 if kept[1] == resource.RLIM_INFINITY else min(kept[1], 1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, kept)


class Refused(list[tuple[str, str]]):
    def __call__(self, connection: str, reason: str) -> None:
        self.append((connection, reason))


def arrivals(port: Port, *own: str) -> tuple[Arrivals, Refused]:
    refused = Refused()
    return Arrivals(Connections(port.number), on_refused=refused, is_own=own.__contains__), refused


LATER = HANDSHAKE_SECONDS + 1.5


def test_who_goes_without_a_request_is_told(port: Port) -> None:
    watch, refused = arrivals(port)
    here, connection = port.connect()

    watch.seen(watch.scan() or [], 1.0)
    here.close()
    port.sockets[1].close()
    watch.look(2.0)
    watch.look(1.0 + LATER)
    watch.look(9.0 + LATER)

    assert refused == [(connection, REASON)]


def test_who_has_made_a_request_or_is_still_there_is_not(port: Port) -> None:
    watch, refused = arrivals(port)
    here, asked = port.connect()
    port.connect()

    watch.seen(watch.scan() or [], 1.0)
    watch.heard(asked)
    here.close()
    port.sockets[1].close()
    watch.look(1.0 + LATER)

    assert refused == []


def test_who_has_asked_before_is_not_taken_for_somebody_new(port: Port) -> None:
    watch, refused = arrivals(port)
    here, asked = port.connect()
    watch.heard(asked)

    watch.seen(watch.scan() or [], 1.0)
    here.close()
    port.sockets[1].close()
    watch.look(1.0 + LATER)

    assert refused == []


def test_however_many_are_connected_nobody_who_has_shaken_hands_is_told(port: Port) -> None:
    watch, refused = arrivals(port)
    for number in range(2000):
        watch.heard(f"10.0.0.1:{number}")
    asked, one = port.connect()
    idle, _ = port.connect()
    watch.heard(one)
    watch.seen(Connections(port.number).all(), 1.0)
    watch.look(1.0 + LATER)
    watch.seen(Connections(port.number).all(), 2.0 + LATER)
    for end in (asked, idle, *port.sockets):
        end.close()
    watch.look(2.0 + 2 * LATER)

    assert refused == []


def test_the_own_looks_are_told_to_nobody(port: Port) -> None:
    here, connection = port.connect()
    watch, refused = arrivals(port, connection)

    watch.seen(watch.scan() or [], 1.0)
    here.close()
    port.sockets[1].close()
    watch.look(1.0 + LATER)

    assert refused == []
    assert watch.scan() is None
