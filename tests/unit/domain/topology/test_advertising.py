"""What one collector tells its peers of each other."""

from collector_mesh.app.testing.fake_links import FakeWay
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.policies.policy import Policies, Policy
from collector_mesh.domain.topology.advertising import Advertising
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.heard import Heard
from collector_mesh.domain.topology.topology import Topology

WORK = MethodInfo(MethodKey("work", "Worker", "Do"), "unary", idempotent=True)
PLAY = MethodInfo(MethodKey("play", "Player", "Do"), "unary", idempotent=True)


class Hub:
    """A collector that passes calls on."""

    def __init__(self) -> None:
        self.topology = Topology()
        self.heard: dict[Way, Heard] = {}
        self.tellers: dict[str, dict[Way, Reach]] = {}
        self.advertising = Advertising(
            "hub",
            self.topology,
            Policies(Policy(relays=True)),
            self.heard,
            self.tellers,
        )

    def peer(self, peer_id: str, *methods: MethodInfo, shared: tuple[str, ...] = ("work", "play")) -> FakeWay:
        wire = FakeWay(peer_id)
        self.topology.put(Connection(peer_id, f"{peer_id}:1", "1", shared, wire, True, 0.0, methods=methods))
        return wire

    def tell(self, wire: FakeWay, *targets: str) -> list[Reach]:
        connection = self.topology.connection_over(wire)
        assert connection is not None
        before = len(wire.news)
        self.advertising.tell(connection, targets)
        return wire.news[before:]

    def hears(self, wire: FakeWay, reach: Reach) -> None:
        self.heard.setdefault(wire, Heard()).put(reach)
        self.tellers.setdefault(reach.collector_id, {})[wire] = reach


def test_a_peer_is_told_once_what_another_has_in_the_namespaces_that_both_share() -> None:
    hub = Hub()
    hub.peer("a", WORK, PLAY)
    b = hub.peer("b", shared=("work",))

    first, second = hub.tell(b, "a"), hub.tell(b, "a", "b", "hub")

    assert (first, second) == ([Reach("a", ("hub",), (WORK,))], [])


def test_what_was_told_over_a_link_that_has_ended_is_told_again() -> None:
    hub = Hub()
    hub.peer("a", WORK)
    b = hub.peer("b")
    first, held = hub.tell(b, "a"), hub.advertising.held_bytes(b)

    hub.advertising.ended(b)

    assert (held > 0, hub.advertising.held_bytes(b)) == (True, 0)
    assert hub.tell(b, "a") == first != []


def test_a_way_through_the_listener_is_not_told_to_it_and_the_shortest_other_one_is() -> None:
    hub = Hub()
    a, b, c, listener = (hub.peer(name) for name in ("a", "b", "c", "listener"))
    hub.hears(a, Reach("far", ("a", "listener"), (WORK,)))
    none = hub.tell(listener, "far")
    hub.hears(b, Reach("far", ("b", "x"), (WORK,)))
    hub.hears(c, Reach("far", ("c",), (WORK,)))

    assert none == []
    assert hub.tell(listener, "far") == [Reach("far", ("hub", "c"), (WORK,))]


def test_a_collector_that_cannot_be_reached_anymore_is_told_to_be_gone() -> None:
    hub = Hub()
    hub.peer("a", WORK)
    b = hub.peer("b")
    hub.tell(b, "a")

    hub.topology.remove("a")

    assert hub.tell(b, "a") == [Reach("a", is_gone=True)]


def test_what_a_peer_is_told_counts_by_its_methods_for_every_peer() -> None:
    hub = Hub()
    many = tuple(
        MethodInfo(MethodKey("work", "Worker", f"Do{n}"), "unary", idempotent=True) for n in range(1000)
    )
    hub.peer("a", *many)
    costs = []
    for name in ("b", "c"):
        connection = hub.topology.connection_over(hub.peer(name))
        assert connection is not None
        costs.append(hub.advertising.tell(connection, ("a",)))

    assert costs == [1 + 1000 // 16 + 1000 // 4, 1 + 1000 // 4]
