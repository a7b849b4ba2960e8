"""One link, seen from both of its ends: calls, replies, and what time does to them."""

from math import inf

import pytest
from tests.unit.domain.link.wires import ECHO, PROVED, Outcome, Wire, answer, opened

from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import (
    Calls,
    Frame,
    Mode,
)
from collector_mesh.domain.model.payload import EMPTY, Payload
from collector_mesh.domain.model.status import OK, Reply, Status

# ---- calls and replies -----------------------------------------------------------------------------


def test_calls_go_both_ways() -> None:
    wire = opened(identity=PROVED)
    wire.left.handler = wire.right.handler = answer

    there = wire.left.send(Call(ECHO, Payload("type", b"there")))
    back = wire.right.send(Call(ECHO, Payload("type", b"back")))
    wire.settle()

    assert (there.reply.payload.value, back.reply.payload.value) == (b"there", b"back")
    call = wire.right.last.call
    assert (call.key, call.origin, call.caller, call.identity) == (ECHO, Origin.PEER, "left", PROVED)


def test_what_few_calls_have_arrives_with_the_right_call() -> None:
    wire = opened()
    metadata = (("a", "x"), ("b-bin", b"y"))

    wire.left.send()
    wire.left.send(
        Call(
            ECHO,
            target="right",
            hints={"zone": "west"},
            metadata=metadata,
            idempotent=False,
            hops=2,
            visited=("a", "b"),
        ),
        Mode.DISPATCH,
    )
    wire.left.send(Call(ECHO, idempotent=True, metadata=metadata))
    wire.settle()

    first, second, third = (taken.call for taken in wire.right.taken)
    assert (first.target, first.metadata, first.idempotent) == ("", (), None)
    assert [taken.mode for taken in wire.right.taken] == [Mode.SERVE, Mode.DISPATCH, Mode.SERVE]
    assert (second.target, dict(second.hints), second.metadata) == ("right", {"zone": "west"}, metadata)
    assert (second.idempotent, second.hops, second.visited) == (False, 2, ("a", "b"))
    assert (third.idempotent, third.metadata) == (True, metadata)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(OK, Payload("type", b"value"), "right", Executed.YES),
        Reply(OK, Payload("type", b"value"), "other", Executed.YES, (("a", "x"),)),
        Reply(Status(404, "no such user", {"id": "7"}), EMPTY, "right", Executed.YES),
        Reply(Status(404, "no such method")),
        Reply(Status(502, "outcome unknown"), handled_by="other", executed=Executed.MAYBE),
    ],
)
def test_a_reply_arrives_as_it_was_given(reply: Reply) -> None:
    wire = opened()
    outcome = wire.left.send()
    wire.settle()

    wire.right.last.answer(reply)
    wire.settle()

    assert outcome.reply == reply


def test_a_code_that_means_nothing_is_an_unknown_outcome() -> None:
    wire = opened()
    outcome = wire.left.send()
    wire.settle()

    wire.right.last.answer(Reply(Status(302, "elsewhere"), executed=Executed.MAYBE))
    wire.settle()

    assert (outcome.code, outcome.reply.executed) == (502, Executed.MAYBE)


def test_an_unknown_mode_is_for_the_host_to_judge() -> None:
    wire = opened()

    wire.right.receive(Frame(methods=(ECHO,), calls=Calls(1, (0,), (0,), (b"",), (100,), (9,))))

    assert wire.right.last.mode == 9


def test_a_payload_over_the_limit_of_the_other_side_is_not_sent() -> None:
    wire = opened(max_payload=1000)

    outcome = wire.left.send_bytes(1001)

    assert (outcome.code, outcome.reply.executed) == (413, Executed.NO)
    assert wire.left.write() == []


def test_a_result_over_the_limit_of_the_other_side_is_an_error_of_the_handler() -> None:
    wire = opened(max_payload=1000)
    outcome = wire.left.send()
    wire.settle()

    answer(wire.right.last, Payload("type", bytes(1001)))
    wire.settle()

    assert (outcome.code, outcome.reply.executed) == (500, Executed.YES)


def test_a_call_before_the_link_is_open_is_not_run() -> None:
    wire = Wire()

    outcome = wire.left.send()

    assert (outcome.code, outcome.reply.executed) == (503, Executed.NO)


# ---- deadlines and cancels -------------------------------------------------------------------------


def test_the_time_that_is_left_shrinks_by_what_a_call_has_waited() -> None:
    wire = opened()
    wire.left.send_bytes(1, timeout=2.0)
    wire.now += 0.5

    wire.settle()

    assert wire.right.last.call.deadline == pytest.approx(wire.now + 1.5, abs=0.002)


def test_no_deadline_stays_none() -> None:
    wire = opened()

    wire.left.send()
    wire.settle()

    assert wire.right.last.call.deadline == inf


def test_a_call_whose_time_is_up_before_it_leaves_was_not_run() -> None:
    wire = opened()
    outcome = wire.left.send_bytes(1, timeout=1.0)

    wire.wait(1.02, moves=False)

    assert (outcome.code, outcome.reply.executed) == (504, Executed.NO)
    wire.settle()
    assert wire.right.taken == []


def test_it_is_not_sent_either_if_nobody_has_looked_at_the_time() -> None:
    wire = opened()
    outcome = wire.left.send_bytes(1, timeout=1.0)
    wire.now += 1.0

    wire.left.write()

    assert (outcome.code, outcome.reply.executed) == (504, Executed.NO)


def test_a_call_whose_time_is_up_after_it_has_left_may_have_run() -> None:
    wire = opened()
    outcome = wire.left.send_bytes(1, timeout=1.0)

    wire.wait(1.02)

    assert (outcome.code, outcome.reply.executed) == (504, Executed.MAYBE)
    assert wire.right.last.is_done


def test_a_call_that_timed_out_has_the_other_side_probed() -> None:
    wire = opened()
    wire.left.send_bytes(1, timeout=0.5)
    wire.settle()
    pongs = wire.left.engine.pongs

    wire.wait(0.6)

    assert wire.left.engine.pongs == pongs + 1


def test_a_call_that_is_cancelled_before_it_leaves_is_never_on_the_wire() -> None:
    wire = opened()
    outcome = wire.left.send_bytes(10)

    wire.left.engine.cancel(outcome.sent)

    assert wire.left.write() == []
    assert (outcome.replies, wire.left.engine.queued_bytes, wire.left.engine.in_flight) == ([], 0, 0)


def test_a_cancel_reaches_whoever_runs_the_call() -> None:
    wire = opened()
    stopped: list[bool] = []

    class Work:
        def cancel(self) -> None:
            stopped.append(True)

    outcome = wire.left.send()
    wire.settle()
    wire.right.last.work = Work()

    wire.left.engine.cancel(outcome.sent)
    wire.settle()
    answer(wire.right.last)
    wire.settle()

    assert stopped == [True]
    assert (outcome.replies, wire.right.engine.running) == ([], 0)


def test_a_settled_call_can_cancel_another_one_that_is_late_too() -> None:
    wire = opened()
    others: list[Outcome] = []

    def settle_first(_reply: Reply) -> None:
        for other in others:
            wire.left.engine.cancel(other.sent)

    first = SentCall(Call(ECHO, deadline=wire.now + 1.0), Mode.SERVE, settle_first)
    wire.left.engine.send(first)
    second = wire.left.send_bytes(1, timeout=1.0)
    others.append(second)
    wire.settle()

    wire.wait(1.1)

    assert second.replies == []


def test_a_settled_call_can_cancel_another_one_when_the_link_ends() -> None:
    wire = opened()
    others: list[Outcome] = []

    def settle_first(_reply: Reply) -> None:
        for other in others:
            wire.left.engine.cancel(other.sent)

    wire.left.engine.send(SentCall(Call(ECHO), Mode.SERVE, settle_first))
    second = wire.left.send()
    others.append(second)

    wire.cut()

    assert second.replies == []
