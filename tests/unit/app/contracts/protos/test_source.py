"""The .proto of a contract: what protoc makes of it is the contract again."""

import attrs
import pytest
from tests.unit.app.contracts.locks.files import SHOP

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.protos.source import proto_source
from collector_mesh.domain.registry.schema import (
    Enum,
    EnumValue,
    Field,
    File,
    Message,
    Method,
    Reserved,
    Service,
)

TEXT = """\
// Of a contract.
syntax = "proto3";

package acme.shop;

import "google/protobuf/timestamp.proto";

option go_package = "example.com/shop";

// Sells things.
//
// All of them.
service Shop {
  rpc create_order(Order) returns (Item);

  // How many there are.
  rpc count(google.protobuf.Empty) returns (Item) {
    option idempotency_level = IDEMPOTENT;
  }
}

message Order {
  // What it is.
  string item = 1;
  optional int64 unit_count = 2;
  Size size = 3;
  google.protobuf.Timestamp at = 4;
  repeated Order others = 5;
  map<string, Item> stock = 7;
  bytes as_is = 8 [json_name = "AsIs"];
  reserved 6;
  reserved "note";
}

message Item {
  string name = 1;
}

enum Size {
  SIZE_UNSPECIFIED = 0;
  // Of a hand.
  SIZE_SMALL = 1;
  reserved 2, 5 to 9;
  reserved "SIZE_HUGE";
}
"""


def test_a_contract_is_written_as_people_write_it() -> None:
    comments = {
        "acme.shop.Shop": "Sells things.\n\nAll of them.\n",
        "acme.shop.Shop.count": "How many there are.",
        "acme.shop.Order.item": "What it is.",
        "acme.shop.Size.SIZE_SMALL": "Of a hand.",
    }

    text = proto_source(
        SHOP, heading="Of a contract.", comments=comments, options={"go_package": "example.com/shop"}
    )

    assert text == TEXT


def test_types_within_others_stand_there() -> None:
    file = File(
        "a.proto",
        messages=(
            Message("Outer", (Field("inner", 1, "message", "Outer.Inner", "optional"),)),
            Message("Outer.Inner", (Field("kind", 1, "enum", "Outer.Kind"),)),
            Message("Empty"),
        ),
        enums=(Enum("Outer.Kind", (EnumValue("NONE", 0),)),),
    )

    assert proto_source(file).split("\n", 2)[2] == (
        "message Outer {\n  Inner inner = 1;\n\n  message Inner {\n    Kind kind = 1;\n  }\n\n"
        "  enum Kind {\n    NONE = 0;\n  }\n}\n\nmessage Empty {}\n"
    )


def test_members_of_a_oneof_stand_together() -> None:
    fields = (
        Field("text", 1, "string", cardinality="optional", oneof="what"),
        Field("other", 2, "bool"),
        Field("number", 3, "int64", cardinality="optional", oneof="what"),
    )

    assert (
        "  oneof what {\n    string text = 1;\n    int64 number = 3;\n  }\n  bool other = 2;\n"
        in proto_source(File("a.proto", messages=(Message("Any", fields),)))
    )


def test_streams_are_written() -> None:
    method = Method("Watch", "a.Many", "a.Many", client_streaming=True, server_streaming=True)
    file = File("a.proto", "a", messages=(Message("a.Many"),), services=(Service("a.Watching", (method,)),))

    assert "rpc Watch(stream Many) returns (stream Many);" in proto_source(file)


@pytest.mark.parametrize(
    ("package", "scope", "name", "others", "written"),
    [
        ("acme.shop", "acme.shop.Order", "acme.shop.Item", (), "Item"),
        ("acme.shop", "acme.shop.Order", "acme.shop.Item", ("acme.shop.Order.Item",), "shop.Item"),
        ("acme.shop", "acme.shop.Order", "acme.shop.Order.Item", (), "Item"),
        ("", "Order", "Item", (), "Item"),
        ("", "Order", "Item", ("Order.Item",), ".Item"),
        ("", "Order", "string", (), ".string"),
        ("", "Order", "repeated", (), ".repeated"),
        ("acme", "acme.Order", "google.protobuf.Timestamp", (), "google.protobuf.Timestamp"),
        ("acme.google", "acme.google.Order", "google.protobuf.Timestamp", (), ".google.protobuf.Timestamp"),
        ("google", "google.Order", "google.protobuf.Timestamp", ("google.Order.protobuf",), "google.protobuf.Timestamp"),
    ],
)  # fmt: skip
def test_a_type_has_the_shortest_name_that_means_it(
    package: str, scope: str, name: str, others: tuple[str, ...], written: str
) -> None:
    names = [one for one in (*others, name) if not one.startswith("google.protobuf.")]
    user = Message(scope, (Field("it", 1, "message", name, "optional"),))
    file = File("a.proto", package, messages=(user, *map(Message, names)))

    assert f" {written} it = 1;" in proto_source(file)


def test_a_comment_cannot_end_and_steers_no_terminal() -> None:
    file = File("a.proto", messages=(Message("A"),))

    text = proto_source(file, comments={"A": "one */\u2028message B {}\x1b[2J\u202e\n\n\tthree\\"})

    assert text.splitlines()[2:] == [
        "// one */",
        "// message B {}\\x1b[2J\\u202e",
        "//",
        "//         three\\",
        "message A {}",
    ]


def test_a_comment_is_cut_where_it_holds_a_manual() -> None:
    text = proto_source(File("a.proto", messages=(Message("A"),)), comments={"A": "line\n" * 1000})

    assert text.count("// line\n") == 200
    assert "// ...\nmessage A {}" in text


def test_all_numbers_up_to_the_last_one_are_reserved_up_to_max() -> None:
    message = Message("A", reserved=Reserved(((5, 536_870_911),)))

    assert "reserved 5 to max;" in proto_source(File("a.proto", messages=(message,)))


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (attrs.evolve(SHOP, syntax="proto2"), r"acme/shop/shop\.proto is in proto2"),
        (
            File("a.proto", messages=(Message("A", (Field("b", 1, "bool", cardinality="required"),)),)),
            r"A\.b has no form in proto3",
        ),
    ],
)
def test_what_proto3_does_not_have_is_an_error(file: File, problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        proto_source(file)
