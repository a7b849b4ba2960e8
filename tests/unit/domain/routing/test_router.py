"""Who gets a call with an idempotency key, a call that is passed on, and a call with a target."""

from collections.abc import Mapping

import pytest
from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fakes import FakeDice
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import InvalidCallError, NotFoundError, UnimplementedError
from collector_mesh.domain.model.reach import Onward
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.policies.relaying import MAX_HOPS
from collector_mesh.domain.topology.candidates import Candidate
from collector_mesh.domain.topology.connection import Connection

KEYS = [f"key {number}" for number in range(60)]


def chosen(
    world: World, key: str, *, tried: tuple[str, ...] = (), store: str | None = None, hops: int = 0
) -> str:
    """The id of the peer for a call with a key; empty for none."""
    call = Call(THERE, idempotency_key=key, hops=hops)
    found = world.router.choose_by_key(call, tried=tried, now=world.clock.time, dice=world.dice, store=store)
    return "" if found is None else found.peer_id


def replicas(world: World, *peer_ids: str, **stores: str) -> None:
    for peer_id in peer_ids:
        world.replica(peer_id, key_store=stores.get(peer_id, peer_id))


def relay(world: World, hops: Mapping[str, int]) -> None:
    """Peers that do not have the method and pass it on to `far`, so many hops on."""

    def onward(connection: Connection, _key: object) -> Onward | None:
        far = hops.get(connection.peer_id)
        return None if far is None else Onward(MethodInfo(THERE, "unary", idempotent=False), far, ("far",))

    world.topology.ask_for_passing(onward)
    for peer_id in hops:
        world.peer(peer_id, methods=())


# ---- by key ------------------------------------------------------------------------------------------


def test_whoever_asks_a_key_finds_the_same_peer_whatever_the_dice_and_in_whichever_order_peers_came() -> None:
    one, other = World(), World()
    replicas(one, "a", "b", "c")
    replicas(other, "c", "a", "b")
    other.dice = FakeDice(0.99)

    found = [chosen(one, key) for key in KEYS]

    assert found == [chosen(other, key) for key in KEYS]
    assert set(found) == {"a", "b", "c"}


def test_where_a_peer_comes_or_goes_only_its_own_keys_move(world: World) -> None:
    replicas(world, "a", "b", "c")
    before = {key: chosen(world, key) for key in KEYS}

    replicas(world, "d")
    after = {key: chosen(world, key) for key in KEYS}

    moved = {key for key in KEYS if before[key] != after[key]}
    assert 0 < len(moved) < len(KEYS) / 2
    assert {after[key] for key in moved} == {"d"}
    assert {chosen(world, key, tried=("d",)) == before[key] for key in KEYS} == {True}


def test_who_was_tried_is_not_asked_again_and_in_the_end_there_is_nobody(world: World) -> None:
    replicas(world, "a", "b")
    first = chosen(world, "k")
    (second,) = {"a", "b"} - {first}

    assert chosen(world, "k", tried=(first,)) == second
    assert chosen(world, "k", tried=("a", "b")) == ""


def test_where_a_store_is_asked_for_only_its_collectors_may_run_it(world: World) -> None:
    replicas(world, "a", "b", "c", "d", a="both", b="both")

    assert {chosen(world, key, store="both") for key in KEYS} == {"a", "b"}
    assert {chosen(world, key, store="c") for key in KEYS} == {"c"}
    assert chosen(world, "k", store="nobody's") == ""


def test_among_many_peers_a_key_finds_one_too_and_only_of_its_store(world: World) -> None:
    ids = [f"p{number}" for number in range(40)]
    replicas(world, *ids)

    assert len({chosen(world, key) for key in KEYS}) > 15
    assert {chosen(world, key, store="p7") for key in KEYS[:5]} == {"p7"}


def test_who_says_to_have_the_method_comes_before_who_says_nothing_and_before_who_passes_it_on(
    world: World,
) -> None:
    relay(world, {"relay": 1})
    assert chosen(world, "k") == "relay"
    world.peer("silent")
    assert chosen(world, "k") == "silent"
    replicas(world, "a")

    assert {chosen(world, key) for key in KEYS} == {"a"}
    assert chosen(world, "k", tried=("a",)) == "silent"
    assert chosen(world, "k", tried=("a", "silent")) == "relay"


def test_who_says_nothing_and_is_known_to_lack_the_method_is_not_asked(world: World) -> None:
    world.peer("silent")
    world.topology.note_lacks(THERE, "silent", now=world.clock.time)

    assert chosen(world, "k") == ""


def test_a_call_with_a_key_that_was_passed_on_goes_no_way_that_is_too_long_for_it(world: World) -> None:
    relay(world, {"near": 1, "far-off": MAX_HOPS})

    assert {chosen(world, key) for key in KEYS} == {"near", "far-off"}
    assert {chosen(world, key, hops=MAX_HOPS - 1) for key in KEYS} == {"near"}
    assert chosen(world, "k", hops=MAX_HOPS) == ""


# ---- passed on ---------------------------------------------------------------------------------------


def test_a_call_that_was_passed_on_goes_no_way_that_is_too_long_for_it(world: World) -> None:
    relay(world, {"far-off": MAX_HOPS})

    def choice(hops: int) -> Candidate | None:
        return world.router.choose(Call(THERE, hops=hops), tried=(), now=world.clock.time, dice=world.dice)

    assert choice(0) is not None
    assert choice(1) is None


# ---- targets -----------------------------------------------------------------------------------------


def target(world: World, peer_id: str, visited: tuple[str, ...] = ()) -> Candidate:
    return world.router.target(Call(THERE, target=peer_id, visited=visited))


def test_a_target_that_is_not_connected_is_reached_through_who_passes_calls_on_to_it(world: World) -> None:
    relay(world, {"relay": 1})

    assert target(world, "far").peer_id == "relay"
    with pytest.raises(NotFoundError, match="no connection to collector 'far'"):
        target(world, "far", visited=("relay",))
    with pytest.raises(NotFoundError, match="no connection to collector 'nowhere'"):
        target(world, "nowhere")


def test_a_target_that_is_no_name_is_refused(world: World) -> None:
    with pytest.raises(InvalidCallError, match="target_collector_id"):
        target(world, "no name")


def test_a_target_is_asked_only_in_namespaces_that_it_shares_and_may_serve(world: World) -> None:
    world.peer("users-only", "users")
    world.peer("refused", methods=())
    world.router._may_serve = lambda connection, _namespace: connection.peer_id != "refused"

    for peer_id in ("users-only", "refused"):
        with pytest.raises(NotFoundError, match=f"collector '{peer_id}' in namespace 'orders'"):
            target(world, peer_id)


def test_a_target_that_does_not_tell_of_the_method_is_asked_all_the_same(world: World) -> None:
    world.peer("quiet")
    world.peer("without", methods=())

    assert [target(world, peer_id).peer_id for peer_id in ("quiet", "without")] == ["quiet", "without"]


def test_a_target_that_has_the_method_in_another_kind_is_not_asked(world: World) -> None:
    world.peer("a", methods=(MethodInfo(THERE, "server", idempotent=False),))

    with pytest.raises(UnimplementedError, match="server"):
        target(world, "a")


def test_everybody_who_could_have_a_method_is_known_but_for_those_who_lack_it(world: World) -> None:
    replicas(world, "a")
    world.peer("silent")
    world.peer("lacking")
    world.peer("without", methods=())
    world.topology.note_lacks(THERE, "lacking", now=world.clock.time)

    known = world.router.known(THERE, world.clock.time)

    assert sorted(connection.peer_id for connection in known) == ["a", "silent"]
