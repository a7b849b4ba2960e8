"""What a peer with many methods does costs no more than what others do, and the index is the same as anew."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector_mesh.app.testing.fake_links import FakeWay
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Onward, Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.policies.policy import Policies, Policy
from collector_mesh.domain.topology import index as index_module
from collector_mesh.domain.topology import reachability as reachability_module
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology

KEYS = [MethodKey(namespace, "S", f"M{index}") for namespace in ("users", "orders") for index in range(4)]
INFOS = st.dictionaries(st.sampled_from(KEYS), st.booleans()).map(
    lambda found: tuple(MethodInfo(key, "unary", is_so) for key, is_so in found.items())
)
SHARED = st.sampled_from([("users",), ("users", "orders"), ()])
ONWARD = st.dictionaries(st.sampled_from(KEYS), st.booleans())


def _connection(methods: tuple[MethodInfo, ...], shared: tuple[str, ...], peer_id: str = "p") -> Connection:
    return Connection(peer_id, "", "", shared, FakeWay(), dialed=True, last_news=0.0, methods=methods)


def _index(topology: Topology) -> dict[MethodKey, tuple[Any, Any]]:
    def members(pool: Any) -> Any:
        return (
            sorted((member.peer_id, member.hops, member.is_idempotent) for member in pool.members)
            if pool
            else []
        )

    return {key: (members(topology.having(key)), members(topology.onward(key))) for key in KEYS}


class Passing:
    """What peers pass on, as it is now."""

    def __init__(self) -> None:
        self.found: dict[str, dict[MethodKey, int]] = {}

    def onward(self, connection: Connection, key: MethodKey) -> Onward | None:
        """What a peer passes calls for a method on to."""
        hops = self.found.get(connection.peer_id, {}).get(key)
        return None if hops is None else Onward(MethodInfo(key, "unary", idempotent=True), hops, ("t",))


def _anew(topology: Topology, passing: Passing) -> Topology:
    """Another topology with the same peers."""
    anew = Topology()
    anew.ask_for_passing(passing.onward)
    for connection in topology:
        anew.put(connection)
    return anew


PEERS = st.sampled_from(["p", "q", "r"])
STEPS = st.one_of(
    st.tuples(st.just("put"), PEERS, INFOS, SHARED),
    st.tuples(st.just("update"), PEERS, INFOS, SHARED),
    st.tuples(st.just("remove"), PEERS),
    st.tuples(st.just("onward"), PEERS, ONWARD),
    st.tuples(st.just("ask"), st.sampled_from(KEYS)),
    st.tuples(st.just("turn")),
)


@given(st.lists(STEPS, max_size=30), st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_the_index_is_as_if_it_were_made_anew(steps: list[tuple[Any, ...]], logged: int) -> None:
    waiting: list[Callable[[], None]] = []
    passing = Passing()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "_LOGGED", logged)
        patch.setattr(index_module, "CHECKED_AT_ONCE", 1)
        topology = Topology(later=waiting.append)
        topology.ask_for_passing(passing.onward)
        for step, *arguments in steps:
            _take(step, topology, passing, waiting, arguments)
        found = _index(topology)
        while waiting:
            waiting.pop()()

    assert found == _index(topology) == _index(_anew(topology, passing))
    assert topology.kept_pools == sum(bool(members) for pools in found.values() for members in pools)


def _take(
    step: str, topology: Topology, passing: Passing, waiting: list[Callable[[], None]], arguments: list[Any]
) -> None:
    if step == "put":
        peer_id, methods, shared = arguments
        topology.put(_connection(methods, shared, peer_id))
    elif step == "update" and (connection := topology.get(arguments[0])) is not None:
        topology.update(connection, arguments[2], arguments[1])
    elif step == "remove":
        topology.remove(arguments[0])
    elif step == "onward":
        passing.found[arguments[0]] = {key: 1 + is_so for key, is_so in arguments[1].items()}
        topology.passes_on(arguments[0])
    elif step == "ask":
        topology.having(arguments[0])
        topology.onward(arguments[0])
    elif step == "turn" and waiting:
        waiting.pop()()


def _many(count: int) -> tuple[MethodInfo, ...]:
    return tuple(
        MethodInfo(MethodKey("users", "S", f"M{number}"), "unary", idempotent=False)
        for number in range(count)
    )


def test_what_a_peer_does_costs_the_same_whatever_it_serves() -> None:
    """A peer comes, changes, passes on, goes and comes back, and its methods are not walked through."""
    topology = Topology()
    methods = Walked(_many(1000))
    connection = Connection(
        "p", "", "", ("users",), FakeWay(), dialed=True, last_news=0.0, methods=methods, by_key={}
    )

    topology.put(connection)
    topology.update(connection, ("users", "orders"), methods)
    topology.update(connection, ("users",), Walked(methods))
    topology.passes_on("p")
    topology.set_state(connection, "suspect", "silent", now=1.0)
    topology.set_state(connection, "live", "", now=2.0)
    topology.remove("p")

    assert Walked.walks == 1  # the copy that this test makes


class Walked(tuple[MethodInfo, ...]):
    """Methods that count how often somebody goes through them."""

    __slots__ = ()
    walks = 0

    def __iter__(self) -> Iterator[MethodInfo]:
        type(self).walks += 1
        return super().__iter__()


def test_pools_of_a_peer_that_is_gone_are_cleared_away_by_and_by() -> None:
    waiting: list[Callable[[], None]] = []
    topology = Topology(later=waiting.append)
    methods = _many(3 * index_module.CHECKED_AT_ONCE)
    topology.put(_connection(methods, ("users",)))
    for info in methods:
        topology.having(info.key)

    topology.remove("p")
    kept = []
    while waiting:
        assert topology.having(methods[-1].key) is None
        waiting.pop()()
        kept.append(topology.kept_pools)

    assert kept == [2 * index_module.CHECKED_AT_ONCE - 1, index_module.CHECKED_AT_ONCE - 1, 0]


def test_methods_that_nobody_has_are_not_remembered_without_end() -> None:
    topology = Topology()
    topology.put(_connection(_many(1), ("users",)))

    for info in _many(5000)[1:]:
        assert topology.having(info.key) is None

    assert topology.kept_pools == 0


def test_methods_that_come_later_are_reached_as_those_before() -> None:
    topology = Topology()
    way = FakeWay(peer_id="hub")
    topology.put(Connection("hub", "", "", ("users",), way, dialed=True, last_news=0.0, methods=()))
    reachability = Reachability("me", topology, Policies(Policy(relays=True)))
    infos = tuple(MethodInfo(key, "unary", idempotent=True) for key in KEYS[:4])

    reachability.heard(way, [Reach("far", ("hub",), infos[:2])])
    reachability.heard(way, [Reach("far", ("hub",), infos[2:], adds=True)])
    known = [topology.onward(key) is not None for key in KEYS[:4]]
    reachability.heard(way, [Reach("far", ("hub",), infos[:1])])

    assert known == [True] * 4
    assert [topology.onward(key) is not None for key in KEYS[:4]] == [True, False, False, False]


def test_methods_that_are_said_twice_go_at_once() -> None:
    topology = Topology()
    way = FakeWay(peer_id="hub")
    topology.put(Connection("hub", "", "", ("users",), way, dialed=True, last_news=0.0, methods=()))
    reachability = Reachability("me", topology, Policies(Policy(relays=True)))
    infos = tuple(MethodInfo(KEYS[0], "unary", idempotent=True) for _ in range(3))

    reachability.heard(way, [Reach("far", ("hub",), infos[:50])])
    reachability.heard(way, [Reach("far", is_gone=True)])

    assert topology.onward(KEYS[0]) is None


def test_what_could_be_reached_is_cleared_away_by_and_by() -> None:
    waiting: list[Callable[[], None]] = []
    topology = Topology()
    way = FakeWay(peer_id="hub")
    topology.put(Connection("hub", "", "", ("users",), way, dialed=True, last_news=0.0, methods=()))
    reachability = Reachability("me", topology, Policies(), later=waiting.append)
    methods = _many(3 * reachability_module.CLEARED_AT_ONCE)
    key = methods[0].key
    reachability.heard(way, [Reach("far", ("hub",), methods)])
    reachability.heard(way, [Reach("near", ("hub",), methods[:1])])
    both = topology.onward(key)

    reachability.heard(way, [Reach("far", is_gone=True)])
    one = topology.onward(key), topology.onward(methods[1].key)
    reachability.heard(way, [Reach("far", ("hub", "other"), methods[:1])])
    turns = 0
    while waiting:
        waiting.pop()()
        turns += 1
    reachability.ended(way)
    while_gone = topology.onward(key)
    topology.remove("hub")
    reachability.changed("hub")

    assert turns == 3
    assert both is not None
    assert one[0] is not None
    assert one[1] is None
    assert while_gone is not None
    assert topology.way_to("far", key) is None
    assert topology.onward(key) is None


def test_methods_that_can_be_reached_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability_module, "MAX_REACHED_METHODS", 100)
    topology = Topology()
    way = FakeWay(peer_id="hub")
    reachability = Reachability("me", topology, Policies(Policy(relays=True)))
    infos = tuple(MethodInfo(MethodKey("users", "S", f"M{number}"), "unary", True) for number in range(101))
    reachability.heard(way, [Reach("far", ("hub",), infos[:50])])

    with pytest.raises(ProtocolError, match="more than 100 methods"):
        reachability.heard(way, [Reach("farther", ("hub",), infos)])
