from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from collector_mesh.adapters.simulated.parts import SeededRandomness
from collector_mesh.domain.policies.balancing import BALANCERS, HASH_KEY, Guarded
from collector_mesh.domain.ports.balancer import Balancer, Candidate, Selection


@attrs.define(eq=False)
class Peer:
    """A candidate as a test wants it."""

    peer_id: str
    labels: Mapping[str, str] = attrs.field(factory=dict)
    weight: int = 1
    in_flight: int = 0
    cost: float = 1.0
    is_fit: bool = True

    def score(self, _now: float) -> float:
        return self.cost


class Choices:
    """A selection that can be used again and again."""

    def __init__(self, members: Sequence[Peer], **labels: str) -> None:
        self.members = members
        self.cache: dict[str, Any] = {}
        self.hints: Mapping[str, str] = {}
        self.labels = labels
        self.now = 0.0
        self.dice = SeededRandomness("7")
        self.ignores_breakers = False

    def is_fit(self, candidate: Candidate) -> bool:
        assert isinstance(candidate, Peer)
        return candidate.is_fit

    def fit(self) -> Sequence[Candidate]:
        return [member for member in self.members if member.is_fit]

    def draw(self, besides: Candidate | None = None) -> Candidate | None:
        fit = [member for member in self.fit() if member is not besides]
        return fit[self.dice.below(len(fit))] if fit else None

    def many(self, name: str, count: int = 10_000) -> Counter[str]:
        """How often each peer is chosen."""
        chosen = (BALANCERS[name].choose(self) for _ in range(count))
        return Counter(candidate.peer_id for candidate in chosen if candidate is not None)

    def owners(self, keys: Sequence[str]) -> dict[str, str]:
        """Who gets each key."""
        found = {}
        for key in keys:
            self.hints = {HASH_KEY: key}
            candidate = BALANCERS["hash"].choose(self)
            assert candidate is not None
            found[key] = candidate.peer_id
        return found


def peers(count: int) -> list[Peer]:
    return [Peer(f"peer-{number}") for number in range(count)]


KEYS = [f"user-{number}" for number in range(10_000)]


@pytest.mark.parametrize("name", sorted(BALANCERS))
def test_a_strategy_chooses_nobody_who_is_not_fit(name: str) -> None:
    members = peers(5)
    members[1].is_fit = members[3].is_fit = False
    choices = Choices(members)
    choices.hints = {HASH_KEY: "any"}

    assert set(choices.many(name, 200)) <= {"peer-0", "peer-2", "peer-4"}


@pytest.mark.parametrize("name", sorted(BALANCERS))
@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_a_strategy_chooses_nobody_where_nobody_is_fit(name: str, count: int) -> None:
    members = peers(count)
    for member in members:
        member.is_fit = False
    choices = Choices(members, zone="east")
    choices.hints = {HASH_KEY: "any"}

    assert BALANCERS[name].choose(choices) is None


@pytest.mark.parametrize("name", ["random", "weighted", "peak-ewma", "round-robin", "least-in-flight"])
def test_peers_that_are_alike_get_about_the_same(name: str) -> None:
    counts = Choices(peers(4)).many(name)

    assert all(2200 <= count <= 2800 for count in counts.values())


def test_round_robin_takes_one_after_the_other() -> None:
    choices = Choices(peers(3))

    chosen = [BALANCERS["round-robin"].choose(choices) for _ in range(6)]

    assert [peer.peer_id for peer in chosen if peer] == ["peer-0", "peer-1", "peer-2"] * 2


def test_the_better_of_two_leaves_out_the_one_that_costs_most() -> None:
    members = peers(3)
    members[0].cost = 20.0

    counts = Choices(members).many("peak-ewma")

    assert counts["peer-0"] == 0


def test_where_breakers_are_ignored_the_one_that_is_well_gets_the_calls() -> None:
    members = peers(16)
    members[5].cost = 0.1
    choices = Choices(members)
    choices.ignores_breakers = True

    assert choices.many("peak-ewma", 1000) == {"peer-5": 1000}


def test_where_breakers_are_ignored_and_all_are_alike_each_gets_its_share() -> None:
    choices = Choices(peers(10))
    choices.ignores_breakers = True

    counts = choices.many("peak-ewma")

    assert min(counts.values()) > 800


@pytest.mark.large
def test_where_breakers_are_ignored_among_many_most_calls_find_one_that_is_well() -> None:
    members = peers(100)
    for member in members[:60]:
        member.cost = 20.0
    choices = Choices(members)
    choices.ignores_breakers = True

    counts = choices.many("peak-ewma")

    assert sum(counts[member.peer_id] for member in members[60:]) > 9_700


@pytest.mark.parametrize("count", [3, 40])
def test_least_in_flight_prefers_those_with_little_to_do(count: int) -> None:
    members = peers(count)
    for number, member in enumerate(members):
        member.in_flight = number

    counts = Choices(members).many("least-in-flight", 1000)

    assert counts["peer-0"] == max(counts.values())
    assert counts[f"peer-{count - 1}"] == 0


def test_weights_are_shares_also_when_one_peer_is_out() -> None:
    members = [Peer("a", weight=1), Peer("b", weight=3), Peer("c", weight=6)]
    all_in = Choices(members).many("weighted")
    members[2].is_fit = False
    one_out = Choices(members).many("weighted")

    assert all_in["c"] == pytest.approx(6000, rel=0.06)
    assert all_in["a"] == pytest.approx(1000, rel=0.2)
    assert one_out["b"] == pytest.approx(7500, rel=0.06)


@pytest.mark.large
def test_the_same_key_goes_to_the_same_peer_whatever_the_order_of_the_members() -> None:
    members = peers(20)

    assert Choices(members).owners(KEYS) == Choices(members[::-1]).owners(KEYS)


@pytest.mark.large
@pytest.mark.parametrize("count", [2, 10, 50])
def test_when_a_peer_leaves_only_its_keys_move(count: int) -> None:
    members = peers(count)
    before = Choices(members).owners(KEYS)

    after = Choices(members[1:]).owners(KEYS)

    moved = [key for key in KEYS if before[key] != after[key]]
    assert moved == [key for key in KEYS if before[key] == "peer-0"]
    assert 0.5 / count < len(moved) / len(KEYS) < 1.6 / count


def test_while_a_peer_is_not_fit_only_its_keys_go_elsewhere_and_they_come_back() -> None:
    members = peers(10)
    choices = Choices(members)
    before = choices.owners(KEYS[:1000])
    members[4].is_fit = False
    without = choices.owners(KEYS[:1000])
    members[4].is_fit = True

    assert {before[key] for key in before if before[key] != without[key]} == {"peer-4"}
    assert "peer-4" not in without.values()
    assert choices.owners(KEYS[:1000]) == before


@pytest.mark.large
def test_keys_are_spread_evenly() -> None:
    counts = Counter(Choices(peers(10)).owners(KEYS).values())

    assert max(counts.values()) < 1.5 * min(counts.values())


def test_a_call_without_a_key_is_balanced_by_cost() -> None:
    members = peers(2)
    members[0].cost = 5.0

    assert Choices(members).many("hash", 1000)["peer-1"] == 1000


def zoned() -> list[Peer]:
    return [
        Peer(f"{zone}-{number}", labels={"zone": zone}) for zone in ("east", "west") for number in range(2)
    ]


def test_the_same_zone_comes_first() -> None:
    counts = Choices(zoned(), zone="east").many("zone", 1000)

    assert set(counts) == {"east-0", "east-1"}


def test_another_zone_is_used_while_the_own_one_is_not_fit_or_costs_much_more() -> None:
    unfit, loaded = zoned(), zoned()
    unfit[0].is_fit = unfit[1].is_fit = False
    loaded[0].cost = loaded[1].cost = 10.0

    assert set(Choices(unfit, zone="east").many("zone", 1000)) == {"west-0", "west-1"}
    assert sum(Choices(loaded, zone="east").many("zone", 1000)[name] for name in ("west-0", "west-1")) > 600


def test_a_collector_without_a_zone_uses_all() -> None:
    assert len(Choices(zoned()).many("zone", 1000)) == 4


@attrs.define
class Raising:
    """A strategy with a defect."""

    def choose(self, selection: Selection) -> Candidate | None:
        raise LookupError(f"among {len(selection.members)}")


@attrs.define
class Stubborn:
    """A strategy that does not ask who is fit."""

    def choose(self, selection: Selection) -> Candidate | None:
        return selection.members[0]


@pytest.mark.parametrize(("strategy", "failures"), [(Raising(), 1), (Stubborn(), 0)])
def test_a_strategy_of_a_user_that_fails_costs_no_call(strategy: Balancer, failures: int) -> None:
    members = peers(2)
    members[0].is_fit = False
    told: list[tuple[str, BaseException]] = []

    chosen = Guarded("mine", strategy, lambda name, error: told.append((name, error))).choose(
        Choices(members)
    )

    assert chosen is members[1]
    assert [name for name, _ in told] == ["mine"] * failures
