"""What goes into a frame, and when a frame goes."""

import pytest
from tests.unit.domain.link.wires import ECHO, MAX_PAYLOAD, Wire, answer, opened

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply


def _count(frame: Frame) -> int:
    calls, replies = frame.calls, frame.replies
    return (len(calls.methods) if calls else 0) + (len(replies.numbers) if replies else 0)


def _size(frame: Frame) -> int:
    calls, replies = frame.calls, frame.replies
    return sum(map(len, calls.values if calls else ())) + sum(map(len, replies.values if replies else ()))


def _send(wire: Wire, count: int, size: int = 0) -> None:
    for _ in range(count):
        wire.left.send_bytes(size)


def test_with_nothing_on_its_way_a_call_goes_at_once() -> None:
    wire = opened()

    _send(wire, 1)

    assert [_count(frame) for frame in wire.left.write()] == [1]


def test_with_a_frame_on_its_way_calls_wait_until_there_are_32() -> None:
    wire = opened()
    _send(wire, 1)
    wire.left.write()

    _send(wire, 31)
    before = wire.left.write()
    _send(wire, 1)

    assert before == []
    assert [_count(frame) for frame in wire.left.write()] == [32]


def test_up_to_64_calls_go_in_two_frames_so_that_both_sides_work_at_once() -> None:
    wire = opened()

    _send(wire, 64)

    assert [_count(frame) for frame in wire.left.write()] == [32, 32]


def test_calls_that_wait_go_when_the_frame_before_was_taken() -> None:
    wire = opened()
    _send(wire, 1)
    wire.left.write()
    _send(wire, 3)

    wire.right.read()
    wire.right.write(with_credit=True)
    wire.left.read()

    assert [_count(frame) for frame in wire.left.write()] == [3]


def test_at_most_four_frames_are_on_their_way() -> None:
    wire = opened()

    _send(wire, 1000)

    assert [_count(frame) for frame in wire.left.write()] == [128] * 4


def test_the_other_side_can_ask_for_a_smaller_window() -> None:
    wire = opened(window=2)

    _send(wire, 1000)

    assert [_count(frame) for frame in wire.left.write()] == [128] * 2


def test_the_window_has_room_again_for_each_frame_that_was_taken() -> None:
    wire = opened()
    _send(wire, 1000)
    wire.left.write()

    wire.right.read()
    wire.right.read()
    wire.right.write(with_credit=True)
    wire.left.read()

    assert [_count(frame) for frame in wire.left.write()] == [128, 128]


def test_a_cancel_goes_though_the_window_is_full() -> None:
    wire = opened(batching=Batching(window=1))
    outcome = wire.left.send_bytes(1)
    wire.left.write()
    _send(wire, 200)

    wire.left.engine.cancel(outcome.sent)

    assert [(frame.cancels, frame.takes_room) for frame in wire.left.write()] == [((1,), False)]


def test_a_frame_has_at_most_64_kib_of_small_payloads() -> None:
    wire = opened()

    _send(wire, 1, 60_000)
    _send(wire, 40, 6_000)
    frames = wire.left.write()

    assert max(map(_size, frames)) <= 64 << 10
    assert len(frames) == 4


def test_replies_are_put_into_frames_like_calls() -> None:
    wire = opened()
    _send(wire, 40, 6_000)
    wire.settle()

    for taken in list(wire.right.taken):
        answer(taken)
    wire.settle()

    frames = wire.right.written
    assert max(map(_size, frames)) <= 64 << 10
    assert sum(map(_count, frames)) == 40


def test_the_largest_small_payload_has_a_frame_to_itself() -> None:
    wire = opened()

    _send(wire, 2, 64 << 10)

    assert [_size(frame) for frame in wire.left.write()] == [64 << 10, 64 << 10]


def test_frames_are_smaller_while_the_other_side_is_slow() -> None:
    wire = opened()
    _send(wire, 1)
    wire.left.write()
    wire.now += 0.2
    wire.right.read()
    wire.right.write(with_credit=True)
    wire.left.read()

    _send(wire, 60, 1_000)
    wire.left.send_bytes(200_000)
    frames = wire.left.write()

    assert max(map(_size, frames)) <= 16 << 10
    assert {len(chunk.value) for frame in frames for chunk in frame.chunks} == {16 << 10}


def _acknowledge(wire: Wire) -> None:
    """What has come is taken all at once, and the other side hears of that."""
    while wire.right.arriving:
        wire.right.read()
    wire.right.write(with_credit=True)
    wire.left.read()


def _largest(wire: Wire) -> int:
    wire.left.send_bytes(400_000)
    return max(len(chunk.value) for frame in wire.left.write() for chunk in frame.chunks)


@pytest.mark.parametrize(("queued_for", "largest"), [(0.0, 64 << 10), (0.09, 64 << 10), (0.11, 16 << 10)])
def test_frames_are_small_where_those_in_front_take_time_and_not_where_the_wire_is_only_long(
    queued_for: float, largest: int
) -> None:
    wire = opened()
    _send(wire, 1)
    wire.left.write()
    wire.now += 0.3
    _acknowledge(wire)  # with nothing in front of it that is how long the wire is

    wire.left.send_bytes(100_000)
    assert {len(chunk.value) for frame in wire.left.write() for chunk in frame.chunks} == {16 << 10}
    wire.now += 0.3
    wire.right.read()
    wire.right.write(with_credit=True)
    wire.left.read()
    wire.now += queued_for
    _acknowledge(wire)

    assert _largest(wire) == largest


def test_a_wire_that_has_become_long_is_known_once_nothing_is_in_front() -> None:
    wire = opened()
    for _ in range(2):
        wire.left.send_bytes(60_000)
        wire.left.send_bytes(60_000)
        assert wire.left.write()
        wire.now += 0.5
        _acknowledge(wire)
    while wire.left.write():
        _acknowledge(wire)
    _send(wire, 1)
    wire.left.write()
    wire.now += 0.5
    _acknowledge(wire)
    wire.left.send_bytes(100_000)
    wire.left.write()
    wire.now += 0.5
    _acknowledge(wire)

    assert _largest(wire) == 64 << 10


def test_and_large_again_when_it_is_not() -> None:
    wire = opened()
    for pause in (0.2, 0.0):
        _send(wire, 1)
        wire.left.write()
        wire.now += pause
        wire.settle()

    wire.left.send_bytes(200_000)

    assert {len(chunk.value) for frame in wire.left.write() for chunk in frame.chunks} >= {64 << 10}


def _chunk_after(pause: float, size: int) -> int:
    """How large a chunk is after what was sent has been acknowledged so many seconds later."""
    wire = opened()
    if size > 64 << 10:
        wire.left.send_bytes(size)
    else:
        _send(wire, 1, size)
    wire.left.write()
    wire.now += pause
    wire.right.read()
    wire.right.write(with_credit=True)
    wire.left.read()
    wire.left.write()
    wire.left.send_bytes(1 << 20)
    return max(len(chunk.value) for frame in wire.left.write() for chunk in frame.chunks)


def test_chunks_grow_when_one_of_them_was_taken_fast() -> None:
    assert _chunk_after(0.0, 65 << 10) == 256 << 10
    assert _chunk_after(0.06, 65 << 10) == 64 << 10
    assert _chunk_after(0.2, 65 << 10) == 16 << 10


def test_a_small_frame_that_was_taken_fast_does_not_show_that_a_large_chunk_would_be() -> None:
    assert _chunk_after(0.0, 100) == 64 << 10


def test_what_has_left_waits_no_longer() -> None:
    wire = opened()
    _send(wire, 10, 100)
    wire.left.send_bytes(100_000)
    before = wire.left.engine.queued_bytes

    wire.settle()

    assert before > 101_000
    assert wire.left.engine.queued_bytes == 0


def test_cancelled_calls_do_not_pile_up_while_nothing_is_taken() -> None:
    wire = opened(batching=Batching(window=1, queue_bytes=1 << 20))
    _send(wire, 1)
    wire.left.write()

    for _ in range(20_000):
        wire.left.engine.cancel(wire.left.send_bytes(1000).sent)

    assert wire.left.engine.queued_bytes == 0
    assert wire.left.engine.in_flight == 1


def test_names_are_told_once() -> None:
    wire = opened()

    for _ in range(2):
        wire.left.send(Call(ECHO, Payload("type")))
        wire.settle()

    assert [frame.methods for frame in wire.left.written if frame.calls] == [(ECHO,), ()]
    assert [frame.texts for frame in wire.left.written if frame.calls] == [("type",), ()]


def test_names_are_forgotten_when_there_are_too_many() -> None:
    wire = opened(batching=Batching(max_names=16))
    keys = [MethodKey("users", "UserService", f"Method{number}") for number in range(100)]
    wire.right.handler = lambda taken: taken.answer(
        Reply(OK, Payload(f"type {taken.number}"), f"collector {taken.number}", Executed.YES)
    )

    outcomes = []
    for key in keys:
        outcomes.append(wire.left.send(Call(key, Payload(f"type of {key.method}"))))
        wire.settle()

    assert [taken.call.key for taken in wire.right.taken] == keys
    assert wire.right.last.call.payload.type_url == "type of Method99"
    assert [outcome.reply.handled_by for outcome in outcomes] == [f"collector {n}" for n in range(1, 101)]
    assert sum(frame.forgets_names for frame in wire.left.written) > 5


def test_a_type_survives_that_names_are_forgotten_while_its_chunks_come() -> None:
    wire = opened(batching=Batching(max_names=16))
    wire.left.send(Call(ECHO, Payload("the large one", bytes(400_000))))
    wire.left.write()

    for number in range(100):
        wire.left.send(Call(ECHO, Payload(f"type {number}")))
        wire.right.read()
        wire.right.write(with_credit=True)
        wire.left.read()
        wire.left.write()
    wire.settle()

    assert "the large one" in [taken.call.payload.type_url for taken in wire.right.taken]
    assert not wire.right.engine.has_failed


def test_more_names_than_the_other_side_keeps_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="max_names"):
        Batching(max_names=60_000)


def test_more_calls_in_a_frame_than_the_other_side_takes_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="max_envelopes"):
        Batching(max_envelopes=256)


def test_a_queue_has_room_for_the_largest_payload() -> None:
    wire = opened()

    outcome = wire.left.send_bytes(MAX_PAYLOAD)
    wire.right.handler = answer
    wire.settle()

    assert outcome.code == 200
