"""Spans of calls: what is told when, of which calls, and what of them."""

from typing import Any

import pytest

from collector_mesh.adapters.runtime.randomness import SystemRandomness
from collector_mesh.app.testing.spans import Spans
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.span import SpanKind
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.model.trace_context import checked_trace, is_sampled, trace_of
from collector_mesh.domain.model.verdict import Reason, Verdict
from collector_mesh.domain.watching import spans as module
from collector_mesh.domain.watching.roots import TraceRoots
from collector_mesh.domain.watching.spans import SpanWatch

PARENT = trace_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=1")
DONE = Reply(OK, handled_by="b", executed=Executed.YES)
REFUSED = Reply(Status(503, "the secret is out"), executed=Executed.NO)


class World:
    """A watch, and what it tells."""

    def __init__(self, share: float = 1.0) -> None:
        self.spans = Spans()
        self.roots = TraceRoots(SystemRandomness(), share, records=True)
        self.watch = SpanWatch("a", self.spans, self.roots)

    def call(self, trace: bytes = PARENT) -> Call:
        return Call(MethodKey("n", "S", "M"), trace=trace)

    def told(self) -> list[Any]:
        return [
            (span.name, span.attributes.get("collector_mesh.verdict"), span.is_error) for span in self.spans
        ]


def test_attempts_are_told_with_their_verdicts_when_the_call_has_ended() -> None:
    world = World()
    call = world.call()
    world.watch.dispatching(call)
    for peer, reply, reason in (("b", REFUSED, Reason.REFUSED), ("c", DONE, None)):
        sent = world.watch.attempting(call, peer)
        assert sent.trace[:16] == call.trace[:16]
        assert sent.trace[16:24] != call.trace[16:24]
        world.watch.attempted(sent, peer, reply, 1.0, 2.0)
        if reason is not None:
            world.watch.judged(call, Verdict(peer, reason, 503, Executed.NO, 1.0, 2.0))
    assert len(world.spans) == 0
    world.watch.dispatched(call, DONE, 0.5, 3.0)

    first, second, whole = world.spans
    assert world.told() == [
        ("attempt S/M", "did not run it", True), ("attempt S/M", "answered", False), ("S/M", None, False),
    ]  # fmt: skip
    assert first.parent_id == second.parent_id == whole.trace[16:24]
    assert (whole.parent_id, whole.trace[25:], call.trace) == (PARENT[16:24], b"a=1", PARENT)
    assert (whole.began, whole.ended, whole.attributes["collector_mesh.attempts"]) == (0.5, 3.0, 2)
    assert "secret" not in repr(list(world.spans))


def test_a_call_that_is_cancelled_is_told_and_its_attempt_whichever_ends_first() -> None:
    world = World()
    call = world.call()
    world.watch.dispatching(call)
    sent = world.watch.attempting(call, "b")
    world.watch.dispatched(call, None, 0.0, 1.0)
    world.watch.attempted(sent, "b", None, 0.0, 1.0)

    assert world.told() == [("S/M", None, True), ("attempt S/M", "cancelled", True)]
    assert [span.attributes["collector_mesh.code"] for span in world.spans] == [499, 499]


def test_a_call_that_does_not_run_here_goes_on_as_it_was_before() -> None:
    world = World()
    call = world.call()
    world.watch.dispatching(call)
    dispatched = call.trace
    world.watch.serving(call)
    assert call.trace not in (dispatched, PARENT)
    world.watch.served(call, REFUSED, 0.0, 1.0)

    assert call.trace == dispatched


@pytest.mark.parametrize("trace", [b"", PARENT[:24] + b"\x00"])
def test_nothing_is_made_of_a_call_that_is_not_recorded(trace: bytes) -> None:
    world = World()
    call = world.call(trace)
    world.watch.dispatching(call)
    world.watch.serving(call)
    same = world.watch.attempting(call, "b")
    world.watch.attempted(call, "b", DONE, 0.0, 1.0)
    world.watch.served(call, DONE, 0.0, 1.0)
    world.watch.dispatched(call, DONE, 0.0, 1.0)

    assert (same is call, call.trace, len(world.spans)) == (True, trace, 0)


def test_the_first_span_of_a_trace_has_no_parent_and_its_share_is_recorded() -> None:
    world = World()
    call = world.call(world.roots.root())
    world.watch.dispatching(call)
    world.watch.dispatched(call, DONE, 0.0, 1.0)
    some = TraceRoots(SystemRandomness(), 0.25)
    roots = [some.root() for _ in range(4000)]

    (span,) = world.spans
    assert (span.parent_id, checked_trace(span.ids)) == (b"", span.ids)
    assert 800 < sum(map(is_sampled, roots)) < 1200
    assert len({trace[:16] for trace in roots} | {trace[16:24] for trace in roots}) == 8000
    assert not is_sampled(TraceRoots(SystemRandomness(), 0.0).root())


def test_with_very_many_open_spans_further_calls_are_not_recorded_and_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 1)
    world = World()
    first, second, root = world.call(), world.call(), world.call(world.roots.root())
    for call in (first, second, root):
        world.watch.dispatching(call)
        world.watch.attempted(world.watch.attempting(call, "b"), "b", DONE, 0.0, 1.0)

    for call in (second, root, first):
        world.watch.dispatched(call, DONE, 0.0, 1.0)

    assert second.trace == PARENT
    assert checked_trace(root.trace) == root.trace
    assert [span.name for span in world.spans].count("S/M") == 1


def test_a_call_for_which_there_is_no_room_does_not_end_the_span_that_it_belongs_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 1)
    world = World()
    call = world.call()
    world.watch.dispatching(call)
    world.watch.serving(call)
    nested = world.call(call.trace)
    world.watch.dispatching(nested)
    world.watch.dispatched(nested, DONE, 0.0, 1.0)
    world.watch.served(call, DONE, 0.0, 1.0)
    assert len(world.spans) == 0
    world.watch.dispatched(call, REFUSED, 0.0, 2.0)

    (span,) = world.spans
    assert (span.kind, span.ended, span.parent_id) == (SpanKind.CLIENT, 2.0, PARENT[16:24])


def test_a_share_may_be_as_small_as_a_number_can_be() -> None:
    roots = TraceRoots(SystemRandomness(), 5e-324)

    assert not any(is_sampled(roots.root()) for _ in range(100))


def test_names_from_elsewhere_are_bounded_and_of_one_line() -> None:
    world = World()
    call = Call(MethodKey("n\n" * 200, "S\ud800", "M" * 9000), trace=PARENT)
    world.watch.dispatching(call)
    world.watch.dispatched(call, REFUSED, 0.0, 1.0)

    (span,) = world.spans
    assert span.name.isprintable()
    assert all(len(str(value)) <= 600 for value in (span.name, *span.attributes.values()))
