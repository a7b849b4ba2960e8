"""A registry is asked once for each method, and is never waited for where it is away."""

import itertools
from collections.abc import Awaitable, Coroutine
from typing import Any

import pytest

from collector_mesh.app.testing.fakes import FakeClock, FakeDice, FakeTasks
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.errors import NotFoundError, UnavailableError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.registry.remembered import Answer, Refused, Times, Undecided, Valid
from collector_mesh.domain.serving.asking import Asking

GET, SET = MethodKey("users", "UserService", "Get"), MethodKey("users", "UserService", "Set")
USER = Allowed("users.v1.User")
AWAY = Undecided("nobody answers", is_away=True)
PENDING = object()


class World:
    """A registry that answers when a test says so, and calls that want to know."""

    def __init__(self, **times: Any) -> None:
        self.clock, self.tasks = FakeClock(), FakeTasks()
        self.answers: list[Answer | Exception] = []
        self.asked: list[MethodKey] = []
        self.turned: list[str] = []
        self.undecided: list[tuple[MethodKey, str]] = []
        self.asking = Asking(
            self._ask,
            Times(**times),
            clock=self.clock,
            dice=FakeDice(1.0),
            backoff=Backoff(),
            turned=self.turned.append,
            undecided=lambda key, reason: self.undecided.append((key, reason)),
        )
        self.asking.open(self.tasks)

    async def _ask(self, key: MethodKey) -> Answer:
        self.asked.append(key)
        while not self.answers:
            await _Turn()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def call(self, key: MethodKey = GET) -> "Waiting":
        return Waiting(self.asking.validate_service_method(*key))

    def steps(self, number: int = 4) -> None:
        for _ in range(number):
            self.tasks.step()

    def know(self, key: MethodKey, answer: Answer) -> None:
        call = self.call(key)
        self.answers.append(answer)
        self.steps()
        call.outcome()


class _Turn(Awaitable[None]):
    def __await__(self) -> Any:
        yield


class Waiting:
    """A call that waits for the answer, until it is asked what has become of it."""

    def __init__(self, work: Coroutine[Any, Any, object]) -> None:
        self._work = work
        self._outcome: object = PENDING
        self._go_on()

    def outcome(self) -> object:
        if self._outcome is PENDING:
            self._go_on()
        return self._outcome

    def leave(self) -> None:
        self._work.close()

    def _go_on(self) -> None:
        try:
            self._work.send(None)
        except StopIteration as ended:
            self._outcome = ended.value
        except (NotFoundError, UnavailableError) as error:
            self._outcome = error


def test_a_thousand_cold_calls_of_a_method_make_one_request() -> None:
    world = World()
    calls = [world.call() for _ in range(1000)]
    world.steps()
    world.answers.append(Valid(USER))
    world.steps()

    assert [call.outcome() for call in calls] == [USER] * 1000
    assert world.asked == [GET]


def test_what_is_known_is_at_hand_and_not_asked_for_again() -> None:
    world = World()
    world.know(GET, Valid(USER))

    assert world.asking.at_hand(GET) is USER
    assert world.call().outcome() is USER
    assert world.asking.at_hand(SET) is None
    assert world.asked == [GET]


def test_a_refusal_is_not_at_hand_and_is_not_asked_for_again() -> None:
    world = World()
    world.know(GET, Refused("no such method"))

    refusal = world.call().outcome()

    assert world.asking.at_hand(GET) is None
    assert isinstance(refusal, NotFoundError)
    assert str(refusal) == "no such method"
    assert world.asked == [GET]


def test_a_call_that_leaves_leaves_the_request_to_the_others() -> None:
    world = World()
    first, second = world.call(), world.call()
    world.steps()
    first.leave()
    world.answers.append(Valid(USER))
    world.steps()

    assert second.outcome() is USER
    assert world.asked == [GET]


def test_a_request_that_all_have_left_still_brings_its_answer() -> None:
    world = World()
    world.call().leave()
    world.answers.append(Valid(USER))
    world.steps()

    assert world.asking.at_hand(GET) is USER


def test_before_an_answer_ends_one_asks_and_all_others_use_it() -> None:
    world = World()
    world.know(GET, Valid(USER))
    world.clock.time += 58.0

    found = [world.asking.at_hand(GET) for _ in range(1000)]
    world.steps()

    assert found == [USER] * 1000
    assert world.asked == [GET, GET]

    world.answers.append(Valid(Allowed("users.v2.User")))
    world.steps()
    world.clock.time += 50.0

    assert world.asking.at_hand(GET) == Allowed("users.v2.User")


def test_once_the_registry_is_away_nobody_waits_for_it() -> None:
    world = World()
    world.know(GET, Valid(USER))
    world.clock.time += 100.0
    calls = [world.call(MethodKey("users", "UserService", f"M{number}")) for number in range(100)]
    world.steps()
    world.answers.append(AWAY)
    world.steps()

    assert {str(call.outcome()) for call in calls} == {"nobody answers"}
    assert world.asking.at_hand(GET) is USER
    assert isinstance(world.call(SET).outcome(), UnavailableError)
    assert world.turned == ["nobody answers"]


def test_while_the_registry_is_away_one_asks_at_growing_intervals_until_it_answers() -> None:
    world = World()
    world.know(GET, AWAY)
    asked_at = []
    for _ in range(300):
        world.answers[:] = [AWAY]
        before = len(world.asked)
        world.steps(3)
        asked_at += [world.clock.time] * (len(world.asked) - before)
        world.clock.time += 0.05
    pauses = [round(later - earlier, 2) for earlier, later in itertools.pairwise(asked_at)]

    assert 8 <= len(pauses) <= 16
    assert pauses == sorted(pauses)
    assert pauses[-1] <= 2.2

    world.answers[:] = [Valid(USER)]
    world.clock.time += 3.0
    world.steps()

    assert world.asking.at_hand(GET) is USER
    assert world.turned == ["nobody answers", ""]
    assert world.tasks.background == []


def test_after_the_registry_is_back_what_is_not_known_is_asked_again() -> None:
    world = World()
    world.know(GET, AWAY)
    world.clock.time += 3.0
    world.answers.append(Refused("an empty store"))
    world.steps()
    world.know(SET, Valid(USER))

    assert world.asking.at_hand(SET) is USER


def test_one_method_that_is_never_answered_does_not_keep_the_registry_away() -> None:
    world = World()
    world.know(GET, AWAY)
    for key in (SET, GET):
        # The one without an answer is wanted all the time.
        assert isinstance(world.call(key).outcome(), UnavailableError)
    world.clock.time += 3.0
    world.answers.append(Valid(USER))
    world.steps()

    assert world.asked == [GET, SET]
    assert world.asking.at_hand(SET) is USER
    assert world.turned == ["nobody answers", ""]


def test_with_open_everything_goes_while_the_registry_is_away() -> None:
    world = World(fails="open")
    call = world.call()
    world.answers.append(AWAY)
    world.steps()

    assert call.outcome() == Allowed()
    assert world.asking.at_hand(SET) == Allowed()


@pytest.mark.parametrize(
    ("known", "fails", "told"),
    [(False, "closed", 0), (True, "closed", 1), (False, "open", 1)],
)
def test_where_calls_run_without_an_answer_that_means_something_that_is_told(
    known: bool, fails: str, told: int
) -> None:
    world = World(fails=fails, fresh=60.0, refused=5.0)
    if known:
        world.know(GET, Valid(USER))
        world.clock.time += 61.0

    world.know(GET, Undecided("status 12"))
    world.call()

    assert world.undecided == [(GET, "status 12")] * told
    assert world.turned == []


def test_what_asks_and_raises_decides_nothing() -> None:
    world = World()
    call = world.call()
    world.answers.append(ValueError("odd"))
    world.steps()

    refusal = call.outcome()

    assert isinstance(refusal, UnavailableError)
    assert str(refusal) == "odd"
    assert world.turned == []


def test_who_waits_while_it_is_closed_is_told_so() -> None:
    world = World()
    call = world.call()
    world.steps()

    world.asking.close()

    assert str(call.outcome()) == "the validator was closed"
    assert str(world.call().outcome()) == "the validator was closed"
    assert world.asking.away == ""


@pytest.mark.parametrize("key", [GET, SET])
def test_it_can_be_opened_again_and_has_forgotten_nothing(key: MethodKey) -> None:
    world = World()
    world.know(GET, Valid(USER))
    world.call(SET)
    world.steps()
    world.asking.close()
    world.tasks = FakeTasks()
    world.asking.open(world.tasks)
    call = world.call(key)
    world.answers.append(Valid(USER))
    world.steps()

    assert call.outcome() is USER


def test_to_finish_waits_for_the_calls_that_wait_and_for_nothing_else() -> None:
    world = World()
    waiting = world.call()
    world.steps()
    finishing = Waiting(world.asking.finish())
    assert finishing.outcome() is PENDING

    world.answers.append(AWAY)
    world.steps()
    world.clock.time += 3.0
    world.steps()  # it is asked whether it is back, and does not answer

    assert finishing.outcome() is None
    assert isinstance(waiting.outcome(), UnavailableError)
    assert Waiting(world.asking.finish()).outcome() is None
