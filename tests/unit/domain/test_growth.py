"""Nothing grows with names that are gone, or that callers have made up."""

from tests.unit.domain.world import World

from collector_mesh.app.testing.fake_links import FakeWay
from collector_mesh.app.testing.fakes import FakeClock, run
from collector_mesh.domain.model.counts import OTHERS, Counts
from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import EMPTY
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.policies.concurrency import UNKNOWN, ConcurrencyLimit, Slot
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.lacks import MAX_LACKS
from collector_mesh.domain.topology.topology import Topology

MANY = 20_000


def method(namespace: str) -> MethodInfo:
    return MethodInfo(MethodKey(namespace, "S", "M"), "unary", idempotent=False)


def connection(peer_id: str, *shared: str) -> Connection:
    methods = tuple(map(method, shared))
    return Connection(
        peer_id, f"{peer_id}:1", "", shared, FakeWay(), dialed=False, last_news=0.0, methods=methods
    )


def route(topology: Topology, *namespaces: str) -> None:
    """Ask for the peers that have a method in each of them, as a call does."""
    for namespace in namespaces:
        assert topology.having(method(namespace).key) is not None


def known_namespaces(topology: Topology, peer_id: str) -> list[str]:
    return [standing.namespace for standing in topology.standings.of_peer(peer_id)]


def test_what_is_known_of_a_peer_in_a_namespace_goes_with_the_namespace() -> None:
    topology = Topology()
    peer = connection("a", "n")
    topology.put(peer)
    route(topology, "n")
    kept = topology.standings.of_peer("a")

    for number in range(300):
        tenant = f"tenant-{number}"
        topology.update(peer, ("n", tenant), (method("n"), method(tenant)))
        route(topology, "n", tenant)
        assert known_namespaces(topology, "a") == ["n", tenant]
        topology.update(peer, ("n",), (method("n"),))

    assert topology.standings.of_peer("a") == kept


def test_what_is_known_of_a_peer_goes_with_namespaces_that_it_comes_back_without() -> None:
    topology = Topology()

    for number in range(300):
        topology.put(connection("a", "n", f"tenant-{number}"))
        route(topology, "n", f"tenant-{number}")

    assert known_namespaces(topology, "a") == ["n", "tenant-299"]


def test_a_call_under_way_in_a_namespace_that_is_gone_still_ends() -> None:
    topology = Topology()
    peer = connection("a", "n", "tenant")
    topology.put(peer)
    route(topology, "n")
    pool = topology.having(MethodKey("tenant", "S", "M"))
    assert pool is not None
    standing = pool.members[0].standing
    standing.begun(1.0)

    topology.update(peer, ("n",), ())
    standing.succeeded(1.0, 2.0)

    assert standing.load.in_flight == 0
    assert known_namespaces(topology, "a") == ["n"]


def test_words_of_peers_that_they_lack_made_up_methods_are_bounded() -> None:
    topology = Topology()

    for number in range(MANY):
        topology.note_lacks(MethodKey("n", "S", f"M{number}"), "a", now=10.0)

    assert topology.known_lacks == MAX_LACKS
    assert topology.lacking(MethodKey("n", "S", f"M{MANY - 1}"), now=10.0)
    assert not topology.lacking(MethodKey("n", "S", "M0"), now=10.0)
    assert not topology.lacking(MethodKey("n", "S", f"M{MANY - 1}"), now=12.0)
    assert topology.known_lacks == 0


def test_the_same_word_of_a_peer_again_and_again_is_bounded_and_not_forgotten() -> None:
    topology = Topology()
    key = MethodKey("n", "S", "M")

    for _ in range(MANY):
        topology.note_lacks(key, "a", now=10.0)
        topology.has_news("b")

    assert topology.known_lacks <= MAX_LACKS
    assert topology.lacking(key, now=10.5)


def test_times_of_made_up_methods_are_bounded() -> None:
    topology = Topology()
    first = topology.times_of(MethodKey("n", "S", "M0"))

    for number in range(1, 1024):
        topology.times_of(MethodKey("n", "S", f"M{number}"))
    assert topology.times_of(MethodKey("n", "S", "M0")) is first
    topology.times_of(MethodKey("n", "S", "one more"))

    assert topology.times_of(MethodKey("n", "S", "M0")) is not first


def test_calls_that_are_shed_are_counted_for_the_latest_namespaces_and_together_for_the_others() -> None:
    counts = Counts()

    for number in range(MANY):
        counts.count_shed(f"tenant-{number}")
    counts.count_shed(f"tenant-{MANY - 1}")

    assert len(counts.shed) <= 1001
    assert sum(counts.shed.values()) == MANY + 1
    assert counts.shed[f"tenant-{MANY - 1}"] == 2
    assert counts.as_mapping()[f"shed_{OTHERS}"] == counts.shed[OTHERS] > MANY - 1001


def test_outcomes_are_counted_by_codes_and_whatever_is_none_as_one() -> None:
    counts = Counts()

    for code in range(-MANY, MANY):
        counts.count(code)

    assert counts.succeeded == 1
    assert set(counts.outcomes) == {0, *range(400, 600)}
    assert sum(counts.outcomes.values()) + counts.succeeded == 2 * MANY


class Limit:
    """A limit of calls at once, of which a few namespaces are known."""

    def __init__(self, limit: int, *known: str) -> None:
        self.known = set(known)
        self.shed: list[str] = []
        self.slots = ConcurrencyLimit(
            limit,
            lambda _: None,
            now=FakeClock().now,
            is_known=self.known.__contains__,
            on_shed=self.shed.append,
        )

    def take(self, namespace: str) -> Slot | None:
        try:
            return self.slots.take(namespace)
        except OverloadedError:
            return None


def test_made_up_namespaces_have_one_share_together() -> None:
    limit = Limit(4096, "n")

    taken = [limit.slots.take(f"made-up-{number}") for number in range(1000)]

    assert limit.slots.remembered == 1
    assert limit.slots.shares == ((UNKNOWN, 1000),)
    for share in taken:
        share.release()
    assert not limit.slots.shares
    assert limit.slots.taken == 0


def test_made_up_namespaces_do_not_take_the_fair_share_of_one_that_exists() -> None:
    limit = Limit(64, "n", "other")
    busy = [limit.slots.take("n") for _ in range(64)]
    refused = [limit.take(f"made-up-{number}") for number in range(MANY)]
    for share in busy[:33]:
        share.release()

    admitted = [limit.take("n") for _ in range(33)]

    # What is kept free for those who were refused is kept for one of them, and not for each of their names.
    assert set(refused) == {None}
    assert sum(share is not None for share in admitted) >= 30
    assert set(limit.shed) == {UNKNOWN, "n"}


def test_shares_of_namespaces_that_are_gone_are_bounded() -> None:
    limit = Limit(4096)

    for number in range(MANY):
        tenant = f"tenant-{number}"
        limit.known.add(tenant)
        limit.slots.take(tenant).release()
        limit.known.discard(tenant)

    assert limit.slots.remembered <= 1024


def test_sweeps_stay_rare_where_more_namespaces_than_are_remembered_are_busy() -> None:
    limit = Limit(MANY, *(f"n-{number}" for number in range(4000)))

    taken = [limit.slots.take(f"n-{number}") for number in range(4000)]

    assert limit.slots.remembered == 4000
    for share in taken:
        share.release()
    limit.known.update(f"later-{number}" for number in range(10_000))
    for number in range(10_000):
        limit.slots.take(f"later-{number}").release()
    assert limit.slots.remembered <= 8192


def test_calls_for_made_up_names_leave_nothing_behind(world: World) -> None:
    codes = set()
    for number in range(2000):
        made_up = MethodKey(f"made-up-{number}", "S", f"M{number}")
        codes.add(run(world.gateway.dispatch(made_up, EMPTY)).status.code)
        codes.add(run(world.gateway.serve(MethodKey("users", "S", f"M{number}"), EMPTY)).status.code)

    assert codes == {404}
    assert world.outgoing.remembered == 1
    assert world.running.remembered <= 1
    assert world.counts.as_mapping() == {"outcome_404": 2000}
    assert world.topology.known_lacks == 0
    assert 0 < world.refusals.remembered <= 128
