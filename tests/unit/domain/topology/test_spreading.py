"""News of collectors are told so much at a time, and when they are told, what is true then."""

from collections.abc import Callable, Sequence

from collector_mesh.app.testing.fake_links import FakeWay
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.spreading import PAIRS_AT_ONCE, Spreading
from collector_mesh.domain.topology.topology import Topology

FEW = ["a", "b", "c"]


class Told:
    """Peers, and what they were told of whom in each turn."""

    def __init__(self, peers: int, cost: int = 1) -> None:
        self.cost = cost
        self.topology = Topology()
        for number in range(peers):
            self.topology.put(_connection(f"p{number}"))
        self.told: list[tuple[str, str]] = []
        self.waiting: list[Callable[[], None]] = []
        self.spreading = Spreading(self.topology, self._tell, self.waiting.append)

    def _tell(self, connection: Connection, targets: Sequence[str]) -> int:
        self.told += [(connection.peer_id, target) for target in targets]
        return self.cost * len(targets)

    def turns(self) -> list[int]:
        """How many pairs each turn takes, until nothing is left."""
        sizes = []
        while self.waiting:
            before = len(self.told)
            self.waiting.pop()()
            sizes.append(len(self.told) - before)
        return sizes


def _connection(peer_id: str) -> Connection:
    way = FakeWay(peer_id=peer_id)
    return Connection(peer_id, "", "", ("n",), way, dialed=True, last_news=0.0, methods=())


def test_everybody_is_told_of_everything_once() -> None:
    world = Told(peers=3)

    world.spreading.of(FEW)
    world.spreading.of(["b", "d"])
    world.turns()

    assert sorted(world.told) == [(f"p{peer}", target) for peer in range(3) for target in "abcd"]


def test_much_is_told_in_many_turns() -> None:
    world = Told(peers=100)
    targets = [f"t{number}" for number in range(500)]

    world.spreading.of(targets)
    sizes = world.turns()

    assert sum(sizes) == len(set(world.told)) == 100 * len(targets)
    assert max(sizes) <= PAIRS_AT_ONCE


def test_one_peer_is_told_of_many_in_many_turns() -> None:
    world = Told(peers=2)
    targets = [f"t{number}" for number in range(3 * PAIRS_AT_ONCE)]

    world.spreading.to("p1", targets)
    sizes = world.turns()

    assert world.told == [("p1", target) for target in targets]
    assert max(sizes) <= PAIRS_AT_ONCE


def test_who_is_gone_meanwhile_is_told_nothing() -> None:
    world = Told(peers=2)

    world.spreading.to("p1", FEW)
    world.topology.remove("p1")
    world.turns()

    assert world.told == []


def test_where_there_are_more_peers_than_are_asked_at_a_time_it_goes_on() -> None:
    world = Told(peers=PAIRS_AT_ONCE + 1)

    world.spreading.of(FEW)
    sizes = world.turns()

    assert sum(sizes) == len(set(world.told)) == (PAIRS_AT_ONCE + 1) * len(FEW)
    assert max(sizes) <= PAIRS_AT_ONCE


def test_what_costs_more_is_told_to_fewer_peers_at_a_time() -> None:
    world = Told(peers=100, cost=PAIRS_AT_ONCE // 10)

    world.spreading.of(FEW)
    sizes = world.turns()

    assert sorted(world.told) == sorted((f"p{peer}", target) for peer in range(100) for target in FEW)
    assert max(sizes) <= 11 * len(FEW)
