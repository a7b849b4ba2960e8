"""Which services a collector runs, as callers of its health see them."""

from tests.unit.domain.world import World

from collector_mesh.domain.calls.served import ServedServices
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.kinds import Kind
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.access_rules import AccessRule, AccessRules
from collector_mesh.domain.policies.access_who import Who
from collector_mesh.domain.serving.handlers import Method

CI = Identity(token="ci")


def method(namespace: str, service: str, kind: Kind = "unary") -> Method:
    return Method(MethodKey(namespace, service, "Do"), lambda request, _context: request, kind=kind)


def test_callers_see_what_they_may_use_and_hear_of_each_change_of_that() -> None:
    world = World()
    served = ServedServices(world.handlers, world.checks)
    heard: list[str] = []
    end = served.on_change(lambda: heard.append("changed"))

    before = served.has(CI, "late.v1.Late")
    world.handlers.add(
        [
            method("late", "late.v1.Late"),
            method("late", "late.v1.Other"),
            method("late", "late.v1.Flow", "client"),
        ],
        namespaces=["late"],
    )
    everybody = served.services(None)
    rule = AccessRule("ci", (Who.parse("token:ci"),), "allow", use=("late/late.v1.Late.Do",))
    world.checks.access.replace(AccessRules((rule,)))
    end()
    world.checks.access.replace(AccessRules((rule,)))
    world.handlers.remove_namespace("late")

    assert not before
    assert {"late.v1.Late", "late.v1.Other"} <= set(everybody)
    assert "late.v1.Flow" not in everybody
    assert heard == ["changed", "changed"]
    assert not served.has(CI, "late.v1.Late", sees_all=True)


def test_rules_count_per_service_unless_all_are_seen() -> None:
    world = World()
    served = ServedServices(world.handlers, world.checks)
    world.handlers.add([method("late", "late.v1.Late"), method("late", "late.v1.Other")], namespaces=["late"])
    rule = AccessRule("ci", (Who.parse("token:ci"),), "allow", use=("late/late.v1.Late",))
    world.checks.access.replace(AccessRules((rule,)))

    assert served.services(CI) == ("late.v1.Late",)
    assert served.services(None) == ()
    assert served.has(None, "late.v1.Other", sees_all=True)
