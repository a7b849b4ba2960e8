"""The trace contexts of calls on a link."""

import attrs
import pytest
from tests.unit.domain.link.wires import ECHO, answer, opened

from collector_mesh.adapters.wire.link_codec import copied
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.trace_context import trace_of

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PLAIN = trace_of(PARENT)
WITH_STATE = trace_of(PARENT, "vendor=1,other=2")


def test_each_call_arrives_with_its_own_context_or_without_one() -> None:
    wire = opened()
    wire.right.handler = answer
    sent = [b"", PLAIN, WITH_STATE, b""]
    for trace in sent:
        wire.left.send(Call(ECHO, trace=trace))

    for frame in wire.left.write():
        wire.right.receive(copied(frame))

    assert [taken.call.trace for taken in wire.right.taken] == sent


def test_a_frame_of_calls_without_a_context_says_nothing_of_them() -> None:
    wire = opened()
    wire.left.send(Call(ECHO))

    (frame,) = wire.left.write()

    assert frame.calls is not None
    assert (frame.calls.traces, frame.calls.extras) == (b"", ())


@pytest.mark.parametrize("traces", [b"x", bytes(25), b"\0" * 16 + b"12345678\x01", PLAIN + PLAIN])
def test_contexts_that_make_no_sense_are_left_out_and_the_link_goes_on(traces: bytes) -> None:
    wire = opened()
    outcome = wire.left.send(Call(ECHO))
    (frame,) = wire.left.write()
    assert frame.calls is not None
    wire.right.handler = answer

    wire.right.receive(attrs.evolve(frame, calls=attrs.evolve(frame.calls, traces=traces)))
    wire.settle()

    assert wire.right.taken[0].call.trace == b""
    assert outcome.code == 200
