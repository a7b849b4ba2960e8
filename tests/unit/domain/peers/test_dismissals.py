"""Peers that may no longer be peers, by rules that have changed while they were connected."""

import pytest
from tests.unit.domain.link.hosts import HandNetwork, Host
from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.events import PeerRefused
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.access_rules import AccessRule, AccessRules
from collector_mesh.domain.policies.access_who import Who

WORK = MethodKey("users", "UserService", "Work")


def none_of(*peer_ids: str) -> AccessRules:
    """Rules under which some may not be peers."""
    return AccessRules(
        (AccessRule("not those", (Who.parse("anyone"),), "deny", peer=peer_ids),), default="allow"
    )


def refusals(host: Host | World) -> list[str]:
    return [event.peer for event in host.observer.events if isinstance(event, PeerRefused)]


def look(host: Host, patience: float = 1.0) -> tuple[str, ...]:
    return run(host.streams.dismissals.look(patience))


def call_over(caller: Host, replies: list[Reply]) -> None:
    """Send a call over the only link."""
    (engine,) = caller.engines()
    engine.send(SentCall(Call(WORK, deadline=engine.time + 60.0), Mode.SERVE, replies.append))


def test_whoever_may_stay_does(network: HandNetwork) -> None:
    a, b = network.pair()
    a.access.replace(none_of("c"))

    assert look(a) == ()
    network.run(3.0)

    assert a.connection("b") is not None
    assert b.connection("a") is not None
    assert refusals(a) == []


@pytest.mark.parametrize("dialer", ["a", "b"])
def test_whoever_may_be_a_peer_no_longer_gets_no_calls_at_once_and_its_link_ends(
    network: HandNetwork, dialer: str
) -> None:
    a, b = network.pair(dialer=dialer)
    a.access.replace(none_of("b"))

    assert look(a) == ("b",)
    assert a.connection("b") is None
    network.run(3.0)

    assert b.connection("a") is None
    assert (a.engines(), b.engines()) == ([], [])
    assert refusals(a) == ["b"]


def test_calls_that_are_under_way_may_finish(network: HandNetwork) -> None:
    a, b = network.pair()
    taken: list[TakenCall] = []
    replies: list[Reply] = []
    a.streams.take = taken.append
    call_over(b, replies)
    network.run(0.5)
    a.access.replace(none_of("b"))

    look(a, patience=5.0)
    network.run(1.0)
    assert b.engines() != []
    taken[0].answer(Reply(OK, handled_by="a", executed=Executed.YES))
    network.run(2.0)

    assert [reply.status.code for reply in replies] == [200]
    assert (a.engines(), b.engines()) == ([], [])


def test_calls_that_take_too_long_are_not_waited_for(network: HandNetwork) -> None:
    a, b = network.pair()
    replies: list[Reply] = []
    a.streams.take = lambda _taken: None
    call_over(b, replies)
    network.run(0.5)
    a.access.replace(none_of("b"))

    look(a, patience=1.0)
    network.run(0.8)
    assert len(a.engines()) == 1
    network.run(6.0)

    assert a.engines() == []
    assert [(reply.status.code, reply.executed) for reply in replies] == [(502, Executed.MAYBE)]


def test_many_are_looked_at_in_slices_and_all_of_them(network: HandNetwork) -> None:
    a = network.start("a", "a:1")
    ids = [f"b{number}" for number in range(20)]
    for one in ids:
        network.start(one, f"{one}:1")
        a.dial(f"{one}:1")
    network.run(1.0)
    a.access.replace(none_of("b*"))
    found: list[tuple[str, ...]] = []

    async def look_at_all() -> None:
        found.append(await a.streams.dismissals.look(1.0))

    a.tasks.start(look_at_all(), "look")
    a.tasks.step()
    after_one = len(refusals(a))
    network.run(1.0)

    assert 0 < after_one < len(ids)
    assert found == [tuple(ids)]
    assert sorted(refusals(a)) == sorted(ids)


def test_links_that_are_older_than_what_is_trusted_end_and_those_made_anew_stay(network: HandNetwork) -> None:
    a, b = network.pair()
    c = network.start("c", "c:1")
    c.dial("a:1")
    network.run(1.0)

    a.streams.dismissals.end_older(1.0, calls=1.0)
    network.run(0.2)
    a.dial("b:1")
    network.run(4.0)

    assert a.connection("b") is not None
    assert b.connection("a") is not None
    assert (a.connection("c"), c.connection("a")) == (None, None)
    assert refusals(a) == ["c"]
    assert c.engines() == []


def test_a_link_that_ends_by_itself_meanwhile_is_ended_once(network: HandNetwork) -> None:
    a, b = network.pair()
    a.access.replace(none_of("b"))
    look(a, patience=3.0)

    b.crash(silently=False)
    network.run(5.0)

    assert refusals(a) == ["b"]
    assert all(end.engine is None or end.engine.phase is Phase.ENDED for end in a.ends)


def test_peers_without_links_are_let_go_too() -> None:
    access = AccessPolicy()
    world = World(access=access)
    world.peer("old")
    world.peer("other")
    assert run(world.streams.dismissals.look(1.0)) == ()

    access.replace(none_of("old"))
    gone = run(world.streams.dismissals.look(1.0))

    assert gone == ("old",)
    assert [world.roster.connection(one) is None for one in ("old", "other")] == [True, False]
    assert refusals(world) == ["old"]
    assert world.dispatch(THERE, target="old").status.code == 404
    run(world.tasks.close())
