"""Messages of others that are small as they travel, and would be very large here."""

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from collector_mesh.adapters.wire.described import weight
from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.weight import TooLargeError, Weights
from collector_mesh.adapters.wire.described.writing import Writer

Field = FieldDescriptorProto


def wide(number: int = 5000, kind: "Field.Type.ValueType" = Field.TYPE_MESSAGE) -> DescriptorProto:
    made = DescriptorProto(name="Wide" if kind == Field.TYPE_MESSAGE else "Groups")
    made.field.add(name="again", number=1, type=kind, label=Field.LABEL_REPEATED, type_name=f".p.{made.name}")
    for each in range(2, number):
        made.field.add(name=f"f{each}", number=each, type=Field.TYPE_INT32, label=Field.LABEL_OPTIONAL)
    return made


def files() -> Files:
    made = Files()
    file = FileDescriptorProto(
        name="a.proto", package="p", message_type=[wide(), wide(kind=Field.TYPE_GROUP)]
    )
    made.add(file.SerializeToString(), "there")
    return made


FILES = files()


def kind(name: str) -> Descriptor:
    found = FILES.message(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("p.Wide", b"\x0a\x00" * 40_000),
        ("p.Wide", b"\x0a\x04\x0a\x00\x0a\x00" * 20_000),
        ("p.Groups", b"\x0b\x0c" * 40_000),
        ("p.Groups", b"\x0b" * 40_000),
    ],
    ids=["beside each other", "in each other", "groups", "groups in groups"],
)
def test_small_messages_that_would_fill_the_memory_are_not_read(name: str, data: bytes) -> None:
    with pytest.raises(TooLargeError, match=f"{len(data)} bytes of {name} would take too much memory"):
        Writer(FILES).read(kind(name), data)


def test_what_would_not_fill_it_is_read_whatever_it_is() -> None:
    data = (
        b"\x0a\x02\x10\x07" * 1000 + b"\x15\x01\x02\x03\x04" + b"\xa2\xf4\x03\x80\x89\x7a" + b"x" * 2_000_000
    )

    assert Writer(FILES).read(kind("p.Wide"), data) == {"again": [{"f2": 7}] * 1000}


@pytest.mark.parametrize("end", [b"\x0a", b"\x0a\x80", b"\xff" * 20, b"\x07", b"\x0a\x7f", b"\x0c"])
def test_what_is_no_message_is_left_to_the_reading(end: bytes) -> None:
    data = b"\xa2\xf4\x03\x80\x89\x7a" + b"x" * 2_000_000 + end

    Weights().check(kind("p.Wide"), data)

    with pytest.raises(DescriptorError, match=r"bytes are no p\.Wide"):
        Writer(FILES).read(kind("p.Wide"), data)


def test_fields_that_are_looked_at_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight, "MAX_PARTS", 1000)

    with pytest.raises(TooLargeError, match="would take too much memory"):
        Weights().check(kind("p.Wide"), b"\x10\x01" * 20_000)


def test_a_descriptor_that_would_fill_the_memory_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight, "MAX_MEMORY", 1 << 20)

    with pytest.raises(DescriptorError, match="there: a descriptor is too large: 20000 bytes"):
        Files().add(b"\x22\x00" * 10_000, "there")
