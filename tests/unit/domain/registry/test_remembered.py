"""How long what a registry has said is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.app.testing.fakes import FakeDice
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.errors import MeshError, NotFoundError, UnavailableError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.registry.remembered import (
    UNCHECKED,
    Answer,
    Answers,
    Refused,
    Times,
    Undecided,
    Valid,
)

GET, SET = MethodKey("users", "UserService", "Get"), MethodKey("users", "UserService", "Set")
USER = Allowed("users.v1.User")
AWAY = Undecided("nobody answers", is_away=True)
ODD = Undecided("an answer that means nothing")


def answers(share: float = 0.0, **times: object) -> Answers:
    return Answers(Times(**times), FakeDice(share))  # type: ignore[arg-type]  # of several types


def test_what_was_never_asked_has_to_be() -> None:
    assert answers().decided(GET, 0.0) is None


@pytest.mark.parametrize(("seconds", "found"), [(59.9, USER), (60.1, None)])
def test_that_a_method_is_there_is_believed_for_a_minute(seconds: float, found: object) -> None:
    known = answers()
    known.take(GET, Valid(USER), 0.0)

    assert known.decided(GET, seconds) == found


def test_that_it_is_not_is_believed_for_a_shorter_time() -> None:
    known = answers()
    known.take(GET, Refused("no such method"), 0.0)

    early = known.decided(GET, 4.9)

    assert isinstance(early, NotFoundError)
    assert str(early) == "no such method"
    assert known.decided(GET, 5.1) is None


def test_a_refusal_ends_what_was_believed_before() -> None:
    known = answers()
    known.take(GET, Valid(USER), 0.0)
    known.take(GET, Refused("gone"), 1.0)

    assert isinstance(known.decided(GET, 2.0), NotFoundError)
    assert known.decided(GET, 7.0) is None


@pytest.mark.parametrize(("seconds", "kind"), [(3599.0, Allowed), (3601.0, UnavailableError)])
def test_while_the_registry_is_away_an_old_answer_counts_up_to_a_limit(seconds: float, kind: type) -> None:
    known = answers()
    known.take(GET, Valid(USER), 0.0)
    known.take(SET, AWAY, 30.0)

    assert type(known.decided(GET, seconds)) is kind


def test_while_the_registry_is_away_what_is_not_known_is_refused_or_allowed() -> None:
    closed, opened = answers(), answers(fails="open")
    for known in (closed, opened):
        known.take(GET, AWAY, 0.0)

    refusal = closed.decided(SET, 1.0)

    assert isinstance(refusal, UnavailableError)
    assert str(refusal) == "nobody answers"
    assert opened.decided(SET, 1.0) is UNCHECKED


def test_any_answer_says_that_the_registry_is_back() -> None:
    for answer in (Valid(USER), Refused("no"), ODD):
        known = answers()
        known.take(GET, AWAY, 0.0)
        known.take(GET, answer, 1.0)

        assert known.away == ""
        assert known.decided(SET, 1.0) is None


def test_an_answer_without_use_concerns_its_method_alone_and_not_for_long() -> None:
    known = answers()
    known.take(GET, ODD, 0.0)

    assert isinstance(known.decided(GET, 4.0), UnavailableError)
    assert known.decided(SET, 4.0) is None
    assert known.decided(GET, 6.0) is None


def test_an_answer_without_use_does_not_end_what_was_believed_before() -> None:
    known = answers()
    known.take(GET, Valid(USER), 0.0)
    known.take(GET, ODD, 59.0)

    assert known.decided(GET, 59.5) == USER
    assert known.decided(GET, 61.0) == USER
    assert known.decided(GET, 65.0) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_an_answer_in_use_is_asked_for_again_before_it_ends(share: float) -> None:
    known = answers(share)
    known.take(GET, Valid(USER), 0.0)

    assert not known.wants_refresh(GET, 44.9)
    assert known.wants_refresh(GET, 57.1)
    assert not known.wants_refresh(GET, 60.1)


def test_a_flood_of_names_that_are_not_there_drives_out_no_method_that_is() -> None:
    known = answers(most=3)
    known.take(GET, Valid(USER), 0.0)
    for number in range(1000):
        known.take(MethodKey("users", "UserService", f"M{number}"), Refused("no"), 0.0)

    assert known.decided(GET, 1.0) == USER
    assert len(known) == 4


def test_of_too_many_methods_those_are_forgotten_that_were_heard_of_longest_ago() -> None:
    known = answers(most=1)
    known.take(GET, Valid(USER), 0.0)
    known.take(SET, Valid(USER), 1.0)

    assert known.decided(GET, 1.0) is None
    assert known.decided(SET, 1.0) == USER


def test_a_reason_has_a_limit() -> None:
    known = answers()
    known.take(GET, Refused("x" * 100_000), 0.0)

    assert len(str(known.decided(GET, 0.0))) == 300


@pytest.mark.parametrize(
    "times", [{"fresh": 0.0}, {"refused": -1.0}, {"stale": -1.0}, {"fails": "ajar"}, {"most": 0}]
)
def test_times_that_make_no_sense_are_refused(times: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(times))):
        Times(**times)  # type: ignore[arg-type]  # that is the point


GIVEN = st.sampled_from([Valid(USER), Valid(Allowed()), Refused("no"), AWAY, ODD])
STEPS = st.lists(st.tuples(st.sampled_from([GET, SET]), GIVEN, st.floats(0.0, 70.0)), max_size=12)


@given(steps=STEPS, fails=st.sampled_from(["closed", "open"]), share=st.floats(0.0, 1.0))
def test_nothing_is_allowed_that_was_not_said_within_the_limits(
    steps: list[tuple[MethodKey, Answer, float]], fails: str, share: float
) -> None:
    known = answers(share, fails=fails, stale=100.0)
    now, last_word, is_away = 0.0, dict.fromkeys((GET, SET), (None, 0.0)), False
    for key, answer, pause in steps:
        known.take(key, answer, now)
        is_away = answer is AWAY
        if isinstance(answer, Valid | Refused):
            last_word[key] = (answer, now)  # type: ignore[assignment]  # there is one now
        now += pause
        for each, (word, since) in last_word.items():
            found = known.decided(each, now)
            told = known.told.get(each)
            # What calls look at first is never more than what is decided.
            assert told is None or now >= told.refresh or found is told.allowed
            assert found is not None or not is_away
            if isinstance(found, Allowed) and found is not UNCHECKED:
                assert isinstance(word, Valid)
                assert word.allowed is found
                assert now < since + 100.0
            assert found is not UNCHECKED or fails == "open"
            assert not (isinstance(found, MeshError) and fails == "open") or isinstance(found, NotFoundError)
