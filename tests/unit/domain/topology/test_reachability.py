"""What collectors tell each other of whom they can reach, without links: news is carried by hand."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import combinations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector_mesh.app.testing.fake_links import FakeWay
from collector_mesh.domain.link.sieve import Sieve
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.policies.policy import Policies, Policy
from collector_mesh.domain.policies.relaying import MAX_HOPS
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.later import Later
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology

INFO = MethodInfo(MethodKey("work", "Worker", "Do"), "unary", idempotent=True)


@attrs.define(eq=False)
class Wire(FakeWay):
    """One end of a link, as far as this is concerned: it leads to a node, and carries news to it."""

    net: "Net | None" = None
    owner: str = ""
    back: "Wire | None" = None

    def tell_reach(self, news: Iterable[Reach]) -> None:
        assert self.net is not None
        assert self.back is not None
        self.net.under_way.append((self.peer_id, self.back, tuple(news)))


class Node:
    """A collector that has one method, and passes calls on."""

    def __init__(self, node_id: str, *, serves: bool, later: Later) -> None:
        self.methods = (INFO,) if serves else ()
        self.topology = Topology()
        policies = Policies(Policy(relays=True))
        self.reachability = Reachability(node_id, self.topology, policies, later=later)


class Net:
    """Nodes and their links."""

    def __init__(self, size: int) -> None:
        # Only the first has the method.
        self.waiting: deque[Callable[[], None]] = deque()
        self.nodes = {
            f"n{index}": Node(f"n{index}", serves=index == 0, later=self.waiting.append)
            for index in range(size)
        }
        self.edges: set[frozenset[str]] = set()
        self.under_way: deque[tuple[str, Wire, tuple[Reach, ...]]] = deque()
        self.delivered = 0

    def connect(self, left: str, right: str) -> None:
        there, back = Wire(right, net=self, owner=left), Wire(left, net=self, owner=right)
        there.back, back.back = back, there
        self.edges.add(frozenset((left, right)))
        for wire in (there, back):
            owner = self.nodes[wire.owner]
            methods = self.nodes[wire.peer_id].methods
            owner.topology.put(
                Connection(wire.peer_id, "", "", ("work",), wire, dialed=True, last_news=0.0, methods=methods)
            )
        for wire in (there, back):
            self.nodes[wire.owner].reachability.changed(wire.peer_id)

    def cut(self, left: str, right: str) -> None:
        self.edges.discard(frozenset((left, right)))
        for owner, peer in ((left, right), (right, left)):
            node = self.nodes[owner]
            connection = node.topology.get(peer)
            assert connection is not None
            # What is under way on a link that has ended is lost.
            gone: object = connection.way
            self.under_way = deque(news for news in self.under_way if news[1] is not gone)
            node.topology.set_state(connection, "dead", "cut", now=0.0)
            node.reachability.ended(connection.way)

    def settle(self, most: int = 100_000) -> None:
        while self.waiting or self.under_way:
            if self.waiting:
                self.waiting.popleft()()
                continue
            to, wire, news = self.under_way.popleft()
            self.delivered += 1
            assert self.delivered < most, "the news never ends"
            self.nodes[to].reachability.heard(wire, news)

    def spread(self) -> None:
        """Have told what waits to be told."""
        while self.waiting:
            self.waiting.popleft()()

    def hops(self, node_id: str) -> int | None:
        """How often a call of a node for the method is passed on at least, as the node knows it."""
        pool = self.nodes[node_id].topology.onward(INFO.key)
        ways = [member.hops for member in pool.members if member.connection.is_up] if pool else []
        return min(ways, default=None)

    def real_hops(self, node_id: str) -> int | None:
        """The same, from the edges: hops over others than the one that has it."""
        seen, edge, distance = {"n0"}, {"n0"}, 0
        while edge:
            if node_id in edge:
                return distance - 1
            distance += 1
            edge = {
                other
                for pair in self.edges
                for near, other in (tuple(pair), tuple(pair)[::-1])
                if near in edge and other not in seen
            }
            seen |= edge
        return None


def expected(net: Net, node_id: str) -> int | None:
    hops = net.real_hops(node_id)
    return hops if hops is not None and 1 <= hops <= MAX_HOPS else None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_after_links_come_and_go_everybody_knows_the_nearest_way(data: st.DataObject) -> None:
    net = Net(7)
    pairs = list(combinations(net.nodes, 2))
    for step in data.draw(st.lists(st.sampled_from(pairs), max_size=25)):
        if frozenset(step) in net.edges:
            net.cut(*step)
        else:
            net.connect(*step)
        if data.draw(st.booleans()):
            net.settle()
    net.settle()

    far = [node for node in net.nodes if node != "n0" and frozenset((node, "n0")) not in net.edges]
    assert {node: net.hops(node) for node in far} == {node: expected(net, node) for node in far}


def test_a_death_is_known_everywhere_after_few_messages() -> None:
    net = Net(8)
    for left, right in combinations(list(net.nodes)[1:], 2):
        net.connect(left, right)
    net.connect("n0", "n1")
    net.settle()
    before = net.delivered

    net.cut("n0", "n1")
    net.settle()

    assert {net.hops(node) for node in net.nodes} == {None}
    assert net.delivered - before < 8**3


@pytest.mark.parametrize(
    "reach",
    [
        Reach("a b", ("n1",)),
        Reach("far", ("other",)),
        Reach("far", ()),
        Reach("far", ("n1", "")),
        Reach("far", ("n1",) * 17),
        Reach("far", ("n1", "n2", "n2")),
    ],
)
def test_news_that_makes_no_sense_is_left_out_and_told_nobody(reach: Reach) -> None:
    net = Net(3)
    net.connect("n0", "n1")
    net.connect("n0", "n2")
    net.settle()
    connection = net.nodes["n0"].topology.get("n1")
    assert connection is not None
    sieve = Sieve()

    net.nodes["n0"].reachability.heard(connection.way, [attrs.evolve(reach, methods=(INFO,))], sieve)

    net.spread()
    assert sieve.take()[0] == 1
    assert net.hops("n0") is None
    assert not net.under_way


def test_of_news_only_the_methods_that_are_well_formed_count_and_each_of_them_once() -> None:
    net = Net(3)
    net.connect("n0", "n1")
    net.connect("n0", "n2")
    net.settle()
    connection = net.nodes["n0"].topology.get("n1")
    assert connection is not None
    bad = MethodInfo(MethodKey("work", "S", ""), "unary", False)
    sieve = Sieve()

    reach = Reach("far", ("n1",), (INFO, bad, INFO))
    net.nodes["n0"].reachability.heard(connection.way, [reach, attrs.evolve(reach, adds=True)], sieve)

    net.spread()
    assert sieve.take() == (4, "method_name is required")
    assert net.hops("n0") == 1
    assert [news for _, _, told in net.under_way for news in told] == [Reach("far", ("n0", "n1"), (INFO,))]


def test_a_method_of_another_kind_is_told_on_and_no_call_goes_there() -> None:
    net = Net(3)
    net.connect("n0", "n1")
    net.connect("n0", "n2")
    net.settle()
    topology = net.nodes["n0"].topology
    connection = topology.get("n1")
    assert connection is not None
    stream = attrs.evolve(INFO, kind="server")

    net.nodes["n0"].reachability.heard(connection.way, [Reach("far", ("n1",), (stream,))])

    net.spread()
    assert [news.methods for _, _, told in net.under_way for news in told] == [(stream,)]
    assert topology.onward(INFO.key) is None
    assert topology.other_kind(INFO.key) == topology.other_kind(INFO.key, "far") == "server"
    assert topology.other_kind(INFO.key, "n1") is None


def test_of_several_kinds_that_are_reached_through_a_peer_the_one_counts_that_can_be_called() -> None:
    net = Net(2)
    net.connect("n0", "n1")
    net.settle()
    topology = net.nodes["n0"].topology
    connection = topology.get("n1")
    assert connection is not None
    stream = attrs.evolve(INFO, kind="server")

    news = [Reach("a", ("n1",), (stream,)), Reach("b", ("n1",), (INFO,))]
    net.nodes["n0"].reachability.heard(connection.way, news)

    assert topology.onward(INFO.key) is not None
    assert topology.way_to("a", INFO.key) is None
    assert topology.way_to("b", INFO.key) is not None
    assert topology.other_kind(INFO.key) is None


def test_whoever_may_not_serve_a_namespace_may_not_pass_calls_on_there_either() -> None:
    net = Net(2)
    net.connect("n0", "n1")
    connection = net.nodes["n0"].topology.get("n1")
    assert connection is not None
    sieve = Sieve()
    sieve.may_serve = lambda namespace: namespace != "work"

    net.nodes["n0"].reachability.heard(connection.way, [Reach("far", ("n1",), (INFO,))], sieve)

    assert net.hops("n0") is None
    assert sieve.take() == (1, "it may not serve the namespace 'work'")


def test_a_way_through_oneself_is_dropped() -> None:
    net = Net(2)
    net.connect("n0", "n1")
    connection = net.nodes["n0"].topology.get("n1")
    assert connection is not None

    net.nodes["n0"].reachability.heard(connection.way, [Reach("far", ("n1", "n0"), (INFO,))])

    assert net.hops("n0") is None
