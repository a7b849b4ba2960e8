"""Links that are made anew while they are in use."""

from tests.unit.domain.link.hosts import HandNetwork, Host

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.model.events import DialFailed
from collector_mesh.domain.peers.renewals import AT_ONCE, TRIES


def way_of(host: Host, peer_id: str) -> object:
    connection = host.connection(peer_id)
    assert connection is not None
    return connection.way


def test_whoever_has_dialed_dials_again_and_the_new_link_takes_the_place_of_the_old_one(
    network: HandNetwork,
) -> None:
    a, b = network.pair()
    before = way_of(a, "b")

    assert a.streams.renewals.renew_all() == 1
    for _ in range(40):
        network.run(0.05)
        assert a.connection("b") is not None
        assert b.connection("a") is not None

    assert way_of(a, "b") is not before
    assert (len(a.engines()), len(b.engines()), len(network.streams)) == (1, 1, 2)
    assert a.observer.of(DialFailed) == []


def test_whoever_was_dialed_has_the_other_side_dial_again(network: HandNetwork) -> None:
    a, b = network.pair()
    before = way_of(b, "a")

    assert b.streams.renewals.renew_all() == 1
    network.run(2.0)

    assert way_of(b, "a") is not before
    assert [stream.host for stream, _ in network.streams] == [a, a]
    assert len(b.engines()) == 1


def test_where_there_are_no_links_there_is_nothing_to_renew(network: HandNetwork) -> None:
    assert network.start("a", "a:1").streams.renewals.renew_all() == 0


def test_dials_that_fail_leave_the_link_that_there_is_and_are_told_in_the_end(network: HandNetwork) -> None:
    a, b = network.pair()
    before, ends = way_of(a, "b"), len(a.ends)
    del network.listening["b:1"]

    a.streams.renewals.renew_all()
    network.run(6.0)

    assert way_of(a, "b") is before
    assert b.connection("a") is not None
    assert len(a.ends) - ends == TRIES
    (failed,) = a.observer.of(DialFailed)
    assert isinstance(failed, DialFailed)
    assert failed.address == "b:1"


def test_a_dial_that_fails_once_is_tried_again(network: HandNetwork) -> None:
    a, b = network.pair()
    before = way_of(a, "b")
    del network.listening["b:1"]
    a.streams.renewals.renew_all()
    network.run(0.5)

    network.listening["b:1"] = b
    network.run(3.0)

    assert way_of(a, "b") is not before
    assert a.observer.of(DialFailed) == []


def test_a_link_that_has_ended_meanwhile_is_not_dialed_again(network: HandNetwork) -> None:
    a, _ = network.pair()
    ends = len(a.ends)

    a.streams.renewals.renew_all()
    a.engines()[0].lost("it has broken")
    network.run(2.0)

    assert len(a.ends) == ends


def test_however_often_the_other_side_asks_it_is_dialed_once_a_second(network: HandNetwork) -> None:
    _, b = network.pair()

    for _ in range(60):
        b.streams.renewals.renew_all()
        network.run(0.05)
    dials = len(network.streams) - 1
    network.run(2.0)

    assert 2 <= dials <= 4
    assert len(network.streams) - 1 - dials <= 1
    assert len(b.engines()) == 1


def test_of_many_links_only_some_are_made_anew_at_a_time_and_all_of_them_are(network: HandNetwork) -> None:
    a = network.start("a", "a:1")
    others = [network.start(f"b{number}", f"b{number}:1") for number in range(AT_ONCE + 2)]
    for other in others:
        a.dial(other.address)
    network.run(1.0)
    before = {other.collector_id: way_of(a, other.collector_id) for other in others}

    assert a.streams.renewals.renew_all() == len(others)
    most = 0
    for _ in range(60):
        network.step()
        greeting = [one for one in a.ends if one.engine is not None and one.engine.phase is Phase.GREETING]
        most = max(most, len(greeting))
        network.clock.time += 0.02

    assert 1 < most <= AT_ONCE
    assert all(way_of(a, peer_id) is not way for peer_id, way in before.items())
    assert a.observer.of(DialFailed) == []
