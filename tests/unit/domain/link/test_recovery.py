"""What becomes of calls whose link is lost: two ends that meet again over another link."""

from collections.abc import Iterator

import attrs
import pytest
from tests.unit.domain.link.wires import ECHO, Outcome, Wire, answer

from collector_mesh.app.testing.fakes import FakeClock, FakeDice
from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.held import HeldCalls
from collector_mesh.domain.link.recovery import Recovery
from collector_mesh.domain.link.sizes import MAX_ASKED, MAX_ASKING
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, HandlerError
from collector_mesh.domain.model.frames import Asked, Control, Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply

SECONDS = 2.0
SMALL = Batching(large_bytes=100, chunk_bytes=100, window=4)


class Stops:
    """What runs a call, and notes that it is told to stop."""

    def __init__(self) -> None:
        self.is_stopped = False

    def cancel(self) -> None:
        """Stop."""
        self.is_stopped = True


@attrs.define(eq=False)
class Pair:
    """Two starts whose links are lost and opened again."""

    clock: FakeClock = attrs.field(factory=FakeClock)
    left: Recovery = attrs.field(init=False)
    right: Recovery = attrs.field(init=False)
    wires: list[Wire] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.left = Recovery(SECONDS, clock=self.clock, dice=FakeDice(tokens=1_000))
        self.right = Recovery(SECONDS, clock=self.clock, dice=FakeDice(tokens=2_000))

    @property
    def wire(self) -> Wire:
        """The latest link."""
        return self.wires[-1]

    def link(
        self,
        *,
        right: str = "right-1",
        left: str = "left-1",
        identities: tuple[Identity | None, Identity | None] | None = None,
        batching: Batching | None = None,
        recovery: Recovery | None = None,
    ) -> Wire:
        """Open a link, and have both ends say what they have to."""
        wire = Wire(
            now=self.clock.time,
            recoveries=(recovery or self.left, self.right),
            incarnations=(left, right),
            identities=identities,
            batching=batching,
        )
        self.wires.append(wire)
        wire.settle()
        for ours, end in ((recovery or self.left, wire.left), (self.right, wire.right)):
            ours.admitted(end.engine)
        wire.settle()
        return wire

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until = self.clock.time + seconds
        while self.clock.time < until - 1e-9:
            self.clock.time = min(until, self.clock.time + 0.05)
            self.clock.ring()
            wire = self.wire
            if wire.left.engine.phase is Phase.OPEN:
                wire.wait(max(0.0, self.clock.time - wire.now))


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two of them, linked."""
    pair = Pair()
    pair.link()
    yield pair
    pair.left.close()
    pair.right.close()
    assert (pair.left.held_bytes, pair.right.held_bytes) == (0, 0)


def known(outcome: Outcome) -> tuple[int, Executed]:
    """The code, and whether a handler has run."""
    return outcome.code, outcome.reply.executed


def test_a_reply_that_is_made_after_the_link_was_lost_comes_over_the_next_one(pair: Pair) -> None:
    outcome = pair.wire.left.send_bytes(10)
    pair.wire.settle()
    taken = pair.wire.right.last
    work = taken.work = Stops()
    pair.wire.cut()
    pair.wait(1.0)

    pair.link()
    pair.wait(3 * SECONDS)
    assert (outcome.replies, work.is_stopped) == ([], False)
    answer(taken)
    pair.wire.settle()

    assert (outcome.code, outcome.reply.payload) == (200, taken.call.payload)
    assert (pair.wire.left.engine.in_flight, pair.wire.right.engine.running) == (0, 0)
    assert (pair.left.counts.lost_answered, pair.left.counts.lost_unknown) == (1, 0)


@pytest.mark.parametrize("dialer", ["left", "right"])
def test_both_sides_of_a_link_ask_whoever_has_dialed(pair: Pair, dialer: str) -> None:
    end = getattr(pair.wire, dialer)
    outcome = end.send_bytes(10)
    pair.wire.settle()
    pair.wire.cut()
    answer(end.other.last)

    pair.link()

    assert outcome.code == 200


@pytest.mark.parametrize("size", [10, 350])
def test_a_reply_that_was_on_its_way_is_kept_until_the_other_side_has_said_that_it_has_come(
    size: int,
) -> None:
    pair = Pair()
    wire = pair.link(batching=SMALL)
    first, second = wire.left.send_bytes(size), wire.left.send_bytes(size)
    for _ in range(20):
        wire.left.write(with_credit=True)
        while wire.right.read():
            wire.right.write(with_credit=True)
            wire.left.read()
    answered, lost = wire.right.taken
    answer(answered)
    wire.settle()
    answer(lost)
    for _ in range(2):  # of the large one a part only
        wire.right.write()
    wire.cut()

    pair.link(batching=SMALL)

    assert (first.code, second.code) == (200, 200)
    assert len(second.reply.payload.value) == size
    assert pair.right.held_bytes == 0


def test_a_call_that_was_written_and_has_not_come_was_not_run(pair: Pair) -> None:
    outcome = pair.wire.left.send_bytes(10)
    pair.wire.left.write()
    pair.wire.cut()

    pair.link()

    assert known(outcome) == (503, Executed.NO)
    assert pair.wire.right.taken == []
    assert pair.left.counts.lost_not_run == 1


def test_a_call_of_which_a_part_has_not_come_was_not_run() -> None:
    pair = Pair()
    wire = pair.link(batching=SMALL)
    outcome = wire.left.send_bytes(250)
    wire.left.write()
    wire.right.read()
    wire.right.write(with_credit=True)
    while wire.left.read() or wire.left.write():
        pass
    assert not wire.left.engine.queued_bytes
    wire.right.arriving.pop()
    while wire.right.read():
        pass
    assert wire.right.taken == []
    wire.cut()

    pair.link(batching=SMALL)

    assert known(outcome) == (503, Executed.NO)


def test_what_a_handler_has_raised_is_told_as_it_is(pair: Pair) -> None:
    outcome = pair.wire.left.send_bytes(10)
    pair.wire.settle()
    pair.wire.right.last.answer(Reply.refused(HandlerError("no", handled_by="right")))
    pair.wire.right.write()
    pair.wire.cut()

    pair.link()

    assert known(outcome) == (500, Executed.YES)
    assert outcome.reply.handled_by == "right"


@pytest.mark.parametrize("losses", [3, 4])
def test_links_that_are_lost_one_after_the_other_lose_nothing(pair: Pair, losses: int) -> None:
    outcomes = [pair.wire.left.send_bytes(10) for _ in range(3)]
    pair.wire.settle()
    runs, answered, late = pair.wire.right.taken
    answer(answered)
    pair.wire.right.write()
    for _ in range(losses):
        pair.wire.cut()
        pair.wait(1.5)
        pair.link()
    answer(late)
    pair.wire.right.write()
    pair.wire.cut()
    pair.link()
    answer(runs)
    pair.wire.settle()

    assert [outcome.code for outcome in outcomes] == [200, 200, 200]


def test_a_question_that_is_lost_itself_is_asked_again_and_never_makes_a_call_not_run(pair: Pair) -> None:
    outcome = pair.wire.left.send_bytes(10)
    pair.wire.settle()
    taken = pair.wire.right.last
    pair.wire.cut()
    again = Wire(now=pair.clock.time, recoveries=(pair.left, pair.right))
    again.settle()
    pair.left.admitted(again.left.engine)
    (asked,) = again.left.write()
    assert asked.control is not None
    assert asked.control.asked is not None
    again.cut()

    pair.link()

    assert outcome.replies == []
    answer(taken)
    pair.wire.settle()
    assert outcome.code == 200


def test_a_goodbye_that_crosses_the_question_does_not_make_a_call_not_run(pair: Pair) -> None:
    outcome = pair.wire.left.send_bytes(10)
    pair.wire.settle()
    pair.wire.cut()
    again = Wire(now=pair.clock.time, recoveries=(pair.left, pair.right))
    again.settle()
    pair.left.admitted(again.left.engine)
    again.left.write()
    again.right.engine.close(200, "enough")
    again.right.write()
    again.left.read()
    assert again.left.engine.was_clean

    pair.wait(SECONDS + 0.1)

    assert known(outcome) == (502, Executed.MAYBE)


def test_without_another_link_a_call_ends_when_it_was_held_long_enough_and_so_does_its_handler(
    pair: Pair,
) -> None:
    outcome = pair.wire.left.send_bytes(10)
    pair.wire.settle()
    work = pair.wire.right.last.work = Stops()
    pair.wire.cut()

    pair.wait(SECONDS - 0.1)
    assert (outcome.replies, work.is_stopped, pair.right.running) == ([], False, 1)
    pair.wait(0.2)

    assert known(outcome) == (502, Executed.MAYBE)
    assert (work.is_stopped, pair.right.running) == (True, 0)


def test_deadlines_hold_while_nobody_can_be_asked_and_after(pair: Pair) -> None:
    first = pair.wire.left.send_bytes(10, timeout=0.5)
    second = pair.wire.left.send_bytes(10, timeout=1.5)
    pair.wire.settle()
    pair.wire.cut()
    pair.wait(0.6)
    assert known(first) == (504, Executed.MAYBE)

    pair.link()
    pair.wait(1.0)

    assert known(second) == (504, Executed.MAYBE)
    assert pair.wire.right.engine.running == 0


def test_a_call_that_is_cancelled_while_nobody_can_be_asked_is_stopped_when_its_peer_is_back(
    pair: Pair,
) -> None:
    outcome, other = pair.wire.left.send_bytes(10), pair.wire.left.send_bytes(10)
    pair.wire.settle()
    cancelled, runs = (taken for taken in pair.wire.right.taken)
    cancelled.work, runs.work = works = (Stops(), Stops())
    engine = pair.wire.left.engine
    pair.wire.cut()
    engine.cancel(outcome.sent)

    pair.link()
    assert [work.is_stopped for work in works] == [True, False]
    engine.cancel(other.sent)
    pair.wire.settle()

    assert [work.is_stopped for work in works] == [True, True]
    assert (outcome.replies, other.replies) == ([], [])
    assert pair.wire.right.engine.running == 0


def test_another_start_knows_nothing_and_its_peer_waits_no_longer(pair: Pair) -> None:
    outcome = pair.wire.left.send_bytes(10)
    back = pair.wire.right.send_bytes(10)
    pair.wire.settle()
    work = pair.wire.left.last.work = Stops()
    pair.wire.cut()
    other = Recovery(SECONDS, clock=pair.clock, dice=FakeDice(tokens=9_000))
    pair.right = other

    pair.link(right="right-2")

    assert known(outcome) == (502, Executed.MAYBE)
    assert work.is_stopped
    assert back.replies == []


def test_where_nobody_listens_anymore_nobody_is_waited_for(pair: Pair) -> None:
    outcome = pair.wire.left.send_bytes(10)
    pair.wire.settle()
    pair.wire.cut()

    pair.left.nobody_at("elsewhere:1")
    assert outcome.replies == []
    pair.left.nobody_at("right:1")

    assert known(outcome) == (502, Executed.MAYBE)


def test_a_peer_that_keeps_nothing_is_not_asked_and_its_handlers_stop_at_once() -> None:
    pair = Pair()
    wire = Wire(now=pair.clock.time, recoveries=(pair.left, None))
    wire.settle()
    outcome, back = wire.left.send_bytes(10), wire.right.send_bytes(10)
    wire.settle()
    works = wire.left.last.work, wire.right.last.work = Stops(), Stops()

    wire.cut()

    assert [known(each) for each in (outcome, back)] == [(502, Executed.MAYBE)] * 2
    assert all(work.is_stopped for work in works)


def test_after_a_goodbye_nothing_is_kept(pair: Pair) -> None:
    outcome = pair.wire.left.send_bytes(10)
    pair.wire.settle()
    work = pair.wire.right.last.work = Stops()
    pair.wire.right.engine.fail("something is wrong")
    pair.wire.settle()

    assert known(outcome) == (502, Executed.MAYBE)
    assert (work.is_stopped, pair.right.running) == (True, 0)


def test_a_link_that_only_one_side_has_lost_ends_at_the_other_when_it_asks(pair: Pair) -> None:
    outcome, back = pair.wire.left.send_bytes(10), pair.wire.right.send_bytes(10)
    pair.wire.settle()
    one, other = pair.wire.right.last, pair.wire.left.last
    earlier = pair.wire
    earlier.left.engine.lost("the stream is broken")

    pair.link()
    answer(one)
    answer(other)
    pair.wire.settle()

    assert earlier.right.engine.phase is Phase.ENDED
    assert (outcome.code, back.code) == (200, 200)


PROVED = Identity(uris=("spiffe://example.org/left",))
OTHER = Identity(uris=("spiffe://example.org/other",))


@pytest.mark.parametrize(("left", "identity"), [("left-2", PROVED), ("left-1", OTHER), ("left-1", None)])
def test_nobody_else_gets_a_reply_whatever_they_know(left: str, identity: Identity | None) -> None:
    pair = Pair()
    wire = pair.link(identities=(None, PROVED))
    outcome = wire.left.send_bytes(10)
    wire.settle()
    answer(wire.right.last, Payload("secret", b"secret"))
    wire.right.write()
    wire.cut()
    stranger = Recovery(SECONDS, clock=pair.clock, dice=FakeDice(tokens=5_000))
    thief = pair.link(left=left, identities=(None, identity), recovery=stranger)
    asked = Asked(wire.right.engine.name_for_other, 1, (1,))

    thief.right.receive(Frame(control=Control(asked=asked)))
    written = thief.right.write()

    assert [frame.replies.values for frame in written if frame.replies] == [(b"",)]
    assert "secret" not in repr(written)
    pair.link(identities=(None, PROVED))
    assert outcome.code == (502 if left == "left-2" else 200)


def test_who_does_not_know_what_a_link_is_called_hears_nothing(pair: Pair) -> None:
    pair.wire.left.send_bytes(10)
    pair.wire.settle()
    answer(pair.wire.right.last, Payload("secret", b"secret"))
    pair.wire.right.write()
    pair.wire.cut()
    again = Wire(now=pair.clock.time, recoveries=(None, pair.right))
    again.settle()

    again.right.receive(Frame(control=Control(asked=Asked("f" * 32, 1, (1, 2, 3)))))
    (written,) = [frame for frame in again.right.write() if frame.replies]

    assert written.replies is not None
    assert set(written.replies.values) == {b""}
    assert {extra.status.code for extra in written.replies.extras} == {502}


def test_the_name_of_a_link_is_in_no_text(pair: Pair) -> None:
    name = pair.wire.right.engine.name_for_other
    wire = Wire(now=pair.clock.time, recoveries=(pair.left, pair.right))
    wire.settle()

    told = repr([*wire.left.written, *wire.right.written, wire.left.engine.peer, Asked(name, 1, ())])

    assert len(name) == 32
    assert all(each not in told for each in (name, wire.right.engine.name_for_other))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Asked("x", 2, (1,)), "call 2 after call 0: they are numbered one by one"),
        (Asked("x", 1, (2, 1)), "not in ascending order"),
        (Asked("x", 1, (0,)), "not in ascending order"),
        (Asked("x", 1, tuple(range(1, MAX_ASKED + 2))), f"at most {MAX_ASKED} of {MAX_ASKING} are"),
    ],
)
def test_a_question_that_makes_no_sense_ends_the_link(pair: Pair, asked: Asked, why: str) -> None:
    pair.wire.right.receive(Frame(control=Control(asked=asked)))

    assert why in pair.wire.right.engine.reason


def test_nobody_asks_for_ever(pair: Pair) -> None:
    for index in range(MAX_ASKING + 1):
        pair.wire.right.receive(Frame(control=Control(asked=Asked("x", index + 1, (index + 1,)))))

    assert "calls of 65 lost links are asked for" in pair.wire.right.engine.reason


def test_a_question_to_who_keeps_nothing_ends_the_link() -> None:
    wire = Wire()
    wire.settle()

    wire.right.receive(Frame(control=Control(asked=Asked("x", 1, (1,)))))

    assert "none are kept here" in wire.right.engine.reason


def test_replies_are_kept_up_to_a_number_of_bytes(pair: Pair) -> None:
    outcomes = [pair.wire.left.send_bytes(10) for _ in range(12)]
    pair.wire.settle()
    takens = list(pair.wire.right.taken)
    pair.wire.cut()
    for taken in takens:
        answer(taken, Payload("t", bytes(1 << 20)))
    held = pair.right.held_bytes

    pair.link()

    assert held <= 8 << 20
    assert [outcome.code for outcome in outcomes].count(200) == 7
    assert {known(outcome) for outcome in outcomes if outcome.code != 200} == {(502, Executed.MAYBE)}


def test_a_call_of_which_it_was_told_that_a_handler_ran_is_never_told_as_less() -> None:
    pair = Pair()
    wire = pair.link(batching=SMALL)
    outcome = wire.left.send_bytes(10)
    wire.settle()
    answer(wire.right.last, Payload("t", bytes(1000)))
    wire.right.write()
    wire.left.read()
    wire.cut()

    pair.wait(SECONDS + 0.1)

    assert known(outcome) == (502, Executed.YES)


def test_who_closes_ends_all_calls_and_handlers_at_once(pair: Pair) -> None:
    outcome, back = pair.wire.left.send_bytes(10), pair.wire.right.send_bytes(10)
    pair.wire.settle()
    work = pair.wire.left.last.work = Stops()
    pair.wire.cut()

    pair.left.close()

    assert known(outcome) == (502, Executed.MAYBE)
    assert (work.is_stopped, back.replies, pair.left.running) == (True, [], 0)


def test_a_call_that_nobody_here_was_told_of_was_not_run(pair: Pair) -> None:
    outcomes = [pair.wire.left.send(Call(ECHO)) for _ in range(2)]
    wire = pair.wire
    wire.right.handler = lambda _: wire.cut()
    wire.left.write()
    wire.right.read()

    assert len(wire.right.taken) == 1
    pair.link()

    assert outcomes[0].replies == []
    assert known(outcomes[1]) == (503, Executed.NO)


def test_who_holds_calls_hears_of_each_time_that_there_is_no_link_to_ask_over(pair: Pair) -> None:
    heard: list[HeldCalls] = []
    pair.wire.left.send_bytes(10)
    pair.wire.settle()
    engine = pair.wire.left.engine
    pair.wire.left.engine.lost("the stream is broken")
    held = pair.left.held_of(engine)
    assert held is not None
    held.on_alone = heard.append
    pair.wire.right.engine.lost("the stream is broken")

    pair.link()
    assert heard == []
    pair.wire.cut()

    assert heard == [held]
