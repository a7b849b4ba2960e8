"""The awaited form, the told form and the loop alone give the same answers."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.domain.calls.scripted import says, verdicts, world_of
from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.calls.retry_state import RetryState
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import Executed, UnavailableError
from collector_mesh.domain.model.status import Reply

REPLIES = (
    says(200, executed=Executed.YES, handled_by="a"),
    says(503, "draining"),
    says(429, "overloaded"),
    Reply.refused(UnavailableError("the link is down")),
    says(502, "outcome unknown: gone", Executed.MAYBE),
    says(504, "deadline exceeded", Executed.MAYBE),
    says(404, "method 'OrderService.CreateOrder' not found in namespace 'orders'"),
    says(404, "service not registered in registry: no"),
    says(403, "no"),
    says(500, "handler error: x", Executed.YES, "b"),
    says(503, "the handler's own", Executed.YES, "c"),
)
SCRIPTS = st.lists(st.sampled_from(REPLIES), max_size=6)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "idempotent": st.sampled_from([None, True, False]),
        "hints": st.sampled_from([{"idempotent": "true"}, {"idempotent": "false"}]),
        "target": st.sampled_from(["", "a", "b", "nobody"]),
        "origin": st.sampled_from([Origin.LOCAL, Origin.CLIENT]),
    },
)


def awaited(world: World, call: Call) -> Reply:
    return run(world.dispatcher.dispatch(call))


def told(world: World, call: Call) -> Reply:
    answers: list[Reply] = []
    world.dispatcher.submit(call, answers.append)
    (answer,) = answers
    return answer


def loop_alone(world: World, call: Call) -> Reply:
    world.checks.check(call)
    first = None
    if not call.target:
        first = world.router.choose(call, tried=(), now=world.clock.now(), dice=world.dice)
    return run(world.loop.run(RetryState(call), first))


@settings(deadline=None)
@given(script=SCRIPTS, idempotent=st.sampled_from(["", "a", "bc", "abc"]), options=OPTIONS)
def test_all_forms_of_a_call_come_to_the_same(
    script: list[Reply], idempotent: str, options: dict[str, Any]
) -> None:
    outcomes = []
    for form in (awaited, told, loop_alone):
        world = world_of(script, idempotent=idempotent)
        reply = form(world, Call(THERE, deadline=world.clock.now() + 5.0, **options))
        counts = world.counts
        outcomes.append(
            (reply, reply.tried, verdicts(world), counts.attempts, counts.retries, counts.failed_attempts)
        )

    assert outcomes[0] == outcomes[1] == outcomes[2]


@settings(deadline=None)
@given(script=SCRIPTS, idempotent=st.sampled_from(["", "a", "bc", "abc"]), options=OPTIONS)
def test_no_answer_says_less_of_whether_a_handler_ran_than_the_tries_did(
    script: list[Reply], idempotent: str, options: dict[str, Any]
) -> None:
    world = world_of(script, idempotent=idempotent)

    reply = awaited(world, Call(THERE, deadline=world.clock.now() + 5.0, **options))

    rank = {Executed.NO: 0, Executed.MAYBE: 1, Executed.YES: 2}
    assert all(rank[reply.executed] >= rank[verdict.executed] for verdict in verdicts(world))
    # Over unary nothing but the code and the name tells it (WIRE §2).
    if reply.executed is Executed.MAYBE:
        assert reply.status.code in (499, 502, 504)
    if reply.executed is Executed.NO:
        assert not reply.handled_by
    assert (world.outgoing.taken, world.running.taken) == (0, 0)
