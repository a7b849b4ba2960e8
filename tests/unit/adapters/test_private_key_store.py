"""Who may read the file of a key store."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from collector_mesh import Collector, LoopbackNetwork, Service


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.skipif(os.name == "nt", reason="it has no such modes")
def test_a_key_store_is_made_for_its_own_user_alone(tmp_path: Path) -> None:
    service = Service("shop", "Orders")

    @service.method("Place")
    async def place() -> str:
        return "placed"

    async def modes() -> dict[str, int]:
        file = tmp_path / "keys.db"
        async with Collector("shop", services=[service], transport=LoopbackNetwork(), keys=str(file)) as shop:
            await shop.call("shop", "Orders", "Place", key="order 7")
            return _modes(tmp_path)

    before = os.umask(0o022)
    try:
        found = asyncio.run(modes())
    finally:
        os.umask(before)

    assert len(found) > 2
    assert set(found.values()) == {0o600}
