"""Names that protobuf makes of those that a file gives, as protoc does."""


def json_name_of(name: str) -> str:
    """The name that a field has in JSON where its file does not say another: `order_id` is `orderId`."""
    first, _, rest = name.partition("_")
    return first + camel(rest)


def entry_name_of(name: str) -> str:
    """What protobuf calls the entry of a map: that of `order_ids` is `OrderIdsEntry`."""
    return camel(name) + "Entry"


def camel(name: str) -> str:
    """A name with a capital where each of its parts begins: `create_order` is `CreateOrder`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
