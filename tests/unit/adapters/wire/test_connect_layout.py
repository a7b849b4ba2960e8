"""Which of the two layouts a ConnectRequest is in is told by its bytes (WIRE §1)."""

from typing import Any

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.adapters.wire.connect_layout import (
    ConnectFields,
    MalformedRequestError,
    read_connect,
    write_original,
)
from collector_mesh.adapters.wire.generated.dispatcher_pb2 import ConnectRequest

ORIGINAL_FILE = """
    name: "original.proto" syntax: "proto3"
    message_type {
        name: "ConnectRequest"
        field { name: "address" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
        field { name: "namespaces" number: 2 label: LABEL_REPEATED type: TYPE_STRING }
        field { name: "metadata" number: 3 label: LABEL_REPEATED type: TYPE_MESSAGE
                type_name: ".ConnectRequest.MetadataEntry" }
        nested_type {
            name: "MetadataEntry" options { map_entry: true }
            field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
            field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING }
        }
    }
"""


def class_of_the_original() -> Any:
    """The class that protobuf makes of the original's ConnectRequest."""
    pool = DescriptorPool()
    pool.AddSerializedFile(text_format.Parse(ORIGINAL_FILE, FileDescriptorProto()).SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName("ConnectRequest"))


REFUSALS = (DecodeError, UnicodeDecodeError)  # the second is that of the pure-Python implementation
OriginalRequest = class_of_the_original()


def tag(number: int, kind: int) -> bytes:
    return varint(number << 3 | kind)


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def text(number: int, value: bytes) -> bytes:
    return tag(number, 2) + varint(len(value)) + value


def entry(key: bytes, value: bytes) -> bytes:
    return text(3, text(1, key) + text(2, value))


OURS = [
    pytest.param(
        b"\x0a\x01a\x12\x0b10.0.0.1:80\x1a\x05users\x1a\x06orders",
        ConnectFields("a", "10.0.0.1:80", ("users", "orders")),
        id="every field",
    ),
    pytest.param(text(1, b"a"), ConnectFields("a", "", ()), id="an id alone"),
    pytest.param(
        text(1, b"a") + entry(b"collector_id", b"b"),
        ConnectFields("a", "", ("\n\x0ccollector_id\x12\x01b",)),
        id="an id without a colon, beside what could be metadata",
    ),
    pytest.param(
        text(2, b"h:1") + text(3, b"users"),
        ConnectFields("", "h:1", ("users",)),
        id="no id, a namespace that is no map entry",
    ),
    pytest.param(
        text(3, b"users") + entry(b"collector_id", b"b"),
        ConnectFields("", "", ("users", "\n\x0ccollector_id\x12\x01b")),
        id="no id, one of two is no map entry",
    ),
    pytest.param(
        text(3, text(1, b"k") + text(1, b"l")),
        ConnectFields("", "", ("\n\x01k\n\x01l",)),
        id="no id, a key twice",
    ),
    pytest.param(
        text(3, text(1, b"k") + text(3, b"v")),
        ConnectFields("", "", ("\n\x01k\x1a\x01v",)),
        id="no id, a third field",
    ),
    pytest.param(
        text(3, text(1, b"k") + b"\x10\x01"),
        ConnectFields("", "", ("\n\x01k\x10\x01",)),
        id="no id, a value that is a number",
    ),
    pytest.param(
        text(3, b"\x0a\x05k"), ConnectFields("", "", ("\n\x05k",)), id="no id, a key that is cut short"
    ),
    pytest.param(
        text(1, b"a") + text(2, b"h:1") + text(1, b"b") + text(2, b"h:2"),
        ConnectFields("b", "h:2", ()),
        id="the last value wins",
    ),
    pytest.param(
        b"\x20\x96\x01"
        + text(1, b"a")
        + b"\x29"
        + b"8" * 8
        + text(3, b"n")
        + text(99, b"\xff")
        + b"\x35four",
        ConnectFields("a", "", ("n",)),
        id="unknown fields of every kind are skipped",
    ),
    pytest.param(
        b"\x08\x01\x15four" + text(1, b"a"),
        ConnectFields("a", "", ()),
        id="known fields of another kind are skipped",
    ),
    pytest.param(text(1, "bücher".encode()), ConnectFields("bücher", "", ()), id="beyond ASCII"),
]

ORIGINAL = [
    pytest.param(
        b"\x0a\x04h:80\x12\x05users\x12\x06orders\x1a\x11\x0a\x0ccollector_id\x12\x01b",
        ConnectFields("b", "h:80", ("users", "orders")),
        id="every field",
    ),
    pytest.param(
        text(1, b"[::1]:80") + text(2, b"users"),
        ConnectFields("unknown-[--1]-80", "[::1]:80", ("users",)),
        id="no metadata",
    ),
    pytest.param(
        text(1, b"h:80") + entry(b"zone", b"eu"),
        ConnectFields("unknown-h-80", "h:80", ()),
        id="no id in the metadata",
    ),
    pytest.param(
        text(1, b"h:80") + text(3, text(1, b"collector_id")),
        ConnectFields("unknown-h-80", "h:80", ()),
        id="an empty id in the metadata",
    ),
    pytest.param(
        entry(b"collector_id", b"b") + text(2, b"users"),
        ConnectFields("b", "", ("users",)),
        id="no address, an id in the metadata",
    ),
    pytest.param(
        text(3, text(2, b"b") + text(1, b"collector_id")),
        ConnectFields("b", "", ()),
        id="an entry with its value first",
    ),
    pytest.param(entry(b"zone", b"eu"), ConnectFields("", "", ()), id="neither address nor id"),
    pytest.param(text(3, b""), ConnectFields("", "", ()), id="an empty entry"),
    pytest.param(b"", ConnectFields("", "", ()), id="no bytes at all"),
    pytest.param(
        text(2, b"h:1"), ConnectFields("", "", ("h:1",)), id="neither id nor namespaces, were it ours"
    ),
    pytest.param(
        entry(b"collector_id", b"b") + text(1, b"h:80") + entry(b"collector_id", b"c"),
        ConnectFields("c", "h:80", ()),
        id="the last entry of a key wins",
    ),
    pytest.param(
        text(1, b"h:80") + text(3, text(1, b"zone") + text(1, b"collector_id") + text(2, b"b") + b"\x18\x01"),
        ConnectFields("b", "h:80", ()),
        id="an address settles it: its entries are read like any message",
    ),
]

MALFORMED = [
    pytest.param(b"\x0a", id="no length"),
    pytest.param(b"\x0a\x05ab", id="a text that is cut short"),
    pytest.param(b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01a", id="a length beyond everything"),
    pytest.param(b"\x20\x80", id="a number that is cut short"),
    pytest.param(b"\x20" + b"\x80" * 10 + b"\x00", id="a number that is too long"),
    pytest.param(b"\x35abc", id="a fixed number that is cut short"),
    pytest.param(b"\x29abcdefg", id="a long fixed number that is cut short"),
    pytest.param(b"\x0b\x0c", id="a group"),
    pytest.param(b"\x0c", id="the end of a group"),
    pytest.param(b"\x0e", id="an unknown kind"),
    pytest.param(b"\x02\x00", id="field number 0"),
    pytest.param(tag(1 << 29, 0) + b"\x00", id="a field number that is too high"),
    pytest.param(text(1, b"\xff"), id="an id that is not UTF-8"),
    pytest.param(text(1, b"\xff:80"), id="an address that is not UTF-8"),
    pytest.param(text(1, b"a") + text(2, b"\xed\xa0\x80"), id="a lone surrogate"),
    pytest.param(text(1, b"a") + text(2, b"\xff") + text(2, b"h:1"), id="not UTF-8, then overridden"),
    pytest.param(text(1, b"a") + text(3, b"\xff"), id="a namespace that is not UTF-8"),
    pytest.param(text(1, b"h:80") + entry(b"collector_id", b"\xff"), id="metadata that is not UTF-8"),
    pytest.param(text(1, b"h:80") + text(3, b"\x0a\x05k"), id="metadata that is cut short"),
]

FIELDS = st.one_of(
    st.builds(
        text, st.integers(1, 4), st.one_of(st.binary(max_size=6), st.sampled_from([b"h:80", b"users"]))
    ),
    st.builds(entry, st.sampled_from([b"collector_id", b"zone"]), st.binary(max_size=3)),
    st.builds(lambda number, value: tag(number, 0) + varint(value), st.integers(1, 4), st.integers(0, 300)),
    st.builds(lambda number: tag(number, 5) + b"four", st.integers(1, 4)),
)


def as_ours(data: bytes) -> ConnectFields | None:
    """What protobuf reads in our layout; None where it refuses."""
    try:
        request = ConnectRequest.FromString(data)
    except REFUSALS:
        return None
    return ConnectFields(request.collector_id, request.address, tuple(request.namespaces))


def as_original(data: bytes) -> ConnectFields | None:
    """What protobuf reads in the original's layout; None where it refuses."""
    try:
        request = OriginalRequest.FromString(data)
    except REFUSALS:
        return None
    unknown = request.address and f"unknown-{request.address.replace(':', '-')}"
    collector_id = request.metadata.get("collector_id", "") or unknown
    return ConnectFields(collector_id, request.address, tuple(request.namespaces))


def as_read(data: bytes) -> ConnectFields | None:
    """What we read; None where we refuse."""
    try:
        return read_connect(data)
    except MalformedRequestError:
        return None


@pytest.mark.parametrize(("data", "fields"), OURS)
def test_reads_our_layout(data: bytes, fields: ConnectFields) -> None:
    assert read_connect(data) == fields


@pytest.mark.parametrize(("data", "fields"), ORIGINAL)
def test_reads_the_layout_of_the_original(data: bytes, fields: ConnectFields) -> None:
    assert read_connect(data) == fields


@pytest.mark.parametrize("data", MALFORMED)
def test_refuses_what_is_no_message(data: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        read_connect(data)


def test_what_is_as_long_as_it_may_be_is_read() -> None:
    assert read_connect(text(1, b"a" * 65_530)).collector_id == "a" * 65_530


def test_what_is_longer_is_refused_unread() -> None:
    with pytest.raises(MalformedRequestError, match=r"^a Connect of 65541 bytes, at most 65536 are taken$"):
        read_connect(text(1, b"a" * 65_537))


@pytest.mark.parametrize("field", [b"\x20\x00", b"\x1a\x00", b"\x12\x00", b"\x08\x00"])
def test_too_many_fields_are_refused_before_they_are_read(field: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="more than 4096 fields"):
        read_connect(field * 5_000)


def test_very_many_namespaces_are_read() -> None:
    data = text(1, b"a") + text(2, b"a:1") + b"".join(text(3, b"n%d" % index) for index in range(4_000))

    assert len(read_connect(data).namespaces) == 4_000


@given(data=st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert isinstance(as_read(data), ConnectFields | None)


@given(data=st.lists(FIELDS, max_size=6).map(b"".join))
def test_what_is_read_is_what_protobuf_reads_in_one_of_the_layouts(data: bytes) -> None:
    assert as_read(data) in (as_ours(data), as_original(data))


@given(
    collector_id=st.text(min_size=1).filter(lambda value: ":" not in value),
    address=st.text(),
    namespaces=st.lists(st.text()),
)
def test_what_we_write_is_read_back(collector_id: str, address: str, namespaces: list[str]) -> None:
    request = ConnectRequest(collector_id=collector_id, address=address, namespaces=namespaces)

    assert read_connect(request.SerializeToString()) == ConnectFields(
        collector_id, address, tuple(namespaces)
    )


@given(
    address=st.from_regex(r"[a-z0-9.]{1,20}:[0-9]{1,5}", fullmatch=True),
    namespaces=st.lists(st.text()),
    metadata=st.dictionaries(st.text(), st.text()),
    collector_id=st.text(min_size=1),
)
def test_what_the_original_writes_is_read(
    address: str, namespaces: list[str], metadata: dict[str, str], collector_id: str
) -> None:
    metadata["collector_id"] = collector_id
    request = OriginalRequest(address=address, namespaces=namespaces, metadata=metadata)

    assert read_connect(request.SerializeToString()) == ConnectFields(
        collector_id, address, tuple(namespaces)
    )


@given(
    st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True),
    st.from_regex(r"[a-z0-9.]{0,200}:[0-9]{1,5}", fullmatch=True),
    st.lists(st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True), max_size=5),
)
def test_what_is_written_for_the_original_is_read_as_the_original(
    collector_id: str, address: str, namespaces: list[str]
) -> None:
    data = write_original(collector_id, address, namespaces)

    assert read_connect(data) == ConnectFields(collector_id, address, tuple(namespaces))


def test_the_layout_of_the_original_byte_by_byte() -> None:
    assert write_original("c-1", "h:1", ["users"]) == (
        b"\x0a\x03h:1" + b"\x12\x05users" + b"\x1a\x13" + b"\x0a\x0ccollector_id\x12\x03c-1"
    )
