"""What metrics tell of a collector: its numbers, and how its parts are at this moment."""

from typing import TypeVar, get_args

import pytest
from tests.unit.domain.world import ECHO, THERE, World

from collector_mesh.app.testing.fake_links import FakeWay
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.counts import OTHERS
from collector_mesh.domain.model.errors import HandlerError
from collector_mesh.domain.model.events import LimitReached
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import State
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.verdict import Reason
from collector_mesh.domain.readings import MAX_SERIES, Readings
from collector_mesh.domain.watching.families import METRICS, Buckets
from collector_mesh.domain.watching.numbers import Numbers

T = TypeVar("T")
Read = dict[str, dict[tuple[str, ...], float | Buckets]]


class Metered:
    """A collector, and what metrics tell of it."""

    def __init__(self, world: World, state: str = "serving") -> None:
        self.world = world
        world.inspection.state = state
        self.known = {ECHO, THERE}
        self.numbers = Numbers(self.known.__contains__, self.known.__contains__)
        self.asked: list[str] = []
        self.readings = Readings(
            "self",
            "1.2.3",
            self.numbers,
            world.counts,
            world.inspection,
            world.topology,
            lambda: self._asks("keeping", world.keeping),
            lambda: self._asks("streams", world.streams),
            running=world.running,
            outgoing=world.outgoing,
            plain=world.plain,
        )

    def read(self) -> Read:
        return {
            family.metric.name.removeprefix("collector_mesh_"): {
                sample.labels: sample.value for sample in family.samples
            }
            for family in self.readings.read()
        }

    def _asks(self, what: str, part: T) -> T:
        self.asked.append(what)
        return part


@pytest.fixture
def metered(world: World) -> Metered:
    return Metered(world)


def test_everything_that_is_told_is_in_the_list_once_and_has_the_labels_that_it_says(
    metered: Metered,
) -> None:
    metered.world.peer("a")
    families = list(metered.readings.read())

    assert {family.metric.name for family in families} == {metric.name for metric in METRICS.values()}
    assert len(families) == len(METRICS)
    for family in families:
        labels = [sample.labels for sample in family.samples]
        assert {len(each) for each in labels} <= {len(family.metric.labels)}
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("state", ["new", "serving", "draining", "closed"])
def test_the_state_is_told_and_links_are_looked_at_only_while_the_collector_is_open(
    world: World, state: str
) -> None:
    metered = Metered(world, state)
    read = metered.read()

    assert read["info"] == {("1.2.3",): 1}
    assert [each for (each,), value in read["state"].items() if value] == [state]
    assert sorted(set(metered.asked)) == (["keeping", "streams"] if state in {"serving", "draining"} else [])
    assert ("links" in read) == bool(metered.asked)


def test_calls_are_told_by_method_with_their_times_and_codes_and_those_under_way(metered: Metered) -> None:
    numbers = metered.numbers.dispatched
    for reply, seconds in ((Reply(OK), 0.002), (Reply.refused(HandlerError("no")), 7.0), (None, 0.002)):
        numbers.begins(Call(THERE)).has_ended(reply, seconds)
    numbers.begins(Call(THERE))
    made_up = Call(MethodKey("made", "up", "x"), origin=Origin.CLIENT)
    numbers.begins(made_up).has_ended(Reply(OK), 0.002)

    read = metered.read()

    others = (OTHERS, OTHERS, OTHERS)
    times = read["dispatched_seconds"]
    assert set(times) == {THERE, others}
    told = times[THERE]
    assert isinstance(told, Buckets)
    assert told.counts == (0, 0, 2, *[0] * 8, 1)
    assert told.seconds == pytest.approx(7.004)
    assert read["dispatched_errors_total"] == {(*THERE, "499"): 1, (*THERE, "500"): 1}
    assert read["dispatched_in_flight"] == {THERE: 1, others: 0}
    assert read["served_seconds"] == {}


def test_of_too_many_codes_the_rest_is_told_as_others(metered: Metered) -> None:
    for code in range(400, 420):
        metered.numbers.served.of(Call(ECHO)).refused(code)

    told = metered.read()["served_errors_total"]

    assert told[(*ECHO, "400")] == 1
    assert told[(*ECHO, OTHERS)] == 20 - (len(told) - 1)


def test_attempts_and_what_became_of_lost_calls_are_told(metered: Metered) -> None:
    counts = metered.world.counts
    counts.attempts, counts.retries, counts.retries_refused, counts.passed_on = 5, 2, 1, 3
    counts.failed_attempts = {Reason.CUT: 2}
    counts.lost_answered, counts.lost_not_run, counts.lost_unknown = 4, 5, 6
    counts.breakers_opened, counts.breakers_shut = 2, 1

    read = metered.read()

    for name, value in (("attempts", 5), ("retries", 2), ("retries_refused", 1), ("passed_on", 3)):
        assert read[f"{name}_total"] == {(): value}
    assert read["attempts_failed_total"] == {("cut",): 2}
    assert read["lost_calls_total"] == {("answered",): 4, ("not_run",): 5, ("unknown",): 6}
    assert (read["breakers_opened_total"], read["breakers_shut_total"]) == ({(): 2}, {(): 1})


def test_of_namespaces_that_were_shed_the_first_are_told_apart_and_none_is_lost(metered: Metered) -> None:
    shed = metered.world.counts.shed
    shed.update({OTHERS: 7}, **{f"n{number}": 2 for number in range(30)})

    told = metered.read()["shed_total"]

    assert set(told) == {(f"n{number}",) for number in range(20)} | {(OTHERS,)}
    assert told[(OTHERS,)] == 7 + 10 * 2


def test_breakers_that_are_open_limits_and_what_is_taken_of_them_are_told_as_they_are_now(
    metered: Metered,
) -> None:
    world = metered.world
    world.peer("a", "orders", "users")
    world.peer("b", "orders")
    for peer_id, namespace in (("a", "users"), ("b", "orders")):
        world.topology.standings.of(peer_id, namespace, 0.0).breaker.open(0.0, None)
    world.running.taken, world.outgoing.taken = 1, 2

    read = metered.read()

    assert read["breakers_open"] == {(): 2}
    assert read["admitted"] == {("max_running",): 1, ("max_outgoing",): 2, ("max_waiting",): 0}
    assert read["admitted_limit"] == {
        ("max_running",): 2, ("max_outgoing",): 2, ("max_waiting",): world.plain.most_waiting,
    }  # fmt: skip


def test_events_limits_and_the_lag_of_the_loop_are_told(metered: Metered) -> None:
    metered.numbers.happened(LimitReached("self", "max_links", 4, "b"))
    metered.numbers.late(0.3)

    read = metered.read()

    assert read["events_total"] == {("limit_reached",): 1}
    assert read["limit_reached_total"] == {("max_links",): 1}
    assert read["loop_lag_seconds"] == {(): Buckets((*[0] * 9, 1, 0, 0), 0.3)}


def test_peers_are_told_by_state_and_each_with_its_calls_and_its_round_trip(metered: Metered) -> None:
    metered.world.peer("a")
    metered.world.peer("b")
    slow = metered.world.topology.get("b")
    assert slow is not None
    slow.state = "suspect"
    slow.way = FakeWay("b", round_trip=0.25)

    read = metered.read()

    assert read["peers"] == {(each,): int(each in {"live", "suspect"}) for each in get_args(State)}
    assert read["peer_state"] == {("b", "suspect"): 1, ("a", "live"): 1}
    assert read["peer_in_flight"] == {("a",): 0, ("b",): 0}
    assert read["peer_round_trip_seconds"][("b",)] == 0.25


def test_of_too_many_peers_those_in_trouble_are_told_apart_and_the_rest_is_summed(metered: Metered) -> None:
    world = metered.world
    for number in range(900):
        world.peer(f"p{number:03}")
        connection = world.topology.get(f"p{number:03}")
        assert connection is not None
        connection.way = FakeWay(f"p{number:03}", round_trip=0.001 * number, sent=[object()])  # type: ignore[list-item]  # they are counted
        if number >= 897:
            connection.state = "dead"

    families = list(metered.readings.read())
    read = {family.metric.name: {each.labels: each.value for each in family.samples} for family in families}

    assert sum(family.series for family in families) <= MAX_SERIES
    states, flights = read["collector_mesh_peer_state"], read["collector_mesh_peer_in_flight"]
    assert [labels for labels in states if labels[1] == "dead"] == [
        (f"p{n}", "dead") for n in (897, 898, 899)
    ]
    assert len(states) < 900
    assert (len(flights), sum(flights.values())) == (len(states) + 1, 900.0)  # type: ignore[arg-type]  # no histograms
    trips = read["collector_mesh_peer_round_trip_seconds"]
    assert trips[(OTHERS,)] == pytest.approx(0.896)
    assert read["collector_mesh_peers"][("live",)] == 897


def test_a_method_that_is_gone_makes_room_when_metrics_are_read(metered: Metered) -> None:
    names = [MethodKey("users", "Tenants", f"m{number}") for number in range(200)]
    metered.known.update(names)
    for name in names:
        metered.numbers.served.begins(Call(name)).has_ended(Reply(OK), 0.0)
    assert (OTHERS, OTHERS, OTHERS) in metered.read()["served_seconds"]
    metered.known.difference_update(names)

    assert set(metered.read()["served_seconds"]) == {(OTHERS, OTHERS, OTHERS)}
