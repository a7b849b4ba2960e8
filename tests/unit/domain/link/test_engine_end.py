"""One link, seen from both of its ends: how it ends, and who is alive."""

import pytest
from tests.unit.domain.link.wires import answer, opened

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.payload import Payload

# ---- the end ---------------------------------------------------------------------------------------


def test_after_a_clean_goodbye_what_has_no_answer_was_not_run() -> None:
    wire = opened()
    wire.right.engine.retire("no longer needed")
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
    wire.right.engine.retire("no longer needed")

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

    wire.right.engine.retire("no longer needed")
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
