from collections.abc import Sequence
from typing import ClassVar

import attrs
import pytest
from tests.unit.domain.world import ECHO, THERE, Denying, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.errors import ForbiddenError, InvalidCallError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.access_policy import AccessPolicy

ALICE = Identity(uris=("spiffe://example.org/alice",))
MALLORY = Identity(uris=("spiffe://example.org/mallory",))


@attrs.define
class OnlyOrders:
    """An authorizer that lets everybody use one namespace, and is not asked about nothing."""

    decides_serving: ClassVar[bool] = False

    def may_use(self, identity: Identity | None, namespace: str, /) -> bool:
        """See the port."""
        return namespace == "orders"

    def may_serve(self, _identity: Identity | None, _collector_id: str, _namespace: str, /) -> bool:
        """See the port."""
        return True


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("authorizer", [None, Denying(str(ALICE))])
@pytest.mark.parametrize("identity", [None, MALLORY])
def test_everybody_on_this_machine_may_look(authorizer: Denying | None, identity: Identity | None) -> None:
    AccessPolicy(authorizer).check_inspection(identity, ("users",), is_local=True)


def test_where_it_is_open_everybody_may_look_who_can_connect() -> None:
    AccessPolicy(Denying(str(ALICE)), is_open=True).check_inspection(None, ("users",), is_local=False)


def test_whom_the_authorizer_lets_use_the_namespaces_may_look_from_elsewhere() -> None:
    AccessPolicy(Denying(str(ALICE))).check_inspection(ALICE, ("users", "orders"), is_local=False)


@pytest.mark.parametrize(
    ("rule", "identity", "namespaces", "said"),
    [
        (AccessPolicy(), ALICE, ("users",), "has neither access rules, an authorizer"),
        (AccessPolicy(OnlyOrders()), None, ("orders",), "needs an identity, proved with mutual TLS"),
        (
            AccessPolicy(Denying(str(ALICE))),
            MALLORY,
            ("users",),
            "mallory' may not use the namespace 'users'",
        ),
        (AccessPolicy(OnlyOrders()), ALICE, ("orders", "users"), "may not use the namespace 'users'"),
        (AccessPolicy(Denying(str(ALICE))), ALICE, (), "is in no namespace"),
    ],
)
def test_from_elsewhere_everybody_else_is_refused(
    rule: AccessPolicy, identity: Identity | None, namespaces: Sequence[str], said: str
) -> None:
    with pytest.raises(ForbiddenError, match=said):
        rule.check_inspection(identity, namespaces, is_local=False)


def test_a_snapshot_shows_what_runs_who_is_connected_and_what_is_under_way(world: World) -> None:
    world.peer("b")
    world.peer("a", "users", "orders")
    world.running.take("users")

    shown = world.inspection.snapshot()

    assert (shown.collector_id, shown.namespaces) == ("self", ("users", "orders"))
    assert [method.key for method in shown.methods] == [ECHO]
    assert [connection.peer_id for connection in shown.connections] == ["a", "b"]
    assert (shown.running, shown.outgoing) == (1, 0)


def test_a_snapshot_tells_the_state_and_the_address_that_the_collector_has(world: World) -> None:
    before = world.inspection.snapshot()
    world.inspection.state, world.inspection.address = "serving", "self:1"

    during = world.inspection.snapshot()

    assert (before.state, before.address) == ("new", "")
    assert (during.state, during.address, during.dialing) == ("serving", "self:1", ())


def test_a_look_from_elsewhere_is_refused_and_one_from_here_is_not(world: World) -> None:
    gateway = world.gateway.inspector

    assert gateway.snapshot_for(None, is_local=True) == world.inspection.snapshot()
    assert run(gateway.explanation_for(None, THERE, is_local=True)) == world.inspection.explain(THERE)
    with pytest.raises(ForbiddenError, match="inspection is refused"):
        gateway.snapshot_for(None, is_local=False)
    with pytest.raises(ForbiddenError, match="inspection is refused"):
        run(gateway.explanation_for(None, THERE, is_local=False))


def test_malformed_names_are_told_before_anybody_is_asked(world: World) -> None:
    with pytest.raises(InvalidCallError, match="namespace must match"):
        run(world.inspection.explanation_for(None, MethodKey("a b", "C", "d"), is_local=False))
