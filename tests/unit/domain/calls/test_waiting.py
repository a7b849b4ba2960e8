"""Calls wait for a peer that is being dialed, and are told why where it does not come."""

from collections.abc import Coroutine, Iterator
from typing import Any

import attrs
import pytest
from tests.unit.domain.world import THERE, World, echo

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import Executed, UnavailableError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.policies.policy import Policies, Policy

OTHER = MethodKey("orders", "OrderService", "Other")


def ran(_call: Call) -> Reply:
    return Reply(OK, handled_by="a", executed=Executed.YES)


@attrs.define
class Waiting:
    """A call that is driven by hand."""

    work: Coroutine[Any, Any, Reply]
    reply: Reply | None = None

    def step(self) -> Reply | None:
        """Let it go on until it waits again; gives its reply, if there is one."""
        if self.reply is None:
            try:
                self.work.send(None)
            except StopIteration as ended:
                self.reply = ended.value
        return self.reply


def call(world: World, key: MethodKey = THERE, **options: Any) -> Waiting:
    begun = Waiting(world.dispatcher.dispatch(Call(key, **{"deadline": world.clock.time + 15.0, **options})))
    begun.step()
    return begun


@pytest.fixture
def starting() -> Iterator[World]:
    """A collector that dials `a:1`, where nobody has answered yet."""
    world = dialing(5.0)
    yield world
    run(world.tasks.close())


def dialing(seconds: float, policies: Policies | None = None) -> World:
    world = World(policies, wait_for_peer=seconds)
    world.keeping.want("a:1")
    world.tasks.step()
    return world


def test_a_call_waits_until_the_peer_is_there_and_runs_there(starting: World) -> None:
    waiting = call(starting)
    assert (waiting.reply, starting.waiting.count) == (None, 1)

    starting.replica("a", dialed=True, answer=ran)

    reply = waiting.step()
    assert reply is not None
    assert (reply.status.code, reply.handled_by, starting.waiting.count) == (200, "a", 0)


def test_news_that_do_not_concern_it_do_not_wake_it(starting: World) -> None:
    waiting = call(starting)

    starting.peer("b", "users", methods=())

    assert waiting.step() is None
    assert starting.waiting.count == 1


@pytest.mark.parametrize(
    ("left", "until"), [(15.0, 5.0), (1.0, 0.9), (0.1, 0.09), (4.0, 3.75), (float("inf"), 5.0)]
)
def test_it_is_answered_when_it_has_waited_long_enough_and_before_its_time_is_up(
    starting: World, left: float, until: float
) -> None:
    began = starting.clock.time
    waiting = call(starting, deadline=began + left)

    starting.clock.time = began + until - 0.001
    early = waiting.step()
    starting.clock.time = began + until + 0.001
    reply = waiting.step()

    assert early is None
    assert reply is not None
    assert (reply.status.code, reply.executed) == (503, Executed.NO)
    assert "'a:1'" in reply.status.message
    assert "'OrderService.CreateOrder'" in reply.status.message


def test_a_method_that_the_last_one_to_answer_lacks_is_named_at_once(starting: World) -> None:
    waiting = call(starting, OTHER)

    starting.replica("a", dialed=True)

    reply = waiting.step()
    assert reply is not None
    assert reply.status == Status(
        404,
        "no collector found for namespace 'orders': nobody there has 'OrderService.Other'",
        reply.status.details,
    )


def test_what_a_live_peer_or_this_collector_has_waits_for_nobody(starting: World) -> None:
    starting.peer("b", "orders", answer=lambda _call: Reply(Status(429, "overloaded")))
    starting.method(OTHER, echo)
    starting.running.taken = starting.running.limit

    assert [call(starting, key).reply is not None for key in (THERE, OTHER)] == [True, True]


def test_of_a_peer_that_is_away_for_long_a_call_hears_at_once(starting: World) -> None:
    starting.clock.time += 60.0

    reply = call(starting).reply

    assert reply is not None
    assert reply.status.code == 503
    assert "'a:1'" in reply.status.message


def test_a_call_for_a_known_peer_that_has_gone_waits_until_it_is_back(starting: World) -> None:
    starting.replica("a", dialed=True)
    first = starting.topology.get("a")
    assert first is not None
    starting.roster.lose(first, "it has crashed")
    waiting = call(starting)
    assert waiting.reply is None

    starting.replica("a", dialed=True, answer=ran)

    reply = waiting.step()
    assert reply is not None
    assert reply.handled_by == "a"


def test_a_call_that_crosses_the_drain_of_the_only_one_is_tried_again_when_it_is_back(
    starting: World,
) -> None:
    def leaves(_call: Call) -> Reply:
        connection = starting.topology.get("a")
        assert connection is not None
        starting.topology.set_state(connection, "draining", "", now=starting.clock.time)
        raise UnavailableError("collector 'a' is draining")

    starting.replica("a", dialed=True, answer=leaves)
    plain, targeted = call(starting), call(starting, target="a")
    assert (plain.reply, targeted.reply) == (None, None)

    starting.replica("a", dialed=True, answer=ran)

    replies = [plain.step(), targeted.step()]
    assert [reply is not None and reply.handled_by for reply in replies] == ["a", "a"]


def test_a_target_may_be_one_that_has_not_answered_yet(starting: World) -> None:
    comes, comes_not = (
        call(starting, target="a"),
        call(starting, target="c", deadline=starting.clock.time + 1),
    )
    starting.clock.time += 1.0
    missed = comes_not.step()
    starting.replica("a", dialed=True, answer=ran)
    reply = comes.step()

    assert reply is not None
    assert reply.handled_by == "a"
    assert missed is not None
    assert missed.status.code == 503
    assert missed.status.message == (
        "no connection to collector 'c', and nobody has answered yet at 'a:1' (nobody has answered at a:1 within 10 s)"
    )


def test_a_target_that_is_away_is_waited_for_and_then_named(starting: World) -> None:
    starting.replica("a", dialed=True)
    connection = starting.topology.get("a")
    assert connection is not None
    starting.roster.lose(connection, "it has crashed")
    waiting = call(starting, target="a")
    assert waiting.reply is None

    starting.clock.time += 5.1

    reply = waiting.step()
    assert reply is not None
    assert (reply.status.code, reply.executed) == (503, Executed.NO)
    assert reply.status.message == "collector 'a' does not answer: it has crashed"
    assert len(reply.attempts) == 1


def test_a_peer_that_nobody_dials_is_not_waited_for() -> None:
    world = World(wait_for_peer=5.0)
    world.replica("a", dialed=False)
    connection = world.topology.get("a")
    assert connection is not None
    world.roster.lose(connection, "it has crashed")

    reply = call(world).reply

    assert reply is not None
    assert reply.status.code == 503


def test_nobody_waits_where_that_is_switched_off() -> None:
    world = dialing(0.0)

    replies = [call(world).reply, call(world, target="a").reply]
    run(world.tasks.close())

    assert [reply is not None and reply.status.code for reply in replies] == [503, 503]


def test_a_drain_ends_all_waiting(starting: World) -> None:
    waiting = call(starting)

    starting.waiting.close()

    reply, later = waiting.step(), call(starting).reply
    assert [each is not None and each.status.code for each in (reply, later)] == [503, 503]


def test_whoever_is_cancelled_waits_no_longer(starting: World) -> None:
    waiting = call(starting)

    waiting.work.close()

    assert (starting.waiting.count, starting.outgoing.taken) == (0, 0)


def test_only_so_many_wait_and_one_caller_has_not_all_of_them(starting: World) -> None:
    starting.outgoing.limit = 100
    options: dict[str, Any] = {"origin": Origin.CLIENT, "source": "somebody"}

    theirs = [call(starting, **options) for _ in range(5)]
    own = [call(starting) for _ in range(3)]

    assert [each.reply is None for each in theirs] == [True, True, True, False, False]
    assert [each.reply is None for each in own] == [True, False, False]
    told = theirs[-1].reply
    assert told is not None
    assert told.status.code == 503


def test_a_peer_that_is_no_more_wanted_is_waited_for_no_longer(starting: World) -> None:
    starting.replica("a", dialed=True)
    connection = starting.topology.get("a")
    assert connection is not None
    starting.roster.lose(connection, "it has crashed")
    waiting = call(starting)

    starting.roster.forget(connection, "disconnected")

    # Whoever listens at its address is still to be asked.
    assert waiting.step() is None


def test_a_peer_that_has_what_is_asked_for_by_its_last_word_is_named_when_it_stays_away(
    starting: World,
) -> None:
    starting.peer("b", "orders", dialed=True, methods=(MethodInfo(THERE, "unary", False),))
    connection = starting.topology.get("b")
    assert connection is not None
    starting.roster.lose(connection, "it has crashed")
    waiting = call(starting)
    starting.clock.time += 5.1

    reply = waiting.step()

    assert reply is not None
    assert reply.status.code == 503
    assert "'b' at 'b:1' is reconnecting" in reply.status.message


def test_a_call_of_a_peer_that_is_to_be_passed_on_waits_too() -> None:
    world = dialing(5.0, Policies(Policy(relays=True)))
    world.peer("caller", "orders", methods=())
    waiting = call(world, origin=Origin.PEER, caller="caller")
    assert waiting.reply is None

    world.replica("a", dialed=True, answer=ran)

    reply = waiting.step()
    run(world.tasks.close())
    assert reply is not None
    assert reply.handled_by == "a"


def test_where_very_many_wait_for_different_things_news_are_looked_at_together() -> None:
    world = World(wait_for_peer=5.0, most_waiting=1000)
    world.outgoing.limit = 1000
    world.keeping.want("a:1")
    world.tasks.step()
    others = [call(world, MethodKey("orders", "OrderService", f"Other{number}")) for number in range(200)]
    waiting = call(world)

    world.peer("b", "users", methods=())
    world.replica("a", dialed=True, answer=ran)
    before = waiting.step()
    world.clock.time += 0.1
    world.clock.ring()
    reply = waiting.step()
    for other in others:
        other.work.close()
    run(world.tasks.close())

    assert before is None
    assert reply is not None
    assert reply.handled_by == "a"
    assert world.waiting.count == 0


def test_a_method_that_is_registered_meanwhile_runs_here(starting: World) -> None:
    waiting = call(starting)

    starting.method(THERE, echo)

    reply = waiting.step()
    assert reply is not None
    assert (reply.status.code, reply.handled_by) == (200, "self")
