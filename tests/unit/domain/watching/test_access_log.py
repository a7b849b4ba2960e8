"""The access log: a line for each call that has ended, or for a share of them that all collectors agree about."""

from typing import Any

import pytest

from collector_mesh import Executed, MethodKey, Payload, Reply, Status
from collector_mesh.app.testing.fakes import FakeDice, FakeObserver
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.events import CallEnded
from collector_mesh.domain.model.status import OK
from collector_mesh.domain.watching.access_log import AccessLog

KEY = MethodKey("n", "S", "M")


def log_of(share: float, observer: FakeObserver, *, errors: bool = False) -> AccessLog:
    return AccessLog("here", share, observer, FakeDice(0.5), errors=errors)


def call(number: int = 0, **more: Any) -> Call:
    trace = b"\1" * 12 + number.to_bytes(4, "big") + b"\2" * 8 + b"\0"
    return Call(KEY, Payload("t", b"12345"), trace=trace, **more)


def test_a_call_that_has_run_here_is_told_with_all_that_is_known_of_it_and_nothing_that_it_carries() -> None:
    observer = FakeObserver()
    made = call(caller="web", source="id:web", metadata=(("a", "secret"),), visited=("hub",))

    log_of(1.0, observer).served(made, Reply(OK, Payload("t", b"123"), "here", Executed.YES), 1.0, 1.5)

    told = observer.events[0]
    assert isinstance(told, CallEnded)
    assert repr(told) == repr(CallEnded("here", KEY, "serve", 200, "yes", 0.5, "web", "id:web", "here", 5, 3))
    assert (told.path, told.trace_id[:24]) == (("hub", "web", "here"), "01" * 12)
    assert "secret" not in repr(told)


@pytest.mark.parametrize(
    ("origin", "handled_by", "is_told"),
    [
        (Origin.LOCAL, "there", True),
        (Origin.CLIENT, "there", True),
        (Origin.CLIENT, "", True),
        (Origin.LOCAL, "here", False),
        (Origin.PEER, "there", False),
    ],
)
def test_a_call_that_is_dispatched_is_told_where_it_began_and_has_not_run(
    origin: Origin, handled_by: str, *, is_told: bool
) -> None:
    observer = FakeObserver()

    log_of(1.0, observer).dispatched(call(origin=origin), Reply(OK, handled_by=handled_by), 1.0, 2.0)

    assert [event.side for event in observer.of(CallEnded)] == ["dispatch"] * is_told  # type: ignore[attr-defined]  # of that kind


def test_a_cancelled_call_is_told_as_that() -> None:
    observer = FakeObserver()

    log_of(1.0, observer).served(call(), None, 1.0, 2.0)

    assert [(event.code, event.executed) for event in observer.events if isinstance(event, CallEnded)] == [
        (499, "maybe")
    ]


def test_the_share_goes_by_the_trace_id_and_without_one_by_the_dice() -> None:
    one, other = FakeObserver(), FakeObserver()
    for number in range(0, 1 << 32, 1 << 28):
        for observer in (one, other):
            log_of(0.25, observer).served(call(number), Reply(OK), 0.0, 1.0)
    log_of(0.25, one).served(Call(KEY), Reply(OK), 0.0, 1.0)
    log_of(0.75, other).served(Call(KEY), Reply(OK), 0.0, 1.0)

    assert (len(one.events), len(other.events)) == (4, 5)


def test_failures_are_told_in_any_case_where_that_is_asked_for() -> None:
    observer = FakeObserver()
    log = log_of(0.0, observer, errors=True)

    for code in (200, 404, 429, 500, 503):
        log.served(call(), Reply(Status(code, "")), 0.0, 1.0)

    assert [event.code for event in observer.of(CallEnded)] == [429, 500, 503]  # type: ignore[attr-defined]  # of that kind
