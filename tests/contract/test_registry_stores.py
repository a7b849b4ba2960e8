"""Every store of a registry keeps the contract."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from collector_mesh.adapters.sqlite.registry_store import SqliteStore
from collector_mesh.app.testing.contract.registry_store import entry, write
from collector_mesh.domain.ports.registry_store import (
    EntryKey,
    EntryKind,
    Position,
    RegistryStore,
    StaleRevisionError,
)
from collector_mesh.domain.registry.memory_store import MemoryStore
from collector_mesh.testing import RegistryStoreContract


class TestMemory(RegistryStoreContract):
    @pytest.fixture
    def opening(self) -> AbstractAsyncContextManager[RegistryStore]:
        return nullcontext(MemoryStore())


class TestSqlite(RegistryStoreContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> AbstractAsyncContextManager[RegistryStore]:
        return SqliteStore(tmp_path / "registry.db")


NAMESPACES = strategies.sampled_from(["a", "b"])
NAMES = strategies.sampled_from(["one.proto", "two.proto", "three.proto"])
KINDS: strategies.SearchStrategy[EntryKind] = strategies.sampled_from(["file", "service"])
WRITES = strategies.tuples(
    NAMESPACES,
    strategies.sets(strategies.tuples(KINDS, NAMES, strategies.binary(max_size=3)), max_size=3),
    strategies.sets(strategies.tuples(KINDS, NAMES), max_size=2),
    strategies.booleans(),
)


async def both_answer_the_same(
    one: RegistryStore,
    other: RegistryStore,
    writes: list[tuple[str, set[tuple[EntryKind, str, bytes]], set[tuple[EntryKind, str]], bool]],
) -> None:
    async def both(method: str, *arguments: object) -> None:
        answers = []
        for store in (one, other):
            try:
                answers.append(await getattr(store, method)(*arguments))
            except StaleRevisionError as error:
                answers.append(str(error))
        assert answers[0] == answers[1]

    for namespace, put, removed, is_stale in writes:
        revision = (await one.catalogue(namespace)).revision + is_stale
        entries = {
            (kind, name): entry(name, namespace=namespace, kind=kind, data=data) for kind, name, data in put
        }
        keys = [EntryKey(kind, namespace, name) for kind, name in removed if (kind, name) not in entries]
        given_write = write(revision, *entries.values(), namespace=namespace, removed=keys)
        await both("write", given_write)
    for namespace in ("", "a", "b"):
        await both("catalogue", namespace)
        for kind in ("file", "service"):
            await both("newest", kind, namespace, None, 10, 40)
            await both("newest", kind, namespace, Position(2, "a", "one.proto"), 2, 1000)
        for name in ("", "one.proto"):
            await both("changes", namespace, name, 0, 10)
            await both("changes", namespace, name, 4, 2)


@settings(max_examples=8)
@given(writes=strategies.lists(WRITES, max_size=12))
def test_both_stores_answer_the_same(writes: list[Any]) -> None:
    async def main() -> None:
        with TemporaryDirectory() as folder:
            async with SqliteStore(Path(folder) / "registry.db") as store:
                await both_answer_the_same(store, MemoryStore(), writes)

    asyncio.run(main())
