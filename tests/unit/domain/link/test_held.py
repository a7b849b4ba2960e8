"""What one end of a link holds for the other: each kind of it counts, and no longer than it is there."""

from collections.abc import Callable

import pytest
from tests.unit.domain.link.wires import Wire, answer, opened

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.outbox import HELD_STEP
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.frames import Catalog
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo

ECHO = MethodKey("users", "UserService", "Echo")
METHODS = tuple(MethodInfo(MethodKey("users", "S", f"M{number}"), "unary", False) for number in range(500))


def runs(wire: Wire) -> None:
    for _ in range(4):
        wire.left.send_bytes(20_000)
    wire.settle()


def runs_large(wire: Wire) -> None:
    wire.left.send_bytes(200_000)
    wire.settle()


def runs_with_metadata(wire: Wire) -> None:
    for _ in range(10):
        wire.left.send(Call(ECHO, Payload("type", b"x"), metadata=(("key", "x" * 8000),)))
    wire.settle()


def comes_in_part(wire: Wire) -> None:
    wire.left.send_bytes(2_000_000)
    for _ in range(2):
        wire.left.write(with_credit=True)
        wire.right.read()
        wire.right.write(with_credit=True)
        wire.left.read()


def waits_to_be_written(wire: Wire) -> None:
    runs(wire)
    for taken in wire.right.taken:
        answer(taken)


def tells_names(wire: Wire) -> None:
    for number in range(300):
        wire.left.send(Call(ECHO, Payload(f"type.googleapis.com/{number:0300}", b"")))
    wire.settle()
    for taken in wire.right.taken:
        answer(taken, Payload())
    wire.settle()


def tells_methods(wire: Wire) -> None:
    wire.left.names = Catalog(("users",), METHODS)
    wire.left.engine.tell_catalog()
    wire.settle()


def hears_news(wire: Wire) -> None:
    wire.right.engine.tell_reach(Reach(f"far-{number}", ("right",)) for number in range(1000))


KINDS = [
    runs, runs_large, runs_with_metadata, comes_in_part, waits_to_be_written, tells_names, tells_methods, hears_news,
]  # fmt: skip


@pytest.mark.parametrize("holds", KINDS)
def test_each_kind_counts_and_is_told_as_it_grows(holds: Callable[[Wire], None]) -> None:
    wire = opened(batching=Batching(large_bytes=64 << 10))
    before = wire.right.engine.held_bytes
    told: list[int] = []
    wire.right.engine.on_held = lambda: told.append(wire.right.engine.held_bytes)

    holds(wire)

    assert wire.right.engine.held_bytes - before >= 70_000
    assert max(told) >= wire.right.engine.held_bytes - HELD_STEP


@pytest.mark.parametrize("holds", [runs, runs_large, runs_with_metadata, waits_to_be_written])
def test_calls_that_were_answered_hold_nothing(holds: Callable[[Wire], None]) -> None:
    wire = opened()
    # The names of a call stay.
    wire.left.send(Call(ECHO, Payload("type", b"")))
    wire.settle()
    answer(wire.right.last)
    wire.settle()
    before = wire.right.engine.held_bytes

    holds(wire)
    for taken in wire.right.taken:
        answer(taken)
    wire.settle()

    assert wire.right.engine.held_bytes == before


def test_a_call_that_was_cancelled_holds_nothing() -> None:
    wire = opened()
    runs(wire)
    outcome = wire.left.send_bytes(30_000)
    wire.settle()
    before = wire.right.engine.held_bytes

    wire.left.engine.cancel(outcome.sent)
    wire.settle()

    assert before - wire.right.engine.held_bytes >= 30_000


@pytest.mark.parametrize("holds", [runs, runs_large, runs_with_metadata, comes_in_part, waits_to_be_written])
def test_calls_of_a_link_that_has_ended_hold_nothing(holds: Callable[[Wire], None]) -> None:
    wire = opened()
    holds(wire)

    wire.cut()

    assert wire.right.engine.held_bytes < 2_000


def test_many_small_calls_under_way_are_not_looked_at_for_each_further_one() -> None:
    wire = opened()
    for _ in range(2000):
        wire.left.send_bytes(100)
    wire.settle()
    looked: list[None] = []
    wire.right.engine.on_held = lambda: looked.append(None)

    for _ in range(1000):
        wire.left.send_bytes(100)
        wire.settle()

    # They bring 100,000 bytes, and those that are under way have 1.2 million.
    assert len(looked) <= 1
