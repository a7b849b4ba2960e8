"""Pages of a caller who may not see everything: they lead to the end, and name nothing that is hidden."""

from tests.unit.domain.registry.world import World, run

from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.registry.schema import Method, Service
from collector_mesh.domain.registry_door import RegistryCaller, RegistryDoor

CALLER = RegistryCaller(None, "127.0.0.1:1")


class Public:
    """Lets everybody see the namespaces that are called so."""

    decides_serving = False

    def may_use(self, _identity: object, namespace: str) -> bool:
        return namespace.startswith("public")

    def may_serve(self, _identity: object, _collector_id: str, _namespace: str) -> bool:
        return False


def test_a_page_that_ends_at_a_hidden_service_does_not_name_it_and_the_next_ones_have_all_that_is_shown() -> (
    None
):
    world = World()
    for number, namespace in enumerate(("public-a", "secret", "public-b", "secret", "secret", "public-a")):
        name = f"Service{number}"
        run(world.registry.register_service(namespace, name, world.schemas.service(Service(name))))
    door = RegistryDoor(lambda: world.registry, AccessPolicy(Public()))
    seen: list[str] = []
    after = ""
    for _ in range(20):
        page = run(door.services(CALLER, "", after=after, limit=1))
        seen += [service.name for service in page.services]
        after = page.after
        assert "secret" not in after
        assert not any(f"Service{number}" in after for number in (1, 3, 4))
        if not after:
            break
    assert seen == ["Service5", "Service2", "Service0"]


def test_a_page_ends_before_its_descriptors_are_many_megabytes() -> None:
    world = World()
    for number in range(5):
        name = f"Service{number}"
        data = world.schemas.service(Service(name, tuple(Method(f"m{one}", "", "") for one in range(1000))))
        # As large as one may be, as far as the store knows.
        padded = data + b" " * ((1 << 20) - len(data))
        world.schemas.same(padded, data)
        run(world.registry.register_service("shop", name, padded))
    seen: list[list[str]] = []
    after = ""
    while True:
        page = run(world.registry.services(after=after, limit=1000))
        seen.append([service.name for service in page.services])
        after = page.after
        if not after:
            break
    assert seen == [["Service4", "Service3"], ["Service2", "Service1"], ["Service0"]]
