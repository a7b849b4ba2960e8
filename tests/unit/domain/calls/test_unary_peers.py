"""Peers that are called with one request for each call."""

import pytest
from tests.unit.domain.world import THERE, World

from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.status import Reply, Status


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
