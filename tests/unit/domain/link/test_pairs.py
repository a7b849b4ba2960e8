"""Which of several links to a peer stays."""

import pytest
from tests.unit.domain.link.wires import MAX_PAYLOAD, START, End, Wire

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.pairs import Pairs
from collector_mesh.domain.model.frames import Control, Frame, Greeting, Hello, Introduction, Limits
from collector_mesh.domain.model.status import OK

_HOST = End("m", Wire())


def _peer(peer_id: str, start: str, address: str) -> Introduction:
    return Introduction(
        collector_id=peer_id, address=address, incarnation=start, limits=Limits(MAX_PAYLOAD, 4)
    )


def _engine(dial: int = 0) -> LinkEngine:
    return LinkEngine(Introduction(collector_id="m", incarnation="m-1"), _HOST, now=START, dial=dial)


def _dialed(dial: int, peer_id: str = "z", start: str = "1", address: str = "z:1") -> LinkEngine:
    engine = _engine(dial)
    engine.receive(Frame(control=Control(greeting=Greeting(OK, _peer(peer_id, start, address)))), START)
    return engine


def _accepted(
    dial: int, peer_id: str = "z", start: str = "1", address: str = "z:1", *, is_confirmed: bool = True
) -> LinkEngine:
    engine = _engine()
    engine.receive(Frame(control=Control(hello=Hello(_peer(peer_id, start, address), dial=dial))), START)
    for frame in [Frame()] * is_confirmed:
        engine.receive(frame, START)
    return engine


def _pairs(*engines: LinkEngine) -> Pairs:
    pairs = Pairs("m")
    for engine in engines:
        pairs.supersede(engine)
        pairs.add(engine)
    return pairs


@pytest.mark.parametrize(("peer_id", "is_mine"), [("z", True), ("a", False)])
def test_the_link_that_the_lower_id_has_dialed_stays(peer_id: str, is_mine: bool) -> None:
    mine, theirs = _dialed(1, peer_id), _accepted(9, peer_id)

    best = _pairs(theirs, mine).choose(peer_id)

    assert best is (mine if is_mine else theirs)
    assert (mine.is_retiring, theirs.is_retiring) == (not is_mine, is_mine)


def test_of_several_that_one_side_has_dialed_the_newest_stays() -> None:
    engines = [_accepted(dial) for dial in (2, 9, 4)]

    best = _pairs(*engines).choose("z")

    assert best is engines[1]
    assert [engine.is_retiring for engine in engines] == [True, False, True]


def test_a_better_one_is_waited_for_until_it_is_established() -> None:
    older, newer = _accepted(1), _accepted(2, is_confirmed=False)
    pairs = _pairs(older, newer)
    before = pairs.choose("z")

    newer.receive(Frame(), START)

    assert (before, pairs.choose("z")) == (older, newer)
    assert older.is_retiring


def test_one_that_is_not_established_is_better_than_none() -> None:
    only = _accepted(1, is_confirmed=False)

    assert _pairs(only).choose("z") is only


def test_one_that_has_said_goodbye_is_none() -> None:
    older, newer = _accepted(1), _accepted(2)
    pairs = _pairs(older, newer)
    pairs.choose("z")

    newer.close(200, "over")

    assert pairs.choose("z") is older
    assert older.is_usable


def test_there_is_none_to_somebody_unknown() -> None:
    pairs = _pairs()

    assert (pairs.choose("z"), pairs.of("z"), pairs.remove(_accepted(1))) == (None, (), False)


def test_a_link_is_forgotten_once() -> None:
    engine = _accepted(1)
    pairs = _pairs(engine)

    assert [pairs.remove(engine), pairs.remove(engine)] == [True, False]


@pytest.mark.parametrize(
    ("start", "address", "is_asked"),
    [
        ("1", "z:1", False),
        ("1", "z:2", False),
        ("2", "z:1", False),
        ("2", "z:2", True),
        ("2", "", True),
    ],
)
def test_a_holder_is_asked_only_if_it_may_still_live(start: str, address: str, is_asked: bool) -> None:
    holder = _accepted(1)

    asked = _pairs(holder).holder_against(_peer("z", start, address))

    assert asked is (holder if is_asked else None)


def test_a_holder_whose_link_is_down_is_not_asked() -> None:
    holder = _accepted(1)
    pairs = _pairs(holder)

    holder.lost("the stream is broken")

    assert pairs.holder_against(_peer("z", "2", "z:2")) is None


def test_a_new_start_supersedes_the_links_of_the_one_before() -> None:
    old, new = _accepted(1, start="1"), _accepted(1, start="2")
    pairs = _pairs(old)

    assert pairs.supersede(new) == (old,)
    assert pairs.is_superseded("z", "1")
    assert not pairs.is_superseded("z", "2")
    assert not pairs.is_superseded("y", "1")


def test_another_link_of_the_same_start_supersedes_nothing() -> None:
    old = _accepted(1)
    pairs = _pairs(old)

    assert pairs.supersede(_accepted(2)) == ()
    assert not pairs.is_superseded("z", "1")


def test_a_start_is_superseded_though_its_link_has_ended_long_ago() -> None:
    old = _accepted(1, start="1")
    pairs = _pairs(old)
    pairs.remove(old)

    pairs.supersede(_accepted(1, start="2"))

    assert pairs.is_superseded("z", "1")


def test_the_last_eight_starts_are_remembered() -> None:
    pairs = _pairs(*(_accepted(1, start=str(number)) for number in range(10)))

    assert [pairs.is_superseded("z", str(number)) for number in range(10)] == [False] + [True] * 8 + [False]
