"""Being told that a collector lacks a method is no attempt: it takes no budget and none of the tries."""

from tests.unit.domain.world import THERE, World

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import NotFoundError, UnavailableError
from collector_mesh.domain.model.status import OK, Reply

LACKING = [f"lacking-{number}" for number in range(5)]


def fails(_call: Call) -> Reply:
    return Reply.refused(UnavailableError("broken"))


def lacks(_call: Call) -> Reply:
    return Reply.refused(NotFoundError("method 'OrderService.CreateOrder' not found in namespace 'orders'"))


def failing_and_lacking() -> World:
    """One that says that it has the method, and fails; five that do not say, and lack it."""
    world = World()
    world.replica("failing", answer=fails)
    for peer_id in LACKING:
        world.peer(peer_id, answer=lacks)
    return world


def test_an_attempt_that_has_failed_pays_for_one_retry_however_many_lack_the_method() -> None:
    world = failing_and_lacking()

    reply = world.dispatch(THERE)

    assert reply.status.code == 503
    assert world.topology.known_lacks == len(LACKING)
    assert world.counts.retries == 1
    (standing,) = world.topology.standings.of_peer("failing")
    assert standing.history.retries(world.clock.now(), 10) == 1


def test_who_has_the_method_is_found_behind_those_who_lack_it() -> None:
    world = failing_and_lacking()
    world.peer("has", answer=lambda _call: Reply(OK))

    reply = world.dispatch(THERE)

    assert reply.status is OK
    assert reply.attempts == ("failing", "has")
