"""How a link comes to its end: what is heard in which state."""

from collections.abc import Callable

import pytest
from tests.unit.domain.link.wires import START

from collector_mesh.domain.link.closing import (
    ASKING,
    CLOSING,
    CONSIDERING,
    ENDED,
    FAILING,
    LISTENING,
    OPEN,
    RETIRING,
    Closing,
    State,
)
from collector_mesh.domain.model.frames import Goodbye

_STATES = (ASKING, LISTENING, CONSIDERING, OPEN, RETIRING, CLOSING, FAILING, ENDED)


def _greeted(closing: Closing) -> None:
    closing.greeted()


def _opened(closing: Closing) -> None:
    closing.opened()


def _retiring(closing: Closing) -> None:
    closing.opened()
    closing.retire("retired")


def _closing(closing: Closing) -> None:
    closing.opened()
    closing.close(503, "closed", START)


def _failing(closing: Closing) -> None:
    closing.fail(400, "failed", START)


def _ended(closing: Closing) -> None:
    closing.end("ended", clean=True)


_WAYS: dict[str, Callable[[Closing], None]] = {
    "considering": _greeted,
    "open": _opened,
    "retiring": _retiring,
    "closing": _closing,
    "failing": _failing,
    "ended": _ended,
}


def at(name: str) -> Closing:
    """A link in a state."""
    closing = Closing(is_dialer=name == "asking")
    if name in _WAYS:
        _WAYS[name](closing)
    assert closing.state.name == name
    return closing


def _goodbye(closing: Closing, nothing_waits: bool, owes: bool, awaits: bool) -> Goodbye | None:
    return closing.goodbye(
        nothing_waits=nothing_waits, owes_nothing=not owes, all_is_said=True, awaits_nothing=not awaits
    )


def _retire(closing: Closing) -> bool:
    return closing.retire("why")


def _close(closing: Closing) -> bool:
    return closing.close(503, "why", START)


def _fail(closing: Closing) -> bool:
    return closing.fail(400, "why", START)


@pytest.mark.parametrize(("asked", "ask"), [("retires", _retire), ("closes", _close), ("fails", _fail)])
@pytest.mark.parametrize("state", _STATES, ids=lambda state: state.name)
def test_what_is_asked_in_vain_changes_nothing(
    state: State, asked: str, ask: Callable[[Closing], bool]
) -> None:
    closing = at(state.name)
    is_heard, reason = getattr(state, asked), closing.reason

    assert ask(closing) is is_heard
    assert closing.reason == ("why" if is_heard else reason)
    assert is_heard or closing.state is state


@pytest.mark.parametrize("name", ["open", "retiring"])
def test_who_retires_can_be_restored(name: str) -> None:
    closing = at(name)

    assert closing.restore()
    assert (closing.state, closing.reason) == (OPEN, "")


@pytest.mark.parametrize("name", ["asking", "listening", "considering", "closing", "failing", "ended"])
def test_it_is_too_late_or_too_early_to_be_restored(name: str) -> None:
    assert not at(name).restore()


@pytest.mark.parametrize(
    ("name", "nothing_waits", "owes", "awaits", "is_said"),
    [
        ("open", True, False, False, False),
        ("retiring", True, False, False, True),
        ("retiring", True, False, True, False),
        ("retiring", True, True, False, False),
        ("retiring", False, False, False, False),
        ("closing", True, True, True, True),
        ("closing", False, False, False, False),
        ("failing", False, True, True, True),
    ],
)
def test_goodbye_is_said_when_it_may(
    name: str, nothing_waits: bool, owes: bool, awaits: bool, is_said: bool
) -> None:
    goodbye = _goodbye(at(name), nothing_waits, owes, awaits)

    assert (goodbye is not None) is is_said


@pytest.mark.parametrize(
    ("nothing_waits", "owes", "is_clean"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_goodbye_says_whether_all_was_answered(nothing_waits: bool, owes: bool, is_clean: bool) -> None:
    assert _goodbye(at("failing"), nothing_waits, owes, awaits=True) == Goodbye(400, "failed", is_clean)


def test_before_a_link_is_open_there_is_nothing_to_wait_for() -> None:
    closing = at("listening")

    closing.close(503, "over", START)

    assert closing.state is FAILING
    assert not closing.has_failed


def test_the_first_reason_to_fail_is_the_one_that_is_told() -> None:
    closing = at("failing")

    closing.fail(500, "another", START + 5.0)

    assert _goodbye(closing, nothing_waits=True, owes=False, awaits=False) == Goodbye(400, "failed", True)
    assert closing.farewell_by < START + 5.0
