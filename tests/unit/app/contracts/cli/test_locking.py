"""`collector-mesh contract lock` and `contract check`."""

import errno
import os
import sys
from pathlib import Path

import pytest
from tests.unit.app.contracts.api_files import SHOP, ApiFile, api

from collector_mesh.app.cli.main import main

__all__ = ["api"]
NOTE = "    count: int = 1\n"
Output = pytest.CaptureFixture[str]


@pytest.fixture
def locked(api: ApiFile, capsys: Output) -> ApiFile:
    """A module with a contract that is locked."""
    assert main(["contract", "lock", "shop_api"]) == 0
    capsys.readouterr()
    return api


def edited(locked: ApiFile, new: str) -> ApiFile:
    locked.edit(NOTE, new)
    return locked


def error_of(arguments: list[str], capsys: Output, status: int) -> str:
    assert main(["contract", *arguments]) == status
    said = capsys.readouterr()
    assert said.err.startswith("collector-mesh: error: ")
    assert said.err.count("\n") == 1
    return said.err.removeprefix("collector-mesh: error: ").strip()


def test_a_first_lock_writes_the_file(api: ApiFile, capsys: Output) -> None:
    assert main(["contract", "lock", "shop_api"]) == 0

    assert capsys.readouterr().out == "shop_api.lock.json is written:\n  shop/Shop: the contract is new\n"
    assert api.fields() == {"item": 1, "count": 2}


def test_to_lock_twice_writes_nothing(locked: ApiFile, capsys: Output) -> None:
    before = locked.lock.stat()

    assert main(["contract", "lock", "shop_api"]) == 0
    assert capsys.readouterr().out == "shop_api.lock.json is up to date\n"
    assert locked.lock.stat() == before


def test_a_new_field_is_taken_in(locked: ApiFile, capsys: Output) -> None:
    edited(locked, '    note: str = ""\n' + NOTE)

    assert main(["contract", "lock", "shop_api"]) == 0
    assert "shop/Shop: Order: field note (3) was added" in capsys.readouterr().out
    assert locked.fields() == {"item": 1, "count": 2, "note": 3}


def test_a_field_that_has_gone_is_reserved_and_its_number_is_not_used_again(locked: ApiFile) -> None:
    edited(locked, "")
    assert main(["contract", "lock", "shop_api"]) == 0
    locked.edit("    item: str\n", '    item: str\n    note: str = ""\n')
    assert main(["contract", "lock", "shop_api"]) == 0

    assert locked.fields() == {"item": 1, "note": 3}
    assert '"reserved_numbers": [\n            2\n' in locked.lock.read_text()
    assert '"reserved_names": [\n            "count"\n' in locked.lock.read_text()


def test_another_type_is_refused_and_nothing_is_written(locked: ApiFile, capsys: Output) -> None:
    before = locked.lock.read_text()
    edited(locked, '    count: str = ""\n')

    assert main(["contract", "lock", "shop_api"]) == 1

    said = capsys.readouterr()
    assert said.out.startswith(
        "shop_api.lock.json was not written: this breaks programs that use the contract as it is locked:\n  shop/Shop: "
    )
    assert "the field 'count' (2) of 'Order' changed its type from int64 to string" in said.out
    assert said.err.startswith(
        "collector-mesh: error: nothing was written: undo what breaks others, or give --force"
    )
    assert locked.lock.read_text() == before


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "    at: datetime\n",
            "the field 'at' (3) of 'Order' is new and must be there, and programs of the version before need",
        ),
        ("    size: Size\n", "the field 'size' (3) of 'Order' is new and must be there"),
        ("    price: Decimal\n", "the field 'price' (3) of 'Order' is new and must be there"),
        ("    receipt: Receipt\n", "the field 'receipt' (3) of 'Order' is new and must be there"),
    ],
)
def test_a_new_field_that_must_be_there_is_refused(
    line: str, problem: str, locked: ApiFile, capsys: Output
) -> None:
    edited(locked, f"{line}{NOTE}")
    locked.edit("@dataclass\nclass Order", "class Size(Enum):\n    SMALL = 1\n\n\n@dataclass\nclass Order")
    locked.write(
        f"from datetime import datetime\nfrom decimal import Decimal\nfrom enum import Enum\n{locked.path.read_text()}"
    )
    locked.edit("@dataclass\nclass Receipt:\n    number: int\n\n\n", "")
    locked.edit("class Size(Enum)", "@dataclass\nclass Receipt:\n    number: int\n\n\nclass Size(Enum)")

    assert main(["contract", "lock", "shop_api"]) == 1
    assert problem in capsys.readouterr().out


@pytest.mark.parametrize("line", ["    at: datetime | None = None\n", "    number: int = 0\n"])
def test_a_new_field_that_may_be_absent_is_taken_in(line: str, locked: ApiFile) -> None:
    edited(locked, f"{line}{NOTE}")
    locked.write(f"from datetime import datetime\n{locked.path.read_text()}")

    assert main(["contract", "lock", "shop_api"]) == 0


def test_a_field_that_must_be_there_is_removed_in_two_steps(api: ApiFile, capsys: Output) -> None:
    text = api.path.read_text().replace("    item: str\n", "    item: Decimal\n")
    api.write(f"from decimal import Decimal\n{text}")
    assert main(["contract", "lock", "shop_api"]) == 0
    assert (
        '"item": {"number": 1, "type": "string", "label": "required", "form": "Decimal"}'
        in api.lock.read_text()
    )

    api.edit("    item: Decimal\n", "")
    assert main(["contract", "lock", "shop_api"]) == 1
    assert "the field 'item' (1) of 'Order' was removed, without which programs" in capsys.readouterr().out
    api.edit("    count: int = 1\n", "    count: int = 1\n    item: Decimal | None = None\n")
    assert main(["contract", "lock", "shop_api"]) == 0
    api.edit("    item: Decimal | None = None\n", "")
    assert main(["contract", "lock", "shop_api"]) == 0


def test_force_locks_what_is_refused(locked: ApiFile) -> None:
    edited(locked, '    count: str = ""\n')

    assert main(["contract", "lock", "--force", "shop_api"]) == 0
    assert main(["contract", "check", "shop_api"]) == 0


def test_a_name_that_was_reserved_is_refused_again(locked: ApiFile, capsys: Output) -> None:
    edited(locked, "")
    assert main(["contract", "lock", "shop_api"]) == 0
    locked.edit("    item: str\n", "    item: str\n    count: int = 1\n")

    assert main(["contract", "lock", "shop_api"]) == 1
    assert "count" in capsys.readouterr().out


def test_of_several_modules_none_is_written_if_one_is_refused(locked: ApiFile, capsys: Output) -> None:
    locked.path.with_name("new_api.py").write_text(SHOP.replace("Shop", "Other"))
    edited(locked, '    count: str = ""\n')

    assert main(["contract", "lock", "new_api", "shop_api"]) == 1
    sys.modules.pop("new_api")
    assert not locked.path.with_name("new_api.lock.json").exists()


def test_a_contract_that_has_gone_is_refused(locked: ApiFile, capsys: Output) -> None:
    locked.write(SHOP.replace("class Shop", "class Store"))

    assert main(["contract", "lock", "shop_api"]) == 1
    assert "shop/Shop: the contract is gone" in capsys.readouterr().out


def test_a_lock_file_keeps_its_permissions(locked: ApiFile) -> None:
    locked.lock.chmod(0o640)
    edited(locked, '    note: str = ""\n' + NOTE)

    assert main(["contract", "lock", "shop_api"]) == 0
    assert locked.lock.stat().st_mode & 0o777 == 0o640


def test_a_new_lock_file_has_the_permissions_that_files_have(api: ApiFile) -> None:
    before = os.umask(0o027)
    try:
        assert main(["contract", "lock", "shop_api"]) == 0
    finally:
        os.umask(before)

    assert api.lock.stat().st_mode & 0o777 == 0o640


def test_a_link_leads_to_the_new_lock_file(locked: ApiFile) -> None:
    target = locked.lock.rename(locked.lock.with_name("kept.json"))
    locked.lock.symlink_to(target.name)
    edited(locked, '    note: str = ""\n' + NOTE)

    assert main(["contract", "lock", "shop_api"]) == 0
    assert locked.lock.is_symlink()
    assert '"note"' in target.read_text()


def test_a_disk_that_is_full_leaves_the_old_lock_file(
    locked: ApiFile, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = locked.lock.read_text()
    edited(locked, '    note: str = ""\n' + NOTE)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    told = error_of(["lock", "shop_api"], capsys, 1)

    assert told == f"{locked.lock} cannot be written: No space left on device"
    assert locked.lock.read_text() == before
    assert sorted(path.name for path in locked.path.parent.iterdir()) == ["shop_api.lock.json", "shop_api.py"]


def test_check_says_that_a_lock_file_is_up_to_date(locked: ApiFile, capsys: Output) -> None:
    assert main(["contract", "check", "shop_api"]) == 0
    assert capsys.readouterr().out == "shop_api.lock.json is up to date\n"


def test_check_says_that_a_lock_file_is_missing(api: ApiFile, capsys: Output) -> None:
    assert main(["contract", "check", "shop_api"]) == 1
    assert capsys.readouterr().out == (
        "shop_api.lock.json is not there: run collector-mesh contract lock shop_api\n"
    )


def test_check_says_what_a_lock_file_lacks(locked: ApiFile, capsys: Output) -> None:
    edited(locked, '    note: str = ""\n' + NOTE)

    assert main(["contract", "check", "shop_api"]) == 1
    assert capsys.readouterr().out == (
        "shop_api.lock.json is out of date: run collector-mesh contract lock shop_api\n"
        "  shop/Shop: Order: field note (3) was added\n"
    )


def test_check_says_what_breaks_others(locked: ApiFile, capsys: Output) -> None:
    edited(locked, '    count: str = ""\n')

    assert main(["contract", "check", "shop_api"]) == 1
    assert (
        "and this breaks programs that use the contract as it is locked:\n  shop/Shop: "
        in capsys.readouterr().out
    )


@pytest.mark.parametrize("verb", ["lock", "check"])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_broken_lock_file_is_not_written_over(
    verb: str, force: list[str], locked: ApiFile, capsys: Output
) -> None:
    locked.lock.write_text("<<<<<<< ours\n")

    told = error_of([verb, *(force if verb == "lock" else []), "shop_api"], capsys, 1)

    assert told.startswith(f"{locked.lock}, line 1: the marker of a merge conflict")
    assert locked.lock.read_text() == "<<<<<<< ours\n"


def test_two_branches_that_took_one_number_are_mended_by_deleting_one_line(
    locked: ApiFile, capsys: Output
) -> None:
    edited(locked, NOTE + '    note: str = ""\n    gift: bool = False\n')
    text = locked.lock.read_text()
    count = '"count": {"number": 2, "type": "int64", "label": "optional"}'
    merged = f'{count}\n"note": {{"number": 3, "type": "string", "label": "optional"}}'
    locked.lock.write_text(
        text.replace(count, f'{merged},\n"gift": {{"number": 3, "type": "bool", "label": "optional"}}')
    )

    told = error_of(["lock", "shop_api"], capsys, 1)
    locked.lock.write_text(text.replace(count, merged))

    assert "'note' and 'gift' both have the number 3. Delete the one that nobody uses yet" in told
    assert main(["contract", "lock", "shop_api"]) == 0
    assert locked.fields() == {"item": 1, "count": 2, "note": 3, "gift": 4}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def (", "shop_api: cannot import shop_api: SyntaxError: invalid syntax (shop_api.py, line 1)"),
        ("1 / 0", "shop_api: cannot import shop_api: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "shop_api: cannot import shop_api: SystemExit: 3"),
        ("import no_such_thing", "shop_api: cannot import shop_api: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("", "shop_api defines no contracts"),
        ("from collector_mesh import Contract", "shop_api defines no contracts"),
        (SHOP.replace('"shop")', '"shop", lock=7)'), "shop_api: cannot import shop_api: ContractError: Shop: lock must be the path of a file, got int"),
        ("class Odd(BaseException):\n    def __str__(self): 1 / 0\nraise Odd", "shop_api: cannot import shop_api: Odd: Odd"),
        (f"from __future__ import annotations\n{SHOP.replace('item: str', 'item: exit(3)')}", "a contract cannot be used: SystemExit: 3"),
        (SHOP.replace("item: str", "item: str | int"), "contract Shop cannot be used: Order.item: "),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["lock", "check", "proto"])
def test_a_module_that_cannot_be_used_is_an_error_of_usage(
    verb: str, text: str, problem: str, api: ApiFile, capsys: Output
) -> None:
    api.write(text)

    assert error_of([verb, "shop_api"], capsys, 2).startswith(problem)


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        ("no_such_module", "no_such_module: cannot import no_such_module: there is no such module"),
        ("./shop_api.py", "MODULE must be the name of a module, as shop.api, got './shop_api.py': give shop_api"),
        ("shop_api.py", "MODULE must be the name of a module, as shop.api, got 'shop_api.py': give shop_api"),
        ("shop_api:Shop", "MODULE must be the name of a module, as shop.api, got 'shop_api:Shop': give shop_api, as all"),
        ("", "MODULE must be the name of a module, as shop.api, got ''"),
    ],
)  # fmt: skip
def test_what_is_no_module_is_an_error_of_usage(
    module: str, problem: str, api: ApiFile, capsys: Output
) -> None:
    assert error_of(["lock", module], capsys, 2).startswith(problem)


def test_a_module_that_only_imports_contracts_names_the_one_that_defines_them(
    api: ApiFile, capsys: Output
) -> None:
    api.path.with_name("all_apis.py").write_text("from shop_api import Shop")

    told = error_of(["check", "all_apis"], capsys, 2)

    sys.modules.pop("all_apis")
    assert told == "all_apis defines no contracts; those in it are from shop_api"


def test_what_a_module_prints_does_not_go_to_stdout(api: ApiFile, capsys: Output) -> None:
    api.write(f"print('hello')\n{SHOP}")

    assert main(["contract", "proto", "shop_api"]) == 0
    said = capsys.readouterr()
    assert said.err == "hello\n"
    assert said.out.startswith("// Written by collector-mesh contract proto from shop_api:Shop")


def test_a_folder_that_cannot_be_written_is_one_line(api: ApiFile, capsys: Output) -> None:
    api.edit('namespace="shop"', 'namespace="shop", lock="nowhere/shop.lock.json"')

    told = error_of(["lock", "shop_api"], capsys, 1)

    assert (
        told == f"{api.path.parent / 'nowhere/shop.lock.json'} cannot be written: No such file or directory"
    )
    assert not Path("nowhere").exists()
