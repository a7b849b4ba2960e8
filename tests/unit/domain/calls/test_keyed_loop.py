"""Calls with an idempotency key on their way out: a repeat goes to whoever has the first reply, and nowhere else."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import attrs
import pytest
from tests.unit.domain.world import ECHO, THERE, World, echo

from collector_mesh.app.testing.fake_links import FakeLink
from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.calls.dispatcher import Dispatcher
from collector_mesh.domain.calls.keyed_loop import KeyedLoop
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import (
    Executed,
    HandlerError,
    MeshError,
    OutcomeUnknownError,
    UnavailableError,
)
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.policies.key_places import KeyPlaces
from collector_mesh.domain.policies.policy import Policies, Policy

SECONDS = 60.0
LOST = OutcomeUnknownError("outcome unknown: the link was lost")
SHED = Reply(Status(429, "overloaded"))
TAKEN = Reply(Status(409, "the idempotency key has come with another request before"))
FAILED = Reply(Status(500, "handler error"), handled_by="a", executed=Executed.YES)
UNKNOWN = Reply(Status(502, "outcome unknown: its handler was ended"), executed=Executed.MAYBE)
GONE = UnavailableError("connection refused")


class Keyed(World):
    """A collector that knows of idempotency keys, and keeps those of calls that run here in a store called `mine`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.places = KeyPlaces(SECONDS, 100)
        self.dispatcher = Dispatcher(
            "self",
            self.checks,
            self.executor,
            self.router,
            self.sender,
            KeyedLoop(
                "self",
                self.checks,
                self.handlers,
                self.topology,
                self.finder,
                self.waiting,
                self.sender,
                self.executor,
                clock=self.clock,
                dice=self.dice,
                policies=self.policies,
                counts=self.counts,
                refusals=self.refusals,
                observer=self.observer,
                router=self.router,
                places=self.places,
                own_store=lambda: "mine",
            ),
            tasks=self.tasks,
            clock=self.clock,
            dice=self.dice,
            slots=self.outgoing,
            counts=self.counts,
        )

    def ask(self, key: str = "k", **options: Any) -> Reply:
        """Dispatch a call with a key."""
        given = {"deadline": self.clock.time + 15.0, **options}
        return self.dispatch(given.pop("method", THERE), idempotency_key=key, **given)

    def lose(self, peer_id: str) -> None:
        """A peer goes."""
        connection = self.topology.get(peer_id)
        assert connection is not None
        self.roster.lose(connection, "it has crashed")


def in_turn(*replies: Reply | MeshError) -> Callable[[Call], Reply]:
    """Answers one by one; after the last one, that it has run."""
    left = list(replies)

    def answer(_call: Call) -> Reply:
        reply = left.pop(0) if left else Reply(OK, handled_by="a", executed=Executed.YES)
        if isinstance(reply, MeshError):
            raise reply
        return attrs.evolve(reply)

    return answer


@pytest.fixture
def world() -> Iterator[Keyed]:
    world = Keyed()
    yield world
    run(world.tasks.close())


def tries(*links: FakeLink) -> list[int]:
    return [len(link.calls) for link in links]


def test_calls_with_one_key_go_to_one_of_several_peers_and_others_elsewhere(world: Keyed) -> None:
    links = [world.replica(peer_id, key_store=peer_id) for peer_id in "abc"]

    for _ in range(5):
        world.ask("one")
    assert sorted(tries(*links)) == [0, 0, 5]
    for number in range(40):
        world.ask(f"other {number}")

    assert min(tries(*links)) > 3


def test_what_was_lost_on_the_way_is_asked_for_again_at_the_same_peer_and_nowhere_else(world: Keyed) -> None:
    a, b = (world.replica(one, key_store=one, idempotent=False, answer=in_turn(LOST)) for one in "ab")

    reply = world.ask()

    assert reply.status.code == 200
    assert sorted(tries(a, b)) == [0, 2]


def test_it_is_asked_for_no_more_often_than_other_calls_are_tried(world: Keyed) -> None:
    a = world.replica("a", key_store="a", answer=in_turn(*[LOST] * 9))

    reply = world.ask()

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)
    assert tries(a) == [world.policies.default.retry.max_attempts]


def test_what_a_peer_itself_does_not_know_is_the_truth_and_not_asked_for_again(world: Keyed) -> None:
    a = world.replica("a", key_store="a", answer=in_turn(UNKNOWN))

    assert world.ask().status.code == 502
    assert tries(a) == [1]


def test_where_a_peer_keeps_no_keys_what_was_lost_stays_unknown(world: Keyed) -> None:
    a, b = (world.replica(one, answer=in_turn(LOST)) for one in "ab")

    first, repeat = world.ask(), world.ask()

    assert [(one.status.code, one.executed) for one in (first, repeat)] == [(502, Executed.MAYBE)] * 2
    assert sorted(tries(a, b)) == [0, 1]


def test_a_call_that_did_not_run_goes_to_another_peer(world: Keyed) -> None:
    a, b = (world.replica(one, key_store=one, answer=in_turn(SHED)) for one in "ab")
    b.answer = a.answer

    assert world.ask().status.code == 200
    assert tries(a, b) == [1, 1]


def test_a_call_that_may_have_run_goes_back_to_its_peer_even_after_it_was_refused_there(world: Keyed) -> None:
    a, b = (world.replica(one, key_store=one, answer=in_turn(LOST, SHED)) for one in "ab")

    assert world.ask().status.code == 200
    assert sorted(tries(a, b)) == [0, 3]


@pytest.mark.parametrize("reply", [TAKEN, FAILED])
def test_what_a_peer_says_of_a_key_or_what_its_handler_says_is_the_answer(world: Keyed, reply: Reply) -> None:
    a, b = (world.replica(one, key_store=one, answer=in_turn(reply)) for one in "ab")

    assert world.ask().status.code == reply.status.code
    assert sorted(tries(a, b)) == [0, 1]


def test_a_key_that_is_another_requests_is_told_even_where_this_one_was_lost_before(world: Keyed) -> None:
    world.replica("a", key_store="a", answer=in_turn(LOST, TAKEN))

    reply = world.ask()

    assert (reply.status.code, reply.executed) == (409, Executed.NO)


def test_a_repeat_whose_peer_is_gone_is_unknown_whoever_else_could_run_it(world: Keyed) -> None:
    links = {one: world.replica(one, key_store=one, answer=in_turn(UNKNOWN)) for one in "ab"}
    world.ask()
    (first,) = [one for one, link in links.items() if link.calls]
    world.lose(first)

    reply = world.ask()

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)
    assert f"may have run on collector '{first}', which cannot be asked" in reply.status.message
    assert sorted(tries(*links.values())) == [0, 1]


def test_a_repeat_goes_to_any_peer_with_the_same_store(world: Keyed) -> None:
    links = {one: world.replica(one, key_store="both", answer=in_turn(UNKNOWN)) for one in "ab"}
    other = world.replica("c", key_store="another", answer=in_turn(SHED, SHED, SHED))
    world.ask()
    (first,) = [one for one, link in links.items() if link.calls]
    world.lose(first)
    for link in links.values():
        link.answer = in_turn()

    assert world.ask().status.code == 200
    assert tries(*links.values()) == [1, 1]
    assert len(other.calls) <= 1


def test_after_its_time_a_key_may_go_anywhere(world: Keyed) -> None:
    links = {one: world.replica(one, key_store=one, answer=in_turn(UNKNOWN)) for one in "ab"}
    world.ask()
    (first,) = [one for one, link in links.items() if link.calls]
    world.lose(first)
    for link in links.values():
        link.answer = in_turn()
    world.clock.time += SECONDS

    assert world.ask().status.code == 200


def test_a_repeat_after_its_deadline_says_that_the_first_one_may_have_run(world: Keyed) -> None:
    world.replica("a", key_store="a", answer=in_turn(UNKNOWN))
    world.ask()

    late = world.ask(deadline=world.clock.time)
    never_sent = world.ask("another", deadline=world.clock.time)

    assert (late.status.code, late.executed) == (504, Executed.MAYBE)
    assert (never_sent.status.code, never_sent.executed) == (504, Executed.NO)


def test_what_runs_here_runs_here_and_what_its_handler_says_is_the_answer(world: Keyed) -> None:
    async def fail(_request: object, _context: CallContext) -> object:
        raise HandlerError("handler error: no")

    there = world.replica("a", key_store="a")
    world.method(THERE, fail)

    reply = world.ask()

    assert (reply.status.code, reply.executed) == (500, Executed.YES)
    assert tries(there) == [0]
    assert world.ask(method=ECHO).status.code == 200


def test_what_this_collector_has_no_room_for_goes_to_a_peer(world: Keyed) -> None:
    there = world.replica("a", key_store="a", answer=in_turn())
    world.method(THERE, echo)
    world.running.taken = world.running.limit

    assert world.ask().status.code == 200
    assert tries(there) == [1]


def test_a_call_that_may_have_run_at_a_peer_is_not_run_here_after_that(world: Keyed) -> None:
    there = world.replica("a", key_store="a", answer=in_turn(UNKNOWN))
    world.ask()
    world.method(THERE, echo)
    there.answer = in_turn()

    reply = world.ask()

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)
    assert world.dispatch(THERE).status.code == 200


def test_a_call_of_a_peer_that_cannot_run_here_is_not_passed_on_where_nothing_is(world: Keyed) -> None:
    there = world.replica("a", key_store="a")
    world.peer("b", "orders", methods=())
    world.method(THERE, echo)
    world.running.taken = world.running.limit

    reply = world.ask(origin=Origin.PEER, caller="b")

    assert reply.status.code == 429
    assert tries(there) == [0]


def test_a_call_of_a_peer_that_is_for_another_one_is_passed_on_and_counted_once() -> None:
    world = Keyed(policies=Policies(Policy(relays=True)))
    there = world.replica("a", key_store="a", answer=in_turn(LOST))
    world.peer("b", "orders", methods=())

    assert world.ask(origin=Origin.PEER, caller="b").status.code == 200
    assert (tries(there), world.counts.passed_on) == ([2], 1)
    run(world.tasks.close())


def test_a_call_with_a_target_goes_there_alone_and_is_asked_for_there_again(world: Keyed) -> None:
    a, b = (world.replica(one, key_store=one, answer=in_turn(UNKNOWN)) for one in "ab")

    first = world.ask(target="b")
    again = world.ask(target="b")
    elsewhere = world.ask(target="a")

    assert [reply.status.code for reply in (first, again, elsewhere)] == [502, 200, 502]
    assert tries(a, b) == [0, 2]
    assert world.ask("here", method=ECHO, target="self").status.code == 200
    assert world.ask("nobody", target="nobody").status.code == 404


def test_a_call_without_a_key_goes_to_another_peer_and_nothing_is_remembered_of_it(world: Keyed) -> None:
    answer = in_turn(GONE)
    a, b = (world.replica(one, key_store=one, answer=answer) for one in "ab")

    assert world.dispatch(THERE, deadline=world.clock.time + 15.0).status.code == 200
    assert tries(a, b) == [1, 1]
    assert len(world.places) == 0


def test_where_nobody_has_a_method_a_keyed_call_hears_what_any_call_does(world: Keyed) -> None:
    keyed, plain = world.ask(), world.dispatch(THERE, deadline=world.clock.time + 15.0)

    assert keyed.status == plain.status
    assert keyed.executed is Executed.NO


# ---- waiting -----------------------------------------------------------------------------------------


@attrs.define
class Driven:
    """A call that is driven by hand."""

    work: Coroutine[Any, Any, Reply]
    reply: Reply | None = None

    def step(self) -> int:
        """Let it go on until it waits again; gives its code, 0 if there is none yet."""
        if self.reply is None:
            try:
                self.work.send(None)
            except StopIteration as ended:
                self.reply = ended.value
        return 0 if self.reply is None else self.reply.status.code


def begin(world: Keyed, key: str = "k") -> Driven:
    call = Call(THERE, idempotency_key=key, deadline=world.clock.time + 15.0)
    return Driven(world.dispatcher.dispatch(call))


def test_a_repeat_waits_for_its_peer_to_be_back_and_is_asked_for_there() -> None:
    world = Keyed(wait_for_peer=5.0)
    world.replica("a", key_store="a", dialed=True, answer=in_turn(UNKNOWN))
    world.ask()
    world.lose("a")
    other = world.replica("b", key_store="b")

    repeat = begin(world)
    assert repeat.step() == 0
    back = world.replica("a", key_store="a", dialed=True, answer=in_turn())

    assert repeat.step() == 200
    assert tries(other, back) == [0, 1]
    run(world.tasks.close())


def test_a_repeat_whose_peer_does_not_come_back_is_unknown_after_a_while() -> None:
    world = Keyed(wait_for_peer=5.0)
    world.replica("a", key_store="a", dialed=True, answer=in_turn(UNKNOWN))
    world.ask()
    world.lose("a")

    repeat = begin(world)
    repeat.step()
    world.clock.time += 5.1

    assert repeat.step() == 502
    run(world.tasks.close())


def test_a_first_call_waits_for_anybody() -> None:
    world = Keyed(wait_for_peer=5.0)
    world.keeping.want("a:1")
    world.tasks.step()

    first = begin(world)
    assert first.step() == 0
    world.replica("a", key_store="a", dialed=True)

    assert first.step() == 200
    run(world.tasks.close())
