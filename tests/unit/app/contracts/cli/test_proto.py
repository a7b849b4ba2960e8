"""`collector-mesh contract proto`."""

from pathlib import Path

import pytest
from tests.unit.app.contracts.api_files import SHOP, ApiFile, api

from collector_mesh.app.cli.main import main

__all__ = ["api"]
Output = pytest.CaptureFixture[str]
TEXT = """\
// Written by collector-mesh contract proto from shop_api:Shop: change the contract, not this file.
syntax = "proto3";

// Sells things.
service Shop {
  rpc create_order(Order) returns (Receipt);
}

// What somebody buys.
message Order {
  string item = 1;
  optional int64 count = 2;
}

message Receipt {
  int64 number = 1;
}
"""
SECOND = '\n\nclass Returns(Contract, namespace="shop", service="acme.shop.Returns"):\n    async def take(self, order: Order) -> None: ...\n'


def error_of(arguments: list[str], capsys: Output, status: int) -> str:
    assert main(["contract", "proto", *arguments]) == status
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    return said.err.removeprefix("collector-mesh: error: ").strip()


@pytest.mark.parametrize("reference", ["shop_api", "shop_api:Shop"])
def test_the_proto_of_a_contract_goes_to_stdout(reference: str, api: ApiFile, capsys: Output) -> None:
    assert main(["contract", "proto", reference]) == 0
    assert capsys.readouterr().out == TEXT


def test_the_numbers_are_those_of_the_lock_file(api: ApiFile, capsys: Output) -> None:
    assert main(["contract", "lock", "shop_api"]) == 0
    api.edit("    item: str\n    count: int = 1\n", "    count: int = 1\n    item: str = ''\n")
    capsys.readouterr()
    assert main(["contract", "lock", "--force", "shop_api"]) == 0
    capsys.readouterr()

    assert main(["contract", "proto", "shop_api"]) == 0
    assert "  optional int64 count = 2;\n  optional string item = 1;\n" in capsys.readouterr().out


def test_a_contract_whose_lock_file_is_out_of_date_is_not_written(api: ApiFile, capsys: Output) -> None:
    assert main(["contract", "lock", "shop_api"]) == 0
    capsys.readouterr()
    api.edit("    item: str\n", '    item: str\n    note: str = ""\n')

    assert "run: collector-mesh contract lock shop_api" in error_of(["shop_api"], capsys, 1).replace(
        "Run:", "run:"
    )


def test_it_is_written_to_a_file(api: ApiFile, capsys: Output) -> None:
    assert main(["contract", "proto", "shop_api", "--out", "protos/shop.proto"]) == 0
    assert capsys.readouterr().out == "protos/shop.proto is written\n"
    assert Path("protos/shop.proto").read_text() == TEXT


def test_in_a_folder_each_contract_has_the_path_by_which_it_is_imported(api: ApiFile, capsys: Output) -> None:
    api.write(SHOP + SECOND)

    assert main(["contract", "proto", "shop_api", "--out", "protos", "--go-package", "example.com/shop"]) == 0
    assert (
        capsys.readouterr().out == "protos/shop.proto is written\nprotos/acme/shop/returns.proto is written\n"
    )
    text = Path("protos/acme/shop/returns.proto").read_text()
    assert 'option go_package = "example.com/shop";' in text
    assert "package acme.shop;" in text


def test_of_several_packages_one_contract_has_to_be_named(api: ApiFile, capsys: Output) -> None:
    api.write(SHOP + SECOND)

    assert error_of(["shop_api"], capsys, 2) == (
        "there are contracts of several packages: give one of shop_api:Shop, shop_api:Returns, or a folder with --out"
    )


def test_a_contract_that_is_not_there_is_told_with_those_that_are(api: ApiFile, capsys: Output) -> None:
    assert (
        error_of(["shop_api:Order"], capsys, 2)
        == "shop_api:Order: shop_api has no contract 'Order'; it has Shop"
    )


def test_a_file_in_the_place_of_the_folder_is_one_line(api: ApiFile, capsys: Output) -> None:
    assert (
        error_of(["shop_api", "--out", "shop_api.py"], capsys, 1) == "shop_api.py cannot be made: File exists"
    )


RETURNS = '''

class Returns(Contract, namespace="shop"):
    """Takes things back."""

    async def take(self, order: Order) -> None: ...
'''


def test_contracts_of_one_package_are_one_file_with_one_message_of_each_class(
    api: ApiFile, capsys: Output
) -> None:
    api.write(SHOP + RETURNS)

    assert main(["contract", "proto", "shop_api", "--out", "protos"]) == 0
    assert capsys.readouterr().out == "protos/shop_api.proto is written\n"
    text = Path("protos/shop_api.proto").read_text()
    assert text.startswith(
        "// Written by collector-mesh contract proto from shop_api:Shop shop_api:Returns: change the contracts, not this file."
    )
    assert text.count("message Order {") == 1
    assert "service Shop {" in text
    assert "// Takes things back.\nservice Returns {" in text


def test_a_class_has_the_numbers_that_another_contract_has_locked(api: ApiFile, capsys: Output) -> None:
    assert main(["contract", "lock", "shop_api"]) == 0
    api.write(
        SHOP.replace(
            "    item: str\n    count: int = 1\n",
            '    note: str = ""\n    count: int = 1\n    item: str = ""\n',
        )
        + RETURNS
    )
    assert main(["contract", "lock", "shop_api"]) == 0
    capsys.readouterr()

    assert api.fields("Order") == {"item": 1, "count": 2, "note": 3}
    assert api.fields("Order", "shop/Returns") == {"item": 1, "count": 2, "note": 3}
    assert main(["contract", "proto", "shop_api"]) == 0


def test_messages_of_one_name_that_differ_are_not_put_into_one_file(api: ApiFile, capsys: Output) -> None:
    api.write(
        SHOP.replace("order: Order)", "order: Order, gift: bool)")
        + RETURNS.replace("take(self, order: Order)", "create_order(self, number: int)")
    )

    assert error_of(["shop_api"], capsys, 2) == (
        "CreateOrderRequest is not the same in Shop and in Returns: one .proto cannot have both. Give one of them another name,"
        " or name one contract at a time"
    )
    assert main(["contract", "proto", "shop_api:Returns"]) == 0
    assert main(["contract", "lock", "shop_api"]) == 0
