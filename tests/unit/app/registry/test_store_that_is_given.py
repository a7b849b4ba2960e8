"""A registry keeps what it knows in the store that it was given, whatever truth that has."""

import pytest

from collector_mesh import Registry
from collector_mesh.domain.ports.registry_store import StoredHistory
from collector_mesh.domain.registry.memory_store import MemoryStore


class _Empty(MemoryStore):
    asked = 0

    def __len__(self) -> int:
        return 0

    async def changes(self, namespace: str, name: str, before: int, limit: int) -> StoredHistory:
        self.asked += 1
        return await super().changes(namespace, name, before, limit)


@pytest.mark.asyncio
async def test_a_store_that_says_it_is_empty_is_used() -> None:
    store = _Empty()

    async with Registry(store=store) as registry:
        await registry.history("n")

    assert store.asked == 1
