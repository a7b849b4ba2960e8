"""Calls are counted by method, and names that callers make up take nobody's place."""

from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import HandlerError, NotFoundError
from collector_mesh.domain.model.events import LimitReached, Started
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.watching.method_numbers import BOUNDS, OTHER_CODES, OTHER_METHODS
from collector_mesh.domain.watching.numbers import METHOD_SERIES, CountingObserver, Numbers

GOOD = Reply(OK)
BAD = Reply.refused(HandlerError("no"))


def key(name: str) -> MethodKey:
    return MethodKey("tests", "Numbers", name)


class World:
    """Numbers, and the methods that there are."""

    def __init__(self) -> None:
        self.served: set[MethodKey] = set()
        self.announced: set[MethodKey] = set()
        self.numbers = Numbers(self.served.__contains__, self.announced.__contains__)

    def serve(self, name: str, reply: Reply | None = GOOD, seconds: float = 0.002) -> None:
        call = Call(key(name), origin=Origin.PEER)
        self.numbers.served.begins(call).has_ended(reply, seconds)

    def dispatch(self, name: str, reply: Reply | None = GOOD, origin: Origin = Origin.CLIENT) -> None:
        call = Call(key(name), origin=origin)
        self.numbers.dispatched.begins(call).has_ended(reply, 0.002)


def test_calls_errors_and_times_are_counted_by_method() -> None:
    world = World()
    world.served |= {key("A"), key("B")}

    for seconds in (BOUNDS[0], BOUNDS[0] + 1e-6, 100.0):
        world.serve("A", seconds=seconds)
    world.serve("B", BAD)
    world.serve("B", None)

    (_, a), (_, b) = world.numbers.served.read()
    assert a.buckets == (1, 1, *[0] * 9, 1)
    assert (a.begun, a.in_flight, a.errors) == (3, 0, {})
    assert round(a.seconds, 3) == 100.001
    assert b.errors == {500: 1, 499: 1}


def test_what_has_begun_and_not_ended_is_in_flight() -> None:
    world = World()
    world.served.add(key("A"))

    numbers = world.numbers.served.begins(Call(key("A")))
    before = numbers.in_flight
    numbers.has_ended(GOOD, 1.0)

    assert (before, numbers.in_flight) == (1, 0)


def test_names_that_callers_make_up_are_summed() -> None:
    world = World()
    for number in range(10_000):
        world.dispatch(f"Made{number}", Reply.refused(NotFoundError("no")))
    world.announced.add(key("There"))
    world.dispatch("There")
    world.dispatch("Own", origin=Origin.LOCAL)

    read = dict(world.numbers.dispatched.read())
    assert list(read) == [key("Own"), key("There"), OTHER_METHODS]
    assert read[OTHER_METHODS].begun == 10_000
    assert read[OTHER_METHODS].errors == {404: 10_000}


def test_of_too_many_methods_the_last_ones_are_summed_and_those_that_run_here_have_their_share() -> None:
    world = World()
    for number in range(10_000):
        world.dispatch(f"Called{number}", origin=Origin.LOCAL)
    for number in range(10_000):
        world.served.add(key(f"Served{number}"))
        world.serve(f"Served{number}")

    sides = world.numbers.dispatched, world.numbers.served
    kept = [len(side.methods) for side in sides]
    series = sum(numbers.series for side in sides for numbers in side.methods.values())
    assert kept[0] >= 40
    assert kept[1] >= 45
    assert series <= METHOD_SERIES
    assert [side.others.begun + len(side.methods) for side in sides] == [10_000, 10_000]


def test_a_method_that_becomes_known_while_a_call_is_under_way_counts_from_the_next_one() -> None:
    world = World()
    early, late = Call(key("A"), origin=Origin.CLIENT), Call(key("A"), origin=Origin.CLIENT)
    first = world.numbers.dispatched.begins(early)
    world.announced.add(key("A"))
    second = world.numbers.dispatched.begins(late)
    first.has_ended(GOOD, 1.0)
    second.has_ended(GOOD, 1.0)

    read = dict(world.numbers.dispatched.read())
    assert {each: (numbers.begun, numbers.in_flight) for each, numbers in read.items()} == {
        key("A"): (1, 0),
        OTHER_METHODS: (1, 0),
    }


def test_times_are_put_into_buckets_now_and_then_and_none_is_lost() -> None:
    world = World()
    world.served.add(key("A"))
    for number in range(5000):
        world.serve("A", seconds=number / 1000)

    ((_, numbers),) = world.numbers.served.read()
    assert sum(numbers.buckets) == 5000
    assert numbers.buckets[1] == 1
    assert numbers.buckets[-1] == 0
    assert round(numbers.seconds) == round(sum(range(5000)) / 1000)


def test_codes_beyond_a_number_are_summed() -> None:
    world = World()
    world.served.add(key("A"))
    for code in range(400, 500):
        reply = Reply.refused(HandlerError("no"))
        reply.status = OK.__class__(code, "")
        world.serve("A", reply)

    ((_, numbers),) = world.numbers.served.read()
    assert len(numbers.errors) == 9
    assert numbers.errors[OTHER_CODES] == 92


def test_methods_that_are_gone_make_room_when_it_is_needed() -> None:
    world = World()
    for number in range(200):
        world.served.add(key(f"Tenant{number}"))
        world.serve(f"Tenant{number}")
    world.served.clear()
    world.served.add(key("New"))

    world.serve("New")
    world.numbers.forget()
    world.serve("New")

    assert list(world.numbers.served.methods) == [key("New")]
    assert world.numbers.served.others.begun > 0


def test_methods_that_are_gone_stay_while_there_is_room() -> None:
    world = World()
    world.served.add(key("A"))
    world.serve("A")
    world.served.clear()

    world.numbers.forget()

    assert list(world.numbers.served.methods) == [key("A")]


def test_events_and_limits_are_counted_before_they_are_told() -> None:
    told: list[object] = []

    class Telling:
        def tell(self, event: object) -> None:
            told.append(event)

    numbers = World().numbers
    observer = CountingObserver(numbers, Telling())
    observer.tell(Started("a", ""))
    observer.tell(LimitReached("a", "max_links", 4, "b"))
    observer.tell(LimitReached("a", "max_links", 4, "b"))

    assert numbers.events == {"started": 1, "limit_reached": 2}
    assert numbers.limits == {"max_links": 2}
    assert len(told) == 3
