"""Two collectors have one link, and agree which, however often and from wherever they dial each other."""

from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.domain.link.hosts import RULES, STEP, HandNetwork, Host

from collector_mesh import Identity
from collector_mesh.domain.model.errors import ConflictError

_WHO = st.integers(0, 1)
_DIALS = st.one_of(
    st.tuples(st.just("dial"), _WHO),
    st.tuples(st.just("dial"), _WHO),
    st.tuples(st.just("step"), st.integers(1, 4)),
    st.tuples(st.just("hold"), st.integers(0, 9), _WHO),
    st.tuples(st.just("release"), st.integers(0, 9), _WHO),
    st.tuples(st.just("wait"), st.sampled_from([0.05, 0.2])),
)
_TROUBLE = st.one_of(
    _DIALS,
    st.tuples(st.just("cut"), st.integers(0, 9)),
    st.tuples(st.just("restart"), _WHO, st.booleans(), st.booleans()),
    st.tuples(st.just("twin"), _WHO),
    st.tuples(st.just("freeze"), _WHO),
    st.tuples(st.just("thaw"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0])),
)


class _Story:
    """Collectors a and b, and what happens to them."""

    def __init__(self) -> None:
        self.network = HandNetwork()
        self.current = [self.network.start("a", "a:1"), self.network.start("b", "b:1")]

    def close(self) -> None:
        self.network.close()

    def dial(self, who: int) -> None:
        host, other = self.current[who], self.current[1 - who]
        if not host.is_frozen:
            host.dial(other.address)

    def step(self, count: int) -> None:
        for _ in range(count):
            self.network.step()

    def hold(self, which: int, end: int) -> None:
        self._hold(which, end, is_held=True)

    def release(self, which: int, end: int) -> None:
        self._hold(which, end, is_held=False)

    def _hold(self, which: int, end: int, *, is_held: bool) -> None:
        if self.network.streams:
            self.network.streams[which % len(self.network.streams)][end].is_held = is_held

    def wait(self, seconds: float) -> None:
        self.network.run(seconds)

    def cut(self, which: int) -> None:
        if self.network.streams:
            self.network.streams[which % len(self.network.streams)][0].end()

    def restart(self, who: int, moves: bool, silently: bool) -> None:
        host = self.current[who]
        host.crash(silently=silently)
        address = f"{host.collector_id}:{self.network.starts}" if moves else host.address
        self._replace(who, address)

    def twin(self, who: int) -> None:
        """Start another one beside the first, which keeps running."""
        self._replace(who, f"{self.current[who].collector_id}:{self.network.starts}")

    def _replace(self, who: int, address: str) -> None:
        self.current[who] = self.network.start(self.current[who].collector_id, address)
        self.current[who].dial(self.current[1 - who].address)

    def freeze(self, who: int) -> None:
        self.current[who].is_frozen = True

    def thaw(self, which: int) -> None:
        host = self.network.hosts[which % len(self.network.hosts)]
        if host.is_frozen and not host.is_gone:
            host.is_frozen = False
            other = self.current[1 if host.collector_id == "a" else 0]
            host.dial(other.address)

    def calm_down(self) -> None:
        for pair in self.network.streams:
            for end in pair:
                end.is_held = False
        for host in self.network.hosts:
            host.is_frozen = host.is_gone
        self.network.run(5.0)

    def check(self) -> None:
        """Nobody has two links to a peer, and both ends of each use it."""
        for host in self.network.hosts:
            if host.is_gone:
                continue
            engines = host.engines()
            peers = [engine.peer_id for engine in engines]
            assert len(peers) == len(set(peers)), f"{host.collector_id} has links to {peers}"
            for engine in engines:
                connection = host.connection(engine.peer_id)
                assert connection is not None, f"a link of {host.collector_id} that nobody uses"
                assert connection.way is engine
                assert engine.is_usable
        for pair in self.network.open_streams():
            if any(end.host.is_gone for end in pair):
                continue
            assert all(end.engine is not None and end.engine.is_usable for end in pair)


@given(st.lists(_DIALS, min_size=1, max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_whoever_dials_whenever_there_is_one_link_in_the_end(steps: list[tuple[Any, ...]]) -> None:
    with closing(_Story()) as story:
        for name, *arguments in [*steps, ("dial", 0)]:
            getattr(story, name)(*arguments)
        story.calm_down()

        story.check()
        a, b = story.current
        assert a.connection("b") is not None
        assert b.connection("a") is not None


@given(st.lists(_TROUBLE, max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_after_any_trouble_both_ends_agree(steps: list[tuple[Any, ...]]) -> None:
    with closing(_Story()) as story:
        for name, *arguments in steps:
            getattr(story, name)(*arguments)
        story.calm_down()

        story.check()


def test_of_two_links_the_one_that_the_lower_id_has_dialed_stays(network: HandNetwork) -> None:
    a, b = network.start("a", "a:1"), network.start("b", "b:1")

    b.dial("a:1")
    a.dial("b:1")
    network.run(1.0)

    (mine,), (theirs,) = a.engines(), b.engines()
    assert (mine.is_dialer, theirs.is_dialer) == (True, False)
    assert a.failures == b.failures == []


def test_of_two_links_that_one_side_has_dialed_the_newer_stays(network: HandNetwork) -> None:
    a, b = network.pair()

    a.dial("b:1")
    network.run(1.0)

    assert [engine.dial for engine in a.engines()] == [engine.dial for engine in b.engines()] == [2]


def _is_used_by(host: Host, again: Host) -> bool:
    """Whether the link that a host uses is to a later start of its peer."""
    (engine,) = host.engines()
    connection = host.connection(again.collector_id)
    assert engine.peer is not None
    return (
        connection is not None
        and connection.way is engine
        and engine.peer.incarnation == again.admission.incarnation
    )


def test_a_new_start_takes_over_at_once_where_the_link_to_the_one_before_has_ended(
    network: HandNetwork,
) -> None:
    a, b = network.pair()
    b.crash(silently=False)

    again = network.start("b", "b:1")
    again.dial("a:1")
    network.run(0.2)

    assert _is_used_by(a, again)


def test_a_new_start_takes_over_when_the_one_before_has_not_answered(network: HandNetwork) -> None:
    a, b = network.pair()
    b.crash(silently=True)

    again = network.start("b", "b:1")
    again.dial("a:1")
    network.run(RULES.probe / 2)
    before = again.engines()
    network.run(RULES.probe)

    assert before == []
    assert _is_used_by(a, again)


def test_whoever_claims_the_address_of_a_live_peer_too_is_refused(network: HandNetwork) -> None:
    a, b = network.pair()
    before = a.connection("b")

    impostor = network.start("b", "b:1")
    impostor.dial("a:1")
    network.run(1.0)

    assert isinstance(impostor.failures[0], ConflictError)
    assert a.connection("b") is before
    assert b.connection("a") is not None


def test_the_same_identity_takes_over_at_once(network: HandNetwork) -> None:
    a, b = network.start("a", "a:1"), network.start("b", "b:1")
    b.identity = Identity(uris=("spiffe://mesh.test/b",))
    b.dial("a:1")
    network.run(1.0)

    again = network.start("b", "b:2")
    again.identity = b.identity
    again.dial("a:1")
    network.run(0.2)

    assert _is_used_by(a, again)


@pytest.mark.parametrize("identity", [None, Identity(uris=("spiffe://mesh.test/mallory",))])
def test_another_identity_does_not(network: HandNetwork, identity: Identity | None) -> None:
    a, b = network.start("a", "a:1"), network.start("b", "b:1")
    b.identity = Identity(uris=("spiffe://mesh.test/b",))
    b.dial("a:1")
    network.run(1.0)
    before = a.connection("b")

    mallory = network.start("b", "b:1")
    mallory.identity = identity
    mallory.dial("a:1")
    network.run(1.0)

    assert isinstance(mallory.failures[0], ConflictError)
    assert a.connection("b") is before


def test_a_peer_that_is_far_away_gets_three_round_trips_to_answer(network: HandNetwork) -> None:
    a, b = network.pair()
    (pair,) = network.open_streams()
    for end in pair:
        end.is_held = True
    (engine,) = a.engines()
    engine.ask()
    network.run(0.45)
    for end in pair:
        end.is_held = False
    network.run(STEP)
    far = engine.round_trip
    assert far is not None
    assert far > RULES.probe

    twin = network.start("b", "b:2")
    twin.dial("a:1")
    network.step()
    pair[0].is_held = pair[1].is_held = True
    network.run(2 * far)
    pair[0].is_held = pair[1].is_held = False
    network.run(1.0)

    assert isinstance(twin.failures[0], ConflictError)
    assert b.connection("a") is not None


def test_a_new_start_elsewhere_takes_over_from_one_that_does_not_answer(network: HandNetwork) -> None:
    a, b = network.pair()
    b.crash(silently=True)

    again = network.start("b", "b:2")
    again.dial("a:1")
    network.run(1.0)

    connection = a.connection("b")
    assert connection is not None
    assert connection.address == "b:2"
    assert len(a.engines()) == 1


def test_a_second_one_with_the_same_id_is_refused_while_the_first_one_answers(network: HandNetwork) -> None:
    a, b = network.pair()

    twin = network.start("b", "b:2")
    twin.dial("a:1")
    network.run(1.0)

    assert isinstance(twin.failures[0], ConflictError)
    assert "held by a live collector at b:1" in str(twin.failures[0])
    assert a.connection("b") is not None
    assert b.connection("a") is not None


def test_one_that_was_superseded_is_refused_when_it_comes_back(network: HandNetwork) -> None:
    a, b = network.pair()
    b.is_frozen = True
    again = network.start("b", "b:2")
    again.dial("a:1")
    network.run(1.0)

    b.is_frozen = False
    b.dial("a:1")
    network.run(1.0)

    assert isinstance(b.failures[-1], ConflictError)
    assert "superseded" in str(b.failures[-1])
    assert again.connection("a") is not None
    assert len(a.engines()) == 1


def test_a_start_that_was_superseded_is_refused_for_ten_minutes_after_its_peer_was_forgotten(
    network: HandNetwork,
) -> None:
    a, b = network.pair()
    b.is_frozen = True
    again = network.start("b", "b:2")
    again.dial("a:1")
    network.run(1.0)
    known = a.connection("b")
    assert known is not None
    a.roster.forget(known, "disconnected")
    again.crash(silently=False)
    network.run(1.0)
    b.is_frozen = False
    a.roster.forget_starts()
    said = []

    for seconds in (1.0, 590.0, 10.0):
        network.clock.time += seconds
        a.roster.forget_starts()
        b.dial("a:1")
        network.run(1.0)
        said.append((len(b.failures), a.connection("b") is not None))

    assert said == [(1, False), (2, False), (2, True)]
    assert "superseded" in str(b.failures[-1])


def test_one_that_was_superseded_is_refused_when_it_is_dialed(network: HandNetwork) -> None:
    a, b = network.pair()
    b.is_frozen = True
    again = network.start("b", "b:2")
    again.dial("a:1")
    network.run(1.0)

    b.is_frozen = False
    a.dial("b:1")
    network.run(1.0)

    assert isinstance(a.failures[-1], ConflictError)
    assert again.connection("a") is not None
    assert b.connection("a") is None


def test_nobody_links_to_itself(network: HandNetwork) -> None:
    a = network.start("a", "a:1")
    network.start("a", "a:2")

    a.dial("a:2")
    network.run(1.0)

    assert isinstance(a.failures[0], ConflictError)
    assert a.engines() == []


def test_of_two_newcomers_the_second_one_is_refused_while_the_first_one_answers(network: HandNetwork) -> None:
    _, b = network.pair()
    b.is_frozen = True
    first, second = network.start("b", "b:2"), network.start("b", "b:3")

    first.dial("a:1")
    second.dial("a:1")
    network.run(1.5)

    assert first.connection("a") is not None
    assert isinstance(second.failures[0], ConflictError)
    assert "held by a live collector at b:2" in str(second.failures[0])


def test_a_link_that_opens_during_a_drain_is_not_wanted_anymore(network: HandNetwork) -> None:
    a, b = network.start("a", "a:1"), network.start("b", "b:1")
    a.dial("b:1")
    a.tasks.start(a.streams.announce_drain(), "drain")

    network.run(1.0)

    assert a.connection("b") is None
    assert b.connection("a") is None
    assert "draining" in str(a.failures[0])
