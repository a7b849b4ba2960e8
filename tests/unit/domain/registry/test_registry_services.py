"""Services in a registry."""

import attrs
import pytest
from tests.unit.domain.registry.world import World, message, run, shop

from collector_mesh.domain.model.errors import AmbiguousError, ConflictError, InvalidCallError, NotFoundError
from collector_mesh.domain.registry.limits import RegistryLimits
from collector_mesh.domain.registry.results import (
    GivenService,
    IncompatibleError,
    RegisteredService,
    Validity,
)
from collector_mesh.domain.registry.schema import File, Method, Service

BARE = Service("Shop", (Method("Order", "", ""), Method("Cancel", "", "")))
COMMON = File("common.proto", package="acme", messages=(message("acme.Money", "units"),))


@pytest.fixture
def world() -> World:
    return World()


def register(
    world: World, file: File | None = None, *, force: bool = False, **more: File
) -> RegisteredService:
    one = file or shop()
    return run(
        world.registry.register_service(
            "shop",
            one.services[0].name,
            None,
            world.given(one),
            [world.given(other) for other in more.values()],
            force=force,
        )
    )


def told(world: World) -> list[tuple[str, str, str]]:
    return [(one.kind, one.name, one.action) for one in run(world.registry.history(limit=1000)).changes]


def test_a_service_is_registered_with_its_file_and_found_by_both_names(world: World) -> None:
    done = register(world)

    assert (done.id, done.name, done.file, done.outcome) == (
        "shop/acme.Shop",
        "acme.Shop",
        "shop.proto",
        "registered",
    )
    assert done.method_names == ("Order", "Cancel")
    full, short = (run(world.registry.lookup("shop", name)) for name in ("acme.Shop", "Shop"))
    assert full == short == attrs.evolve(done, outcome="unchanged")
    assert told(world) == [("service", "acme.Shop", "registered"), ("file", "shop.proto", "registered")]
    with pytest.raises(NotFoundError, match=r"^service shop/hop not found$"):
        run(world.registry.lookup("shop", "hop"))


def test_methods_keep_the_order_of_the_descriptor(world: World) -> None:
    done = register(world, shop(methods=["Zeta", "Alpha", "Middle"]))

    assert done.method_names == ("Zeta", "Alpha", "Middle")


def test_the_same_service_again_changes_nothing(world: World) -> None:
    register(world)

    assert register(world).outcome == "unchanged"
    assert len(told(world)) == 2


def test_a_change_of_the_file_alone_is_one_of_the_service_too(world: World) -> None:
    register(world, shop("item"))

    done = register(world, shop("item", "note"))

    assert done.outcome == "changed"
    assert told(world)[0] == ("file", "shop.proto", "changed")


def test_a_method_that_is_gone_is_incompatible_unless_forced(world: World) -> None:
    register(world)

    with pytest.raises(
        IncompatibleError, match=r"^service 'acme\.Shop' .* 1 difference: acme\.Shop/Cancel is gone$"
    ):
        register(world, shop(methods=["Order"]))
    done = register(world, shop(methods=["Order"]), force=True)

    assert (done.outcome, done.differences) == ("changed", ("acme.Shop/Cancel is gone",))
    assert done.method_names == ("Order",)


def test_several_services_of_files_are_registered_together_or_not_at_all(world: World) -> None:
    both = attrs.evolve(shop(), services=(*shop().services, Service("acme.Audit")))

    done = run(
        world.registry.register(
            "shop",
            dependencies=[world.given(both)],
            services=[GivenService("Audit"), GivenService("acme.Shop")],
        )
    )
    with pytest.raises(
        InvalidCallError, match=r"service 'Missing' is in none of the given files: 'more\.proto'"
    ):
        run(
            world.registry.register(
                "shop",
                dependencies=[world.given(File("more.proto", services=(Service("More"),)))],
                services=[GivenService("More"), GivenService("Missing")],
            )
        )

    assert [one.name for one in done.services] == ["acme.Audit", "acme.Shop"]
    assert len(told(world)) == 3


def test_a_service_needs_no_file(world: World) -> None:
    done = run(world.registry.register_service("shop", "", world.schemas.service(BARE)))

    assert (done.id, done.file, done.method_names) == ("shop/Shop", "", ("Order", "Cancel"))
    assert run(world.registry.files("shop", "Shop")) == ()
    fewer = attrs.evolve(BARE, methods=BARE.methods[:1])
    with pytest.raises(IncompatibleError, match="Shop/Cancel is gone"):
        run(world.registry.register_service("shop", "Shop", world.schemas.service(fewer)))


def test_a_service_without_a_file_is_the_one_of_a_registered_file(world: World) -> None:
    run(world.registry.register_file("shop", world.given(shop())))
    same = world.schemas.service(shop().services[0])
    other = world.schemas.service(BARE)

    done = run(world.registry.register_service("shop", "Shop", same))

    assert (done.name, done.file) == ("acme.Shop", "shop.proto")
    assert run(world.registry.register_service("shop", "acme.Shop", None)).outcome == "unchanged"
    with pytest.raises(
        InvalidCallError, match=r"not as it is in the file 'shop\.proto': method Order: takes"
    ):
        run(
            world.registry.register_service(
                "shop",
                "Shop",
                world.schemas.service(
                    Service(
                        "Shop",
                        (
                            Method("Order", "acme.Other", "acme.Thing"),
                            Method("Cancel", "acme.Thing", "acme.Thing"),
                        ),
                    )
                ),
            )
        )
    assert run(world.registry.register_service("shop", "Shop", other)).outcome == "unchanged"


def test_a_service_without_a_file_stays_the_same_when_a_file_has_come_that_says_more(world: World) -> None:
    data = world.schemas.service(BARE)
    run(world.registry.register_service("shop", "Shop", data))
    run(world.registry.register_file("shop", world.given(shop(methods=("Order", "Cancel", "Track")))))

    again = run(world.registry.register_service("shop", "Shop", data))

    assert (again.name, again.file, again.outcome) == ("Shop", "", "unchanged")


def test_a_service_with_a_file_takes_the_place_of_the_same_without(world: World) -> None:
    run(world.registry.register_service("shop", "Shop", world.schemas.service(BARE), labels={"team": "a"}))

    with pytest.raises(IncompatibleError, match=r"acme\.Shop/Cancel is gone"):
        register(world, shop(methods=["Order"]))
    done = register(world)

    assert (done.id, done.outcome, done.created_at, done.labels) == (
        "shop/acme.Shop",
        "changed",
        1001.0,
        {"team": "a"},
    )
    assert run(world.registry.lookup("shop", "Shop")).id == "shop/acme.Shop"
    assert [one.id for one in run(world.registry.services("shop")).services] == ["shop/acme.Shop"]
    assert ("service", "Shop", "deregistered") in told(world)


def test_a_service_that_moves_to_another_file_is_compared(world: World) -> None:
    register(world)

    with pytest.raises(IncompatibleError, match=r"acme\.Thing\.count is gone"):
        register(world, shop("item", name="new.proto"))
    done = register(world, shop(name="new.proto"))

    assert (done.file, done.outcome) == ("new.proto", "changed")
    assert ("file", "shop.proto", "deregistered") in told(world)
    page = run(world.registry.history("shop", "acme.Shop"))
    assert page.changes[0].details == ("is now in the file new.proto",)


def test_the_history_of_a_service_is_found_by_its_short_name_too(world: World) -> None:
    register(world)
    full = run(world.registry.history("shop", "acme.Shop"))

    assert full.changes
    assert run(world.registry.history("shop", "Shop")) == full
    assert run(world.registry.history("shop", "Other")).changes == ()
    run(world.registry.deregister("shop", "Shop"))
    assert run(world.registry.history("shop", "Shop")).changes == ()


def test_a_dependency_goes_with_the_last_import_of_it(world: World) -> None:
    importing = attrs.evolve(shop(), imports=("common.proto",))
    register(world, importing, common=COMMON)
    run(world.registry.register_file("shop", world.given(File("other.proto", imports=("common.proto",)))))

    register(world)
    assert run(world.registry.file("shop", "common.proto")).id == "shop/common.proto"
    run(world.registry.register_file("shop", world.given(File("other.proto"))))

    with pytest.raises(NotFoundError):
        run(world.registry.file("shop", "common.proto"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "service descriptor name is required"),
        ("a b", "service descriptor name must match"),
        ("a/b", "service descriptor name must match"),
        ("a" * 257, "at most 256 characters"),
        ("Missing", "service 'Missing' is in no registered file: give the file that has it"),
    ],
)
def test_a_service_that_is_none_is_refused(name: str, told: str, world: World) -> None:
    with pytest.raises(InvalidCallError, match=told):
        run(world.registry.register_service("shop", name, None))


def test_a_name_and_a_descriptor_must_fit(world: World) -> None:
    with pytest.raises(InvalidCallError, match="service 'Other' has the descriptor of 'Shop'"):
        run(world.registry.register_service("shop", "Other", world.schemas.service(BARE)))


def test_a_short_name_that_several_have_is_ambiguous(world: World) -> None:
    register(world)
    other = File("other.proto", package="b", services=(Service("b.Shop", (Method("Order", "", ""),)),))
    register(world, attrs.evolve(other, services=(Service("b.Shop"),)))

    with pytest.raises(
        AmbiguousError, match=r"service 'Shop' is ambiguous in namespace 'shop': .* acme\.Shop, b\.Shop"
    ):
        run(world.registry.lookup("shop", "Shop"))
    validity = run(world.registry.validate("shop", "Shop", "Order"))
    assert (validity.is_valid, "ambiguous" in validity.message) == (False, True)
    assert run(world.registry.lookup("shop", "b.Shop")).id == "shop/b.Shop"


def test_validity_says_what_a_method_takes_and_gives(world: World) -> None:
    register(world)
    run(world.registry.register_service("bare", "Shop", world.schemas.service(BARE)))

    def validity(namespace: str, service: str, method: str) -> Validity:
        return run(world.registry.validate(namespace, service, method))

    valid = Validity(is_valid=True, message="Method is valid", takes="acme.Thing", gives="acme.Thing")
    assert validity("shop", "Shop", "Order") == validity("shop", "acme.Shop", "Order") == valid
    assert validity("bare", "Shop", "Order") == attrs.evolve(valid, takes="", gives="")
    assert validity("shop", "Shop", "Nope") == Validity(False, "method Nope not found on service shop/Shop")
    assert validity("shop", "Nope", "Order") == Validity(False, "service shop/Nope not found")
    assert validity("none", "Shop", "Order").is_valid is False
    assert "\\n" in validity("shop", "a\nb", "Order").message


def test_files_of_a_service_come_after_those_that_they_import(world: World) -> None:
    file = attrs.evolve(
        shop(),
        imports=("common.proto",),
        messages=(message("acme.Thing", "cost", types={"cost": "acme.Money"}),),
    )
    register(world, file, common=COMMON)
    register(world, File("alone.proto", services=(Service("Alone"),)))

    assert run(world.registry.files("shop", "Shop")) == (world.given(COMMON).data, world.given(file).data)


def test_a_removed_service_takes_its_files_with_it_and_is_a_new_start(world: World) -> None:
    file = attrs.evolve(shop(), imports=("common.proto",))
    register(world, file, common=COMMON)

    removed = run(world.registry.deregister("shop", "Shop", by="ann"))

    assert removed == "shop/acme.Shop"
    assert [one for one in told(world) if one[2] == "deregistered"] == [
        ("file", "common.proto", "deregistered"),
        ("file", "shop.proto", "deregistered"),
        ("service", "acme.Shop", "deregistered"),
    ]
    assert register(world, shop(methods=["Other"])).outcome == "registered"
    versions = [one.version for one in run(world.registry.history("shop", "acme.Shop")).changes]
    assert versions == [3, 2, 1]


def test_files_that_others_need_or_that_were_registered_by_themselves_stay(world: World) -> None:
    both = attrs.evolve(shop(), services=(*shop().services, Service("acme.Audit")), imports=("common.proto",))
    run(world.registry.register_file("shop", world.given(COMMON)))
    register(world, both, common=COMMON)
    run(world.registry.register_service("shop", "Audit", None))

    run(world.registry.deregister("shop", "Shop"))
    assert (
        run(world.registry.validate("shop", "Audit", "x")).message
        == "method x not found on service shop/Audit"
    )
    with pytest.raises(
        ConflictError, match=r"the file 'shop\.proto' is needed by acme\.Audit: remove them first"
    ):
        run(world.registry.deregister("shop", "shop.proto"))
    run(world.registry.deregister("shop", "Audit"))

    with pytest.raises(NotFoundError):
        run(world.registry.file("shop", "shop.proto"))
    assert run(world.registry.deregister("shop", "common.proto")) == "shop/common.proto"
    with pytest.raises(NotFoundError, match=r"service or file shop/'common\.proto' not found"):
        run(world.registry.deregister("shop", "common.proto"))


def test_services_are_listed_newest_first_in_pages(world: World) -> None:
    for name in ("A", "B", "C", "D", "E"):
        run(world.registry.register_service(name.lower(), name, world.schemas.service(Service(name))))

    names, after = [], ""
    while True:
        page = run(world.registry.services(after=after, limit=2))
        names += [one.id for one in page.services]
        if not (after := page.after):
            break

    assert names == ["e/E", "d/D", "c/C", "b/B", "a/A"]
    assert [one.id for one in run(world.registry.services("b")).services] == ["b/B"]
    assert run(world.registry.services("x")).services == ()


def test_history_comes_in_pages(world: World) -> None:
    for name in ("A", "B", "C"):
        run(world.registry.register_service("a", name, world.schemas.service(Service(name))))

    first = run(world.registry.history(limit=2))
    second = run(world.registry.history(after=first.after, limit=2))

    assert [one.name for one in first.changes + second.changes] == ["C", "B", "A"]
    assert second.after == ""


@pytest.mark.parametrize("after", ["x", "0", "-1", "1/", "1/a/", "9" * 30, "1/a/\udcff", "1//a"])
def test_a_page_that_there_is_not_is_refused(after: str, world: World) -> None:
    for ask in (world.registry.services, world.registry.history):
        with pytest.raises(InvalidCallError, match="after must be what came with the page before"):
            run(ask(after=after))


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_a_bounded_length(limit: int, world: World) -> None:
    with pytest.raises(InvalidCallError, match="limit must be between 1 and 1000"):
        run(world.registry.services(limit=limit))


def test_services_are_bounded() -> None:
    world = World(limits=RegistryLimits(services=1))
    run(world.registry.register_service("a", "A", world.schemas.service(Service("A"))))

    with pytest.raises(InvalidCallError, match="2 services in namespace 'a', at most 1"):
        run(world.registry.register_service("a", "B", world.schemas.service(Service("B"))))
