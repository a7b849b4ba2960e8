"""What a contract takes from the lock file beside its module."""

import importlib
import os
import sys
import zipfile
from pathlib import Path

import attrs
import pytest
from tests.unit.app.contracts.locks.files import ITEM, KEY, SHAPE, SHOP, TEXT

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.locks.lock import Shape
from collector_mesh.app.contracts.locks.places import importable_name
from collector_mesh.app.contracts.locks.using import Locked, locked_contract
from collector_mesh.app.contracts.numbers import Numbers
from collector_mesh.domain.registry.schema import Field

SERVICE = ("shop", "acme.shop.Shop")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in a folder of its own."""
    name = f"api_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module(name)
    monkeypatch.setitem(sys.modules, name, sys.modules[name])
    return name


def lock_file(module: str) -> Path:
    file = sys.modules[module].__file__
    assert file is not None
    return Path(file).with_suffix(".lock.json")


def with_item(*fields: Field) -> Shape:
    messages = (*SHOP.messages[:1], attrs.evolve(ITEM, fields=fields), SHOP.messages[2])
    return attrs.evolve(SHAPE, file=attrs.evolve(SHOP, messages=messages))


def test_without_a_lock_file_the_order_of_definition_counts(module: str) -> None:
    found = locked_contract(module, *SERVICE)

    found.check(SHAPE)
    assert found.numbers == Numbers.none()


def test_a_lock_file_beside_the_module_has_the_numbers(module: str) -> None:
    lock_file(module).write_text(TEXT)

    numbers = locked_contract(module, *SERVICE).numbers

    assert numbers.of_message("acme.shop.Order", ["stock", "new"]).numbers == {"stock": 7, "new": 9}
    assert numbers.of_enum("acme.shop.Size", ["SIZE_UNSPECIFIED", "SIZE_BIG"]).numbers["SIZE_BIG"] == 3


def test_a_lock_file_that_has_the_contract_as_it_is_says_nothing(module: str) -> None:
    lock_file(module).write_text(TEXT)

    locked_contract(module, *SERVICE).check(SHAPE)


def test_a_field_that_the_lock_file_does_not_have_is_an_error_with_the_command_to_run(module: str) -> None:
    lock_file(module).write_text(TEXT)
    now = with_item(*ITEM.fields, Field("note", 2, "string"))

    with pytest.raises(ContractError) as caught:
        locked_contract(module, *SERVICE).check(now)

    assert str(caught.value) == (
        f"{lock_file(module)} does not have {KEY} as it is now: acme.shop.Item: field note (2) was added."
        f" Run: collector-mesh contract lock {module}"
    )


def test_of_many_changes_the_error_names_some(module: str) -> None:
    lock_file(module).write_text(TEXT)
    now = with_item(*(Field(f"n{number}", number, "string") for number in range(1, 20)))

    with pytest.raises(
        ContractError, match=r"acme\.shop\.Item: field n1 \(1\) was added; .*; and 15 more\. Run: "
    ):
        locked_contract(module, *SERVICE).check(now)


def test_a_contract_that_the_lock_file_does_not_have_is_an_error(module: str) -> None:
    lock_file(module).write_text(TEXT)

    with pytest.raises(ContractError, match=r"does not have shop/Other\. Run: collector-mesh contract lock"):
        locked_contract(module, "shop", "Other")


def test_a_broken_lock_file_is_an_error_that_names_it(module: str) -> None:
    lock_file(module).write_text(TEXT[:-20])

    with pytest.raises(ContractError, match=rf"{module}\.lock\.json, line \d+: this is no JSON"):
        locked_contract(module, *SERVICE)


def test_a_folder_in_its_place_is_an_error(module: str) -> None:
    lock_file(module).mkdir()

    with pytest.raises(ContractError, match="is no file: the lock file of"):
        locked_contract(module, *SERVICE)


def test_a_queue_in_its_place_is_an_error_and_nobody_waits_for_it(module: str) -> None:
    os.mkfifo(lock_file(module))

    with pytest.raises(ContractError, match="is no file: the lock file of"):
        locked_contract(module, *SERVICE)


def test_a_contract_may_name_another_lock_file(module: str) -> None:
    lock_file(module).with_name("numbers.json").write_text(TEXT)

    assert locked_contract(module, *SERVICE, lock="numbers.json").shape is not None


def test_a_lock_file_that_a_contract_names_must_be_there(module: str) -> None:
    with pytest.raises(
        ContractError, match=r"there is no lock file .*numbers\.json\. Run: collector-mesh contract"
    ):
        locked_contract(module, *SERVICE, lock="numbers.json")


def test_a_module_in_no_file_has_no_lock_file() -> None:
    assert locked_contract("builtins", *SERVICE) == Locked(KEY, "builtins")


def test_a_module_in_an_archive_has_its_lock_file_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "wheel.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("zipped_api.py", "")
        made.writestr("zipped_api.lock.json", TEXT)
        made.writestr("zipped_plain.py", "")
    monkeypatch.syspath_prepend(archive)
    for name in ("zipped_api", "zipped_plain"):
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))

    assert locked_contract("zipped_api", *SERVICE).shape is not None
    assert locked_contract("zipped_plain", *SERVICE).shape is None


def test_a_program_is_named_as_a_command_can_import_it(monkeypatch: pytest.MonkeyPatch) -> None:
    program = type(sys)("__main__")
    program.__file__ = "/srv/shop_api.py"
    monkeypatch.setitem(sys.modules, "__main__", program)

    assert importable_name("__main__") == "shop_api"
    assert importable_name("shop.api") == "shop.api"
