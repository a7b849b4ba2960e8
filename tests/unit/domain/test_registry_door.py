"""Who may change what is in a registry, and who sees what."""

import pytest

from collector_mesh.domain.model.errors import ForbiddenError, InvalidCallError, UnavailableError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.trust import TrustDomain
from collector_mesh.domain.registry.registry import Registry
from collector_mesh.domain.registry_door import RegistryCaller, RegistryDoor

USERS = Identity(uris=("spiffe://mesh.test/collector/users-1",))
TRUST = TrustDomain("mesh.test")


class Rules:
    """Says yes to what it was given, and remembers what it was asked."""

    decides_serving = True

    def __init__(self, *namespaces: str) -> None:
        self._namespaces = namespaces
        self.asked: list[tuple[Identity | None, str, str]] = []

    def may_use(self, _identity: Identity | None, namespace: str, /) -> bool:
        return namespace in self._namespaces

    def may_serve(self, identity: Identity | None, collector_id: str, namespace: str, /) -> bool:
        self.asked.append((identity, collector_id, namespace))
        return namespace in self._namespaces


def closed() -> Registry:
    raise RuntimeError("the Registry is not open")


def test_a_caller_is_known_by_what_is_proved_and_else_by_its_address() -> None:
    assert str(RegistryCaller(None, "127.0.0.1:5000")) == "127.0.0.1:5000"
    assert str(RegistryCaller(None, "127.0.0.1:5000", "users-1")) == "127.0.0.1:5000 as users-1"
    assert str(RegistryCaller(USERS, "127.0.0.1:5000")) == "spiffe://mesh.test/collector/users-1"


def test_without_an_authorizer_everybody_may_do_everything() -> None:
    door = RegistryDoor(closed)
    stranger = RegistryCaller(None, "127.0.0.1:5000")

    door.check_write(stranger, "users")
    door.check_read(stranger, "users")


@pytest.mark.parametrize("namespace", ["", "a/b", "x" * 129])
def test_nobody_writes_where_no_namespace_can_be(namespace: str) -> None:
    with pytest.raises(InvalidCallError, match="namespace"):
        RegistryDoor(closed).check_write(RegistryCaller(None, "127.0.0.1:5000"), namespace)


def test_only_those_who_may_serve_a_namespace_write_and_only_those_who_may_use_it_read() -> None:
    rules = Rules("users")
    door = RegistryDoor(closed, AccessPolicy(rules))
    caller = RegistryCaller(None, "127.0.0.1:5000", "users-1")

    door.check_write(caller, "users")
    door.check_read(caller, "users")

    with pytest.raises(ForbiddenError, match="may not register in the namespace 'orders'"):
        door.check_write(caller, "orders")
    with pytest.raises(ForbiddenError, match="may not use namespace 'orders'"):
        door.check_read(caller, "orders")
    assert rules.asked == [(None, "users-1", "users"), (None, "users-1", "orders")]


def test_a_caller_that_names_no_id_is_asked_about_under_the_one_that_its_certificate_names() -> None:
    rules = Rules("users")

    RegistryDoor(closed, AccessPolicy(rules, trust=TRUST)).check_write(
        RegistryCaller(USERS, "127.0.0.1:5000"), "users"
    )

    assert rules.asked == [(USERS, "users-1", "users")]


def test_an_id_that_does_not_follow_from_the_certificate_is_refused() -> None:
    door = RegistryDoor(closed, AccessPolicy(Rules("users"), trust=TRUST))

    with pytest.raises(ForbiddenError, match="'orders-1' does not follow from the certificate"):
        door.check_write(RegistryCaller(USERS, "127.0.0.1:5000", "orders-1"), "users")


def test_a_registry_that_is_closed_is_one_that_cannot_be_asked_now() -> None:
    with pytest.raises(UnavailableError, match="the registry is closed"):
        _ = RegistryDoor(closed).registry
