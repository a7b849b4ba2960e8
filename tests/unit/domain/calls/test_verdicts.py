import pytest
from tests.unit.domain.calls.scripted import says, verdicts, ways, world_of
from tests.unit.domain.world import ECHO, THERE

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import Executed, OverloadedError, UnavailableError
from collector_mesh.domain.model.events import AttemptFailed, DispatchFailed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.model.verdict import Reason

UNKNOWN = says(502, "outcome unknown: gone", Executed.MAYBE)
SHED = Reply(Reply.refused(OverloadedError.after(0.1)).status)
DOWN = Reply.refused(UnavailableError("the link is down"))


def test_a_call_that_may_have_run_is_not_told_as_not_run_because_the_next_peer_refused_it() -> None:
    world = world_of([UNKNOWN, SHED], peers="ab")

    reply = world.dispatch(THERE)

    assert (reply.status.code, reply.executed, len(reply.attempts)) == (502, Executed.MAYBE, 2)


def test_a_call_that_may_have_run_stays_so_where_nobody_else_is_left() -> None:
    world = world_of([UNKNOWN], peers="a")

    reply = world.dispatch(THERE)

    assert (reply.status.code, reply.executed, reply.attempts) == (502, Executed.MAYBE, ("a",))


@pytest.mark.parametrize(
    ("first", "code", "executed"), [(UNKNOWN, 502, Executed.MAYBE), (SHED, 429, Executed.NO)]
)
def test_a_defect_after_a_try_does_not_hide_that_a_handler_may_have_run(
    first: Reply, code: int, executed: Executed
) -> None:
    world = world_of([first])
    choose, asked = world.router.choose, list[object]()

    def fails_later(*args: object, **more: object) -> object:
        asked.append(args)
        if len(asked) > 1:
            raise ZeroDivisionError
        return choose(*args, **more)  # type: ignore[arg-type]  # as it came

    world.router.choose = fails_later  # type: ignore[assignment,method-assign]  # a defect of ours
    answers: list[Reply] = []
    world.dispatcher.submit(Call(THERE), answers.append)

    assert [(reply.status.code, reply.executed) for reply in answers] == [(code, executed)]
    (event,) = world.observer.of(DispatchFailed)
    assert isinstance(event, DispatchFailed)
    assert isinstance(event.error, ZeroDivisionError)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([SHED, says(503, "draining"), DOWN], 429),
        ([says(503, "draining"), SHED, DOWN], 429),
        ([says(503, "draining"), DOWN, DOWN], 503),
        ([DOWN, SHED, DOWN], 429),
    ],
)
def test_the_most_telling_refusal_is_the_answer(script: list[Reply], code: int) -> None:
    world = world_of(script)

    reply = world.dispatch(THERE)

    assert reply.status.code == code
    if code == 503:
        assert reply.status.message == "draining"
    assert len(reply.attempts) == 3


def test_verdicts_are_told_counted_and_explained() -> None:
    world = world_of([DOWN, SHED, UNKNOWN])

    world.dispatch(THERE)

    first, second, third = verdicts(world)
    assert [verdict.reason for verdict in (first, second, third)] == [
        Reason.UNREACHED,
        Reason.REFUSED,
        Reason.UNKNOWN,
    ]
    assert [(first.code, first.executed), (second.code, third.executed)] == [
        (503, Executed.NO),
        (429, Executed.MAYBE),
    ]
    counts = world.inspection.snapshot().counts
    assert (counts["attempts_unreached"], counts["attempts_refused"], counts["attempts_unknown"]) == (1, 1, 1)
    explained = world.explainer.explain(THERE, now=world.clock.now() + 2.0)
    last = {candidate.collector_id: candidate.last for candidate in explained.candidates}
    assert last[first.peer_id] == "could not be reached (503, not run) 2.0 s ago"
    assert last[third.peer_id] == "may have run it (502, may have run) 2.0 s ago"
    assert last["self"] == ""


def test_a_try_that_succeeds_is_no_event() -> None:
    world = world_of([says(200, executed=Executed.YES, handled_by="a")])

    assert world.dispatch(THERE).status.code == 200
    assert world.observer.of(AttemptFailed) == []


@pytest.mark.parametrize("hint", ["false", "true", "no", ""])
def test_what_a_caller_says_over_unary_counts_before_what_the_peer_says(hint: str) -> None:
    world = world_of([UNKNOWN, says(200, executed=Executed.YES, handled_by="b")])

    reply = world.dispatch(THERE, hints={"idempotent": hint}, origin=Origin.CLIENT)

    assert reply.status.code == (502 if hint == "false" else 200)


def test_a_peer_that_does_not_share_the_namespace_is_refused_in_both_modes() -> None:
    world = world_of([])
    world.peer("stranger", "other")
    answers: list[Reply] = []

    served = world.serve(ECHO, caller="stranger")
    world.dispatcher.submit(Call(ECHO, origin=Origin.PEER, caller="stranger"), answers.append)

    assert served.status == answers[0].status
    assert served.status.code == 403


def test_a_malformed_name_is_refused_before_anything_else() -> None:
    world = world_of([])

    for origin in (Origin.LOCAL, Origin.CLIENT, Origin.PEER):
        reply = run(world.dispatcher.dispatch(Call(MethodKey("a b", "", ""), origin=origin, caller="x")))
        assert (reply.status.code, reply.executed) == (400, Executed.NO)


def test_cancelling_a_told_call_cancels_its_try_and_gives_its_slot_back() -> None:
    world = world_of([None])
    answers: list[Reply] = []

    pending = world.dispatcher.submit(Call(THERE), answers.append)
    assert pending is not None
    pending.cancel()

    assert answers == []
    assert sum(len(engine.cancelled) for engine in ways(world).values()) == 1
    assert world.outgoing.taken == 0
