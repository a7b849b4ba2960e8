"""What a collector serves, as its peers hear of it: calls go by it at once, and peers are told of several changes together."""

import pytest
from tests.unit.domain.link.hosts import HandNetwork, Host

from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.serving.handlers import Method


def serve(host: Host, name: str) -> None:
    host.handlers.register(Method(MethodKey("users", "UserService", name), lambda request, _context: request))


def shared(host: Host, peer_id: str) -> tuple[str, ...]:
    connection = host.connection(peer_id)
    assert connection is not None
    return connection.shared_namespaces


def methods(host: Host, peer_id: str) -> int:
    connection = host.connection(peer_id)
    assert connection is not None
    return len(connection.methods or ())


def tell(network: HandNetwork) -> None:
    network.clock.ring()
    network.run(0.2)


def test_methods_that_are_registered_in_a_row_are_told_together(network: HandNetwork) -> None:
    a, b = network.pair()

    serve(a, "One")
    asked = len(network.clock.timers)
    serve(a, "Two")
    before = methods(b, "a")
    tell(network)

    assert (asked, len(network.clock.timers)) == (1, 0)
    assert (before, methods(b, "a")) == (0, 2)


def test_the_next_change_waits_a_moment_for_each_link(network: HandNetwork) -> None:
    a, _b = network.pair()
    serve(a, "One")
    told_at = network.clock.time
    network.clock.ring()

    serve(a, "Two")

    (timer,) = network.clock.timers
    assert timer.when == pytest.approx(told_at + 0.00025)


def test_a_namespace_is_shared_no_longer_as_soon_as_this_side_has_left_it(network: HandNetwork) -> None:
    a, b = network.pair()
    before = shared(a, "b"), shared(b, "a")

    a.handlers.remove_namespace("users")
    at_once = shared(a, "b"), shared(b, "a")
    tell(network)

    assert before == (("users",), ("users",))
    assert at_once == ((), ("users",))
    assert (shared(a, "b"), shared(b, "a")) == ((), ())


def test_of_very_many_methods_a_few_peers_hear_at_a_time(
    network: HandNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector_mesh.domain.peers.offered._METHODS_AT_ONCE", 1)
    a = network.start("a", "a:1")
    others = [network.start(name, f"{name}:1") for name in ("b", "c", "d")]
    for other in others:
        a.dial(other.address)
    network.run(1.0)

    serve(a, "One")
    network.clock.ring()
    left = [len(a.tasks.waiting)]
    serve(a, "Two")
    network.clock.ring()
    left.append(len(a.tasks.waiting))
    before = [methods(other, "a") for other in others]
    tell(network)

    assert left == [1, 1]
    assert before == [0, 0, 0]
    assert [methods(other, "a") for other in others] == [2, 2, 2]
