"""Every store of a registry keeps the contract."""

from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import pytest

from collector_mesh.adapters.sqlite.registry_store import SqliteStore
from collector_mesh.domain.ports.registry_store import RegistryStore
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
