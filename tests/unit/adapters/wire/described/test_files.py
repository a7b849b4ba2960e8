"""Descriptors of others, who may be careless or hostile."""

import json
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from mesh_test import common_pb2, users_pb2

from collector_mesh.adapters.wire.described.documents import parsed
from collector_mesh.adapters.wire.described.files import MAX_DEFINITIONS, MAX_FILES, Files
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.reading import Reader
from collector_mesh.adapters.wire.described.shapes import ShapeError
from collector_mesh.adapters.wire.described.templates import template
from collector_mesh.adapters.wire.described.texts import proto_text
from collector_mesh.adapters.wire.described.writing import Writer

Field = FieldDescriptorProto


def field(
    name: str, number: int, kind: int = Field.TYPE_STRING, type_name: str = "", **more: Any
) -> FieldDescriptorProto:
    more = {"label": Field.LABEL_OPTIONAL, "type_name": type_name or None, **more}
    return Field(name=name, number=number, type=kind, **more)  # type: ignore[arg-type]  # an enum of protobuf


def file(name: str, *imports: str, package: str = "p", **more: Any) -> FileDescriptorProto:
    return FileDescriptorProto(name=name, package=package, dependency=imports, syntax="proto3", **more)


def message(name: str, *fields: FieldDescriptorProto, **more: Any) -> DescriptorProto:
    return DescriptorProto(name=name, field=fields, **more)


def files(*given: FileDescriptorProto) -> Files:
    made = Files()
    for each in given:
        made.add(each.SerializeToString(), "there")
    return made


def test_files_are_built_whatever_the_order_in_which_they_come() -> None:
    made = files(
        file("c.proto", "b.proto", message_type=[message("C", field("b", 1, Field.TYPE_MESSAGE, ".p.B"))]),
        file("b.proto", "a.proto", message_type=[message("B", field("a", 1, Field.TYPE_MESSAGE, ".p.A"))]),
        file("a.proto", message_type=[message("A")]),
    )

    found = made.message("p.C")

    assert found is not None
    assert found.fields_by_name["b"].message_type is made.message("p.B")


def test_a_long_row_of_imports_is_no_recursion() -> None:
    number = 3000
    made = files(
        *(file(f"{at}.proto", f"{at + 1}.proto") for at in range(number)),
        file(f"{number}.proto", message_type=[message("Last")]),
    )

    assert made.message("p.Last") is not None


@pytest.mark.parametrize("circle", [("a.proto",), ("b.proto", "a.proto")], ids=len)
def test_files_that_import_each_other_are_an_error_that_names_them(circle: tuple[str, ...]) -> None:
    names = ["a.proto", *circle[:-1]]
    made = files(*(file(name, imported) for name, imported in zip(names, circle, strict=True)))

    with pytest.raises(DescriptorError, match=r"there: descriptor files import each other: '.*a.proto'"):
        made.message("p.A")


def test_an_import_that_nobody_has_is_left_out_where_no_message_needs_it() -> None:
    made = files(file("a.proto", "gone.proto", message_type=[message("A")]))
    assert made.lacking() == {"gone.proto": "a.proto"}

    made.is_absent("gone.proto")

    assert made.lacking() == {}
    assert made.message("p.A") is not None


def test_an_import_that_nobody_has_and_a_message_needs_is_named() -> None:
    made = files(
        file("a.proto", "gone.proto", message_type=[message("A", field("b", 1, Field.TYPE_MESSAGE, ".p.B"))])
    )
    made.is_absent("gone.proto")

    with pytest.raises(
        DescriptorError, match=r"there: file 'a.proto' needs 'gone.proto', which is not there"
    ):
        made.message("p.A")


def test_what_cannot_be_used_does_no_harm_to_the_rest() -> None:
    made = files(
        file("bad.proto", message_type=[message("Bad", field("b", 1, Field.TYPE_MESSAGE, ".p.Nowhere"))]),
        file("good.proto", message_type=[message("Good")]),
    )

    assert made.message("p.Good") is not None
    with pytest.raises(DescriptorError, match=r"there: file 'bad.proto' cannot be used: ") as raised:
        made.message("p.Bad")
    assert str(raised.value).isprintable()


def test_two_different_files_of_one_name_from_one_server_are_refused() -> None:
    made = files(file("a.proto", message_type=[message("A")]))
    assert made.add(file("a.proto", message_type=[message("A")]).SerializeToString(), "there") is None

    with pytest.raises(DescriptorError, match=r"there has two different files 'a.proto'"):
        made.add(file("a.proto", message_type=[message("B")]).SerializeToString(), "there")


def test_what_a_user_has_given_counts_before_what_a_server_says() -> None:
    made = Files()
    made.add_set(
        FileDescriptorSet(file=[file("a.proto", message_type=[message("Mine")])]).SerializeToString(), "me"
    )

    made.add(file("a.proto", message_type=[message("Theirs")]).SerializeToString(), "there")

    assert made.message("p.Mine") is not None
    assert made.message("p.Theirs") is None


def test_a_file_that_comes_with_protobuf_is_never_that_of_a_server() -> None:
    false = file("google/protobuf/any.proto", package="google.protobuf", message_type=[message("Any")])
    made = files(false, file("a.proto", "google/protobuf/any.proto", message_type=[message("A")]))

    found = made.message("google.protobuf.Any")

    assert made.lacking() == {}
    assert found is not None
    assert [each.name for each in found.fields] == ["type_url", "value"]


def test_a_message_that_comes_with_protobuf_is_never_that_of_a_server_in_whatever_file_it_is() -> None:
    false = message("Timestamp", field("seconds", 1), field("nanos", 2))
    made = files(
        file("google_protobuf.proto", package="google.protobuf", message_type=[false, message("More")]),
        file(
            "a.proto",
            message_type=[message("A", field("at", 1, Field.TYPE_MESSAGE, ".google.protobuf.Timestamp"))],
        ),
    )
    found = made.message("p.A")
    assert found is not None

    data = Reader(made).read(found, parsed('{"at": "2026-01-31T12:00:00Z"}'))

    assert Writer(made).read(found, data) == {"at": "2026-01-31T12:00:00Z"}
    assert made.message("google.protobuf.More") is not None


def test_what_a_file_uses_is_found_by_a_name_that_is_not_whole() -> None:
    made = files(
        file("a.proto", package="x.y", message_type=[message("A", field("b", 1, Field.TYPE_MESSAGE, "z.B"))]),
        file("b.proto", package="x.z", message_type=[message("B")]),
    )

    assert made.message("x.y.A") is not None


@pytest.mark.parametrize(
    "imported", [[], ["another/path/b.proto"]], ids=["not imported", "imported by another path"]
)
def test_what_a_file_uses_is_found_by_its_name(imported: list[str]) -> None:
    a = file("a.proto", *imported, message_type=[message("A", field("b", 1, Field.TYPE_MESSAGE, ".p.B"))])
    made = files(a)
    assert made.undefined() == ["p.B"]
    for name in imported:
        made.is_absent(name)

    made.add(file("b.proto", message_type=[message("B")]).SerializeToString(), "there")

    assert made.undefined() == []
    assert made.message("p.A") is not None


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\xff\xff", "there: a descriptor cannot be read"),
        (b"\x0a\x02\xff\xff", "there: a descriptor has a name that is no text"),
        (b"", "there: a descriptor file must have a name of 1 to 1024 characters"),
        (file("x" * 2000).SerializeToString(), "there: a descriptor file must have a name"),
        (b"\x0a\x01a" + b"\x22\x00" * 600, "there: descriptors of more than 1000 bytes"),
    ],
    ids=["garbage", "no text", "empty", "long name", "giant"],
)
def test_what_is_no_descriptor_or_too_much_is_refused(data: bytes, error: str) -> None:
    with pytest.raises(DescriptorError, match=error):
        Files(max_bytes=1000 if "1000" in error else 1 << 20).add(data, "there")


def test_a_server_cannot_have_files_without_end() -> None:
    made = files(*(file(f"{number}.proto") for number in range(MAX_FILES)))

    with pytest.raises(DescriptorError, match=rf"there: more than {MAX_FILES} descriptor files"):
        made.add(file("one-more.proto").SerializeToString(), "there")


def test_a_server_cannot_have_definitions_without_end() -> None:
    many = file("a.proto", message_type=[message("A", *(Field(name="x") for _ in range(1000)))] * 200)

    with pytest.raises(DescriptorError, match=f"more than {MAX_DEFINITIONS} messages, fields and values"):
        files(many)


def nested(name: str, depth: int) -> DescriptorProto:
    made = message(name)
    for _ in range(depth):
        made = message(name, nested_type=[made])
    return made


@pytest.mark.parametrize(
    ("given", "flaw"),
    [
        (file("a.proto", package="p" * 2000), "a name has more than 1024 characters"),
        (file("a.proto", package="p." * 100 + "p"), "a name has more than 64 parts"),
        (file("a.proto", message_type=[message("A" * 1023)]), "a name has more than 1024 characters"),
        (file("a.proto", message_type=[nested("A" * 100, 10)]), "a name has more than 1024 characters"),
        (file("a.proto", message_type=[nested("A", 70)]), "a name has more than 64 parts"),
        (file("a.proto", message_type=[message("A", field("f" * 1021, 1))]), "a name has more than 1024"),
        (file("a.proto", extension=[field("f", 1, extendee="E" * 2000)]), "a name has more than 1024"),
        (file("a.proto", message_type=[message("A", field("f", 1, 11, ".B" * 70))]), "more than 64 parts"),
    ],
)
def test_a_few_bytes_cannot_stand_for_names_that_fill_the_memory(
    given: FileDescriptorProto, flaw: str
) -> None:
    with pytest.raises(DescriptorError, match=f"^there: file 'a.proto' cannot be used: .*{flaw}"):
        files(given)


def test_what_comes_with_protobuf_is_there_whatever_else_cannot_be_used() -> None:
    made = files(
        file("a.proto", message_type=[message("A", field("b", 1, Field.TYPE_MESSAGE, ".p.Nowhere"))])
    )

    assert made.message("google.protobuf.Any") is not None
    with pytest.raises(DescriptorError, match="cannot be used"):
        made.message("p.A")


def test_names_as_long_as_they_may_be_are_taken() -> None:
    made = files(file("a.proto", package="p" * 500, message_type=[message("A" * 523)]))

    assert made.message("p" * 500 + "." + "A" * 523) is not None


def test_a_name_that_is_no_text_is_an_error() -> None:
    data = file("a.proto", message_type=[message("ABC")]).SerializeToString().replace(b"ABC", b"A\xffC")

    with pytest.raises(
        DescriptorError, match=r"^there: (file 'a.proto' cannot be used: a name is no text|a desc)"
    ):
        Files().add(data, "there")


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x08\x01"], ids=["empty", "garbage", "something else"])
def test_a_file_that_is_no_set_of_descriptors_is_named(data: bytes) -> None:
    with pytest.raises(DescriptorError, match=r"x.binpb (is no set of descriptors|has no files in it)"):
        Files().add_set(data, "x.binpb")


@pytest.mark.parametrize(
    "name", ["ListFields", "SetInParent", "DESCRIPTOR", "HasField", "SerializeToString", "class"]
)
def test_fields_that_are_called_like_methods_are_fields_or_an_error_of_one_line(name: str) -> None:
    made = files(
        file(
            "a.proto", message_type=[message("A", field(name, 1), field("a", 2, Field.TYPE_MESSAGE, ".p.A"))]
        )
    )
    found = made.message("p.A")
    assert found is not None
    given = {found.fields[0].json_name: "x", "a": {}}

    try:
        data = Reader(made).read(found, parsed(str(given).replace("'", '"')))
        told: Any = Writer(made).read(found, data)
    except DescriptorError as error:
        told = given if str(error).startswith("p.A cannot be used here: ") else error

    assert told == given


def with_entry(*fields: FieldDescriptorProto, key: FieldDescriptorProto | None = None) -> DescriptorProto:
    entry = message("E", key or field("key", 1), field("value", 2))
    entry.options.map_entry = True
    return message("A", *fields, nested_type=[entry])


MAP = field("map", 1, Field.TYPE_MESSAGE, ".p.A.E", label=Field.LABEL_REPEATED)


@pytest.mark.parametrize(
    ("given", "flaw"),
    [
        ([with_entry(field("one", 1, Field.TYPE_MESSAGE, ".p.A.E"))], "p.A.one is no map"),
        ([with_entry(field("one", 1, Field.TYPE_MESSAGE, "E"))], "p.A.one is no map"),
        ([with_entry(MAP), message("B", field("b", 1, Field.TYPE_MESSAGE, ".p.A.E"))], "p.B.b is no map"),
        ([with_entry(MAP), message("B", MAP)], "p.B.map is no map"),
        ([with_entry(MAP, key=field("key", 1, Field.TYPE_DOUBLE))], "p.A.E is no entry of a map"),
        ([with_entry(MAP, key=field("other", 1))], "p.A.E is no entry of a map"),
    ],
)
def test_entries_of_maps_that_would_crash_the_runtime_are_refused(
    given: list[DescriptorProto], flaw: str
) -> None:
    made = files(file("a.proto", message_type=given))

    with pytest.raises(DescriptorError, match=f"there: file 'a.proto' cannot be used: {flaw}"):
        made.message("p.A")


def test_a_map_is_one() -> None:
    made = files(file("a.proto", message_type=[with_entry(MAP)]))
    found = made.message("p.A")
    assert found is not None

    assert proto_text(found, made).splitlines()[1:-1] == ["  map<string, string> map = 1;"]
    assert made.undefined() == []
    assert list(made.symbols()) == ["p.A"]


def test_a_message_that_requires_itself_has_a_template_that_ends() -> None:
    required = [
        field(name, number, Field.TYPE_MESSAGE, ".p.A", label=Field.LABEL_REQUIRED)
        for number, name in enumerate("abcdef", 1)
    ]
    given = FileDescriptorProto(name="a.proto", package="p", message_type=[message("A", *required)])
    made = files(given)
    found = made.message("p.A")
    assert found is not None

    assert template(found, made).keys() == set("abcdef")


def test_messages_that_require_many_others_have_a_template_that_ends() -> None:
    levels = [
        message(
            f"M{level}",
            *(
                field(
                    f"f{number}", number, Field.TYPE_MESSAGE, f".p.M{level + 1}", label=Field.LABEL_REQUIRED
                )
                for number in range(1, 6)
            ),
        )
        for level in range(8)
    ]
    made = files(FileDescriptorProto(name="a.proto", package="p", message_type=[*levels, message("M8")]))
    found = made.message("p.M0")
    assert found is not None

    assert json.dumps(template(found, made)).count("f1") < 1000


def test_the_text_of_a_message_can_be_read_as_a_proto_file() -> None:
    made = files(FileDescriptorProto.FromString(users_pb2.DESCRIPTOR.serialized_pb))
    made.add(common_pb2.DESCRIPTOR.serialized_pb, "there")
    found, service = (
        made.message("mesh.test.users.v1.Everything"),
        made.service("mesh.test.users.v1.UserService"),
    )
    assert found is not None
    assert service is not None

    assert proto_text(found, made).splitlines() == [
        "message mesh.test.users.v1.Everything {",
        "  enum Color {",
        "    COLOR_UNSPECIFIED = 0;",
        "    COLOR_RED = 1;",
        "    COLOR_BLUE = 2;",
        "  }",
        "  message Inner {",
        "    string text = 1;",
        "    mesh.test.users.v1.Everything.Inner inner = 2;",
        "  }",
        "  oneof choice {",
        "    string text = 1;",
        "    int64 number = 2;",
        "    mesh.test.users.v1.User user = 3;",
        "  }",
        "  int64 signed = 4;",
        "  uint64 unsigned = 5;",
        "  fixed64 fixed = 6;",
        "  sint32 small = 7;",
        "  double real = 8;",
        "  float short_real = 9;",
        "  bool truth = 10;",
        "  bytes raw = 11;",
        "  map<string, int64> counts = 12;",
        "  map<int32, mesh.test.users.v1.User> by_number = 13;",
        "  repeated uint64 many = 14;",
        "  repeated mesh.test.users.v1.Everything.Inner inners = 15;",
        "  mesh.test.users.v1.Everything.Color color = 16;",
        "  repeated mesh.test.users.v1.Everything.Color colors = 17;",
        "  google.protobuf.Any any = 18;",
        "  google.protobuf.Timestamp when = 19;",
        "  google.protobuf.StringValue maybe = 20;",
        "  optional int32 perhaps = 21;",
        '  string renamed = 22 [json_name = "otherName"];',
        "}",
    ]
    assert proto_text(service.methods_by_name["Talk"], made) == (
        "rpc Talk(stream mesh.test.users.v1.Line) returns (stream mesh.test.users.v1.Line);"
    )


def test_descriptors_of_others_do_not_get_into_the_pool_of_all() -> None:
    from google.protobuf import descriptor_pool

    made = files(file("only-here.proto", message_type=[message("OnlyHere")]))

    assert made.message("p.OnlyHere") is not None
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("p.OnlyHere")


def of_proto2() -> Files:
    """What only the second version of the language has: groups, extensions, required fields, closed enums."""
    a = message(
        "A",
        field("must", 1, label=Field.LABEL_REQUIRED),
        field("inner", 2, Field.TYPE_GROUP, ".p.A.Inner"),
        field("color", 3, Field.TYPE_ENUM, ".p.Color", default_value="BLUE"),
        field("real", 4, Field.TYPE_DOUBLE, default_value="inf"),
        nested_type=[message("Inner", field("text", 1))],
    )
    a.extension_range.add(start=100, end=200)
    given = FileDescriptorProto(name="a.proto", package="p", message_type=[a])
    given.enum_type.add(name="Color").value.extend(
        [EnumValueDescriptorProto(name="RED", number=1), EnumValueDescriptorProto(name="BLUE", number=2)]
    )
    given.extension.append(field("more", 100, Field.TYPE_INT64, extendee=".p.A"))
    given.extension.append(field("other", 100, Field.TYPE_INT64, extendee=".p.B"))
    b = message("B")
    b.extension_range.add(start=100, end=200)
    given.message_type.append(b)
    return files(given)


def test_what_only_proto2_has_goes_both_ways() -> None:
    made = of_proto2()
    found = made.message("p.A")
    assert found is not None
    given = {"must": "x", "inner": {"text": "y"}, "color": "RED", "[p.more]": "7"}

    data = Reader(made).read(found, parsed(json.dumps(given)))

    assert Writer(made).read(found, data) == given
    assert template(found, made) == {"must": "", "inner": {"text": ""}, "color": "BLUE", "real": "Infinity"}
    assert proto_text(found, made).splitlines()[4:] == [
        "  required string must = 1;",
        "  group p.A.Inner inner = 2;",
        "  p.Color color = 3 [default = BLUE];",
        "  double real = 4 [default = inf];",
        "  extensions 100 to 199;",
        "}",
    ]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("{}", "must: is required"),
        ('{"must": "x", "color": 7}', "color: p.Color has no value 7"),
        ('{"must": "x", "[p.other]": 7}', r'the request: "\[p.other\]" extends p.B, not p.A'),
        ('{"must": "x", "[p.none]": 7}', r'the request: p.A has no field "\[p.none\]"'),
    ],
)
def test_what_proto2_does_not_allow_is_named(given: str, error: str) -> None:
    made = of_proto2()
    found = made.message("p.A")
    assert found is not None

    with pytest.raises(ShapeError, match=error):
        Reader(made).read(found, parsed(given))
