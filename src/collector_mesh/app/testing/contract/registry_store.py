"""The contract of stores of a registry."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import pytest
import pytest_asyncio

from collector_mesh.domain.ports.registry_store import (
    EntryKey,
    EntryKind,
    Kept,
    Position,
    RegistryStore,
    StaleRevisionError,
    StoredChange,
    StoredEntry,
    StoredHead,
    Write,
)

KEPT = Kept(of_name=3, of_namespace=8)

MANY = 1 << 20
"""More bytes than descriptors have here."""


def entry(
    name: str, *, namespace: str = "shop", kind: EntryKind = "file", data: bytes = b"\0\xff"
) -> StoredEntry:
    """An entry as it is given to a store."""
    return StoredEntry(
        EntryKey(kind, namespace, name),
        data,
        needs=("a/common.proto",),
        offers=("acme.Shop",),
        labels={"team": "bücher"},
        created_at=1.25,
        updated_at=2.5,
    )


def write(
    revision: int,
    *put: StoredEntry,
    namespace: str = "shop",
    removed: Sequence[EntryKey] = (),
    kept: Kept = KEPT,
    details: Sequence[str] = (),
) -> Write:
    """A write of entries, with a change for each."""
    changes = [StoredChange(one.key, "registered", 3.0, "somebody", tuple(details)) for one in put]
    changes += [StoredChange(key, "deregistered", 4.0, "", (), is_forced=True) for key in removed]
    return Write(namespace, revision, put, tuple(removed), tuple(changes), kept)


class RegistryStoreContract:
    """Tests for a store that a fixture `opening` of a subclass gives: a context manager that opens an empty one."""

    @pytest.fixture
    def opening(self) -> AbstractAsyncContextManager[RegistryStore]:
        """Opens the store under test, and closes it."""
        raise NotImplementedError(
            "define a fixture 'opening' that gives a context manager of a RegistryStore"
        )

    @pytest_asyncio.fixture
    async def store(
        self, opening: AbstractAsyncContextManager[RegistryStore]
    ) -> AsyncIterator[RegistryStore]:
        """The store, open."""
        async with opening as store:
            yield store

    @pytest.mark.asyncio
    async def test_a_new_one_has_nothing(self, store: RegistryStore) -> None:
        catalogue = await store.catalogue("shop")

        assert (catalogue.revision, catalogue.heads, catalogue.namespaces, catalogue.total_bytes) == (
            0,
            (),
            0,
            0,
        )
        assert await store.read([EntryKey("file", "shop", "a.proto")]) == (None,)
        assert await store.newest("service", "", None, 10, MANY) == ()
        assert (await store.changes("", "", 0, 10)).changes == ()

    @pytest.mark.asyncio
    async def test_what_is_written_is_there(self, store: RegistryStore) -> None:
        file, service = entry("a.proto"), entry("acme.Shop", kind="service", data=b"abc")

        revision = await store.write(write(0, service, file))

        catalogue = await store.catalogue("shop")
        assert catalogue.revision == revision > 0
        assert catalogue.heads == (
            StoredHead(file.key, file.needs, file.offers, 2, is_dependency=False),
            StoredHead(service.key, service.needs, service.offers, 3, is_dependency=False),
        )
        assert (catalogue.namespaces, catalogue.total_bytes) == (1, 5)
        missing = EntryKey("service", "shop", "a.proto")
        found, none, other = await store.read([file.key, missing, service.key])
        assert none is None
        assert found is not None
        assert other is not None
        assert (found.key, found.data, found.labels) == (file.key, file.data, file.labels)
        assert (found.created, found.revision, found.version) == (revision, revision, 1)
        assert (found.created_at, found.updated_at, other.data) == (1.25, 2.5, b"abc")

    @pytest.mark.asyncio
    async def test_a_write_that_expects_another_revision_changes_nothing(self, store: RegistryStore) -> None:
        revision = await store.write(write(0, entry("a.proto")))
        before = await store.catalogue("shop")

        for stale in (0, revision + 1):
            with pytest.raises(StaleRevisionError):
                await store.write(write(stale, entry("b.proto"), removed=[entry("a.proto").key]))

        assert await store.catalogue("shop") == before
        assert len((await store.changes("shop", "", 0, 10)).changes) == 1

    @pytest.mark.asyncio
    async def test_of_many_that_write_at_once_one_wins(self, store: RegistryStore) -> None:
        writes = [store.write(write(0, entry("a.proto", data=bytes([number])))) for number in range(20)]

        done = await asyncio.gather(*writes, return_exceptions=True)

        won = [number for number, one in enumerate(done) if isinstance(one, int)]
        assert len(won) == 1
        assert all(isinstance(one, StaleRevisionError) for one in done if not isinstance(one, int))
        (found,) = await store.read([entry("a.proto").key])
        assert found is not None
        assert found.data == bytes(won)

    @pytest.mark.asyncio
    async def test_namespaces_have_revisions_of_their_own_that_only_grow(self, store: RegistryStore) -> None:
        first = await store.write(write(0, entry("a.proto")))
        second = await store.write(write(0, entry("a.proto", namespace="users"), namespace="users"))
        third = await store.write(write(first, entry("b.proto")))

        assert first < second < third
        assert (await store.catalogue("users")).revision == second
        catalogue = await store.catalogue("shop")
        assert catalogue.heads is not None
        assert (catalogue.revision, len(catalogue.heads), catalogue.namespaces) == (third, 2, 2)
        assert catalogue.total_bytes == 6

    @pytest.mark.asyncio
    async def test_entries_that_are_known_need_not_be_given_again(self, store: RegistryStore) -> None:
        first = await store.write(write(0, entry("a.proto")))
        second = await store.write(write(first, entry("b.proto")))

        catalogue = await store.catalogue("shop", second)
        assert catalogue.heads is None or len(catalogue.heads) == 2
        assert (catalogue.revision, catalogue.namespaces, catalogue.total_bytes) == (second, 1, 4)
        for known in (first, second + 1, 0):
            heads = (await store.catalogue("shop", known)).heads
            assert heads is not None
            assert len(heads) == 2

    @pytest.mark.asyncio
    async def test_a_change_keeps_when_an_entry_came_and_counts_on(self, store: RegistryStore) -> None:
        first = await store.write(write(0, entry("a.proto")))
        (found,) = await store.read([entry("a.proto").key])
        assert found is not None

        second = await store.write(write(first, found))

        (again,) = await store.read([found.key])
        assert again is not None
        assert (again.created, again.revision, again.version) == (first, second, 2)

    @pytest.mark.asyncio
    async def test_what_is_removed_is_gone_and_its_versions_go_on(self, store: RegistryStore) -> None:
        key = entry("a.proto").key
        first = await store.write(write(0, entry("a.proto"), entry("b.proto")))

        second = await store.write(write(first, removed=[key]))
        gone = await store.read([key])
        third = await store.write(write(second, entry("a.proto")))

        assert gone == (None,)
        (found,) = await store.read([key])
        assert found is not None
        assert (found.created, found.version) == (third, 3)
        history = await store.changes("shop", "a.proto", 0, 10)
        told = [(change.version, change.action, change.is_forced) for change in history.changes]
        assert told == [(3, "registered", False), (2, "deregistered", True), (1, "registered", False)]

    @pytest.mark.asyncio
    async def test_the_newest_come_first_page_by_page(self, store: RegistryStore) -> None:
        first = await store.write(
            write(0, *(entry(name, kind="service") for name in ("b.B", "a.A")), entry("a.proto"))
        )
        users = entry("c.C", kind="service", namespace="users")
        await store.write(write(0, users, namespace="users"))
        await store.write(write(first, entry("d.D", kind="service")))

        names = []
        after: Position | None = None
        while page := await store.newest("service", "", after, 2, MANY):
            names += [one.key.name for one in page]
            last = page[-1]
            after = Position(last.created, last.key.namespace, last.key.name)

        assert names == ["d.D", "c.C", "a.A", "b.B"]
        of_shop = await store.newest("service", "shop", None, 10, MANY)
        assert [one.key.name for one in of_shop] == ["d.D", "a.A", "b.B"]
        assert [one.key.name for one in await store.newest("file", "", None, 10, MANY)] == ["a.proto"]

    @pytest.mark.asyncio
    async def test_a_page_ends_with_the_entry_that_reaches_its_bytes(self, store: RegistryStore) -> None:
        names = ("a.A", "b.B", "c.C", "d.D")
        await store.write(write(0, *(entry(name, kind="service", data=b"x" * 10) for name in names)))

        for most_bytes, count in ((1, 1), (10, 1), (11, 2), (30, 3), (31, 4), (1000, 4)):
            page = await store.newest("service", "", None, 10, most_bytes)
            assert [one.key.name for one in page] == list(names[:count])

    @pytest.mark.asyncio
    async def test_changes_are_told_latest_first_page_by_page(self, store: RegistryStore) -> None:
        revision = await store.write(write(0, entry("a.proto"), entry("b.proto"), details=["é", "two"]))
        await store.write(write(0, entry("a.proto", namespace="users"), namespace="users"))
        await store.write(write(revision, entry("b.proto")))

        everything = (await store.changes("", "", 0, 10)).changes
        page = (await store.changes("", "", everything[0].number, 2)).changes
        of_name = (await store.changes("", "a.proto", 0, 10)).changes
        of_shop = (await store.changes("shop", "", 0, 1)).changes

        assert [(one.key.namespace, one.key.name) for one in everything] == [
            ("shop", "b.proto"),
            ("users", "a.proto"),
            ("shop", "b.proto"),
            ("shop", "a.proto"),
        ]
        assert list(page) == list(everything[1:3])
        assert [one.key.namespace for one in of_name] == ["users", "shop"]
        assert of_shop == everything[:1]
        last = everything[-1]
        assert (last.at, last.by, last.details, last.action) == (3.0, "somebody", ("é", "two"), "registered")

    @pytest.mark.asyncio
    async def test_of_one_name_the_latest_changes_are_kept(self, store: RegistryStore) -> None:
        revision = await store.write(write(0, entry("b.proto")))
        for _ in range(5):
            revision = await store.write(write(revision, entry("a.proto")))

        of_name = await store.changes("shop", "a.proto", 0, 10)
        of_all = await store.changes("shop", "", 0, 10)

        assert ([one.version for one in of_name.changes], of_name.dropped) == ([5, 4, 3], 2)
        assert (len(of_all.changes), of_all.dropped) == (4, 2)
        assert (await store.changes("", "", 0, 10)).dropped == 2
        assert (await store.changes("users", "", 0, 10)).dropped == 0

    @pytest.mark.asyncio
    async def test_of_a_namespace_the_latest_changes_are_kept(self, store: RegistryStore) -> None:
        revision = 0
        for number in range(12):
            one = entry(f"{number}.proto")
            revision = await store.write(write(revision, one))
            revision = await store.write(write(revision, removed=[one.key]))

        history = await store.changes("shop", "", 0, 100)

        assert (len(history.changes), history.dropped) == (8, 16)
        assert {one.key.name for one in history.changes} == {f"{number}.proto" for number in range(8, 12)}

    @pytest.mark.asyncio
    async def test_a_cancelled_write_is_done_as_a_whole_or_not_at_all(self, store: RegistryStore) -> None:
        revision = 0
        for number in range(30):
            files = [entry(f"{number}-{each}.proto") for each in range(3)]
            writing = asyncio.ensure_future(store.write(write(revision, *files)))
            for _ in range(number % 3):
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.wait([writing])

            found = await store.read([one.key for one in files])

            catalogue = await store.catalogue("shop")
            assert len({one is None for one in found}) == 1
            assert (found[0] is not None) == (catalogue.revision > revision)
            revision = catalogue.revision
