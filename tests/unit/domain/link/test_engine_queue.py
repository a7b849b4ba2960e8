"""One link, seen from both of its ends: what is large, what waits, what is told beside calls."""

from tests.unit.domain.link.wires import ECHO, answer, opened

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import (
    CallExtra,
    Calls,
    Catalog,
    Chunk,
    Frame,
    Replies,
    ReplyExtra,
)
from collector_mesh.domain.model.payload import Payload

# ---- large payloads --------------------------------------------------------------------------------


def test_large_payloads_arrive_whole_in_both_directions() -> None:
    wire = opened()
    value = bytes(range(256)) * 1200
    wire.right.handler = answer

    outcome = wire.left.send(Call(ECHO, Payload("type", value)))
    wire.settle()

    assert outcome.reply.payload == Payload("type", value)
    assert sum(len(frame.chunks) for frame in wire.left.written) == 5
    assert sum(len(frame.chunks) for frame in wire.right.written) == 5


def test_small_calls_pass_large_ones() -> None:
    wire = opened()
    order: list[int] = []
    wire.right.handler = lambda taken: order.append(len(taken.call.payload.value))

    wire.left.send_bytes(1_000_000)
    wire.left.send_bytes(7)
    wire.settle()

    assert order == [7, 1_000_000]


def test_large_payloads_take_turns() -> None:
    wire = opened(batching=Batching(fast_chunk_bytes=64 << 10))

    for size in (200_000, 200_000, 300_000):
        wire.left.send_bytes(size)
    wire.settle()

    numbers = [chunk.number for frame in wire.left.written for chunk in frame.chunks]
    assert numbers == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 3]


def test_a_large_call_that_is_cancelled_on_its_way_is_not_run() -> None:
    wire = opened(batching=Batching(window=1))
    outcome = wire.left.send_bytes(300_000)
    wire.left.write()
    wire.right.read()

    wire.left.engine.cancel(outcome.sent)
    wire.settle()

    assert (wire.right.taken, wire.left.engine.queued_bytes, wire.right.engine.running) == ([], 0, 0)


def test_a_large_call_whose_time_is_up_on_its_way_was_not_run() -> None:
    wire = opened()
    outcome = wire.left.send_bytes(900_000, timeout=1.0)
    wire.left.write()

    wire.wait(1.1, moves=False)

    assert (outcome.code, outcome.reply.executed) == (504, Executed.NO)


def test_a_large_call_is_not_sent_if_its_time_is_up() -> None:
    wire = opened()
    outcome = wire.left.send_bytes(900_000, timeout=1.0)
    wire.now += 2.0

    wire.settle()

    assert (outcome.code, outcome.reply.executed, wire.left.engine.queued_bytes) == (504, Executed.NO, 0)


def test_a_result_that_nobody_can_take_is_an_error_and_not_empty() -> None:
    wire = opened(max_payload=70_000)
    outcome = wire.left.send()
    wire.settle()

    extra = ReplyExtra(0, size=80_000)
    wire.left.receive(
        Frame(replies=Replies((1,), (0,), (b"",), (), (extra,)), chunks=(Chunk(1, True, bytes(80_000)),))
    )

    assert (outcome.code, outcome.reply.executed) == (500, Executed.YES)


def test_a_call_that_is_too_large_is_refused_when_it_has_come() -> None:
    wire = opened(max_payload=70_000)
    extra = CallExtra(0, size=80_000)
    calls = Calls(1, (0,), (0,), (b"",), (1000,), (), (extra,))

    wire.right.receive(Frame(methods=(ECHO,), calls=calls, chunks=(Chunk(1, False, bytes(80_000)),)))

    assert wire.right.taken == []
    replies = wire.right.write()[-1].replies
    assert replies is not None
    assert replies.extras[0].status.code == 413


def test_large_calls_and_large_replies_at_a_time_are_no_offence() -> None:
    wire = opened(batching=Batching(queue_bytes=400_000), max_payload=100_000)
    outcomes = [wire.left.send_bytes(90_000) for _ in range(4)]
    wire.settle()
    wire.right.handler = answer

    back = [wire.right.send_bytes(90_000) for _ in range(4)]
    for taken in list(wire.right.taken):
        answer(taken)
    wire.left.handler = answer
    wire.settle()

    assert [outcome.code for outcome in (*outcomes, *back)] == [200] * 8


# ---- the queue -------------------------------------------------------------------------------------


def test_a_call_that_finds_the_queue_full_is_not_run() -> None:
    wire = opened(batching=Batching(queue_bytes=1000))
    wire.left.send_bytes(800)

    outcome = wire.left.send_bytes(300)

    assert (outcome.code, outcome.reply.executed) == (503, Executed.NO)
    assert "too slow" in outcome.reply.status.message


def test_replies_that_nobody_takes_end_the_link() -> None:
    wire = opened(batching=Batching(queue_bytes=2000))
    for _ in range(3):
        wire.left.send()
    wire.settle()

    for taken in list(wire.right.taken):
        answer(taken, Payload("type", bytes(900)))
    wire.right.write()

    assert "slow consumer" in wire.right.engine.reason


def test_replies_whose_callers_have_gone_make_room_first() -> None:
    wire = opened(batching=Batching(queue_bytes=2000))
    for _ in range(3):
        wire.left.send_bytes(1, timeout=1.0)
    wire.settle()
    wire.now += 5.0
    wire.right.engine.tick(wire.now)

    for taken in list(wire.right.taken):
        answer(taken, Payload("type", bytes(900)))

    assert wire.right.engine.queued_bytes < 2000
    assert not wire.right.engine.has_failed


# ---- notices ---------------------------------------------------------------------------------------


def test_a_thousand_changes_are_told_once() -> None:
    wire = opened()
    wire.left.names = Catalog(("users", "orders"))
    before = len(wire.left.written)

    for _ in range(1000):
        wire.left.engine.tell_catalog()
    wire.settle()

    told = [frame for frame in wire.left.written[before:] if frame.control and frame.control.catalog_change]
    assert len(told) == 1
    peer = wire.right.engine.peer
    assert peer is not None
    assert peer.catalog.namespaces == ("users", "orders")


def test_a_drain_is_seen() -> None:
    wire = opened()

    wire.left.engine.tell_draining()
    wire.settle()

    assert wire.right.engine.peer_is_draining
    assert wire.left.engine.draining_was_seen


def test_control_needs_no_room_in_the_window() -> None:
    wire = opened(batching=Batching(window=1, enough=1))
    wire.left.send()
    wire.left.write()
    wire.left.send()
    wire.left.engine.tell_draining()

    frames = wire.left.write()

    assert [frame.takes_room for frame in frames] == [False]
    assert frames[0].control is not None


def test_what_comes_whole_wakes_whoever_writes_only_where_there_is_something_to_write() -> None:
    wire = opened()
    wire.left.send()
    outcome = wire.left.send()
    (frame,) = wire.left.write()
    woken: list[str] = []
    wire.right.engine.on_work = lambda: woken.append("right")
    wire.left.engine.on_work = lambda: woken.append("left")

    wire.right.receive(frame)
    before = list(woken)
    answer(wire.right.taken[0])
    answer(wire.right.taken[1])
    (frame,) = wire.right.write()
    wire.left.receive(frame)

    assert before == []
    assert woken == ["right", "right"]
    assert outcome.code == 200


def test_of_a_call_that_has_come_in_part_the_time_is_looked_at() -> None:
    wire = opened()
    woken: list[float] = []
    wire.right.engine.on_work = lambda: woken.append(wire.right.engine.next_tick)
    calls = Calls(1, (0,), (0,), (b"",), (1000,), (), (CallExtra(0, size=80_000),))

    wire.right.receive(Frame(methods=(ECHO,), calls=calls))

    assert woken == [wire.now + 1.0]
