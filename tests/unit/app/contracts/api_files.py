"""Modules with contracts that tests write, edit and import again."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SHOP = '''\
from dataclasses import dataclass

from collector_mesh import Contract


@dataclass
class Order:
    """What somebody buys."""

    item: str
    count: int = 1


@dataclass
class Receipt:
    number: int


class Shop(Contract, namespace="shop"):
    """Sells things."""

    async def create_order(self, order: Order) -> Receipt: ...
'''


class ApiFile:
    """A module in a folder that is importable, and the current one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shop_api.py"
        self.lock = folder / "shop_api.lock.json"
        self.write(SHOP)

    def write(self, text: str) -> None:
        """Have another text in it."""
        self.path.write_text(text)
        sys.modules.pop("shop_api", None)
        importlib.invalidate_caches()

    def edit(self, old: str, new: str) -> None:
        """Change a part of it."""
        text = self.path.read_text()
        assert text.count(old) == 1
        self.write(text.replace(old, new))

    def imported(self) -> ModuleType:
        """The module."""
        return importlib.import_module("shop_api")

    def fields(self, message: str = "Order", key: str = "shop/Shop") -> dict[str, Any]:
        """The numbers of the fields of a message in the lock file."""
        contract = json.loads(self.lock.read_text())["contracts"][key]
        return {name: field["number"] for name, field in contract["messages"][message]["fields"].items()}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiFile]:
    """A module with a contract."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    # What is written twice within a second would be taken for the same.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "shop_api", raising=False)
    yield ApiFile(tmp_path)
    # Or other tests would get it in the place of their own.
    sys.modules.pop("shop_api", None)
