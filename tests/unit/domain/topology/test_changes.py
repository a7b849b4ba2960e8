"""Of a peer with many methods only what is different is looked at, and the index is the same as anew."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector_mesh.app.testing.fakes import FakeWay
from collector_mesh.domain.link.catalogs import difference
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.model.frames import Catalog
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Onward, Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.policies.policy import Policies, Policy
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


def _connection(methods: tuple[MethodInfo, ...], shared: tuple[str, ...]) -> Connection:
    return Connection("p", "", "", shared, FakeWay(), dialed=True, last_news=0.0, methods=methods)


def _index(topology: Topology) -> dict[MethodKey, tuple[Any, Any]]:
    def members(pool: Any) -> Any:
        return (
            [(member.peer_id, member.hops, member.is_idempotent) for member in pool.members] if pool else []
        )

    return {key: (members(topology.having(key)), members(topology.onward(key))) for key in KEYS}


def _onward(found: dict[MethodKey, bool]) -> dict[MethodKey, Onward | None]:
    return {
        key: Onward(MethodInfo(key, "unary", idempotent=True), 1, ("t",)) if is_so else None
        for key, is_so in found.items()
    }


@given(
    st.lists(
        st.tuples(st.just("update"), INFOS, SHARED, st.booleans()) | st.tuples(st.just("onward"), ONWARD),
        max_size=10,
    )
)
@settings(max_examples=100, deadline=None)
def test_the_index_is_as_if_it_were_made_anew(steps: list[tuple[Any, ...]]) -> None:
    topology = Topology()
    connection = _connection((), ("users",))
    topology.put(connection)
    for step, *arguments in steps:
        if step == "onward":
            topology.passes_on("p", _onward(arguments[0]))
            continue
        methods, shared, is_told = arguments
        earlier = connection.methods or ()
        change = difference(Catalog(methods=earlier), Catalog(methods=methods)) if is_told else None
        topology.update(connection, shared, methods, change)

    anew = Topology()
    anew.put(_connection(connection.methods or (), connection.shared_namespaces))
    anew.passes_on("p", dict(topology.passed_on("p")))
    assert _index(topology) == _index(anew)


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


def test_methods_that_can_be_reached_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability_module, "MAX_REACHED_METHODS", 100)
    topology = Topology()
    way = FakeWay(peer_id="hub")
    reachability = Reachability("me", topology, Policies(Policy(relays=True)))
    infos = tuple(MethodInfo(MethodKey("users", "S", f"M{number}"), "unary", True) for number in range(101))
    reachability.heard(way, [Reach("far", ("hub",), infos[:50])])

    with pytest.raises(ProtocolError, match="more than 100 methods"):
        reachability.heard(way, [Reach("farther", ("hub",), infos)])
