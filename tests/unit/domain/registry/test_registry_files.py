"""Files in a registry."""

import attrs
import pytest
from tests.unit.domain.registry.world import EMPTY, World, message, run, shop

from collector_mesh.domain.model.errors import ConflictError, InvalidCallError, NotFoundError
from collector_mesh.domain.registry.limits import RegistryLimits
from collector_mesh.domain.registry.results import IncompatibleError
from collector_mesh.domain.registry.schema import File

COMMON = File(
    "a/common.proto", package="acme", messages=(message("acme.Money", "units"), message("acme.Name", "text"))
)
USING = File(
    "using.proto",
    package="acme",
    imports=("a/common.proto",),
    messages=(message("acme.Bill", "sum", types={"sum": "acme.Money"}),),
)


@pytest.fixture
def world() -> World:
    return World()


def changes(world: World, namespace: str = "", name: str = "") -> list[tuple[str, str, tuple[str, ...]]]:
    page = run(world.registry.history(namespace, name, limit=1000))
    return [(change.name, change.action, change.details) for change in page.changes]


def test_a_file_is_registered_under_its_name(world: World) -> None:
    done = run(world.registry.register_file("shop", world.given(shop()), by="ann", labels={"team": "a"}))

    assert (done.id, done.namespace, done.name) == ("shop/shop.proto", "shop", "shop.proto")
    assert (done.message_names, done.dependencies, done.outcome) == (("Thing",), (), "registered")
    assert (done.created_at, done.updated_at, done.labels) == (1001.0, 1001.0, {"team": "a"})
    assert run(world.registry.file("shop", "shop.proto")).data == done.data
    (change,) = run(world.registry.history()).changes
    assert (change.by, change.at, change.version, change.kind) == ("ann", 1001.0, 1, "file")


def test_the_same_again_changes_nothing(world: World) -> None:
    first = run(world.registry.register_file("shop", world.given(shop()), labels={"team": "a"}))

    again = run(world.registry.register_file("shop", world.given(shop())))

    assert again == attrs.evolve(first, outcome="unchanged")
    assert len(changes(world)) == 1


def test_a_compatible_change_is_taken_and_told(world: World) -> None:
    first = run(world.registry.register_file("shop", world.given(shop("item"))))

    done = run(world.registry.register_file("shop", world.given(shop("item", "note")), labels={"team": "b"}))

    assert (done.outcome, done.created_at, done.updated_at) == ("changed", first.created_at, 1002.0)
    expected = ("label team is now 'b'", "acme.Thing: field note (2) was added")
    assert changes(world)[0] == ("shop.proto", "changed", expected)


def test_other_comments_are_a_change(world: World) -> None:
    run(world.registry.register_file("shop", world.given(shop())))

    done = run(world.registry.register_file("shop", world.given(shop(), "# a comment")))

    assert done.outcome == "changed"
    assert changes(world)[0][2] == ("options, or the order of what is in it, have changed",)


def test_an_incompatible_change_is_refused_with_every_difference(world: World) -> None:
    run(world.registry.register_file("shop", world.given(shop("item", "count"))))

    with pytest.raises(IncompatibleError) as refused:
        run(world.registry.register_file("shop", world.given(shop("other", methods=["Order"]))))

    gone = ("acme.Thing.item is gone", "acme.Thing.count is gone", "acme.Shop/Cancel is gone")
    assert refused.value.differences == gone
    assert str(refused.value) == (
        "file 'shop.proto' of namespace 'shop' is incompatible with what is registered, 3 differences: "
        + "; ".join(gone)
    )
    assert refused.value.code == 409
    assert len(changes(world)) == 1


def test_force_takes_it_and_the_history_says_so(world: World) -> None:
    run(world.registry.register_file("shop", world.given(shop("item", "count"))))

    done = run(world.registry.register_file("shop", world.given(shop("item")), force=True))

    assert (done.outcome, done.differences) == ("changed", ("acme.Thing.count is gone",))
    change = run(world.registry.history()).changes[0]
    assert change.is_forced
    assert change.details[0] == "acme.Thing.count is gone"
    assert run(world.registry.register_file("shop", world.given(shop("item")))).outcome == "unchanged"


def test_a_dry_run_tells_what_would_be_and_changes_nothing(world: World) -> None:
    new = run(world.registry.register_file("shop", world.given(shop("item", "count")), dry_run=True))
    assert (new.outcome, changes(world)) == ("registered", [])
    run(world.registry.register_file("shop", world.given(shop("item", "count"))))

    done = run(world.registry.register_file("shop", world.given(shop("item")), dry_run=True))

    assert (done.outcome, done.differences) == ("changed", ("acme.Thing.count is gone",))
    assert len(changes(world)) == 1


def test_namespaces_do_not_see_each_other(world: World) -> None:
    run(world.registry.register_file("shop", world.given(shop("item", "count"))))

    assert run(world.registry.register_file("test", world.given(shop("item")))).outcome == "registered"
    with pytest.raises(NotFoundError, match=r"file other/shop\.proto not found"):
        run(world.registry.file("other", "shop.proto"))


def test_imports_are_given_or_stored_or_what_everybody_has(world: World) -> None:
    uses_empty = File(
        "e.proto", imports=(EMPTY.name,), messages=(message("E", "e", types={"e": "google.protobuf.Empty"}),)
    )
    with pytest.raises(InvalidCallError, match=r"'a/common\.proto'.*imported by 'using\.proto'"):
        run(world.registry.register_file("shop", world.given(USING)))

    done = run(world.registry.register_file("shop", world.given(USING), [world.given(COMMON)]))
    run(world.registry.register_file("shop", world.given(uses_empty), [world.given(EMPTY)]))

    assert done.dependencies == ("a/common.proto",)
    assert run(world.registry.file("shop", "a/common.proto")).message_names == ("Money", "Name")
    assert run(world.registry.register_file("shop", world.given(USING))).outcome == "unchanged"
    assert EMPTY.name not in [name for name, _, _ in changes(world)]
    with pytest.raises(InvalidCallError, match="imported"):
        run(world.registry.register_file("other", world.given(USING)))


def test_a_dependency_is_compared_too(world: World) -> None:
    run(world.registry.register_file("shop", world.given(USING), [world.given(COMMON)]))
    less = attrs.evolve(COMMON, messages=(message("acme.Money"), message("acme.Name", "text")))

    with pytest.raises(IncompatibleError, match=r"acme\.Money\.units is gone"):
        run(world.registry.register_file("shop", world.given(USING), [world.given(less)]))


def test_registered_files_have_to_fit_to_a_changed_one_even_by_force(world: World) -> None:
    run(world.registry.register_file("shop", world.given(USING), [world.given(COMMON)]))
    without = attrs.evolve(COMMON, messages=COMMON.messages[1:])

    with pytest.raises(ConflictError, match=r"'using\.proto': .*acme\.Money"):
        run(world.registry.register_file("shop", world.given(without), force=True))

    both = attrs.evolve(USING, messages=(message("acme.Bill", "sum"),))
    done = run(world.registry.register_file("shop", world.given(both), [world.given(without)], force=True))
    assert done.outcome == "changed"


def test_two_files_of_one_name_must_be_the_same(world: World) -> None:
    given = [world.given(COMMON), world.given(COMMON), world.given(attrs.evolve(COMMON, messages=()))]

    assert run(world.registry.register_file("shop", world.given(USING), given[:2])).outcome == "registered"
    with pytest.raises(InvalidCallError, match=r"two files .* have the name 'a/common\.proto'"):
        run(world.registry.register_file("shop", world.given(USING), given))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a.proto",
        "a//b.proto",
        "a/",
        "../a.proto",
        "a/./b.proto",
        ".a",
        "a\\b.proto",
        "a b",
        "a\n",
        "ü.proto",
        "a" * 513,
    ],
)
def test_a_name_that_is_no_path_is_refused(name: str, world: World) -> None:
    with pytest.raises(InvalidCallError, match=r"^file descriptor name "):
        run(world.registry.register_file("shop", world.given(File(name))))


@pytest.mark.parametrize("namespace", ["", "a/b", "a" * 129, "ü"])
def test_a_namespace_that_is_none_is_refused(namespace: str, world: World) -> None:
    with pytest.raises(InvalidCallError, match=r"^namespace "):
        run(world.registry.register_file(namespace, world.given(shop())))


def test_labels_and_the_caller_are_bounded(world: World) -> None:
    with pytest.raises(InvalidCallError, match="labels must be at most 32"):
        run(world.registry.register_file("a", world.given(shop()), labels={f"l{n}": "" for n in range(33)}))

    run(world.registry.register_file("a", world.given(shop()), by="x\n" * 1000))

    (change,) = run(world.registry.history()).changes
    assert len(change.by) == 256
    assert change.by.isprintable()


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (RegistryLimits(files=2), "3 files in namespace 'shop', at most 2"),
        (RegistryLimits(namespace_bytes=1200), "bytes of descriptors in namespace 'shop', at most 1200"),
        (RegistryLimits(total_bytes=1200), "bytes of descriptors in the registry, at most 1200"),
    ],
)
def test_what_is_more_than_there_may_be_is_refused_and_the_rest_stays(
    limits: RegistryLimits, told: str
) -> None:
    world = World(limits=limits)
    for name in ("a.proto", "b.proto"):
        run(world.registry.register_file("shop", world.given(File(name))))

    with pytest.raises(InvalidCallError, match=told):
        run(world.registry.register_file("shop", world.given(shop(), "x" * 1200)))

    assert run(world.registry.register_file("shop", world.given(File("a.proto")))).outcome == "unchanged"
    run(world.registry.deregister("shop", "a.proto"))
    run(world.registry.register_file("shop", world.given(File("c.proto"))))


def test_namespaces_and_what_comes_together_are_bounded() -> None:
    world = World(limits=RegistryLimits(namespaces=1, given_files=2, given_bytes=2000))
    run(world.registry.register_file("a", world.given(File("a.proto"))))

    with pytest.raises(InvalidCallError, match="2 namespaces in the registry, at most 1"):
        run(world.registry.register_file("b", world.given(File("a.proto"))))
    with pytest.raises(InvalidCallError, match="3 files are given, at most 2"):
        run(world.registry.register_file("a", world.given(USING), [world.given(COMMON), world.given(EMPTY)]))
    with pytest.raises(InvalidCallError, match="bytes, at most 2000"):
        run(world.registry.register_file("a", world.given(shop(), "x" * 2000)))


def test_history_is_bounded_and_says_so() -> None:
    world = World(limits=RegistryLimits(history_of_name=3))
    for number in range(6):
        run(world.registry.register_file("shop", world.given(File("a.proto"), str(number))))

    page = run(world.registry.history("shop", "a.proto"))

    assert ([change.version for change in page.changes], page.dropped) == ([6, 5, 4], 3)
