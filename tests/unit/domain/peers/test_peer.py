"""Which of several links to a peer stays."""

import pytest
from tests.unit.domain.link.wires import MAX_PAYLOAD, START, End, Wire

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.frames import Control, Frame, Greeting, Hello, Introduction, Limits
from collector_mesh.domain.model.status import OK
from collector_mesh.domain.peers.peer import OpenLink, Peer

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


def _with(*engines: LinkEngine, peer_id: str = "z") -> Peer:
    peer = Peer(peer_id, "m")
    for engine in engines:
        peer.join(OpenLink(engine, ""))
    return peer


def _chosen(peer: Peer) -> LinkEngine | None:
    link = peer.choose()
    return None if link is None else link.engine


@pytest.mark.parametrize(("peer_id", "is_mine"), [("z", True), ("a", False)])
def test_the_link_that_the_lower_id_has_dialed_stays(peer_id: str, is_mine: bool) -> None:
    mine, theirs = _dialed(1, peer_id), _accepted(9, peer_id)

    best = _chosen(_with(theirs, mine, peer_id=peer_id))

    assert best is (mine if is_mine else theirs)
    assert (mine.is_retiring, theirs.is_retiring) == (not is_mine, is_mine)


def test_of_several_that_one_side_has_dialed_the_newest_stays() -> None:
    engines = [_accepted(dial) for dial in (2, 9, 4)]

    best = _chosen(_with(*engines))

    assert best is engines[1]
    assert [engine.is_retiring for engine in engines] == [True, False, True]


def test_a_better_one_is_waited_for_until_it_is_established() -> None:
    older, newer = _accepted(1), _accepted(2, is_confirmed=False)
    peer = _with(older, newer)
    before = _chosen(peer)

    newer.receive(Frame(), START)

    assert (before, _chosen(peer)) == (older, newer)
    assert older.is_retiring


def test_one_that_is_not_established_is_better_than_none() -> None:
    only = _accepted(1, is_confirmed=False)

    assert _chosen(_with(only)) is only


def test_one_that_has_said_goodbye_is_none() -> None:
    older, newer = _accepted(1), _accepted(2)
    peer = _with(older, newer)
    peer.choose()

    newer.close(200, "over")

    assert _chosen(peer) is older
    assert older.is_usable


def test_a_peer_without_links_has_none_to_choose() -> None:
    peer = _with()

    assert (peer.choose(), peer.link_of(_accepted(1))) == (None, None)


def test_a_holder_is_asked_if_it_is_of_another_start_wherever_the_newcomer_says_that_it_is() -> None:
    holder = _accepted(1)
    peer = _with(holder)

    assert [peer.holder_against(start) for start in ("1", "2", "")] == [None, holder, holder]


def test_a_holder_whose_link_is_down_is_not_asked() -> None:
    holder = _accepted(1)
    peer = _with(holder)

    holder.lost("the stream is broken")

    assert peer.holder_against("2") is None


def test_a_new_start_supersedes_the_links_of_the_one_before() -> None:
    old, new = _accepted(1, start="1"), _accepted(1, start="2")
    peer = _with(old)

    assert list(peer.join(OpenLink(new, ""))) == [old]
    assert peer.is_superseded("1")
    assert not peer.is_superseded("2")


def test_another_link_of_the_same_start_supersedes_nothing() -> None:
    peer = _with(_accepted(1))

    assert list(peer.join(OpenLink(_accepted(2), ""))) == []
    assert not peer.is_superseded("1")


def test_a_start_is_superseded_though_its_link_has_ended_long_ago() -> None:
    peer = _with(_accepted(1, start="1"))
    peer.links.clear()

    peer.join(OpenLink(_accepted(1, start="2"), ""))

    assert peer.is_superseded("1")


def test_the_last_sixteen_starts_are_remembered() -> None:
    peer = _with(*(_accepted(1, start=str(number)) for number in range(18)))

    assert [peer.is_superseded(str(number)) for number in range(18)] == [False] + [True] * 16 + [False]


def test_of_a_peer_that_has_no_links_anymore_the_starts_before_are_superseded() -> None:
    old = _accepted(1, start="1")
    peer = _with(old)

    assert list(peer.supersede_all()) == [old]
    assert list(_with().supersede_all()) == []
    assert peer.is_superseded("1")
