"""Services that are registered stay what their files say, whoever registers those."""

import pytest
from tests.unit.domain.registry.world import World, run, shop

from collector_mesh.domain.model.errors import AmbiguousError
from collector_mesh.domain.registry.schema import File, Method, Service


def test_a_service_has_the_methods_that_its_file_got_by_itself_and_keeps_its_labels() -> None:
    world = World()
    run(
        world.registry.register_service(
            "shop", "Shop", None, world.given(shop(methods=("Order",))), labels={"team": "a"}
        )
    )

    run(
        world.registry.register_file(
            "shop", world.given(shop(methods=("Order", "Track"))), labels={"team": "b"}
        )
    )

    found = run(world.registry.lookup("shop", "Shop"))
    assert (found.method_names, found.labels) == (("Order", "Track"), {"team": "a"})
    assert run(world.registry.validate("shop", "Shop", "Track")).is_valid
    changes = run(world.registry.history(name="acme.Shop")).changes
    assert [(one.action, one.details) for one in changes] == [
        ("changed", ("acme.Shop: method Track was added",)),
        ("registered", ()),
    ]


def test_a_service_goes_with_force_when_its_file_has_it_no_longer() -> None:
    world = World()
    one = shop()
    run(world.registry.register_service("shop", "Shop", None, world.given(one)))
    without = world.given(File(one.name, package=one.package, messages=one.messages))

    dry = run(world.registry.register_file("shop", without, dry_run=True))
    assert run(world.registry.validate("shop", "Shop", "Order")).is_valid
    run(world.registry.register_file("shop", without, force=True))

    assert dry.outcome == "changed"
    assert run(world.registry.validate("shop", "Shop", "Order")).message == "service shop/Shop not found"
    assert run(world.registry.file("shop", one.name)).name == one.name
    last = run(world.registry.history(name="acme.Shop")).changes[0]
    assert (last.action, last.details) == ("deregistered", (f"its file {one.name} has it no longer",))


def test_a_change_of_a_file_that_leaves_its_service_as_it_is_makes_no_entry_of_it() -> None:
    world = World()
    run(world.registry.register_service("shop", "Shop", None, world.given(shop("item"))))

    run(world.registry.register_file("shop", world.given(shop("item", "note"))))

    assert [one.action for one in run(world.registry.history(name="acme.Shop")).changes] == ["registered"]


def test_a_service_without_a_file_is_followed_by_nothing() -> None:
    world = World()
    data = world.schemas.service(Service("Bare", (Method("m", "", ""),)))
    run(world.registry.register_service("shop", "Bare", data))
    run(world.registry.register_file("shop", world.given(shop("item"))))
    run(world.registry.register_file("shop", world.given(shop("item", "note"))))

    assert run(world.registry.lookup("shop", "Bare")).file == ""


def test_a_service_that_two_registered_files_have_is_not_guessed_but_the_one_in_use_stays() -> None:
    world = World()
    for name in ("one.proto", "two.proto"):
        run(world.registry.register_file("shop", world.given(shop(name=name))))

    with pytest.raises(AmbiguousError, match="is in several registered files"):
        run(world.registry.register_service("shop", "Shop", None))
    run(world.registry.register_service("shop", "Shop", None, world.given(shop(name="one.proto"))))
    again = run(world.registry.register_service("shop", "Shop", None))

    assert (again.file, again.outcome) == ("one.proto", "unchanged")
