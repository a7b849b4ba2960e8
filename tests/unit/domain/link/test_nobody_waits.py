"""What nobody waits for anymore takes no room: replies whose callers have gone, calls that never come whole."""

import pytest
from tests.unit.domain.link.wires import ECHO, Outcome, Wire, answer, opened

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.sizes import MAX_ANNOUNCED, MAX_ENVELOPES
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, OverloadedError
from collector_mesh.domain.model.frames import (
    NO_LIMIT,
    CallExtra,
    Calls,
    Chunk,
    Control,
    Frame,
    Goodbye,
    Replies,
    ReplyExtra,
)
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply

SIZES = [10, 60_000, 70_000, 300_000]
"""Of small payloads, and of those that travel in chunks."""


def _full(size: int, count: int, *, timeout: float = 1.0, queue: int = 4 << 20) -> tuple[Wire, list[Outcome]]:
    """A wire on which nothing is taken, and `count` answered calls whose replies wait."""
    wire = opened(batching=Batching(queue_bytes=queue, window=1))
    outcomes = [wire.left.send_bytes(1, timeout=timeout) for _ in range(count)]
    wire.settle()
    for taken in list(wire.right.taken):
        answer(taken, Payload("type", bytes(size)))
    wire.right.write()
    return wire, outcomes


@pytest.mark.parametrize("size", SIZES)
def test_replies_whose_callers_are_late_make_room_whatever_their_size(size: int) -> None:
    queue = 6 * (size + 128)
    wire, _ = _full(size, 6, queue=queue)
    wire.now += 5.0
    wire.right.engine.tick(wire.now)

    fresh = [wire.left.send_bytes(1, timeout=10.0) for _ in range(3)]
    wire.left.engine.on_work()
    for frame in wire.left.write():
        wire.right.receive(frame)
    for taken in wire.right.taken[-3:]:
        answer(taken, Payload("type", bytes(size)))

    assert not wire.right.engine.has_failed
    assert wire.right.engine.queued_bytes <= queue
    assert len(fresh) == 3


@pytest.mark.parametrize("size", SIZES)
def test_a_cancel_takes_a_reply_back_that_waits(size: int) -> None:
    wire, outcomes = _full(size, 5)

    for outcome in outcomes:
        wire.left.engine.cancel(outcome.sent)
    for frame in wire.left.write():
        wire.right.receive(frame)

    assert wire.right.engine.queued_bytes == 0
    assert wire.right.engine.running == 0
    wire.settle()
    assert [outcome.replies for outcome in outcomes] == [[]] * 5
    assert wire.left.engine.is_usable
    assert wire.right.engine.is_usable


@pytest.mark.parametrize("size", SIZES)
def test_other_calls_go_on_after_cancels_of_what_is_half_out(size: int) -> None:
    wire, outcomes = _full(size, 5)
    for outcome in outcomes[:4]:
        wire.left.engine.cancel(outcome.sent)

    wire.settle()
    wire.right.handler = answer
    after = wire.left.send_bytes(size)
    wire.settle()

    assert len(outcomes[4].reply.payload.value) == size
    assert len(after.reply.payload.value) == size


# ---- late replies and what a goodbye says of them ----------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_a_goodbye_is_not_clean_while_somebody_may_wait_for_a_reply_that_was_dropped(size: int) -> None:
    wire = opened()
    # The clocks of the two ends go differently: there is time left for the caller.
    outcome = wire.left.send_bytes(1, timeout=100.0)
    wire.settle()
    wire.right.last.call.deadline = wire.now - 5.0
    answer(wire.right.last, Payload("type", bytes(size)))

    wire.right.engine.retire("no longer needed")
    wire.settle()

    assert wire.right.engine.phase is Phase.ENDED
    assert (outcome.code, outcome.reply.executed) == (502, Executed.MAYBE)


def test_once_its_caller_has_given_up_a_goodbye_is_clean_again() -> None:
    wire = opened()
    wire.left.send_bytes(1, timeout=1.0)
    wire.settle()
    wire.now += 3.0
    answer(wire.right.last)
    wire.right.write()
    wire.wait(0.1)

    wire.right.engine.retire("no longer needed")
    wire.settle()

    assert wire.left.engine.was_clean


@pytest.mark.parametrize("executed", [Executed.YES, Executed.MAYBE])
@pytest.mark.parametrize("is_clean", [True, False])
def test_a_reply_that_has_not_come_whole_has_told_that_its_call_has_run(
    executed: Executed, is_clean: bool
) -> None:
    wire = opened()
    outcome = wire.left.send()
    wire.settle()
    replies = Replies((1,), (0,), (b"",), (), (ReplyExtra(0, executed=executed, size=100_000),))
    wire.left.receive(Frame(replies=replies, chunks=(Chunk(1, True, bytes(10)),)))

    wire.left.receive(Frame(control=Control(goodbye=Goodbye(503, "over", is_clean))))

    assert (outcome.code, outcome.reply.executed) == (502, executed)
    assert outcome.reply.handled_by == ("right" if executed is Executed.YES else "")


# ---- calls that never come whole ---------------------------------------------------------------------


def _announced(first: int, count: int, *, size: int = 70_000, remaining: int = 1000) -> Calls:
    extras = tuple(CallExtra(index, size=size) for index in range(count))
    return Calls(first, (0,) * count, (0,) * count, (b"",) * count, (remaining,) * count, (), extras)


def _codes(wire: Wire) -> list[int]:
    found = []
    for frame in wire.right.write():
        replies = frame.replies
        if replies is not None:
            found += [extra.status.code for extra in replies.extras]
        wire.right.receive(Frame(credit=wire.right.engine._calls.outbox.window.written))
    return found


def test_a_call_whose_chunks_do_not_come_ends_at_its_deadline() -> None:
    wire = opened()
    wire.right.receive(
        Frame(methods=(ECHO,), calls=_announced(1, 3), chunks=(Chunk(1, False, bytes(10_000)),))
    )
    due = wire.right.engine.next_tick

    wire.wait(1.05, moves=False)

    assert due == wire.now - 0.05
    assert _codes(wire) == [504] * 3
    assert wire.right.taken == []
    assert wire.right.engine.running == 0
    assert wire.right.engine.next_tick > wire.now + 1.0


def test_what_still_comes_of_a_call_that_has_ended_is_let_go_of() -> None:
    wire = opened()
    wire.right.receive(Frame(methods=(ECHO,), calls=_announced(1, 1)))
    wire.wait(1.05, moves=False)

    for _ in range(7):
        wire.right.receive(Frame(chunks=(Chunk(1, False, bytes(10_000)),)))

    assert wire.right.engine.is_usable
    assert wire.right.taken == []


def test_a_call_without_a_deadline_may_come_slowly() -> None:
    wire = opened()
    wire.right.receive(Frame(methods=(ECHO,), calls=_announced(1, 1, remaining=NO_LIMIT)))
    for _ in range(7):
        wire.wait(3.0, moves=False)
        wire.right.receive(Frame(chunks=(Chunk(1, False, bytes(10_000)),)))

    assert len(wire.right.last.call.payload.value) == 70_000


def _announce_many(wire: Wire, count: int) -> None:
    """Announce so many calls, as many in each frame as it may have."""
    wire.right.receive(Frame(methods=(ECHO,)))
    for first in range(1, count + 1, MAX_ENVELOPES):
        wire.right.receive(Frame(calls=_announced(first, MAX_ENVELOPES, size=10)))


def test_more_calls_than_may_be_under_way_in_chunks_are_refused_alone() -> None:
    wire = opened(batching=Batching(queue_bytes=1 << 30))
    _announce_many(wire, MAX_ANNOUNCED)

    wire.right.receive(Frame(calls=_announced(MAX_ANNOUNCED + 1, 3, size=10)))

    assert _codes(wire) == [429] * 3
    assert wire.right.engine.is_usable
    wire.right.receive(Frame(chunks=(Chunk(1, False, bytes(10)), Chunk(MAX_ANNOUNCED + 1, False, bytes(10)))))
    assert [taken.number for taken in wire.right.taken] == [1]


def test_who_goes_on_announcing_calls_loses_the_link() -> None:
    wire = opened(batching=Batching(queue_bytes=1 << 30))
    _announce_many(wire, 2 * MAX_ANNOUNCED)

    wire.right.receive(Frame(calls=_announced(2 * MAX_ANNOUNCED + 1, 1, size=10)))
    wire.right.write()

    assert "calls that are not complete at a time" in wire.right.engine.reason


def test_whoever_is_answered_early_sends_no_more_of_a_call() -> None:
    wire = opened(batching=Batching(window=1))
    outcome = wire.left.send_bytes(500_000)
    wire.left.write()
    wire.right.read()
    (taken,) = wire.right.engine._calls._taken.values()

    taken.answer(Reply.refused(OverloadedError.after(0.1)))
    wire.settle()

    assert outcome.code == 429
    assert wire.left.engine.queued_bytes == 0
    assert wire.right.taken == []
    sent = sum(len(chunk.value) for frame in wire.left.written for chunk in frame.chunks)
    assert sent < 200_000
    wire.right.handler = answer
    assert _again(wire).code == 200


def _again(wire: Wire) -> Outcome:
    outcome = wire.left.send(Call(ECHO, Payload("type", bytes(100_000))))
    wire.settle()
    return outcome


def test_names_have_a_limit_in_bytes() -> None:
    wire = opened()

    for _ in range(20):
        wire.right.receive(Frame(texts=("n" * 500_000,)))
    wire.right.write()

    assert wire.right.engine.reason == "protocol error: names of more than 8388608 bytes"


def test_names_that_are_forgotten_count_no_longer() -> None:
    wire = opened()

    for _ in range(40):
        wire.right.receive(Frame(forgets_names=True, texts=("n" * 500_000,)))

    assert wire.right.engine.is_usable


def test_a_reply_that_is_dropped_is_answered_to_nobody_twice() -> None:
    wire = opened()
    outcome = wire.left.send_bytes(1, timeout=1.0)
    wire.settle()
    taken = wire.right.last
    answer(taken)

    answer(taken)
    taken.answer(Reply(OK, Payload("type", b"again"), "right", Executed.YES))
    wire.settle()

    assert len(outcome.replies) == 1
    assert outcome.reply.payload.value == b"\x00"
