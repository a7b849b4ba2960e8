"""How failures of peers tell on who gets the next calls."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest
from tests.unit.domain.world import ECHO, THERE, World

from collector_mesh.adapters.simulated.parts import SeededRandomness
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import Executed, MeshError, OutcomeUnknownError, UnavailableError
from collector_mesh.domain.model.events import BreakerOpened, BreakerShut
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.policies.policy import Policies, Policy
from collector_mesh.domain.policies.retry import Retry
from collector_mesh.domain.policies.retry_budget import RetryBudget
from collector_mesh.domain.policies.standing import StandingRules

Answer = Callable[[Call], Reply]


def runs(peer_id: str) -> Answer:
    return lambda _call: Reply(OK, handled_by=peer_id, executed=Executed.YES)


def says(code: int, executed: Executed = Executed.NO, details: Mapping[str, str] | None = None) -> Answer:
    return lambda _call: Reply(Status(code, "as told", details or {}), executed=executed)


def raises(error: MeshError) -> Answer:
    def answer(_call: Call) -> Reply:
        raise error

    return answer


def world_with(**policy: Any) -> World:
    world = World(Policies(Policy(**policy)))
    world.dispatcher._dice = world.dice = SeededRandomness("11")  # type: ignore[assignment]  # a World takes one kind of dice
    return world


def call_many(world: World, count: int, apart: float = 0.01, **options: Any) -> Counter[int]:
    codes: Counter[int] = Counter()
    for _ in range(count):
        world.clock.time += apart
        codes[world.dispatch(THERE, **options).status.code] += 1
    return codes


@pytest.mark.parametrize("balancing", ["peak-ewma", "round-robin"])
def test_a_peer_that_fails_fast_attracts_no_traffic_and_costs_no_call(balancing: str) -> None:
    world = world_with(balancing=balancing)
    bad = world.replica("bad", answer=says(503))
    world.replica("good", answer=runs("good"))

    codes = call_many(world, 1000)

    assert codes == {200: 1000}
    assert len(bad.calls) < 50


def test_breakers_that_open_are_told_and_counted() -> None:
    world = world_with(balancing="round-robin")
    world.replica("bad", answer=says(503))
    world.replica("good", answer=runs("good"))

    call_many(world, 200)

    assert world.counts.breakers_opened == len(world.observer.of(BreakerOpened)) >= 1


def test_of_two_peers_that_both_fail_one_stays_in_and_calls_go_on_to_find_out() -> None:
    world = world_with(balancing="round-robin")
    links = [world.replica(name, answer=says(503)) for name in "ab"]
    call_many(world, 200)
    for link in links:
        link.answer = runs("well again")

    codes = call_many(world, 300)

    assert codes[200] >= 299
    assert world.observer.of(BreakerShut)


def test_an_ejected_peer_is_back_after_one_probe_that_succeeds() -> None:
    world = world_with(balancing="round-robin")
    flaky = world.replica("flaky", answer=says(503))
    world.replica("good", answer=runs("good"))
    call_many(world, 300)
    flaky.answer = runs("flaky")
    flaky.calls.clear()

    call_many(world, 800, apart=0.02)

    assert len(flaky.calls) > 200


def test_a_handlers_own_errors_and_the_callers_mistakes_eject_nobody() -> None:
    world = world_with()
    world.replica("a", answer=says(500, Executed.YES))
    world.replica("b", answer=says(400))

    call_many(world, 200)

    assert world.counts.breakers_opened == 0


def test_more_than_half_of_the_candidates_are_never_kept_out_and_explain_says_so() -> None:
    world = world_with(balancing="round-robin", retry=Retry(max_attempts=2))
    for name in "abc":
        world.replica(name, answer=says(503))
    world.replica("d", answer=runs("d"))

    call_many(world, 100)
    world.peer("d", methods=(), answer=runs("d"))
    found = world.explainer.explain(THERE, now=world.clock.time)

    assert "breakers are ignored: 3 of 3 candidates are out" in found.note
    assert {name for name in found.fit if name in "abc"} == {"a", "b", "c"}


def test_explain_tells_when_a_breaker_lets_a_probe_through() -> None:
    world = world_with(balancing="round-robin")
    world.replica("bad", answer=says(503))
    world.replica("good", answer=runs("good"))
    call_many(world, 100)
    [opened] = world.observer.of(BreakerOpened)[-1:]
    assert isinstance(opened, BreakerOpened)

    reasons = {
        c.collector_id: c.reason for c in world.explainer.explain(THERE, now=world.clock.time).candidates
    }

    assert reasons["bad"].startswith("breaker open for another ")
    assert reasons["good"] == "has the method"
    standing = world.inspection.snapshot().connections[0].standings[0]
    assert (standing.namespace, standing.breaker) == ("orders", "open")
    assert standing.open_for > 0


@pytest.mark.parametrize("said", ["100", "2500", "-3", "soon", "1" * 40])
def test_a_peer_over_its_limit_is_left_alone_for_as_long_as_it_says(said: str) -> None:
    world = world_with()
    busy = world.replica("busy", answer=says(429, details={"retry_after_ms": said}))
    world.replica("free", answer=runs("free"))
    while not busy.calls:
        assert world.dispatch(THERE).status.code == 200

    call_many(world, 9, apart=0.01)

    assert len(busy.calls) == 1
    assert world.counts.breakers_opened == 0


def test_if_everybody_is_over_their_limits_they_are_asked_all_the_same() -> None:
    world = world_with()
    links = [world.replica(name, answer=says(429)) for name in "ab"]
    call_many(world, 5)
    for link in links:
        link.answer = runs("free")

    assert world.dispatch(THERE).status.code == 200


@pytest.mark.parametrize(
    "lost", [raises(OutcomeUnknownError("outcome unknown: gone")), says(502, Executed.MAYBE)]
)
def test_what_may_have_run_goes_on_only_where_both_say_that_it_may_run_twice(lost: Answer) -> None:
    outcomes = []
    for first, second in ((True, True), (True, False), (False, True), (False, False)):
        world = World()
        world.replica("a", idempotent=first, answer=lost)
        world.replica("b", idempotent=second, answer=runs("b"))
        outcomes.append(world.dispatch(THERE).status.code)

    assert outcomes == [200, 502, 502, 502]


@pytest.mark.parametrize(("said", "code"), [(True, 200), (False, 502)])
def test_the_callers_word_on_whether_it_may_run_twice_counts_most(said: bool, code: int) -> None:
    world = World()
    world.replica("a", idempotent=not said, answer=says(502, Executed.MAYBE))
    world.replica("b", idempotent=not said, answer=runs("b"))

    assert world.dispatch(THERE, idempotent=said).status.code == code


def test_a_reply_tells_who_was_tried_in_this_order() -> None:
    world = World()
    for name in "abc":
        world.replica(name, answer=says(503))
    failed = world.dispatch(THERE)
    one = World()
    one.replica("a", answer=runs("a"))

    assert failed.attempts == ("a", "b", "c")
    assert one.dispatch(THERE).attempts == ("a",)


def test_no_collector_is_tried_twice_for_a_call() -> None:
    world = World(Policies(Policy(retry=Retry(max_attempts=10))))
    links = [world.replica(name, answer=says(503)) for name in "abcd"]

    world.dispatch(THERE)

    assert [len(link.calls) for link in links] == [1, 1, 1, 1]


def test_retries_beyond_the_budget_are_refused_and_counted() -> None:
    budget = RetryBudget(share=0.0, rate=1.0, window=10)
    world = world_with(standing=StandingRules(budget=budget), max_ejected=0.0)
    bad = world.replica("bad", answer=says(503))
    world.replica("worse", answer=says(503))

    codes = call_many(world, 100)

    assert codes == {503: 100}
    assert world.counts.retries == 20, "ten for the failures of each of the two"
    assert world.counts.retries_refused >= 80
    assert bad.calls


def test_a_call_that_crosses_the_announcement_of_a_drain_costs_no_budget_and_no_attempt() -> None:
    budget = RetryBudget(share=0.0, rate=0.0)
    world = world_with(standing=StandingRules(budget=budget), retry=Retry(max_attempts=1))
    leaving = world.replica("leaving")
    world.replica("staying", answer=runs("staying"))
    connection = world.topology.get("leaving")
    assert connection is not None

    def drain(_call: Call) -> Reply:
        world.topology.set_state(connection, "draining", "it takes no new calls", now=world.clock.time)
        return says(503)(_call)

    leaving.answer = drain
    codes = call_many(world, 20)

    assert codes == {200: 20}
    assert len(leaving.calls) == 1
    assert world.counts.breakers_opened == 0


def test_an_attempt_that_another_collector_could_take_over_gets_half_of_what_is_left() -> None:
    world = World()
    deadlines: list[float] = []

    def hangs(call: Call) -> Reply:
        deadlines.append(call.deadline - world.clock.time)
        world.clock.time = call.deadline
        return says(504, Executed.MAYBE)(call)

    for name in "abc":
        world.replica(name, answer=hangs)

    reply = world.dispatch(THERE, deadline=world.clock.time + 8.0)

    assert deadlines == [4.0, 2.0, 2.0], "the last one gets all that is left"
    assert (reply.status.code, reply.executed, reply.attempts) == (504, Executed.MAYBE, ("a", "b", "c"))


def test_who_was_given_up_early_gets_the_time_that_is_left_if_nobody_is_there_anymore_to_take_over() -> None:
    world = World()
    seen: list[float] = []

    def slow(call: Call) -> Reply:
        seen.append(call.deadline - world.clock.time)
        if len(seen) > 1:
            return runs("a")(call)
        world.clock.time = call.deadline
        connection = world.topology.get("b")
        assert connection is not None
        world.roster.lose(connection, "cut")
        return says(504, Executed.MAYBE)(call)

    world.replica("a", answer=slow)
    world.replica("b", answer=slow)

    reply = world.dispatch(THERE, deadline=world.clock.time + 8.0)

    assert (reply.status.code, reply.attempts) == (200, ("a", "a"))
    assert seen == [4.0, 4.0]


def timed(world: World) -> tuple[list[float], Callable[[Call], Reply]]:
    """An answer, and the seconds that each call has left when it comes to it."""
    seen: list[float] = []

    def answer(call: Call) -> Reply:
        seen.append(call.deadline - world.clock.time)
        return runs("a")(call)

    return seen, answer


def test_the_only_attempt_gets_all_the_time() -> None:
    world = world_with(retry=Retry(max_attempts=1))
    seen, answer = timed(world)

    for name in "ab":
        world.replica(name, answer=answer)

    world.dispatch(THERE, deadline=world.clock.time + 8.0)

    assert seen == [8.0]


@pytest.mark.parametrize(("said", "wanted"), [(False, 8.0), (None, 8.0), (True, 4.0)])
def test_an_attempt_that_must_not_be_repeated_gets_all_the_time(said: bool | None, wanted: float) -> None:
    world = World()
    seen, answer = timed(world)

    world.replica("a", idempotent=False, answer=answer)
    world.replica("b", idempotent=False, answer=answer)

    world.dispatch(THERE, deadline=world.clock.time + 8.0, idempotent=said)

    assert seen == [wanted]


def test_an_attempt_gets_at_least_a_tenth_of_a_second_but_never_more_than_is_left() -> None:
    world = World()
    seen, answer = timed(world)

    for name in "ab":
        world.replica(name, answer=answer)

    world.dispatch(THERE, deadline=world.clock.time + 0.15)
    world.dispatch(THERE, deadline=world.clock.time + 0.05)

    assert seen == [pytest.approx(0.1), pytest.approx(0.05)]


def test_timeouts_that_are_shorter_than_an_attempt_open_no_breaker() -> None:
    world = world_with()

    def hangs(call: Call) -> Reply:
        world.clock.time = call.deadline
        return says(504, Executed.MAYBE)(call)

    for name in "ab":
        world.replica(name, idempotent=False, answer=hangs)

    for _ in range(100):
        world.dispatch(THERE, deadline=world.clock.time + 0.01)

    assert world.counts.breakers_opened == 0


def test_a_refusal_tells_of_the_candidates_but_not_to_strangers_who_may_not_know() -> None:
    world = World()
    world.replica("a", answer=says(503))
    connection = world.topology.get("a")
    assert connection is not None
    world.topology.set_state(connection, "dead", "nothing heard", now=world.clock.time)

    told = world.dispatch(THERE)
    world.refusals._exposes = False  # as on a listener beyond loopback
    secret = world.dispatch(THERE, origin=Origin.CLIENT)

    assert told.status.details["routes"] == "self: lacks the method; a: does not answer"
    assert (secret.status.code, dict(secret.status.details)) == (503, {})


def test_what_is_told_of_the_candidates_is_short() -> None:
    world = World()
    for number in range(50):
        world.replica(f"{number:02}-{'x' * 110}", answer=says(503))
        connection = world.topology.get(f"{number:02}-{'x' * 110}")
        assert connection is not None
        world.topology.set_state(connection, "dead", "gone", now=world.clock.time)

    routes = world.dispatch(THERE).status.details["routes"]

    assert routes.count("does not answer") == 9
    assert len(routes.encode()) <= 2048


def test_strategy_and_attempts_can_be_set_for_one_method() -> None:
    narrow = attrs.evolve(Policy(), balancing="round-robin", retry=Retry(max_attempts=1))
    world = World(Policies(Policy(), {str(THERE): narrow}))
    links = [world.replica(name, answer=says(503)) for name in "abc"]

    for _ in range(3):
        assert world.dispatch(THERE).attempts in {("a",), ("b",), ("c",)}

    assert [len(link.calls) for link in links] == [1, 1, 1]
    assert world.explainer.explain(THERE, now=world.clock.time).balancing == "round-robin"


def test_a_peer_that_is_back_from_dead_begins_in_the_middle_of_the_others() -> None:
    world = World()
    for name, latency in (("a", 0.001), ("b", 0.002), ("c", 0.9)):
        world.replica(name)
        world.topology.standings.of(name, "orders", 0.0).load.latency = latency
    connection = world.topology.get("c")
    assert connection is not None
    world.topology.set_state(connection, "reconnecting", "gone", now=world.clock.time)

    world.replica("c")

    assert world.topology.standings.of("c", "orders", 0.0).load.latency == 0.002


@pytest.mark.parametrize(
    ("error", "counted"),
    [(UnavailableError("down"), {"outcome_503": 1, "attempts": 1, "attempts_unreached": 1})],
)
def test_outcomes_and_attempts_are_counted(error: MeshError, counted: dict[str, int]) -> None:
    world = World()
    world.replica("a", answer=raises(error))

    world.dispatch(THERE)

    assert world.inspection.snapshot().counts == counted


def test_a_peers_call_with_another_target_is_not_passed_on_by_a_collector_that_does_not_relay() -> None:
    world = World()
    far = world.peer("far", "users")
    world.peer("caller", "users")

    reply = world.dispatch(ECHO, target="far", origin=Origin.PEER, caller="caller")

    assert (reply.status.code, far.calls) == (404, [])
    assert "does not pass calls on" in reply.status.message


def test_a_peers_call_that_is_shed_here_goes_on_only_from_a_collector_that_relays() -> None:
    codes = []
    for relays in (False, True):
        world = World(Policies(Policy(relays=relays)))
        world.peer("far", "users", answer=runs("far"))
        world.peer("caller", "users")
        world.running.taken = world.running.limit
        codes.append(world.dispatch(ECHO, origin=Origin.PEER, caller="caller").status.code)

    assert codes == [429, 200]


def test_a_peers_call_is_never_sent_back_to_who_has_passed_it_on() -> None:
    world = World(Policies(Policy(relays=True)))
    caller = world.replica("caller", answer=runs("caller"))

    reply = world.dispatch(THERE, origin=Origin.PEER, caller="caller", hops=1, visited=("caller",))

    assert (reply.status.code, caller.calls) == (503, [])


def test_a_peer_that_flaps_is_not_welcomed_like_one_that_was_away() -> None:
    world = World()
    world.replica("steady")
    opened = []

    for _ in range(4):
        world.replica("flapping")
        opened.append(world.counts.breakers_opened)
        connection = world.topology.get("flapping")
        assert connection is not None
        world.clock.time += 0.05
        world.roster.lose(connection, "cut")

    assert opened == [0, 0, 1, 1], "the second time that it is gone soon"
