"""Every store of a registry keeps the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from collector_mesh.adapters.sqlite.registry_store import SqliteStore
from collector_mesh.domain.ports.registry_store import RegistryStore
from collector_mesh.domain.registry.memory_store import MemoryStore
from collector_mesh.testing import RegistryStoreContract


class TestMemory(RegistryStoreContract):
    @pytest.fixture
    def store(self) -> RegistryStore:
        return MemoryStore()


class TestSqlite(RegistryStoreContract):
    @pytest_asyncio.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[RegistryStore]:
        async with SqliteStore(tmp_path / "registry.db") as store:
            yield store
