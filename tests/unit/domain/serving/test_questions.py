"""Which questions a registry is asked now, and which later or never."""

from typing import Any

import pytest

from collector_mesh.app.testing.fakes import FakePromise
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.registry.remembered import Undecided, Valid
from collector_mesh.domain.serving import questions
from collector_mesh.domain.serving.questions import Questions

ANSWER = Valid(Allowed())
GONE = Undecided("whoever has asked has gone")


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_MOST_ASKED", 2)
    monkeypatch.setattr(questions, "_MOST_WAITING", 5)


def key(number: int) -> MethodKey:
    return MethodKey("users", "UserService", f"M{number}")


def wanted(of: Questions, number: int) -> Any:
    promise: Any = FakePromise()
    of.about(key(number), is_due=False).waiting.append(promise)
    return promise


def begun(of: Questions) -> list[int]:
    found = []
    while (question := of.next()) is not None:
        found.append(int(question.key.method[1:]))
    return found


def test_so_many_are_asked_at_once_and_the_others_in_their_turn() -> None:
    of = Questions()
    for number in range(4):
        wanted(of, number)
    assert begun(of) == [0, 1]

    assert of.end(of.about(key(0), is_due=False))

    assert begun(of) == [2]


def test_one_that_nobody_wants_anymore_when_its_turn_comes_is_not_asked() -> None:
    of = Questions()
    promises = [wanted(of, number) for number in range(5)]
    begun(of)
    for promise in promises[1:4]:
        promise.set_result(GONE)

    of.end(of.about(key(0), is_due=False))

    assert begun(of) == [4]
    assert len(of) == 2


def test_what_is_in_use_does_not_wait_for_those_that_may_not_even_exist() -> None:
    of = Questions()
    for number in range(4):
        wanted(of, number)
    begun(of)
    of.about(key(9), is_due=True)

    of.end(of.about(key(0), is_due=False))

    assert begun(of) == [9]


def test_those_that_wait_are_bounded_and_those_who_have_gone_make_room() -> None:
    of = Questions()
    promises = [wanted(of, number) for number in range(2)]
    begun(of)
    promises += [wanted(of, number) for number in range(2, 7)]
    assert of.is_full

    promises[3].set_result(GONE)

    assert not of.is_full
    assert len(of) == 6
    wanted(of, 3)
    assert of.is_full


def test_after_one_answer_for_all_only_those_under_way_are_left() -> None:
    of = Questions()
    promises = [wanted(of, number) for number in range(4)]
    begun(of)

    of.settle(GONE)

    assert [promise.done() for promise in promises] == [True] * 4
    assert len(of) == 2
    assert begun(of) == []
    assert wanted(of, 3) is not promises[3]


def test_one_that_was_dropped_meanwhile_is_none_of_these_anymore() -> None:
    of = Questions()
    wanted(of, 0)
    question = of.next()
    assert question is not None

    assert of.drop() == [question]
    wanted(of, 0)

    assert not of.end(question)
    assert begun(of) == [0]
