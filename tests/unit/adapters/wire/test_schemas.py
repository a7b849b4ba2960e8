"""Files of descriptors from anybody: what they say is kept both ways, and what no compiler lets pass is refused in one line."""

from collections.abc import Callable
from random import Random

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.registry.made_files import Maker

from collector_mesh.adapters.wire.described.well_known import WELL_KNOWN
from collector_mesh.adapters.wire.schema_checks import MAX_FILE_BYTES, MAX_FILE_DEFINITIONS
from collector_mesh.adapters.wire.schemas import file_proto, read_file, well_known
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.registry.closure import linked
from collector_mesh.domain.registry.schema import Field, File, Message, Method, Reserved, Service


def shop() -> FileDescriptorProto:
    file = FileDescriptorProto(name="acme/shop.proto", package="acme.shop", syntax="proto3")
    order = file.message_type.add(name="Order")
    order.field.add(name="item_id", number=1, type=9, label=1)
    order.field.add(name="note", number=2, type=9, label=1, proto3_optional=True, oneof_index=1)
    order.field.add(name="card", number=3, type=5, label=1, oneof_index=0)
    order.field.add(name="prices", number=4, type=11, label=3, type_name=".acme.shop.Order.PricesEntry")
    order.oneof_decl.add(name="pay")
    order.oneof_decl.add(name="_note")
    entry = order.nested_type.add(name="PricesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=1, label=1)
    order.reserved_range.add(start=7, end=9)
    order.reserved_name.append("old")
    color = file.enum_type.add(name="Color")
    color.value.add(name="NONE", number=0)
    color.value.add(name="RED", number=1)
    service = file.service.add(name="Shop")
    service.method.add(name="Buy", input_type=".acme.shop.Order", output_type=".acme.shop.Order")
    return file


def read(file: FileDescriptorProto) -> File:
    return read_file(file.SerializeToString())


def test_a_file_is_read_as_what_two_programs_must_agree_on() -> None:
    file = read(shop())

    assert (file.name, file.package, file.syntax) == ("acme/shop.proto", "acme.shop", "proto3")
    assert file.messages == (
        Message(
            "acme.shop.Order",
            (
                Field("item_id", 1, "string", json_name="itemId"),
                Field("note", 2, "string", "", "optional", json_name="note"),
                Field("card", 3, "int32", "", "optional", "pay", "card"),
                Field("prices", 4, "message", "acme.shop.Order.PricesEntry", "map", json_name="prices"),
            ),
            Reserved(((7, 8),), ("old",)),
        ),
        Message(
            "acme.shop.Order.PricesEntry",
            (
                Field("key", 1, "string", "", "optional", json_name="key"),
                Field("value", 2, "double", "", "optional", json_name="value"),
            ),
            is_map_entry=True,
        ),
    )
    assert file.services == (
        Service("acme.shop.Shop", (Method("Buy", "acme.shop.Order", "acme.shop.Order"),)),
    )


def refused(work: Callable[[], object]) -> str:
    """The error that the mesh answers with, empty for none; any other error is a failure."""
    try:
        work()
    except InvalidCallError as error:
        return str(error)
    return ""


def pool_of(*files: bytes) -> DescriptorPool:
    pool = DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file)
    return pool


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_the_files_of_protobuf_itself_are_the_same_there_and_back(name: str) -> None:
    file = well_known(name)

    assert file is not None
    assert read_file(file_proto(file)) == file


def test_others_are_no_files_of_protobuf() -> None:
    assert well_known("google/protobuf/none.proto") is None


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1 << 32))
def test_whatever_a_file_says_is_the_same_there_and_back_and_protobuf_takes_it(seed: int) -> None:
    schema = Maker(Random(seed)).schema("p", "dir/f")

    written = [file_proto(file) for file in schema.files]

    assert tuple(read_file(data) for data in written) == schema.files
    assert linked(schema.files) == schema
    assert pool_of(*written).FindFileByName("dir/f.proto").package == "p"
    assert written == [file_proto(read_file(data)) for data in written]


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 1 << 32), st.integers(1, 3))
def test_what_is_broken_in_any_way_is_refused_in_one_line_or_taken_by_protobuf(seed: int, times: int) -> None:
    dice = Random(seed)
    # What the registry takes every caller must be able to use: the runtime's pool has the last word.
    data = bytearray(
        file_proto(Maker(dice).file("p", "f.proto", dice.choice(["proto2", "proto3", "editions"])))
    )
    for _ in range(times):
        at = dice.randrange(len(data))
        data[at : at + dice.choice([0, 1, 1, 1])] = bytes(
            dice.randrange(256) for _ in range(dice.choice([0, 1, 1]))
        )

    told = refused(lambda: pool_of(*map(file_proto, linked([read_file(bytes(data))], find=well_known).files)))

    assert "\n" not in told
    assert len(told) < 1000


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_file_are_refused_in_one_line(data: bytes) -> None:
    assert "\n" not in refused(lambda: read_file(data))


def order_of(file: FileDescriptorProto) -> DescriptorProto:
    return file.message_type[0]


def set_attribute(path: str, value: object) -> Callable[[FileDescriptorProto], None]:
    """Puts a value where a path of names and numbers leads."""

    def change(file: FileDescriptorProto) -> None:
        at: object = file
        *above, last = path.split(".")
        for part in above:
            at = at[int(part)] if part.isdigit() else getattr(at, part)  # type: ignore[index]  # a list
        setattr(at, last, value)

    return change


def add_field(**values: object) -> Callable[[FileDescriptorProto], None]:
    def change(file: FileDescriptorProto) -> None:
        given: dict[str, object] = {"name": "more", "number": 20, "type": 9, "label": 1, **values}
        order_of(file).field.add(**{name: value for name, value in given.items() if value is not None})

    return change


def reserve(first: int, end: int) -> Callable[[FileDescriptorProto], None]:
    return lambda file: order_of(file).reserved_range.extend(
        [DescriptorProto.ReservedRange(start=first, end=end)]
    )


def add_value(name: str, number: int) -> Callable[[FileDescriptorProto], None]:
    return lambda file: file.enum_type[0].value.add(name=name, number=number) and None


BROKEN: dict[str, tuple[Callable[[FileDescriptorProto], None], str]] = {
    "no name": (set_attribute("name", ""), "has no name"),
    "an absolute path": (set_attribute("name", "/etc/passwd"), "must be a relative path"),
    "a path that leads out": (set_attribute("name", "a/../../b.proto"), "must be a relative path"),
    "a path of another system": (set_attribute("name", "a\\b.proto"), "no backslash"),
    "a path of two lines": (set_attribute("name", "a\nb"), "nothing unprintable"),
    "a path that is too long": (
        set_attribute("name", "a" * 2000),
        "has a name of 2000 characters, at most 1024",
    ),
    "an empty part of a path": (set_attribute("name", "a//b"), "must be a relative path"),
    "an import that leads out": (lambda file: file.dependency.append("../x"), "must be a relative path"),
    "an import twice": (lambda file: file.dependency.extend(["x", "x"]), "imports 'x' twice"),
    "itself": (lambda file: file.dependency.append("acme/shop.proto"), "imports itself"),
    "too many imports": (
        lambda file: file.dependency.extend(map(str, range(600))),
        "imports 600 files, at most 512",
    ),
    "a public import of nothing": (lambda file: file.public_dependency.append(3), "public imports"),
    "an unknown syntax": (
        set_attribute("syntax", "proto4"),
        "syntax 'proto4', it must be proto2, proto3 or editions",
    ),
    "an unknown edition": (set_attribute("syntax", "editions"), "edition 0, known are 1000 (2023)"),
    "an edition of proto3": (set_attribute("edition", 1000), "has an edition, and is not one of editions"),
    "features of proto3": (
        set_attribute("message_type.0.options.features.json_format", 1),
        "'Order' has features, which only a file of editions has",
    ),
    "a package with a slash": (set_attribute("package", "acme/shop"), "package 'acme/shop'"),
    "a message with a slash": (set_attribute("message_type.0.name", "a/b"), "the name 'a/b'"),
    "a message with a dot": (set_attribute("message_type.0.name", "a.b"), "the name 'a.b'"),
    "a message without a name": (set_attribute("message_type.0.name", ""), "the name ''"),
    "a field with a slash": (set_attribute("message_type.0.field.0.name", "a/b"), "the name 'a/b'"),
    "a service with a slash": (set_attribute("service.0.name", "a/b"), "the name 'a/b'"),
    "a method with a slash": (set_attribute("service.0.method.0.name", "a/b"), "the name 'a/b'"),
    "a type with a slash": (set_attribute("service.0.method.0.input_type", ".a/b"), "the type '.a/b'"),
    "a method that takes nothing": (
        lambda file: file.service[0].method[0].ClearField("input_type"),
        "the type ''",
    ),
    "a message twice": (lambda file: file.message_type.add(name="Order") and None, "'acme.shop.Order' twice"),
    "a value beside its name": (
        lambda file: file.message_type.add(name="RED") and None,
        "'acme.shop.RED' twice",
    ),
    "a field twice": (add_field(name="card"), "'acme.shop.Order.card' twice"),
    "number 0": (add_field(number=0), "has the number 0, allowed are 1 to 536870911"),
    "a number that is too high": (add_field(number=1 << 29), "has the number 536870912"),
    "a number of protobuf's own": (add_field(number=19500), "19000 to 19999 are protobuf's own"),
    "a number twice": (add_field(number=1), "the number 1 twice: 'item_id' and 'more'"),
    "a name twice in JSON": (add_field(name="itemId"), "'itemId' twice in JSON: 'item_id' and 'itemId'"),
    "a reserved number": (add_field(number=8), "'more' = 8, which is reserved"),
    "a reserved name": (add_field(name="old"), "'old' = 20, which is reserved"),
    "a range that ends before it begins": (reserve(9, 3), "from 9 to 2"),
    "a range that is too high": (reserve(9, 1 << 30), "allowed are 1 to 536870911"),
    "a range in another one": (reserve(8, 9), "has a range from 8 to 8 that begins within another one"),
    "a reserved name twice": (
        lambda file: order_of(file).reserved_name.append("old"),
        "reserves a name twice",
    ),
    "numbers for extensions": (
        lambda file: order_of(file).extension_range.add(start=100, end=200) and None,
        "has numbers for extensions, which messages of proto3 do not have",
    ),
    "no type": (add_field(type=None), "has no type"),
    "a message without its name": (add_field(type=11), "has the type message, and no name of one"),
    "a text with the name of a type": (
        add_field(type_name=".acme.shop.Order"),
        "has the type string, and the name",
    ),
    "a group": (add_field(type=10, type_name=".acme.shop.Order"), "is a group, which only proto2 has"),
    "a required field": (add_field(label=2), "is required, which only proto2 has"),
    "a default": (add_field(default_value="x"), "has a default, and can have none"),
    "a oneof that is not there": (add_field(oneof_index=9), "in a oneof that is not there"),
    "a repeated one in a oneof": (
        set_attribute("message_type.0.field.2.label", 3),
        "in a oneof, and is repeated",
    ),
    "an optional one in a oneof": (
        set_attribute("message_type.0.field.1.oneof_index", 0),
        "in a oneof with others",
    ),
    "an optional one in none": (add_field(proto3_optional=True), "in no oneof of its own"),
    "an empty oneof": (
        lambda file: order_of(file).oneof_decl.add(name="none") and None,
        "a oneof without fields",
    ),
    "a oneof that comes too late": (
        lambda file: order_of(file).oneof_decl.add(name="late") and add_field(oneof_index=2)(file),
        "must stand before the oneofs of optional fields",
    ),
    "a oneof in two places": (add_field(oneof_index=0), "does not stand beside the others of its oneof"),
    "an extension in a message": (add_field(extendee=".acme.shop.Order"), "extends something"),
    "an entry that is none": (
        set_attribute("message_type.0.nested_type.0.field.0.type", FieldDescriptorProto.TYPE_DOUBLE),
        "is no entry of a map",
    ),
    "an entry of another name": (
        set_attribute("message_type.0.field.3.name", "costs"),
        "is a map whose entry must be called CostsEntry",
    ),
    "an enum without values": (
        lambda file: file.enum_type.add(name="None") and None,
        "an enum without values",
    ),
    "a value without a number": (
        lambda file: file.enum_type[0].value.add(name="BLUE") and None,
        "has the value 'BLUE' without a number",
    ),
    "a message set": (
        set_attribute("message_type.0.options.message_set_wire_format", True),
        "is a message set",
    ),
    "a weak import of nothing": (lambda file: file.weak_dependency.append(1), "weak imports that are none"),
    "an extension with a name in JSON": (
        lambda file: (
            file.extension.add(name="x", extendee=".M", number=1, type=9, label=1, json_name="other") and None
        ),
        "is an extension with a name of its own in JSON",
    ),
    "aliases that are not there": (
        set_attribute("enum_type.0.options.allow_alias", True),
        "allows aliases, and has none",
    ),
    "an enum that begins with 1": (
        lambda file: file.enum_type.add(name="None").value.add(name="ONE", number=1) and None,
        "the first value of an open enum must be 0",
    ),
    "a value twice": (add_value("CRIMSON", 1), "has the number 1 twice, without allow_alias"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_no_compiler_lets_pass_is_refused_with_what_is_wrong(name: str) -> None:
    change, problem = BROKEN[name]
    file = shop()
    change(file)

    with pytest.raises(InvalidCallError) as caught:
        read(file)

    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_default_is_a_value_of_its_type() -> None:
    file = shop()
    file.syntax = "proto2"
    order_of(file).field[1].proto3_optional = False
    order_of(file).field.add(name="many", number=20, type=5, label=1, default_value="4294967296")

    with pytest.raises(InvalidCallError, match=r"'4294967296', it must be a whole number from -2147483648"):
        read(file)


def nested(depth: int) -> bytes:
    """A file with a message in a message, and so on; protobuf's own library does not write one of more than 100."""
    data = b"\x0a\x01N"
    for _ in range(depth):
        data = b"\x0a\x01N\x1a" + _size(data) + data
    return b"\x0a\x01f\x22" + _size(data) + data


def _size(data: bytes) -> bytes:
    left, found = len(data), b""
    while left > 127:
        found += bytes([left & 127 | 128])
        left >>= 7
    return found + bytes([left])


@pytest.mark.parametrize("depth", [64, 100, 1000, 20_000])
def test_messages_are_not_nested_for_ever(depth: int) -> None:
    with pytest.raises(InvalidCallError, match="more than 64"):
        read_file(nested(depth))


def test_messages_may_be_nested_deep() -> None:
    assert len(read_file(nested(62)).messages) == 63


def test_what_is_too_long_is_not_read() -> None:
    with pytest.raises(
        InvalidCallError, match=f"has {MAX_FILE_BYTES + 1} bytes, at most {MAX_FILE_BYTES} are"
    ):
        read_file(bytes(MAX_FILE_BYTES + 1))


def test_a_few_bytes_may_not_stand_for_very_much() -> None:
    # Each is a message of two bytes that takes a hundred times as much.
    with pytest.raises(InvalidCallError, match="too much memory"):
        read_file(b"\x22\x00" * (1 << 21))


def test_there_are_not_more_definitions_than_can_be_looked_at() -> None:
    file = b"\x0a\x01f" + b"\x22\x03\x0a\x01M" * (MAX_FILE_DEFINITIONS + 1)

    with pytest.raises(InvalidCallError, match=f"more than {MAX_FILE_DEFINITIONS} messages, fields"):
        read_file(file)


@pytest.mark.parametrize("what", [b"\x52\x00", b"\x4a\x00", b"\x2a\x00"])
def test_there_is_not_more_reserved_than_can_be_looked_at(what: bytes) -> None:
    # Names, ranges and numbers for extensions: of two bytes each.
    message = b"\x0a\x01M" + what * (MAX_FILE_DEFINITIONS + 1)

    with pytest.raises(InvalidCallError, match="or reserved numbers and names"):
        read_file(b"\x0a\x01f\x22" + _size(message) + message)


def test_a_default_is_not_longer_than_can_be_looked_at() -> None:
    file = shop()
    file.syntax = "proto2"
    order_of(file).field[1].proto3_optional = False
    order_of(file).field.add(name="many", number=20, type=12, label=1, default_value="\\" * 100_000)

    with pytest.raises(InvalidCallError, match="it must be at most 65536 characters long"):
        read(file)


def test_a_name_that_is_not_in_full_is_kept_with_its_scope_and_written_so() -> None:
    file = shop()
    file.service[0].method[0].input_type = "Order"

    found = read(file)

    assert found.services[0].methods[0].takes == "acme.shop.Shop/Order"
    assert read_file(file_proto(found)) == found
    assert linked([found]).services["acme.shop.Shop"].methods[0].takes == "acme.shop.Order"


def test_what_is_not_of_the_package_cannot_be_written() -> None:
    file = File("f", "acme", messages=(Message("other.M"),))

    with pytest.raises(InvalidCallError, match=r"the package 'acme', and cannot have 'other\.M' in it"):
        file_proto(file)
