"""A link as whoever makes calls sees it, and what cannot be put into its frames."""

from typing import Any

import pytest
from tests.unit.domain.link.wires import ECHO, Wire, answer, opened
from tests.unit.domain.serving.threads import Cancelled, Work

from collector_mesh.app.testing.fakes import FakePromise
from collector_mesh.domain.link.peer_link import PeerLink
from collector_mesh.domain.link.unfit import check_bytes, check_reply, unfit, unfit_reply
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, InvalidCallError, NotFoundError
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.limits import MAX_ID_BYTES
from collector_mesh.domain.model.status import OK, Reply, Status


@pytest.fixture
def wire() -> Wire:
    return opened()


@pytest.fixture
def link(wire: Wire) -> PeerLink:
    return PeerLink(wire.left.engine, "right:1", FakePromise)


@pytest.mark.parametrize(("name", "mode"), [("serve", Mode.SERVE), ("dispatch", Mode.DISPATCH)])
def test_a_call_is_sent_as_what_it_is_and_awaited(wire: Wire, link: PeerLink, name: str, mode: Mode) -> None:
    work = Work(getattr(link, name)(Call(ECHO)))
    wire.settle()
    assert (wire.right.last.mode, work.is_over) == (mode, False)

    answer(wire.right.last)
    wire.settle()
    work.step()

    assert work.result.status == OK


def test_the_other_side_hears_of_a_call_that_is_cancelled_and_its_reply_hurts_nobody(
    wire: Wire, link: PeerLink
) -> None:
    work = Work(link.dispatch(Call(ECHO)))
    wire.settle()
    taken = wire.right.last

    work.cancel()
    wire.settle()
    answer(taken)
    wire.settle()

    assert isinstance(work.error, Cancelled)
    assert taken.is_done
    assert link.engine.in_flight == 0


def test_a_link_that_is_lost_is_a_reply(wire: Wire, link: PeerLink) -> None:
    work = Work(link.dispatch(Call(ECHO)))
    wire.settle()

    wire.cut()
    work.step()

    assert (work.result.status.code, work.result.executed) == (502, Executed.MAYBE)


def test_a_link_that_is_closed_lets_calls_under_way_finish_and_takes_no_others(
    wire: Wire, link: PeerLink
) -> None:
    work = Work(link.dispatch(Call(ECHO)))
    wire.settle()

    closing = Work(link.aclose())
    late = Work(link.dispatch(Call(ECHO)))
    wire.settle()
    answer(wire.right.taken[0])
    wire.settle()
    work.step()
    late.step()

    assert closing.is_over
    assert work.result.status == OK
    assert (late.result.status.code, late.result.executed) == (503, Executed.NO)


@pytest.mark.parametrize("value", ["text", None, bytearray(b"x"), 7])
def test_a_payload_that_is_not_bytes_is_named(value: object) -> None:
    with pytest.raises(InvalidCallError, match=f"^a payload must be bytes, got {type(value).__name__}$"):
        check_bytes(value)


@pytest.mark.parametrize(
    ("code", "executed"), [(-1, Executed.NO), (1 << 31, Executed.NO), ("200", Executed.NO), (200, "yes")]
)
def test_numbers_of_a_reply_that_no_frame_has_room_for_are_named(code: Any, executed: Any) -> None:
    with pytest.raises(InvalidCallError, match=r"^code is '.*', executed is '.*'$"):
        check_reply(Reply(Status(code), executed=executed))


def test_why_a_call_is_not_sent_is_an_error_of_the_mesh() -> None:
    known = NotFoundError("gone")

    assert unfit(known) is known
    assert str(unfit(ValueError("odd"))) == "it cannot be sent: odd"
    assert isinstance(unfit(ValueError("odd")), InvalidCallError)


@pytest.mark.parametrize(
    ("executed", "told"),
    [(Executed.YES, Executed.YES), (Executed.NO, Executed.NO), ("yes", Executed.MAYBE)],
)
def test_what_is_sent_in_place_of_a_reply_never_says_less_of_whether_a_handler_ran(
    executed: Any, told: Executed
) -> None:
    reply = unfit_reply(Reply(OK, handled_by="far", executed=executed), ValueError("odd"))

    assert (reply.status.code, reply.executed, reply.handled_by) == (500, told, "far")
    assert reply.status.message == "handler error: cannot send the result: odd"


@pytest.mark.parametrize(("by", "told"), [("\ud800", ""), (7, ""), ("x" * 1000, None)])
def test_what_is_sent_in_place_of_a_reply_has_an_id_that_can_be_sent(by: Any, told: str | None) -> None:
    reply = unfit_reply(Reply(OK, handled_by=by), ValueError("odd"))

    if told is None:
        assert 0 < len(reply.handled_by.encode()) <= MAX_ID_BYTES
    else:
        assert reply.handled_by == told
