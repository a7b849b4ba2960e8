"""A host is told when its link is whole, and hurts nobody when it raises."""

from collections.abc import Callable

import attrs
import pytest
from tests.unit.domain.link.wires import ECHO, Wire, answer, opened

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import Control, Frame, Goodbye, Mode
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.status import Reply


def _raise(*_told: object) -> None:
    raise KeyError("users")


def test_a_host_that_raises_at_one_call_gets_the_others_and_the_link_goes_on() -> None:
    wire = opened(raises=True)

    def handle(taken: TakenCall) -> None:
        if taken.number == 2:
            raise KeyError("users")
        answer(taken)

    wire.right.handler = handle
    outcomes = [wire.left.send() for _ in range(3)]
    wire.settle()

    assert [outcome.code for outcome in outcomes] == [200, 500, 200]
    assert outcomes[1].reply.executed is Executed.MAYBE
    assert outcomes[1].reply.status.message == "internal error"
    assert wire.right.engine.running == 0
    assert wire.right.engine.is_usable
    assert [type(error) for error in wire.right.failures] == [KeyError]


def test_whoever_waits_for_a_reply_and_raises_hurts_no_other_call() -> None:
    wire = opened(raises=True)
    wire.right.handler = answer
    before, after = wire.left.send(), Call(ECHO)
    wire.left.engine.send(SentCall(after, Mode.SERVE, _raise))
    last = wire.left.send()

    wire.settle()

    assert (before.code, last.code) == (200, 200)
    assert wire.left.engine.is_usable
    assert [type(error) for error in wire.left.failures] == [KeyError]


def test_all_calls_are_settled_when_a_link_ends_whoever_raises() -> None:
    wire = opened(raises=True)
    wire.left.engine.send(SentCall(Call(ECHO), Mode.SERVE, _raise))
    outcome = wire.left.send()
    wire.settle()

    wire.cut()

    assert outcome.code == 502
    assert wire.left.engine.in_flight == 0


def test_work_that_raises_when_it_is_stopped_keeps_no_other_from_being_stopped() -> None:
    wire = opened(raises=True)
    stopped: list[int] = []

    class Work:
        def __init__(self, number: int) -> None:
            self.number = number

        def cancel(self) -> None:
            stopped.append(self.number)
            raise KeyError("users")

    for number in range(3):
        wire.left.send()
        wire.settle()
        wire.right.last.work = Work(number)

    wire.cut()

    assert stopped == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "happens"),
    [
        ("changed", lambda wire: wire.left.engine.tell_draining()),
        ("reached", lambda wire: wire.left.engine.tell_reach([Reach("far", ("left",))])),
    ],
)
def test_a_host_that_raises_at_news_loses_that_link_at_most(
    monkeypatch: pytest.MonkeyPatch, name: str, happens: Callable[[Wire], None]
) -> None:
    wire = opened(raises=True)
    monkeypatch.setattr(wire.right, name, _raise)

    happens(wire)
    wire.settle()

    assert (wire.right.engine.phase, wire.right.engine.reason) == (Phase.ENDED, "internal error")
    assert wire.left.engine.reason == "internal error"
    assert [type(error) for error in wire.right.failures] == [KeyError]


@pytest.mark.parametrize(("name", "end"), [("greeted", "right"), ("opened", "left"), ("confirmed", "right")])
def test_a_host_that_raises_during_the_handshake_has_no_link(
    monkeypatch: pytest.MonkeyPatch, name: str, end: str
) -> None:
    wire = Wire(raises=True)
    monkeypatch.setattr(getattr(wire, end), name, _raise)

    wire.settle()

    assert wire.left.engine.phase is wire.right.engine.phase is Phase.ENDED


def test_a_host_that_raises_when_it_is_told_of_a_failure_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wire = opened(raises=True)
    monkeypatch.setattr(wire.right, "failed", _raise)
    wire.right.handler = _raise
    outcome = wire.left.send()

    wire.settle()

    assert outcome.code == 500
    assert wire.right.engine.is_usable


def test_what_ends_the_process_is_raised_and_the_rest_is_told_later() -> None:
    wire = opened(raises=True)

    def handle(taken: TakenCall) -> None:
        if taken.number == 1:
            raise KeyboardInterrupt
        answer(taken)

    wire.right.handler = handle
    first, second = wire.left.send(), wire.left.send()
    with pytest.raises(KeyboardInterrupt):
        wire.settle()

    wire.settle()
    wire.right.engine.tick(wire.now)
    wire.settle()

    assert (first.replies, second.code) == ([], 200)


def test_at_the_end_of_a_link_everybody_hears_of_it_when_it_has_ended() -> None:
    wire = opened()
    seen: list[tuple[Phase, int]] = []

    def settle(_reply: Reply) -> None:
        seen.append((wire.left.engine.phase, wire.left.engine.in_flight))

    for _ in range(2):
        wire.left.engine.send(SentCall(Call(ECHO), Mode.SERVE, settle))
    wire.settle()

    wire.left.receive(Frame(control=Control(draining=True, goodbye=Goodbye(503, "over"))))

    assert seen == [(Phase.ENDED, 0)] * 2


def test_of_a_frame_that_tells_of_a_drain_the_drain_is_told_before_the_replies() -> None:
    wire = opened()

    def refuse(taken: TakenCall) -> None:
        answer(taken)
        wire.right.engine.tell_draining()

    wire.right.handler = refuse
    wire.left.engine.send(SentCall(Call(ECHO), Mode.SERVE, lambda _reply: wire.left.told.append("reply")))
    wire.settle()

    assert [word for word in wire.left.told if word in ("changed", "reply")] == ["changed", "reply"]


def test_what_happens_while_the_host_is_told_is_told_after_that() -> None:
    wire = opened()
    order: list[str] = []

    def first(_reply: Reply) -> None:
        order.append("first begins")
        wire.left.engine.lost("the stream is broken")
        order.append("first ends")

    wire.right.handler = answer
    wire.left.engine.send(SentCall(Call(ECHO), Mode.SERVE, first))
    wire.settle()
    order += [word for word in wire.left.told if word == "ended"]

    assert order == ["first begins", "first ends", "ended"]


def test_a_call_that_its_host_has_not_heard_of_is_not_run_if_the_link_fails_before() -> None:
    wire = opened()

    def handle(taken: TakenCall) -> None:
        wire.right.engine.fail("enough", 403)

    wire.right.handler = handle
    for _ in range(3):
        wire.left.send()
    wire.settle()

    assert [taken.number for taken in wire.right.taken] == [1]
    assert wire.right.engine.running == 0


def test_a_call_and_its_cancel_in_one_frame_run_nothing() -> None:
    wire = opened()
    outcome = wire.left.send()
    (frame,) = wire.left.write()
    wire.right.arriving.clear()

    wire.right.receive(attrs.evolve(frame, cancels=(outcome.sent.number,)))

    assert wire.right.taken == []
    assert wire.right.engine.running == 0


def test_a_host_may_use_other_links_while_it_is_told() -> None:
    wire, other = opened(), opened()
    other.right.handler = answer
    outcomes = []

    def pass_on(taken: TakenCall) -> None:
        def settle(reply: Reply) -> None:
            outcomes.append(reply)
            taken.answer(reply)

        other.left.engine.send(SentCall(taken.call, Mode.SERVE, settle))

    wire.right.handler = pass_on
    outcome = wire.left.send()
    for _ in range(3):
        wire.settle()
        other.settle()

    assert outcome.code == 200
    assert len(outcomes) == 1
