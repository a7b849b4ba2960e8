"""Peers that are called with one request for each call."""

import pytest
from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.events import PeerRefused
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer
from collector_mesh.domain.model.status import Reply, Status
from collector_mesh.domain.policies.access_policy import AccessPolicy


@pytest.mark.parametrize("code", [200, 500])
def test_a_peer_that_does_not_say_who_ran_a_call_has_run_it_itself(code: int) -> None:
    world = World()
    world.peer("old", answer=lambda _call: Reply(Status(code, "so it was"), executed=Executed.YES))

    reply = world.dispatch(THERE)

    assert (reply.executed, reply.handled_by, reply.attempts) == (Executed.YES, "old", ("old",))


def test_a_peer_that_has_not_run_a_call_is_not_named() -> None:
    world = World()
    world.peer("old", answer=lambda _call: Reply(Status(400, "bad")))

    assert world.dispatch(THERE).handled_by == ""


class Serving:
    """An authorizer that lets some collectors serve, and remembers what it was asked."""

    def __init__(self, *allowed: str, decides_serving: bool = True) -> None:
        self.allowed = allowed
        self.decides_serving = decides_serving
        self.asked: list[tuple[str, str]] = []

    def may_use(self, _identity: Identity | None, _namespace: str, /) -> bool:
        return True

    def may_serve(self, _identity: Identity | None, collector_id: str, namespace: str, /) -> bool:
        self.asked.append((collector_id, namespace))
        return collector_id in self.allowed


def test_who_may_serve_is_asked_when_a_call_first_goes_to_a_peer_that_does_not_say_what_it_has() -> None:
    serving = Serving("old")
    world = World(access=AccessPolicy(serving))
    link = world.peer("old", "orders", "users")
    before = list(serving.asked)

    codes = [world.dispatch(THERE).status.code for _ in range(3)]

    assert before == []
    assert codes == [200, 200, 200]
    assert serving.asked == [("old", "orders")]
    assert len(link.calls) == 3


def test_a_peer_that_may_not_serve_a_namespace_is_sent_nothing_there_and_others_are_asked() -> None:
    serving = Serving("good")
    world = World(access=AccessPolicy(serving))
    evil = world.peer("evil", "orders", "users")

    alone = world.dispatch(THERE)
    good = world.peer("good")
    reply = world.dispatch(THERE)
    targeted = world.dispatch(THERE, target="evil")
    # It says so again: a no is remembered as long as it is reached in the same way.
    run(world.greeter.connect(Offer("evil", "evil:1", ("orders", "users"))))
    again = world.dispatch(THERE, target="evil")

    assert (alone.status.code, alone.executed) == (404, Executed.NO)
    assert reply.status.code == 200
    assert targeted.status.message == "no connection to collector 'evil' in namespace 'orders'"
    assert again.status.message == targeted.status.message
    assert (evil.calls, len(good.calls)) == ([], 1)
    assert world.observer.of(PeerRefused) == [
        PeerRefused("self", "evil", "evil:1", "it may not serve the namespace 'orders'")
    ]


@pytest.mark.parametrize(("decides_serving", "code"), [(True, 404), (False, 200)])
def test_of_a_peer_that_was_dialed_only_one_who_says_who_may_serve_is_asked(
    decides_serving: bool, code: int
) -> None:
    serving = Serving(decides_serving=decides_serving)
    world = World(access=AccessPolicy(serving))
    world.peer("old", dialed=True)

    assert world.dispatch(THERE).status.code == code
