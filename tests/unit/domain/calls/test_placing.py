"""In which namespace a call is meant that names a service and a method only."""

import sys
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from tests.unit.domain.world import World, echo

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.errors import (
    AmbiguousError,
    ForbiddenError,
    MeshError,
    NotFoundError,
    UnavailableError,
    UnimplementedError,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo

GET = ("shop.v1.Shop", "Get")


@attrs.define
class Allowing:
    """An authorizer that lets everybody use some namespaces."""

    namespaces: tuple[str, ...]
    asked: int = 0

    def may_use(self, _identity: Identity | None, namespace: str, /) -> bool:
        self.asked += 1
        return namespace in self.namespaces


def key(namespace: str) -> MethodKey:
    return MethodKey(namespace, *GET)


def info(namespace: str, kind: str = "unary") -> MethodInfo:
    return MethodInfo(key(namespace), kind, idempotent=False)


def place(world: World, namespace: str = "", target: str = "") -> MethodKey | None:
    return world.placing.place(*GET, namespace=namespace, target=target, identity=None)


def refused(world: World, namespace: str = "", target: str = "") -> MeshError:
    with pytest.raises(MeshError) as caught:
        place(world, namespace, target)
    return caught.value


def test_the_only_namespace_in_which_somebody_has_the_method_is_meant() -> None:
    here, there, behind = World(), World(), World()
    here.method(key("users"), echo)
    there.peer("a", methods=(info("orders"),))
    behind.peer("hub", "orders", methods=())
    hub = behind.topology.get("hub")
    assert hub is not None
    behind.reachability.heard(hub.way, [Reach("far", ("hub",), (info("orders"),))])

    assert [place(world) for world in (here, there, behind)] == [key("users"), key("orders"), key("orders")]


def test_a_namespace_that_is_named_counts_whatever_others_have() -> None:
    world = World()
    world.method(key("users"), echo)
    world.peer("a", methods=(info("orders"),))

    assert place(world, "orders") == key("orders")


def test_of_several_namespaces_the_caller_has_to_name_one() -> None:
    world = World()
    world.method(key("users"), echo)
    world.peer("a", methods=(info("orders"),))

    error = refused(world)

    assert isinstance(error, AmbiguousError)
    assert str(error) == (
        "method 'shop.v1.Shop/Get' can be meant in several namespaces, 'orders', 'users': the metadata"
        " 'collector-namespace' has to say which one"
    )


def test_of_many_namespaces_the_first_ones_are_named() -> None:
    world = World()
    for number in range(30):
        world.handlers.add_namespace(f"n{number:02}")
        world.method(key(f"n{number:02}"), echo)

    error = refused(world)

    assert "'n00', 'n01', " in str(error)
    assert "'n09' and others: " in str(error)
    assert "n10" not in str(error)


def test_a_namespace_that_the_caller_may_not_use_is_neither_meant_nor_named() -> None:
    world = World(authorizer=Allowing(("users",)))
    world.method(key("orders"), echo)
    nobody = refused(world)
    world.method(key("users"), echo)

    assert place(world) == key("users")
    assert "orders" not in str(nobody)
    assert isinstance(nobody, NotFoundError)


def test_whoever_may_not_use_a_namespace_learns_nothing_of_what_is_in_it() -> None:
    world = World(authorizer=Allowing(()))
    world.peer("a", methods=(info("orders", "server"),))

    there, not_there = refused(world, "orders"), refused(world, "users")

    assert isinstance(there, ForbiddenError)
    assert isinstance(not_there, ForbiddenError)


def test_a_method_that_is_there_is_refused_as_early_as_one_that_is_not() -> None:
    world = World(authorizer=Allowing(("users",)))
    world.peer("a", methods=(info("orders"),))

    assert isinstance(refused(world, "orders"), ForbiddenError)


def test_whoever_may_use_no_namespace_hears_of_no_collectors_and_no_addresses() -> None:
    world = World(authorizer=Allowing(()), wait_for_peer=5.0)
    world.peer("a", methods=(info("orders"),))
    world.keeping.want("b:1")
    world.tasks.step()

    errors = [refused(world, target=target) for target in ("", "a", "c")]

    assert [str(error) for error in errors] == [
        "nobody is known to have 'shop.v1.Shop/Get' in a namespace that the caller may use"
    ] * 3
    run(world.tasks.close())


def test_a_call_waits_for_who_is_dialed_also_where_the_method_is_in_a_namespace_that_it_may_not_use() -> None:
    """Else it would hear by the time that its answer takes what is there."""
    world = World(authorizer=Allowing(("users",)), wait_for_peer=5.0)
    world.keeping.want("b:1")
    world.tasks.step()
    world.peer("a", methods=(info("orders"),))
    options: Any = {"namespace": "", "target": "", "identity": None, "timeout": 15.0, "address": ""}
    waiting: Any = world.placing.wait(*GET, **options)
    waiting.send(None)
    world.peer("c", "orders", methods=())
    unconcerned = waiting.send(None)
    world.method(key("users"), echo)

    with pytest.raises(StopIteration) as ended:
        waiting.send(None)

    assert unconcerned is None
    assert ended.value.value == key("users")
    run(world.tasks.close())


def test_what_a_peer_has_in_a_namespace_that_is_not_shared_does_not_count() -> None:
    world = World()
    world.peer("a", "orders", methods=(info("orders"), info("users")))

    assert place(world) == key("orders")


def test_a_method_that_nobody_has_is_refused_by_its_name() -> None:
    world = World()

    error = refused(world)

    assert isinstance(error, NotFoundError)
    assert "'shop.v1.Shop/Get'" in str(error)


def test_a_method_of_a_streaming_kind_is_refused_by_its_kind() -> None:
    world = World()
    world.peer("a", methods=(info("orders", "server"),))

    errors = [refused(world), refused(world, "orders")]

    assert [type(error) for error in errors] == [UnimplementedError] * 2
    assert ["of the kind 'server'" in str(error) for error in errors] == [True, True]


def test_a_default_counts_where_nobody_is_known_to_have_the_method() -> None:
    world = World(gateway_namespace="users")
    world.peer("old", "users")
    unknown = place(world)
    world.peer("a", methods=(info("orders"),))

    assert unknown == key("users")
    assert place(world) == key("orders")


def test_a_default_that_the_caller_may_not_use_is_not_disclosed() -> None:
    world = World(gateway_namespace="users", authorizer=Allowing(()))

    assert isinstance(refused(world), NotFoundError)


def test_a_peer_that_does_not_say_what_it_has_may_have_the_method() -> None:
    world = World()
    world.peer("old", "orders")
    only = place(world)
    world.peer("older", "users")

    assert only == key("orders")
    assert isinstance(refused(world), AmbiguousError)


def test_a_peer_that_has_just_said_that_it_lacks_the_method_is_not_asked_again() -> None:
    world = World()
    world.peer("old", "orders")

    world.topology.note_lacks(key("orders"), "old", now=world.clock.now())

    assert isinstance(refused(world), NotFoundError)
    assert isinstance(refused(world, "orders"), NotFoundError)


def test_of_a_target_only_its_own_namespaces_count() -> None:
    world = World()
    world.method(key("users"), echo)
    world.peer("a", methods=(info("orders"),))

    assert place(world, target="a") == key("orders")
    assert place(world, target="self") == key("users")


def test_a_target_that_is_not_connected_is_named() -> None:
    world = World()
    world.method(key("users"), echo)

    assert str(refused(world, target="b")) == "no connection to collector 'b'"


def test_a_target_in_a_namespace_is_asked_for_what_it_does_not_tell_of_and_not_for_another_kind() -> None:
    world = World()
    world.peer("a", methods=(info("orders", "both"),))
    world.peer("b", methods=())

    assert place(world, "orders", target="b") == key("orders")
    assert isinstance(refused(world, "orders", target="a"), UnimplementedError)
    assert str(refused(world, "orders", target="c")) == "no connection to collector 'c'"


def test_a_collector_that_drains_says_so() -> None:
    world = World()
    world.checks.is_draining = True

    error = refused(world)

    assert isinstance(error, UnavailableError)
    assert "draining" in str(error)


def test_where_a_method_is_is_kept_up_with_what_changes() -> None:
    world = World()
    world.peer("a", methods=(info("orders"),))
    before = place(world)
    connection = world.topology.get("a")
    assert connection is not None
    world.topology.update(connection, ("orders",), (info("orders", "server"),))
    changed = world.names.places(*GET)
    world.topology.remove("a")
    world.method(key("users"), echo)
    own = place(world)
    world.handlers.unregister(key("users"))

    assert before == key("orders")
    assert [tuple(one) for one in changed] == [("orders", "server")]
    assert own == key("users")
    assert world.names.places(*GET) == ()


def test_nothing_is_kept_of_peers_that_have_gone() -> None:
    world = World()
    world.names.places(*GET)
    before = world.names.kept
    for number in range(20):
        world.peer(f"p{number}", methods=tuple(info(f"n{place}") for place in range(number)))
        world.peer(f"s{number}")
        world.names.places(*GET)
    for number in range(20):
        world.topology.remove(f"p{number}")
        world.topology.remove(f"s{number}")
    world.names.places(*GET)

    assert world.names.kept == before


def test_a_question_costs_the_same_however_many_methods_and_namespaces_there_are() -> None:
    few, many = World(), World()
    for world, number in ((few, 1), (many, 500)):
        namespaces = tuple(f"n{one}" for one in range(number))
        for namespace in namespaces:
            world.handlers.add_namespace(namespace)
        told = tuple(MethodInfo(MethodKey(name, "s", "m"), "unary", idempotent=False) for name in namespaces)
        world.peer("a", "orders", *namespaces, methods=(*told, info("orders")))
        place(world)

    assert calls_of(lambda: place(many)) == calls_of(lambda: place(few))
    assert calls_of(lambda: place(many, "orders")) == calls_of(lambda: place(few, "orders"))


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called."""
    count = 0

    def seen(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count
