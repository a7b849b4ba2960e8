"""Descriptors of contracts, for the tests of lock files."""

from collector_mesh.app.contracts.locks.lock import Shape
from collector_mesh.domain.registry.schema import (
    Enum,
    EnumValue,
    Field,
    File,
    Message,
    Method,
    Reserved,
    Service,
    map_entry,
)

SIZE = Enum(
    "acme.shop.Size",
    (EnumValue("SIZE_UNSPECIFIED", 0), EnumValue("SIZE_SMALL", 1)),
    Reserved(((2, 2), (5, 9)), ("SIZE_HUGE",)),
)
STOCK_ENTRY = map_entry("acme.shop.Order.StockEntry", "string", "message", "acme.shop.Item")
ORDER = Message(
    "acme.shop.Order",
    (
        Field("item", 1, "string", json_name="item"),
        Field("unit_count", 2, "int64", cardinality="optional", json_name="unitCount"),
        Field("size", 3, "enum", "acme.shop.Size", json_name="size"),
        Field("at", 4, "message", "google.protobuf.Timestamp", "optional", json_name="at"),
        Field("others", 5, "message", "acme.shop.Order", "repeated", json_name="others"),
        Field("stock", 7, "message", "acme.shop.Order.StockEntry", "map", json_name="stock"),
        Field("as_is", 8, "bytes", json_name="AsIs"),
    ),
    Reserved(((6, 6),), ("note",)),
)
ITEM = Message("acme.shop.Item", (Field("name", 1, "string", json_name="name"),))
SHOP = File(
    "acme/shop/shop.proto",
    "acme.shop",
    imports=("google/protobuf/timestamp.proto",),
    messages=(ORDER, ITEM, STOCK_ENTRY),
    enums=(SIZE,),
    services=(
        Service(
            "acme.shop.Shop",
            (
                Method("create_order", "acme.shop.Order", "acme.shop.Item"),
                Method("count", "google.protobuf.Empty", "acme.shop.Item", idempotency="idempotent"),
            ),
        ),
    ),
)
SHAPE = Shape(SHOP, frozenset({"acme.shop.Order.at", "acme.shop.Order.size"}))
KEY = "shop/acme.shop.Shop"
TEXT = """\
{
  "format": 1,
  "contracts": {
    "shop/acme.shop.Shop": {
      "file": "acme/shop/shop.proto",
      "package": "acme.shop",
      "imports": [
        "google/protobuf/timestamp.proto"
      ],
      "methods": {
        "count": {"takes": "google.protobuf.Empty", "gives": "acme.shop.Item", "idempotency": "idempotent"},
        "create_order": {"takes": "acme.shop.Order", "gives": "acme.shop.Item"}
      },
      "messages": {
        "acme.shop.Item": {
          "fields": {
            "name": {"number": 1, "type": "string"}
          }
        },
        "acme.shop.Order": {
          "fields": {
            "item": {"number": 1, "type": "string"},
            "unit_count": {"number": 2, "type": "int64", "label": "optional"},
            "size": {"number": 3, "type": "enum acme.shop.Size", "label": "required"},
            "at": {"number": 4, "type": "message google.protobuf.Timestamp", "label": "required"},
            "others": {"number": 5, "type": "message acme.shop.Order", "label": "repeated"},
            "stock": {"number": 7, "type": "map<string, message acme.shop.Item>"},
            "as_is": {"number": 8, "type": "bytes", "json_name": "AsIs"}
          },
          "reserved_numbers": [
            6
          ],
          "reserved_names": [
            "note"
          ]
        }
      },
      "enums": {
        "acme.shop.Size": {
          "values": {
            "SIZE_UNSPECIFIED": 0,
            "SIZE_SMALL": 1
          },
          "reserved_numbers": [
            2,
            [5, 9]
          ],
          "reserved_names": [
            "SIZE_HUGE"
          ]
        }
      }
    }
  }
}
"""
