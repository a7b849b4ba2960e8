"""Several that write to one store: each decides on what is there, and decides anew where others have come before."""

from collections.abc import Sequence

import pytest
from tests.unit.domain.registry.world import World, message, run, shop

from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.ports.registry_store import EntryKey, StoredCatalogue, StoredEntry, Write
from collector_mesh.domain.registry.deciding import ATTEMPTS
from collector_mesh.domain.registry.memory_store import MemoryStore
from collector_mesh.domain.registry.results import IncompatibleError
from collector_mesh.domain.registry.schema import File


class BusyStore(MemoryStore):
    """Lets others in between: before a write, or between two reads."""

    def __init__(self) -> None:
        super().__init__()
        self.other: World | None = None
        self.before_writes: list[File] = []
        self.before_reads: list[File] = []
        self.asked = 0

    def _let(self, files: list[File]) -> None:
        if files and self.other is not None:
            file = files.pop(0)
            let, self.before_writes, self.before_reads = (self.before_writes, self.before_reads), [], []
            run(self.other.registry.register_file("shop", self.other.given(file), force=True))
            self.before_writes, self.before_reads = let

    async def catalogue(self, namespace: str, known: int = -1) -> StoredCatalogue:
        self.asked += 1
        return await super().catalogue(namespace, known)

    async def read(self, keys: Sequence[EntryKey]) -> tuple[StoredEntry | None, ...]:
        self._let(self.before_reads)
        return await super().read(keys)

    async def write(self, write: Write) -> int:
        self._let(self.before_writes)
        return await super().write(write)


@pytest.fixture
def store() -> BusyStore:
    return BusyStore()


@pytest.fixture
def world(store: BusyStore) -> World:
    world = World(store)
    other = World(store)
    other.schemas = world.schemas
    other.registry = world.registry
    store.other = other
    return world


def test_a_write_that_others_came_before_is_decided_anew(world: World, store: BusyStore) -> None:
    store.before_writes = [File("other.proto")]

    done = run(world.registry.register_file("shop", world.given(shop())))

    assert done.outcome == "registered"
    assert [one.name for one in run(world.registry.history()).changes] == ["shop.proto", "other.proto"]


def test_who_comes_second_is_told_that_it_does_not_go_together(world: World, store: BusyStore) -> None:
    store.before_writes = [shop("item", "count")]

    with pytest.raises(IncompatibleError):
        run(world.registry.register_file("shop", world.given(shop("item"))))

    assert len(run(world.registry.history()).changes) == 1


def test_who_comes_second_with_the_same_has_nothing_to_do(world: World, store: BusyStore) -> None:
    store.before_writes = [shop()]

    assert run(world.registry.register_file("shop", world.given(shop()))).outcome == "unchanged"


def test_an_answer_is_never_made_of_two_moments(world: World, store: BusyStore) -> None:
    run(world.registry.register_service("shop", "Shop", None, world.given(shop())))
    store.before_reads = [shop("item", "count", "note"), File("x.proto")]

    files = run(world.registry.files("shop", "Shop"))

    assert files == (world.given(shop("item", "count", "note")).data,)


def test_others_that_come_before_without_end_are_an_error(world: World, store: BusyStore) -> None:
    store.before_writes = [File(f"{number}.proto") for number in range(2 * ATTEMPTS)]

    with pytest.raises(UnavailableError, match=f"namespace 'shop' was changed by others {ATTEMPTS} times"):
        run(world.registry.register_file("shop", world.given(shop())))

    # Once for each try, and once for each of the others.
    assert store.asked == 2 * ATTEMPTS


def test_a_removal_that_others_came_before_is_decided_anew(world: World, store: BusyStore) -> None:
    run(world.registry.register_service("shop", "Shop", None, world.given(shop())))
    store.before_writes = [File("using.proto", imports=("shop.proto",), messages=(message("acme.More"),))]

    run(world.registry.deregister("shop", "Shop"))

    assert run(world.registry.file("shop", "shop.proto")).name == "shop.proto"
