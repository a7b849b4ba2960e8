"""One link, seen from both of its ends: what is an offence."""

import pytest
from tests.unit.domain.link.wires import ECHO, Wire, opened

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import (
    CallExtra,
    Calls,
    Chunk,
    Control,
    Frame,
    Goodbye,
    Heartbeat,
    Hello,
    Introduction,
    Replies,
)

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
