"""`check_contract`, for the tests of users."""

import importlib
import sys

import pytest
from tests.unit.app.contracts.api_files import SHOP, ApiFile, api

from collector_mesh import ContractError
from collector_mesh.app.cli.main import main
from collector_mesh.testing import check_contract

__all__ = ["api"]


@pytest.fixture
def locked(api: ApiFile) -> ApiFile:
    """A module with a contract that is locked."""
    assert main(["contract", "lock", "shop_api"]) == 0
    return api


def told_of(api: ApiFile) -> str:
    with pytest.raises(AssertionError) as caught:
        check_contract(api.imported().Shop)
    return str(caught.value)


def test_a_contract_that_is_as_it_was_locked_passes(locked: ApiFile) -> None:
    check_contract(locked.imported().Shop)
    check_contract(locked.imported())


def test_an_edit_that_breaks_others_fails_with_what_differs(locked: ApiFile) -> None:
    locked.edit("count: int = 1", 'count: str = ""')

    told = told_of(locked)

    assert told.startswith(
        f"{locked.lock}: these changes break programs that use the contract as it is locked:\n  shop/Shop: "
    )
    assert "the field 'count' (2) of 'Order' changed its type from int64 to string" in told


def test_an_edit_that_is_not_locked_yet_fails_with_the_command_to_run(locked: ApiFile) -> None:
    locked.edit("item: str", 'item: str\n    note: str = ""')

    assert told_of(locked) == (
        f"{locked.lock} is out of date; run: collector-mesh contract lock shop_api:\n"
        "  shop/Shop: Order: field note (3) was added"
    )


def test_a_lock_file_that_is_missing_fails(api: ApiFile) -> None:
    assert told_of(api) == f"there is no lock file {api.lock}; run: collector-mesh contract lock shop_api"


def test_a_lock_file_that_is_broken_fails(locked: ApiFile) -> None:
    locked.lock.write_text("{")

    assert "line 1: this is no JSON" in told_of(locked)


def test_a_module_is_checked_for_contracts_that_have_gone_too(locked: ApiFile) -> None:
    locked.edit("class Shop(", "class Store(")

    with pytest.raises(AssertionError, match="shop/Shop: the contract is gone"):
        check_contract(locked.imported())


def test_modules_that_share_a_lock_file_are_checked_together(
    api: ApiFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = api.path.with_name("other_api.py")
    other.write_text(
        SHOP.replace("class Shop(", "class Other(").replace('"shop"', '"shop", lock="shop_api.lock.json"')
    )
    monkeypatch.delitem(sys.modules, "other_api", raising=False)
    assert main(["contract", "lock", "shop_api", "other_api"]) == 0
    modules = (api.imported(), importlib.import_module("other_api"))

    check_contract(*modules)
    check_contract(modules[1].Other)
    with pytest.raises(AssertionError, match="shop/Other: the contract is gone"):
        check_contract(modules[0])


def test_a_module_without_contracts_is_an_error() -> None:
    with pytest.raises(ContractError, match="defines no contracts"):
        check_contract(pytest)


def test_what_is_no_contract_is_an_error() -> None:
    with pytest.raises(ContractError, match="str is no contract"):
        check_contract(str)
