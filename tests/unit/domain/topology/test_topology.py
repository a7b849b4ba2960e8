import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from collector_mesh.app.testing.fake_links import FakeWay
from collector_mesh.app.testing.fakes import FakeDice
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.lacks import LACKS_SECONDS
from collector_mesh.domain.topology.topology import Topology

KEY = MethodKey("orders", "OrderService", "CreateOrder")
PEERS = st.sampled_from("abcdefg")
NAMESPACES = ("users", "orders", "stock")


def connection(peer_id: str, *shared: str) -> Connection:
    return Connection(peer_id, f"{peer_id}:1", "", shared, FakeWay(), dialed=False, last_news=0.0)


def silent(topology: Topology, namespace: str) -> list[str]:
    pool = topology.silent(namespace)
    return [candidate.peer_id for candidate in pool.members] if pool is not None else []


def lacks(topology: Topology, peer_id: str, now: float) -> bool:
    return peer_id in topology.lacking(KEY, now=now)


def test_a_peer_has_one_connection_and_the_newer_one_stays() -> None:
    topology = Topology()
    first, second = connection("a", "users"), connection("a", "orders")

    assert topology.put(first) is None
    assert topology.put(second) is first

    assert list(topology) == [second]
    assert (silent(topology, "users"), silent(topology, "orders")) == ([], ["a"])


def test_what_a_peer_lacks_is_remembered_for_a_while() -> None:
    topology = Topology()

    topology.note_lacks(KEY, "a", now=10.0)

    assert lacks(topology, "a", 10.0 + LACKS_SECONDS * 0.9)
    assert not lacks(topology, "a", 10.0 + LACKS_SECONDS)
    assert not lacks(topology, "b", 10.0)


def test_news_from_a_peer_end_what_is_remembered_of_it() -> None:
    topology = Topology()
    topology.note_lacks(KEY, "a", now=10.0)
    topology.note_lacks(KEY, "b", now=10.0)

    topology.has_news("a")

    assert not lacks(topology, "a", 10.0)
    assert lacks(topology, "b", 10.0)


def test_asking_again_makes_the_memory_last_longer() -> None:
    topology = Topology()
    topology.note_lacks(KEY, "a", now=10.0)
    topology.note_lacks(KEY, "a", now=10.5)
    topology.note_lacks(KEY, "b", now=11.1)

    assert lacks(topology, "a", 11.4)


class IndexMachine(RuleBasedStateMachine):
    """However connections come and go, the index says what a scan of them would."""

    def __init__(self) -> None:
        super().__init__()
        self.topology = Topology()
        self.shared: dict[str, tuple[str, ...]] = {}

    @rule(peer=PEERS, shared=st.lists(st.sampled_from(NAMESPACES), unique=True))
    def put(self, peer: str, shared: list[str]) -> None:
        self.topology.put(connection(peer, *shared))
        self.shared[peer] = tuple(shared)

    @rule(peer=PEERS)
    def remove(self, peer: str) -> None:
        assert (self.topology.remove(peer) is None) == (self.shared.pop(peer, None) is None)

    @invariant()
    def index_is_right(self) -> None:
        assert [c.peer_id for c in self.topology] == sorted(self.shared)
        assert len(self.topology) == len(self.shared)
        for namespace in NAMESPACES:
            wanted = {peer for peer, shared in self.shared.items() if namespace in shared}
            found = silent(self.topology, namespace)
            assert set(found) == wanted
            assert len(found) == len(wanted)
            assert all(self.topology.shares(peer, namespace) == (peer in wanted) for peer in "abcdefg")

    @invariant()
    def nothing_is_known_of_what_is_not_shared(self) -> None:
        for peer in "abcdefg":
            known = [standing.namespace for standing in self.topology.standings.of_peer(peer)]
            assert known == sorted(self.shared.get(peer, ()))


TestIndex = IndexMachine.TestCase


@pytest.mark.large
def test_a_route_is_chosen_without_looking_at_every_peer() -> None:
    topology = Topology()
    for index in range(10_000):
        topology.put(connection(f"peer-{index}", "orders"))
    looked_at: list[str] = []

    class Tried:
        def __contains__(self, peer_id: object) -> bool:
            looked_at.append(str(peer_id))
            return False

    router = Router(topology)
    chosen = router.choose(Call(KEY), tried=Tried(), now=0.0, dice=FakeDice(share=0.5))

    assert chosen is not None
    assert chosen.peer_id in looked_at
    assert len(looked_at) == 2
