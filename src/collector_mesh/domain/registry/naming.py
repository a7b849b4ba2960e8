"""Names that protobuf makes of those that a file gives, as protoc does."""


def json_name_of(name: str) -> str:
    """The name that a field has in JSON where its file does not say another: `order_id` is `orderId`."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def entry_name_of(name: str) -> str:
    """What protobuf calls the entry of a map: that of `order_ids` is `OrderIdsEntry`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry"
