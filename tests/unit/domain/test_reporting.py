from collector_mesh.app.testing.fakes import FakeClock, FakeObserver
from collector_mesh.domain.model.events import (
    BalancerFailed,
    Event,
    HandlerFailed,
    LimitReached,
    PeerForgotten,
    PeerRefused,
    Shedding,
    ValidatorRefused,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.reporting import Rationed, for_people


def refused(port: int, host: str = "10.0.0.1") -> PeerRefused:
    return PeerRefused("self", "p-1", f"{host}:{port}", "why")


def told(*events: Event) -> list[Event]:
    observer = FakeObserver()
    rationed = Rationed(observer, FakeClock())
    for event in events:
        rationed.tell(event)
    return observer.of(Event)


def test_what_strangers_repeat_is_told_with_its_number_and_not_each_time() -> None:
    events = told(*(refused(port) for port in range(1, 101)))

    assert [event.times for event in events] == [1, 2, 4, 8, 16, 32, 64]
    assert events[-1] == PeerRefused("self", "p-1", "10.0.0.1:64", "why", times=64)


def test_each_host_is_told_by_itself() -> None:
    events = told(refused(1), refused(2), refused(3), refused(1, "10.0.0.2"))

    assert [event.times for event in events] == [1, 2, 1]


def test_each_limit_is_told_by_itself() -> None:
    bites = [LimitReached("self", limit, 8, "10.0.0.1:1") for limit in ("a", "a", "a", "b")]

    assert [event.times for event in told(*bites)] == [1, 2, 1]


def test_each_method_namespace_and_strategy_is_told_by_itself() -> None:
    refused = [
        ValidatorRefused("self", MethodKey("n", "S", method), "why") for method in ("A", "B", "C", "A", "A")
    ]
    shed = [Shedding("self", "max_running", 8, namespace) for namespace in ("a", "b", "c")]
    broken = [BalancerFailed("self", name, ValueError()) for name in ("one", "two", "three")]

    assert [event.times for event in told(*refused)] == [1, 1, 1, 2]
    assert told(*shed, *broken) == [*shed, *broken]


def test_changes_of_state_are_told_each_time() -> None:
    events = [PeerForgotten("self", "p-1", "why")] * 500

    assert told(*events) == events


def shown(*events: Event) -> list[Event]:
    observer = FakeObserver()
    log = for_people(observer, FakeClock())
    for event in events:
        log.tell(event)
    return observer.of(Event)


def failed(method: str, error: Exception) -> HandlerFailed:
    return HandlerFailed("self", MethodKey("n", "S", method), error, "c-1")


def test_people_are_not_flooded_by_changes_of_state() -> None:
    events = [PeerForgotten("self", "p-1", "why")] * 10_000

    assert len(shown(*events)) < 32
    assert shown(*events[:16]) == events[:16]


def test_people_are_told_of_each_peer_and_of_each_kind_of_failure_by_itself() -> None:
    peers = [PeerForgotten("self", f"p-{number}", "why") for number in range(500)]
    often = [failed("A", ValueError("x"))] * 10_000
    rare = [failed("A", KeyError("x")), failed("B", ValueError("x"))]

    assert shown(*peers) == peers
    assert shown(*often, *rare)[-2:] == rare


def test_more_peers_than_there_can_be_are_told_as_one() -> None:
    peers = [PeerForgotten("self", f"p-{number}", "why") for number in range(10_000)]

    assert len(shown(*peers)) < 1100
