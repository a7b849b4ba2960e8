"""Files of descriptors from elsewhere: whole ones are taken, all others are refused with the reason."""

import pytest
from google.protobuf import wrappers_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import Default, DescriptorPool

from collector_mesh.adapters.wire.file_sets import MAX_FILES, MAX_SET_BYTES, FileSet, set_of
from collector_mesh.domain.model.errors import InvalidCallError


def file(name: str, *imported: str, message: str = "", service: str = "") -> FileDescriptorProto:
    made = FileDescriptorProto(name=name, package="p", dependency=imported, syntax="proto3")
    if message:
        made.message_type.add(name=message).field.add(
            name="field",
            number=1,
            type=FieldDescriptorProto.TYPE_INT32,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
        )
    if service:
        added = made.service.add(name=service)
        added.method.add(name="Do", input_type=".p.M", output_type=".p.M")
    return made


def files(*protos: FileDescriptorProto) -> bytes:
    data: bytes = FileDescriptorSet(file=protos).SerializeToString()
    return data


def many() -> FileDescriptorProto:
    made = FileDescriptorProto(name="many.proto")
    made.message_type.add(name="M").field.extend([FieldDescriptorProto()] * 20_000)
    return made


COMMON = file("common.proto", message="M")
SERVICE = file("service.proto", "common.proto", service="S")


def test_a_service_is_found_with_what_it_imports_in_whichever_order_that_comes() -> None:
    found = FileSet(files(SERVICE, COMMON), "p.S")

    assert found.service_file == found.file_of("p.S") == found.file_of("p.S.Do") == "service.proto"
    assert found.file_of("p.M") == found.file_of("p.M.field") == "common.proto"
    assert [found.file_of(name) for name in ("p.Nothing", "p.S.Nothing", "p.M.nothing", "", ".")] == [""] * 5
    names = [FileDescriptorProto.FromString(data).name for data in found.with_imports("service.proto")]
    assert names == ["service.proto", "common.proto"]


def test_files_that_come_with_every_compiler_may_be_left_out() -> None:
    found = FileSet(files(file("a.proto", "google/protobuf/wrappers.proto", message="M")))

    assert found.file_of("google.protobuf.StringValue") == "google/protobuf/wrappers.proto"


def test_nothing_gets_into_the_pool_of_the_process() -> None:
    FileSet(files(file("only_here.proto", message="OnlyHere")))

    with pytest.raises(KeyError):
        Default().FindFileByName("only_here.proto")


def test_a_file_of_this_process_travels_with_what_it_imports() -> None:
    pool = DescriptorPool()
    for proto in (COMMON, SERVICE):
        pool.AddSerializedFile(proto.SerializeToString())

    found = FileSet(set_of([pool.FindServiceByName("p.S")]), "p.S")

    assert list(found.files) == ["common.proto", "service.proto"]
    assert FileSet(set_of([wrappers_pb2.DESCRIPTOR])).file_of("google.protobuf.BoolValue")


def extending() -> list[FileDescriptorProto]:
    base = FileDescriptorProto(name="base.proto", package="p", syntax="proto2")
    base.message_type.add(name="M").extension_range.add(start=100, end=200)
    more = FileDescriptorProto(name="more.proto", package="p", syntax="proto2", dependency=["base.proto"])
    more.extension.add(
        name="extra",
        number=123,
        extendee=".p.M",
        type=FieldDescriptorProto.TYPE_INT32,
        label=FieldDescriptorProto.LABEL_OPTIONAL,
    )
    return [base, more]


def test_extensions_are_found_also_in_files_that_nobody_imports() -> None:
    pool = DescriptorPool()
    for proto in extending():
        pool.AddSerializedFile(proto.SerializeToString())

    found = FileSet(set_of([pool.FindFileByName("base.proto")]))

    assert found.extensions_of("p.M") == [123]
    assert found.file_of_extension("p.M", 123) == "more.proto"
    assert [found.file_of_extension("p.M", number) for number in (124, -1, 1 << 40)] == ["", "", ""]
    assert found.extensions_of("p.Nothing") is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xff\xff", "the files cannot be read"),
        (b"\x0a\x04\x0a\x02\xff\xfe", "the files cannot be read"),
        (b"\x0a" * (MAX_SET_BYTES + 1), "the files have 1048577 bytes, at most 1048576 are taken"),
        (
            files(*(file(f"{number}.proto") for number in range(MAX_FILES + 1))),
            "there are 513 files, at most 512",
        ),
        (files(many()), "there are more than 20000 messages, fields, values and methods"),
        (
            files(file("a.proto", message="M" * 2000)),
            "'a.proto' cannot be used: a name has more than 1024 char",
        ),
        (files(SERVICE), "the file 'common.proto' is imported and is not there"),
        (files(file("a.proto", "google/protobuf/none.proto")), "'google/protobuf/none.proto' is imported"),
        (files(COMMON, file("common.proto", message="N")), "not the same have the name 'common.proto'"),
        (
            files(file("a.proto", message="M"), file("b.proto", message="M")),
            "the file 'b.proto' does not fit",
        ),
        (files(file("a.proto", "b.proto"), file("b.proto", "a.proto")), "imports itself"),
        (files(file("a.proto", "a.proto")), "imports itself"),
        (files(file("s.proto", service="S")), "the file 's.proto' does not fit"),
        (files(COMMON), "no file has the service 'p.S'"),
        (b"", "no file has the service 'p.S'"),
        (files(file("\x1b[31m", "\x1b[32m")), r"the file '\\x1b\[32m' is imported"),
    ],
)
def test_files_that_do_not_fit_are_refused_with_the_reason(data: bytes, text: str) -> None:
    with pytest.raises(InvalidCallError, match=text):
        FileSet(data, "p.S")


def test_a_message_in_messages_without_end_is_refused() -> None:
    message = b"\x0a\x01M"
    for _ in range(2000):
        message = b"\x0a\x01M\x1a" + _varint(len(message)) + message
    proto = b"\x22" + _varint(len(message)) + message

    with pytest.raises(InvalidCallError, match="cannot be read"):
        FileSet(b"\x0a" + _varint(len(proto)) + proto, "p.S")


def _varint(number: int) -> bytes:
    done = b""
    while number > 127:
        done += bytes([number & 127 | 128])
        number >>= 7
    return done + bytes([number])


def test_a_file_with_options_that_lack_what_they_need_is_refused() -> None:
    """It can be read, and not be written."""
    lacking = file("a.proto", message="M")
    lacking.options.uninterpreted_option.add().name.add()

    with pytest.raises(InvalidCallError, match=r"the file 'a\.proto' does not fit: .*name_part"):
        FileSet(FileDescriptorSet(file=[lacking]).SerializePartialToString())
