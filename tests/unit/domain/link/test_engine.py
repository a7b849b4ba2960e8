"""One link, seen from both of its ends."""

from math import inf

import pytest
from tests.unit.domain.link.wires import ECHO, Outcome, Wire, answer, opened

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import Executed, InvalidCallError
from collector_mesh.domain.model.frames import (
    CallExtra,
    Calls,
    Catalog,
    Chunk,
    Control,
    Frame,
    Goodbye,
    Greeting,
    Heartbeat,
    Hello,
    Introduction,
    Mode,
    Replies,
    ReplyExtra,
    Role,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.payload import EMPTY, Payload
from collector_mesh.domain.model.status import OK, Reply, Status

# ---- the handshake ---------------------------------------------------------------------------------

PROVED = Identity(uris=("spiffe://example.org/left",))


def test_both_ends_learn_who_is_there() -> None:
    wire = opened(identity=PROVED)

    assert (wire.left.engine.peer_id, wire.right.engine.peer_id) == ("right", "left")
    assert wire.left.engine.phase is wire.right.engine.phase is Phase.OPEN
    assert wire.left.engine.connection_id == wire.right.engine.connection_id == "connection-1"
    assert wire.right.engine.identity == PROVED


def test_a_link_is_confirmed_once_the_welcome_has_come() -> None:
    wire = Wire()
    wire.left.write()
    wire.right.read()
    before = wire.right.engine.is_confirmed

    wire.settle()

    assert (before, wire.right.engine.is_confirmed, wire.left.engine.is_confirmed) == (False, True, True)
    assert wire.right.told.count("confirmed") == 1


def test_who_is_refused_hears_why() -> None:
    wire = Wire()
    wire.right.on_hello = lambda engine, _hello: engine.refuse(Status(409, "the id is held"))

    wire.settle()

    assert wire.left.engine.refusal == Status(409, "the id is held")
    assert (wire.left.engine.reason, wire.left.engine.phase) == ("the id is held", Phase.ENDED)
    assert wire.right.engine.phase is Phase.ENDED


def test_a_welcome_may_come_later() -> None:
    wire = Wire()
    wire.right.on_hello = lambda _engine, _hello: None
    wire.settle()
    before = wire.left.engine.phase

    wire.right.engine.welcome("connection-2", ())
    wire.settle()

    assert (before, wire.left.engine.phase) == (Phase.GREETING, Phase.OPEN)


def test_what_is_written_with_the_welcome_is_not_lost() -> None:
    wire = Wire()
    wire.left.write()
    wire.right.read()
    outcome = wire.right.send()
    wire.right.engine.tell_draining()
    wire.left.handler = answer

    wire.settle()

    assert outcome.code == 200
    assert wire.left.engine.peer_is_draining
    assert wire.left.engine.phase is wire.right.engine.phase is Phase.OPEN


def test_nothing_after_a_welcome_is_read_if_the_host_does_not_want_the_link() -> None:
    wire = Wire()
    wire.left.on_opened = lambda engine: engine.fail("not you", 409)
    wire.left.write()
    wire.right.read()
    outcome = wire.right.send()

    wire.settle()

    assert wire.left.taken == []
    assert (outcome.code, outcome.reply.executed) == (503, Executed.NO)


def test_a_change_of_the_catalog_during_the_greeting_is_told_after_it() -> None:
    wire = Wire()
    wire.left.write()
    wire.left.names = Catalog(("users", "orders"))
    wire.left.engine.tell_catalog()

    wire.settle()

    peer = wire.right.engine.peer
    assert peer is not None
    assert peer.catalog.namespaces == ("users", "orders")


def test_the_end_that_was_dialed_gives_up_after_five_seconds_without_a_hello() -> None:
    wire = Wire()
    wire.wait(4.9, moves=False)
    one = wire.right
    before = one.engine.phase

    wire.wait(0.2, moves=False)
    one.write()

    assert (before, one.engine.phase) == (Phase.GREETING, Phase.ENDED)
    assert one.engine.reason == "nothing was said for 5 s"


def test_the_end_that_has_dialed_waits_for_as_long_as_its_host_wants() -> None:
    wire = Wire()

    wire.wait(60.0, moves=False)

    assert wire.left.engine.phase is Phase.GREETING


def test_one_that_gives_up_while_it_is_considered_is_no_offender() -> None:
    wire = Wire()
    wire.right.on_hello = lambda _engine, _hello: None
    wire.settle()

    wire.left.engine.fail("nothing was said for 5 s", 504)
    wire.settle()

    assert wire.right.engine.reason == "nothing was said for 5 s"
    assert not wire.right.engine.has_failed


def test_a_later_version_is_welcome() -> None:
    wire = Wire()
    hello = Hello(Introduction(collector_id="left"), dial=1, version=7)

    wire.right.receive(Frame(control=Control(hello=hello)))

    assert wire.right.engine.phase is Phase.OPEN


@pytest.mark.parametrize("end", ["left", "right"])
def test_of_what_somebody_says_of_itself_no_more_is_kept_than_may_be(end: str) -> None:
    wire = Wire()
    wire.right.on_hello = lambda _engine, _hello: None
    who = Introduction(
        collector_id="x\x1b[31m" * 500_000,
        address="x" * 5_000,
        incarnation="x" * 5_000,
        labels={"k": "x" * 20_000},
    )
    control = (
        Control(hello=Hello(who, dial=1))
        if end == "right"
        else Control(greeting=Greeting(Status(200, "OK"), who))
    )

    getattr(wire, end).receive(Frame(control=control))

    peer = getattr(wire, end).engine.peer
    assert [len(text) for text in (peer.collector_id, peer.address, peer.incarnation)] == [129, 513, 129]
    assert not peer.labels
    with pytest.raises(InvalidCallError, match="collector_id must match"):
        check_name("collector_id", peer.collector_id)


def test_of_the_id_of_a_connection_no_more_is_kept_than_may_be() -> None:
    wire = Wire()
    greeting = Greeting(Status(200, "OK"), Introduction(collector_id="right"), "x" * 300_000)

    wire.left.receive(Frame(control=Control(greeting=greeting)))

    assert wire.left.engine.connection_id == "x" * 128


def test_what_is_as_long_as_it_may_be_is_kept_as_it_is() -> None:
    wire = Wire()
    who = Introduction(
        collector_id="x" * 128, address="x" * 512, incarnation="x" * 128, labels={"k": "x" * 16_383}
    )

    wire.right.receive(Frame(control=Control(hello=Hello(who, dial=1))))

    assert wire.right.engine.peer == who


def test_a_role_that_is_not_known_is_for_the_host_to_judge() -> None:
    wire = Wire()
    heard: list[int] = []
    wire.right.on_hello = lambda engine, hello: heard.append(hello.role)

    wire.right.receive(Frame(control=Control(hello=Hello(Introduction(collector_id="left"), 7, 1))))

    assert heard == [7]


def test_a_client_is_no_peer() -> None:
    wire = opened(role=Role.CLIENT)

    wire.left.send()
    wire.settle()

    assert (wire.right.last.call.origin, wire.right.last.call.caller) == (Origin.CLIENT, "")


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


# ---- the end ---------------------------------------------------------------------------------------


def test_after_a_clean_goodbye_what_has_no_answer_was_not_run() -> None:
    wire = opened()
    wire.right.engine.retire("not needed anymore")
    wire.right.write()
    outcome = wire.left.send()
    wire.left.write()

    wire.settle()

    assert (outcome.code, outcome.reply.executed) == (503, Executed.NO)
    assert wire.left.engine.was_clean


def test_after_another_goodbye_it_may_have_run() -> None:
    wire = opened()
    outcome = wire.left.send()
    wire.settle()

    wire.right.engine.close(503, "the collector has ended")
    wire.settle()

    assert (outcome.code, outcome.reply.executed) == (502, Executed.MAYBE)
    assert not wire.left.engine.was_clean


def test_after_a_loss_what_was_not_sent_was_not_run() -> None:
    wire = opened()
    sent = wire.left.send()
    wire.settle()
    queued, large = wire.left.send(), wire.left.send_bytes(300_000)

    wire.cut()

    assert [outcome.code for outcome in (sent, queued, large)] == [502, 503, 503]
    assert wire.left.engine.queued_bytes == 0


def test_replies_that_wait_are_gone_with_the_link() -> None:
    wire = opened()
    wire.left.send()
    wire.settle()
    answer(wire.right.last, Payload("type", bytes(100_000)))

    wire.cut()

    assert wire.right.engine.queued_bytes == 0


def test_a_call_that_has_timed_out_at_a_clean_goodbye_may_have_run() -> None:
    wire = opened()
    outcome = wire.left.send_bytes(1, timeout=1.0)
    wire.settle()
    wire.now += 3.0
    answer(wire.right.last)
    wire.right.engine.retire("not needed anymore")

    wire.settle()

    assert (outcome.code, outcome.reply.executed) == (504, Executed.MAYBE)


def test_a_link_that_retires_waits_for_both_sides() -> None:
    wire = opened()
    there, back = wire.left.send(), wire.right.send()
    wire.settle()

    wire.left.engine.retire("another link stays")
    refused = wire.left.send()
    wire.settle()
    answer(wire.right.last)
    wire.settle()
    before = wire.left.engine.phase
    answer(wire.left.last)
    wire.settle()

    assert (before, wire.left.engine.phase, wire.right.engine.phase) == (
        Phase.OPEN,
        Phase.ENDED,
        Phase.ENDED,
    )
    assert (there.code, back.code, refused.code) == (200, 200, 503)


def test_a_link_that_retires_can_be_restored_until_it_has_said_goodbye() -> None:
    wire = opened()
    wire.left.send()
    wire.settle()
    wire.left.engine.retire("another link stays")

    restored = wire.left.engine.restore()
    outcome = wire.left.send()
    wire.right.handler = answer
    wire.settle()

    assert restored
    assert outcome.code == 200
    wire.left.engine.close(200, "over")
    assert not wire.left.engine.restore()


def test_a_goodbye_waits_for_the_replies_before_it() -> None:
    wire = opened()
    outcome = wire.left.send()
    wire.settle()
    answer(wire.right.last, Payload("type", bytes(300_000)))

    wire.right.engine.close(503, "the collector has ended")
    wire.settle()

    assert (outcome.code, len(outcome.reply.payload.value)) == (200, 300_000)


@pytest.mark.parametrize("is_large", [False, True])
def test_a_goodbye_does_not_wait_for_what_is_too_late_to_be_sent(is_large: bool) -> None:
    wire = opened()
    wire.left.send_bytes(1, timeout=1.0)
    wire.settle()
    wire.now += 3.0
    answer(wire.right.last, Payload("type", bytes(100_000 * is_large)))

    wire.right.engine.retire("not needed anymore")
    wire.right.write()

    assert wire.right.engine.phase is Phase.ENDED


def test_a_goodbye_at_once_that_cannot_be_written_is_done_without() -> None:
    wire = opened()
    wire.left.engine.fail("enough")

    due = wire.left.engine.next_tick - wire.now
    wire.wait(1.1, moves=False)

    assert due <= 1.0
    assert wire.left.engine.phase is Phase.ENDED


def test_running_calls_are_cancelled_when_the_link_ends() -> None:
    wire = opened()
    wire.left.send()
    wire.settle()

    wire.cut()

    assert wire.right.last.is_done
    assert wire.right.engine.running == 0


# ---- health ----------------------------------------------------------------------------------------


def test_an_idle_link_stays_alive() -> None:
    wire = opened()

    wire.wait(120.0)

    assert wire.left.engine.phase is wire.right.engine.phase is Phase.OPEN
    assert "changed" not in wire.left.told
    assert len(wire.left.written) < 60


def test_a_silent_peer_is_suspect_and_then_dead_within_17_seconds() -> None:
    wire = opened()
    wire.wait(10.9, moves=False)
    well = wire.left.engine.vital.value
    wire.wait(0.2, moves=False)
    suspect = wire.left.engine.vital.value

    wire.wait(5.0, moves=False)

    assert (well, suspect) == ("live", "suspect")
    assert wire.left.engine.phase is Phase.ENDED
    assert wire.left.engine.reason == "nothing heard for 16 s"


def test_a_word_makes_a_suspect_well_again() -> None:
    wire = opened()
    wire.wait(11.2, moves=False)

    wire.settle()

    assert wire.left.engine.vital.value == "live"
    assert wire.left.told.count("changed") == 2


def test_a_peer_that_misses_a_probe_is_suspect_at_once() -> None:
    wire = opened()
    wire.left.send_bytes(1, timeout=0.5)
    wire.left.write()

    wire.wait(1.6, moves=False)

    assert wire.left.engine.vital.value == "suspect"


def test_a_loop_that_was_late_itself_is_patient() -> None:
    wire = opened()

    wire.now += 30.0
    wire.left.engine.tick(wire.now)
    wire.right.engine.tick(wire.now)
    wire.settle()

    assert wire.left.engine.phase is wire.right.engine.phase is Phase.OPEN
    lags = [frame.control.ping.lag for frame in wire.left.written if frame.control and frame.control.ping]
    assert max(lags) > 20.0


def test_the_round_trip_is_measured() -> None:
    wire = opened()
    wire.left.engine.ask()
    wire.left.write()
    wire.now += 0.25

    wire.settle()

    assert wire.left.engine.round_trip == pytest.approx(0.25)


# ---- offences --------------------------------------------------------------------------------------

_CALL = Calls(1, (0,), (0,), (b"",), (1000,))
_LARGE = Calls(1, (0,), (0,), (b"",), (1000,), (), (CallExtra(0, size=10),))
_HELLO = Control(hello=Hello(Introduction(collector_id="left"), dial=1))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Frame(replies=Replies((5,), (0,), (b"",))), "a reply to call 5, which was never made"),
        (Frame(replies=Replies((0,), (0,), (b"",))), "a reply to call 0, which was never made"),
        (Frame(cancels=(3,)), "a cancel for call 3, which was never made"),
        (Frame(cancels=(0,)), "a cancel for call 0, which was never made"),
        (Frame(control=_HELLO), "a second hello"),
        (Frame(chunks=(Chunk(4, False, b"x"),)), "a chunk for call 4, which awaits none"),
        (Frame(chunks=(Chunk(4, True, b"x"),)), "a chunk for call 4, which awaits none"),
        (
            Frame(methods=(ECHO,), calls=_LARGE, chunks=(Chunk(1, False, bytes(11)),)),
            "a chunk for call 1 that is empty or longer than was said",
        ),
        (
            Frame(methods=(ECHO,), calls=_LARGE, chunks=(Chunk(1, False, b""),)),
            "a chunk for call 1 that is empty or longer than was said",
        ),
        (Frame(credit=9), "credit for 9 frames, of which only 0 were sent"),
        (
            Frame(methods=(ECHO,), calls=Calls(1, (0, 0), (0,), (b"",), (1,))),
            "calls with columns of different lengths",
        ),
        (
            Frame(methods=(ECHO,), calls=Calls(1, (0,), (0,), (b"",), (1,), (0, 0))),
            "calls with columns of different lengths",
        ),
        (Frame(replies=Replies((1,), (0, 0), (b"",))), "replies with columns of different lengths"),
        (Frame(calls=_CALL), "a call with a number for a name that was never told"),
        (
            Frame(methods=(ECHO,), calls=Calls(1, (0,), (3,), (b"",), (1,))),
            "a call with a number for a name that was never told",
        ),
        (
            Frame(methods=(ECHO,), calls=Calls(2, (0,), (0,), (b"",), (1,))),
            "call 2 after call 0: they are numbered one by one",
        ),
        (Frame(texts=("x",) * 70_000), "more than 65536 names"),
        (
            Frame(methods=(ECHO,), calls=Calls(1, (0,) * 257, (0,) * 257, (b"",) * 257, (1,) * 257)),
            "257 calls or replies in a frame, at most 256 are taken",
        ),
        (
            Frame(replies=Replies((1,) * 257, (0,) * 257, (b"",) * 257)),
            "257 calls or replies in a frame, at most 256 are taken",
        ),
    ],
)
def test_an_offence_ends_the_link_with_a_reason(frame: Frame, reason: str) -> None:
    wire = opened()

    wire.right.receive(frame)
    (last,) = wire.right.write()

    assert wire.right.engine.has_failed
    assert wire.right.engine.reason == f"protocol error: {reason}"
    assert last.control is not None
    assert last.control.goodbye is not None
    assert last.control.goodbye.reason == f"protocol error: {reason}"


def test_a_reply_with_a_name_that_was_never_told_is_an_offence() -> None:
    wire = opened()
    outcome = wire.left.send()
    wire.settle()

    wire.left.receive(Frame(replies=Replies((1,), (7,), (b"",))))
    wire.settle()

    assert wire.left.engine.reason == ("protocol error: a reply with a number for a name that was never told")
    assert (outcome.code, outcome.reply.executed) == (502, Executed.MAYBE)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Frame(calls=_CALL), "something before hello"),
        (Frame(cancels=(1,)), "something before hello"),
        (Frame(control=Control(ping=Heartbeat(1))), "something before hello"),
        (
            Frame(control=Control(hello=Hello(Introduction(collector_id="left"), version=0))),
            "version 0: it must be at least 1",
        ),
    ],
)
def test_nothing_comes_before_hello(frame: Frame, reason: str) -> None:
    wire = Wire()

    wire.right.receive(frame)
    wire.right.write()

    assert wire.right.engine.reason == f"protocol error: {reason}"


def test_two_hellos_are_an_offence_also_while_the_first_one_is_considered() -> None:
    wire = Wire()
    wire.right.on_hello = lambda _engine, _hello: None

    wire.right.receive(Frame(control=_HELLO))
    wire.right.receive(Frame(control=_HELLO))
    wire.right.write()

    assert wire.right.engine.reason == "protocol error: a second hello"


def test_something_before_the_answer_to_hello_is_an_offence() -> None:
    wire = Wire()

    wire.left.receive(Frame(calls=_CALL))
    wire.left.write()

    assert wire.left.engine.reason == "protocol error: something before the answer to hello"


def test_an_empty_frame_says_nothing() -> None:
    wire = Wire()

    wire.right.receive(Frame(control=Control()))

    assert wire.right.engine.phase is Phase.GREETING


def test_nothing_is_read_after_the_end() -> None:
    wire = opened()
    wire.right.receive(Frame(control=Control(goodbye=Goodbye(200, "over", True))))

    wire.right.receive(Frame(methods=(ECHO,), calls=_CALL))

    assert wire.right.taken == []
    assert wire.right.told.count("ended") == 1
