import attrs
import pytest
from tests.unit.domain.world import World

from collector_mesh.app.testing.fake_links import FakeLink, FakeWay
from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.events import PeerConnected, PeerRefused
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import Status
from collector_mesh.domain.peers.greeter import MAX_STRANGERS
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.topology.connection import Connection

OFFER = Offer("a", "a:1", ("orders", "stock", "users", "orders"))


def connect(world: World, offer: Offer = OFFER) -> Welcome:
    return run(world.greeter.connect(offer))


def refused(code: int, message: str) -> Welcome:
    return Welcome(Status(code, message), collector_id="self")


def test_namespaces_of_both_are_shared_once_in_the_order_of_the_request(world: World) -> None:
    welcome = connect(world)

    assert (welcome.status.code, welcome.status.message) == (200, "Connected with 2 shared namespaces")
    assert welcome.shared_namespaces == ("orders", "users")
    assert (welcome.collector_id, len(welcome.connection_id)) == ("self", 32)
    assert world.topology.shares("a", "users")


def test_whoever_connects_is_not_dialed(world: World) -> None:
    connect(world)

    (link,) = world.transport.links
    assert (link.offers, link.calls) == ([], [])


def test_without_a_common_namespace_there_is_a_connection_all_the_same(world: World) -> None:
    assert (
        connect(world, Offer("a", "a:1", ("stock",))).status.message == "Connected with 0 shared namespaces"
    )
    assert world.topology.get("a") is not None


@pytest.mark.parametrize(
    ("offer", "message"),
    [
        (Offer("", ""), "address is required"),
        (Offer("a", ""), "address is required"),
        (Offer("", "a:1"), "collector_id is required"),
        (Offer("self", "self:1"), "cannot connect to itself"),
        (Offer("a", "nonsense"), "address must have a colon, got 'nonsense'"),
    ],
)
def test_a_bad_introduction_is_refused_by_who_it_names(world: World, offer: Offer, message: str) -> None:
    assert connect(world, offer) == refused(400, message)
    assert len(world.topology) == 0


def test_malformed_names_are_refused(world: World) -> None:
    for offer in (Offer("a b", "a:1"), attrs.evolve(OFFER, namespaces=("ok", "not ok"))):
        assert connect(world, offer).status.code == 400


def test_ones_own_id_at_another_address_is_a_conflict(world: World) -> None:
    assert connect(world, Offer("self", "other:1")) == refused(
        409, "collector id 'self' is held by this collector"
    )
    assert len(world.observer.of(PeerRefused)) == 1


def test_while_draining_nobody_is_taken(world: World) -> None:
    world.admission.is_draining = True

    assert connect(world) == refused(503, "collector 'self' is draining")


def test_the_same_collector_a_thousand_times_is_one_connection_over_one_link(world: World) -> None:
    ids = {connect(world).connection_id for _ in range(1000)}

    assert len(ids) == 1000
    assert (len(world.topology), len(world.transport.links)) == (1, 1)
    assert len(world.observer.of(PeerConnected)) == 1


def test_an_id_at_another_address_is_refused_while_its_holder_answers(world: World) -> None:
    connect(world)
    holder = world.transport.links[0]
    holder.welcome = Welcome(Status(400, "address is required"), collector_id="a")

    assert connect(world, Offer("a", "b:1")) == refused(
        409, "collector id 'a' is held by a live collector at a:1"
    )
    assert [offer.address for offer in holder.offers] == [""]


def test_a_holder_that_answers_without_naming_itself_counts_as_there(world: World) -> None:
    connect(world)
    world.transport.links[0].welcome = Welcome(Status(400, "address is required"))

    assert connect(world, Offer("a", "b:1")).status.code == 409


def test_a_holder_that_proves_the_same_as_the_newcomer_is_not_asked(world: World) -> None:
    proved = Identity(uris=("spiffe://mesh.test/a",))
    connect(world, attrs.evolve(OFFER, identity=proved))
    holder = world.transport.links[0]
    holder.welcome = Welcome(Status(400, "address is required"), collector_id="a")

    moved = connect(world, Offer("a", "b:1", ("orders",), proved))
    other = connect(world, Offer("a", "c:1", ("orders",), Identity(uris=("spiffe://mesh.test/m",))))

    assert (moved.status.code, holder.offers) == (200, [])
    # Nobody is at b:1 in this world, so that the id is free.
    assert other.status.code == 200


@pytest.mark.parametrize(
    "there", [None, Welcome(Status(400, "address is required"), collector_id="somebody-else")]
)
def test_an_id_whose_holder_has_gone_goes_to_the_newcomer(world: World, there: Welcome | None) -> None:
    connect(world)
    world.transport.links[0].welcome = there

    assert connect(world, Offer("a", "b:1", ("orders",))).status.code == 200

    (connection,) = world.topology
    assert (connection.address, connection.shared_namespaces) == ("b:1", ("orders",))
    world.tasks.step()
    assert world.transport.links[0].is_closed


def test_when_the_holder_changes_while_it_is_probed_it_is_probed_again(world: World) -> None:
    connect(world)

    class Swapping(FakeLink):
        async def connect(self, offer: Offer, *, timeout: float) -> Welcome:
            world.peer("a", "orders", welcome=Welcome(Status(400), collector_id="a"))
            return await super().connect(offer, timeout=timeout)

    found = world.topology.get("a")
    assert found is not None
    assert isinstance(found.way, UnaryWay)
    found.way.link = Swapping()

    assert connect(world, Offer("a", "b:1")).status.code == 409


def test_there_is_room_for_so_many_strangers_and_no_more(world: World) -> None:
    for index in range(MAX_STRANGERS):
        assert connect(world, Offer(f"peer-{index}", f"peer-{index}:1")).status.code == 200

    assert connect(world, Offer("one-more", "one-more:1")).status.code == 429
    assert connect(world, Offer("peer-7", "peer-7:1")).status.code == 200
    world.topology.remove("peer-7")
    assert connect(world, Offer("one-more", "one-more:1")).status.code == 200


def full(world: World, callers: list[tuple[str, int]]) -> None:
    """Connect from hosts, from each so many, until there is no more room."""
    for host, number in callers:
        for index in range(number):
            world.clock.time += 0.001
            connect(
                world,
                Offer(f"{host}-{index}", f"{host}-{index}:1", ("orders",), source=f"{host}:{index + 1}"),
            )
    assert len(world.topology) == MAX_STRANGERS


def test_a_host_that_has_named_most_of_them_loses_one_to_another_host(world: World) -> None:
    full(world, [("evil", MAX_STRANGERS - 1), ("good", 1)])
    alive = world.topology.get(f"evil-{MAX_STRANGERS - 2}")
    assert alive is not None
    assert isinstance(alive.way, UnaryWay)
    alive.way.has_answered = True

    taken = connect(world, Offer("new", "new:1", ("orders",), source="new:7"))
    again = connect(world, Offer("evil-x", "evil-x:1", ("orders",), source="evil:9"))

    assert (taken.status.code, again.status.code) == (200, 429)
    assert world.topology.get(f"evil-{MAX_STRANGERS - 3}") is None
    assert len(world.topology) == MAX_STRANGERS


def test_where_nobody_has_too_many_the_newcomer_is_refused(world: World) -> None:
    full(world, [("one", MAX_STRANGERS // 2), ("two", MAX_STRANGERS // 2)])

    assert connect(world, Offer("new", "new:1", ("orders",), source="new:7")).status.code == 429


def test_peers_with_links_take_no_room_from_those_without(world: World) -> None:
    for number in range(MAX_STRANGERS):
        world.topology.put(
            Connection(f"p-{number}", "", "", ("orders",), FakeWay(), dialed=False, last_news=0.0, methods=())
        )

    assert connect(world).status.code == 200
