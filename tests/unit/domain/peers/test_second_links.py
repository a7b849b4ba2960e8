"""Another link to a start that has one already: whoever opens it has to be that start."""

import pytest
from tests.unit.domain.link.hosts import RULES, HandNetwork, Host

from collector_mesh.domain.link.questions import Questions
from collector_mesh.domain.model.errors import ConflictError
from collector_mesh.domain.model.frames import Heartbeat


def _double_of(start: Host, network: HandNetwork) -> Host:
    """Somebody who says to be that very start, as each of its peers knows it."""
    double = network.start(start.collector_id, start.address)
    double.admission.incarnation = start.admission.incarnation
    network.listening[start.address] = start
    return double


def test_whoever_says_to_be_a_start_that_knows_nothing_of_it_is_refused(network: HandNetwork) -> None:
    a, b = network.pair(dialer="b")
    before = a.connection("b")
    double = _double_of(b, network)

    double.dial("a:1")
    network.run(1.0)

    assert isinstance(double.failures[0], ConflictError)
    assert a.connection("b") is before
    assert b.connection("a") is not None


def test_many_of_them_at_once_are_all_refused(network: HandNetwork) -> None:
    a, b = network.pair(dialer="b")
    before = a.connection("b")
    double = _double_of(b, network)

    for _ in range(12):
        double.dial("a:1")
    network.run(3.0)

    assert len(double.failures) == 12
    assert double.connection("a") is None
    assert a.connection("b") is before


def test_a_number_under_which_the_start_has_dialed_before_is_of_no_use(network: HandNetwork) -> None:
    a, b = network.pair(dialer="b")
    b.dial("a:1")
    network.run(1.0)
    double = _double_of(b, network)

    double.dial("a:1")  # its first one, as was that of b
    network.run(1.0)

    assert isinstance(double.failures[0], ConflictError)
    assert a.connection("b") is not None


def test_the_start_itself_has_another_link_when_it_wants_one(network: HandNetwork) -> None:
    a, b = network.pair(dialer="b")

    b.dial("a:1")
    network.run(1.0)

    assert b.failures == []
    assert [engine.dial for engine in a.engines()] == [2]


def test_one_whose_link_is_dead_at_its_end_only_is_back_after_it_was_asked(network: HandNetwork) -> None:
    a, b = network.pair(dialer="b")
    old = next(stream for stream in b.ends if stream.engine is not None)
    old.is_lost_silently = True
    old.end()
    network.run(0.1)

    b.dial("a:1")
    network.run(RULES.probe + 0.3)

    assert b.failures == []
    assert b.connection("a") is not None
    assert a.connection("b") is not None


def test_one_of_an_earlier_version_is_believed_as_before(
    network: HandNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = network.pair(dialer="b")
    monkeypatch.setattr(b.streams, "is_dialing", lambda _dial: None)

    b.dial("a:1")
    network.run(1.0)

    assert b.failures == []
    assert [engine.dial for engine in a.engines()] == [2]


def test_one_question_is_asked_at_a_time() -> None:
    questions = Questions()
    first, second = questions.ask(7), questions.ask(8)

    asked = [questions.take(1), questions.take(2)]
    questions.answered(Heartbeat(2, is_own_dial=True))
    questions.answered(Heartbeat(1, is_own_dial=False))

    assert asked == [7, 0]
    assert (first.is_answered, first.is_own_dial) == (True, False)
    assert not second.is_answered
    assert questions.take(3) == 8


def test_a_question_that_nobody_waits_for_is_in_nobodys_way() -> None:
    questions = Questions()
    first, second, third = questions.ask(7), questions.ask(8), questions.ask(9)
    questions.take(1)

    questions.forget(first)
    questions.forget(second)

    assert questions.take(2) == 9
    questions.answered(Heartbeat(1, is_own_dial=True))
    assert not third.is_answered
