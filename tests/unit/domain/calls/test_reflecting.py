"""Which services callers are shown, and whom to ask for them."""

import attrs
import pytest
from tests.unit.domain.world import World, echo

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import ForbiddenError, NotFoundError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.access_rules import AccessRule, AccessRules
from collector_mesh.domain.policies.access_who import Who
from collector_mesh.domain.serving.handlers import Method

DESCRIBE = ("collector_mesh.reflection.v1.Descriptors", "Describe")


@attrs.define
class Allowing:
    """An authorizer that lets everybody use some namespaces."""

    namespaces: tuple[str, ...]

    def may_use(self, _identity: Identity | None, namespace: str, /) -> bool:
        return namespace in self.namespaces


def info(service: str, kind: str = "unary") -> MethodInfo:
    return MethodInfo(MethodKey("orders", service, "Do"), kind, idempotent=False)


def with_far(world: World) -> World:
    """Has a peer that has a service, and one behind which another one is."""
    world.peer("b", methods=(info("s.B"), info("s.Both"), info("s.Streams", "server")))
    world.peer("a", methods=(info("s.Both"),))
    world.peer("hub", methods=())
    hub = world.topology.get("hub")
    assert hub is not None
    world.reachability.heard(hub.way, [Reach("far", ("hub",), (info("s.Far"), info("s.Both")))])
    return world


def test_the_services_of_a_namespace_are_those_here_at_peers_and_behind_them() -> None:
    world = with_far(World())
    world.method(MethodKey("orders", "s.Here", "Do"), echo)

    assert world.reflection.services("orders") == ("s.B", "s.Both", "s.Far", "s.Here", "s.Streams")
    assert world.reflection.services("nowhere") == ()


def test_those_who_are_nearest_are_asked_first() -> None:
    world = with_far(World())
    world.method(MethodKey("orders", "s.Both", "Do"), echo)

    found = [one.collector_id for one in world.reflection.holders("orders", "s.Both")]

    assert found == ["self", "a", "b"]
    assert [one.collector_id for one in world.reflection.holders("orders", "s.Far")] == ["far"]
    assert world.reflection.holders("orders", "s.Nothing") == ()


def test_whoever_serves_something_else_is_another_version() -> None:
    world = with_far(World())
    before = world.reflection.holders("orders", "s.B")
    again = world.reflection.holders("orders", "s.B")
    connection = world.topology.get("b")
    assert connection is not None
    world.topology.update(connection, ("orders",), (info("s.B"),))

    assert again == before
    assert world.reflection.holders("orders", "s.B")[0].version is not before[0].version


def test_callers_see_the_namespaces_that_they_may_use() -> None:
    world = World(authorizer=Allowing(("users", "nowhere")))

    assert world.reflection.namespaces(None, "") == ("users",)
    assert world.reflection.namespaces(None, "users") == ("users",)
    with pytest.raises(ForbiddenError):
        world.reflection.namespaces(None, "orders")
    with pytest.raises(NotFoundError):
        world.reflection.namespaces(None, "nowhere")


def test_a_method_of_the_mesh_itself_is_called_by_collectors_and_told_to_nobody() -> None:
    world = World()
    key = MethodKey("more", *DESCRIBE)
    world.handlers.own = lambda namespace: (Method(key._replace(namespace=namespace), echo, is_own=True),)
    world.handlers.add_namespace("more")
    call = Call(key, Payload("t", b"x"))

    answer = run(world.dispatcher.dispatch(call))
    refused = run(world.dispatcher.dispatch(attrs.evolve(call, origin=Origin.CLIENT)))

    assert (answer.status.code, answer.payload.value) == (200, b"x")
    assert (refused.status.code, refused.status.message) == (
        404,
        "method 'collector_mesh.reflection.v1.Descriptors.Describe' is for collectors only",
    )
    assert key not in {method.key for method in world.handlers.methods}
    assert key not in {each.key for each in world.handlers.infos}


def test_a_collector_behind_others_is_asked_over_them() -> None:
    world = with_far(World())
    hub = world.topology.get("hub")
    key = MethodKey("orders", *DESCRIBE)

    way = world.topology.way_to("far", key)

    assert way is not None
    assert way.connection is hub
    assert world.topology.way_to("nobody", key) is None
    assert world.topology.way_to("far", key._replace(namespace="users")) is None


@pytest.mark.parametrize("length", [1, 127, 128, 256])
def test_a_service_is_asked_for_by_its_name(length: int) -> None:
    world = World()
    made = world.peer("b", methods=(info("s.B"),))

    with pytest.raises(NotFoundError):
        run(world.reflection.describe("orders", "s" * length, "nobody", timeout=1.0))
    run(world.reflection.describe("orders", "s" * length, "b", timeout=1.0))

    (call,) = made.calls
    from google.protobuf.wrappers_pb2 import StringValue

    assert (call.key, call.target, call.idempotent) == (MethodKey("orders", *DESCRIBE), "b", True)
    assert StringValue.FromString(call.payload.value).value == "s" * length


def test_of_a_namespace_callers_see_the_services_of_which_they_may_call_something() -> None:
    some = AccessRule("some", (Who("token", "ci"),), use=("users/S.Get", "users/Other"))
    world = World(access=AccessPolicy(rules=AccessRules((some,))))
    for service in ("S", "Other", "Hidden"):
        world.handlers.register(Method(MethodKey("users", service, "Get"), echo))
    ci = Identity(token="ci")

    seen = world.reflection.services("users", ci)

    assert seen == ("Other", "S")
    assert world.reflection.services("users", ci) is seen
    assert world.reflection.services("users", Identity(token="other")) == ()
