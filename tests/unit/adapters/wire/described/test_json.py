"""JSON of messages that are known by their descriptors alone, both ways."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st
from mesh_test import common_pb2, users_pb2

from collector_mesh.adapters.wire.described import writing
from collector_mesh.adapters.wire.described.documents import DocumentError, parsed
from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.reading import Reader
from collector_mesh.adapters.wire.described.shapes import ShapeError, UnknownTypeError
from collector_mesh.adapters.wire.described.templates import template
from collector_mesh.adapters.wire.described.weight import TooLargeError
from collector_mesh.adapters.wire.described.writing import MAX_VALUES, Writer

EVERYTHING = "mesh.test.users.v1.Everything"
USER = "mesh.test.users.v1.User"


def files() -> Files:
    made = Files()
    for module in (users_pb2, common_pb2):
        made.add(module.DESCRIPTOR.serialized_pb, "tests")
    return made


FILES = files()
"""They do not change."""


def kind(name: str) -> Any:
    found = FILES.message(name)
    assert found is not None
    return found


def read(text: str, name: str = EVERYTHING) -> bytes:
    """The bytes that some JSON becomes."""
    return Reader(FILES).read(kind(name), parsed(text))


def written(data: bytes, name: str = EVERYTHING, *, defaults: bool = False) -> Any:
    return Writer(FILES, defaults=defaults).read(kind(name), data)


INTEGERS: Mapping[int, tuple[int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}


def scalars(field: Any) -> st.SearchStrategy[Any]:
    if field.cpp_type in INTEGERS:
        return st.integers(*INTEGERS[field.cpp_type])
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return st.integers(-2, 5)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return st.binary(max_size=5) if field.type == FieldDescriptor.TYPE_BYTES else st.text(max_size=5)
    if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
        # The largest ones protobuf itself does not read again.
        return st.floats(width=32, allow_nan=False).filter(
            lambda value: not 3.4e38 < abs(value) < float("inf")
        )
    return st.floats(allow_nan=False)


@st.composite
def messages(draw: st.DrawFn, of: Any, depth: int = 2) -> Any:  # noqa: PLR0912  # a line for each kind of field
    """A message of a generated class, with any of its fields."""
    name = of.DESCRIPTOR.full_name
    made = of()
    if name == "google.protobuf.Timestamp":
        made.seconds = draw(st.integers(-62_135_596_800, 253_402_300_799))
        made.nanos = draw(st.integers(0, 999_999_999))
        return made
    if name == "google.protobuf.Any":
        if depth and draw(st.booleans()):
            made.Pack(
                draw(messages(draw(st.sampled_from([users_pb2.User, users_pb2.Everything])), depth - 1))
            )
        return made
    chosen = draw(st.sets(st.sampled_from([field.name for field in of.DESCRIPTOR.fields])))
    for field in of.DESCRIPTOR.fields:
        if field.name not in chosen:
            continue
        inner = field.message_type
        if inner is not None and not depth:
            continue
        if inner is not None and inner.GetOptions().map_entry:
            keys, values = inner.fields_by_name["key"], inner.fields_by_name["value"]
            for key in draw(st.sets(scalars(keys), max_size=2)):
                if values.message_type is None:
                    getattr(made, field.name)[key] = draw(scalars(values))
                else:
                    one = draw(messages(values.message_type._concrete_class, depth - 1))
                    getattr(made, field.name)[key].CopyFrom(one)
        elif field.is_repeated:
            items = messages(inner._concrete_class, depth - 1) if inner else scalars(field)
            getattr(made, field.name).extend(draw(st.lists(items, max_size=2)))
        elif inner is not None:
            getattr(made, field.name).CopyFrom(draw(messages(inner._concrete_class, depth - 1)))
        else:
            setattr(made, field.name, draw(scalars(field)))
    return made


@given(messages(users_pb2.Everything))
def test_a_message_is_the_same_after_json_and_back(message: Any) -> None:
    data = message.SerializeToString(deterministic=True)

    text = json.dumps(written(data))

    assert read(text) == data


@given(messages(users_pb2.Everything), st.booleans())
def test_json_of_a_message_is_that_of_protobuf_itself(message: Any, defaults: bool) -> None:
    made = written(message.SerializeToString(), defaults=defaults)

    assert made == json_format.MessageToDict(message, always_print_fields_with_no_presence=defaults)


@given(messages(users_pb2.Everything))
def test_json_that_protobuf_has_written_is_read_as_protobuf_reads_it(message: Any) -> None:
    text = json_format.MessageToJson(message, preserving_proto_field_name=True)

    back = users_pb2.Everything.FromString(read(text))

    assert back == json_format.Parse(text, users_pb2.Everything())


@pytest.mark.parametrize("name", [EVERYTHING, USER, "mesh.test.users.v1.Behavior", "google.protobuf.Struct"])
def test_a_template_can_be_sent_as_it_is(name: str) -> None:
    filled = template(kind(name), FILES)

    assert read(json.dumps(filled), name) == read(
        json.dumps(written(read(json.dumps(filled), name), name)), name
    )


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (
            '{"user": {"addresses": [{}, {}, {"floor": "x"}]}}',
            'user.addresses[2].floor: expected a number, got "x"',
        ),
        ('{"user": {"addresses": [1]}}', "user.addresses[0]: expected an object with the fields of"),
        ('{"user": []}', "user: expected an object with the fields of mesh.test.users.v1.User, got an array"),
        ('{"small": 1.5}', "small: expected a whole number, got 1.5"),
        ('{"small": 2147483648}', "small: expected a number from -2147483648 to 2147483647, got 2147483648"),
        ('{"signed": 9223372036854775808}', "signed: expected a number from -9223372036854775808 to"),
        ('{"unsigned": -1}', "unsigned: expected a number from 0 to 18446744073709551615, got -1"),
        ('{"signed": 1e1000000000}', "signed: expected a number from"),
        ('{"real": 1e400}', "real: expected a number that 64 bits can hold, got 1E+400"),
        ('{"shortReal": 1e39}', "shortReal: expected a number that 32 bits can hold"),
        ('{"real": "nan"}', 'real: expected a number, got "nan"'),
        ('{"real": true}', "real: expected a number, got true"),
        ('{"truth": 1}', "truth: expected true or false, got 1"),
        ('{"truth": "true"}', 'truth: expected true or false, got "true"'),
        ('{"otherName": 1}', "otherName: expected a text, got 1"),
        ('{"otherName": "\\ud800"}', "otherName: expected text that is valid Unicode"),
        ('{"raw": "a"}', 'raw: expected bytes in base64, got "a"'),
        ('{"raw": "a b="}', "raw: expected bytes in base64"),
        ('{"raw": "ab==="}', "raw: expected bytes in base64"),
        ('{"color": "RED"}', 'color: mesh.test.users.v1.Everything.Color has no value "RED"'),
        ('{"color": {}}', "color: expected the name of a mesh.test.users.v1.Everything.Color, got an object"),
        ('{"color": 1.5}', "color: expected a whole number"),
        ('{"many": {"0": 1}}', "many: expected an array, got an object"),
        ('{"many": [null]}', "many[0]: expected a number, got null"),
        ('{"counts": [1]}', "counts: expected an object, as the field is a map, got an array"),
        ('{"counts": {"a\\u001b": "x"}}', 'counts["a\\x1b"]: expected a number, got "x"'),
        ('{"byNumber": {"x": {}}}', 'byNumber["x"]: expected a number, got "x"'),
        ('{"byNumber": {"1": {}, "01": {}}}', 'byNumber: "1" and "01" are the same key'),
        ('{"when": "yesterday"}', 'when: expected a time such as "2026-01-31T12:00:00.5Z", got "yesterday"'),
        ('{"when": "2020-02-30T00:00:00Z"}', "when: expected a time"),
        ('{"when": "0001-01-01T00:00:00+01:00"}', "when: expected a time"),
        ('{"when": 1}', "when: expected a time"),
        ('{"maybe": 1}', "maybe: expected a text, got 1"),
        ('{"truht": true}', f'the request: {EVERYTHING} has no field "truht"; did you mean truth?'),
        ('{"user": {"nam": 1}}', f'user: {USER} has no field "nam"; did you mean name?'),
        ('{"user": {"x": 1}}', f'user: {USER} has no field "x"; fields: addresses, created, id, name'),
        ('{"truth": true, "truth": false}', 'the request: the key "truth" stands there twice'),
        ('{"user": {"id": 1, "id": 1}}', 'user: the key "id" stands there twice'),
        ('{"shortReal": 1, "short_real": 1}', '"shortReal" and "short_real" are the same field'),
        ('{"text": "a", "number": 1}', 'the request: "text" and "number" exclude each other (oneof choice)'),
        ('{"any": {"id": 1}}', 'any: an Any needs "@type"'),
        ('{"any": {"@type": "User"}}', 'any["@type"]: expected a type URL with a /, got "User"'),
        (
            '{"any": {"@type": "a/google.protobuf.Duration", "seconds": 1}}',
            "any: a google.protobuf.Duration in an",
        ),
        (
            '{"any": {"@type": "a/google.protobuf.Duration", "value": "1"}}',
            "any.value: expected a number of seconds",
        ),
        (f'{{"any": {{"@type": "a/{USER}", "id": "x"}}}}', 'any.id: expected a number, got "x"'),
        ('{"any": {"@type": "a/b.C", "@base64": 1}}', 'any["@base64"]: expected bytes in base64, got 1'),
        ('{"user": {"id": ' + "9" * 5000 + "}}", "the request is no JSON: "),
        ('{"real": NaN}', "the request is no JSON: NaN is no number that JSON has"),
        ('{"truth": tru}', "the request is no JSON: Expecting value at line 1, column 11"),
        ("{} {}", "the request has more than one JSON document: the second begins at line 1, column 4"),
        (" \n", "the request is empty: {} is a message without fields"),
        ("[" * 100_000, "the request is nested too deeply"),
        ("[]", f"the request: expected an object with the fields of {EVERYTHING}, got an array"),
        ("null", f"the request: expected an object with the fields of {EVERYTHING}, got null"),
    ],
    ids=lambda value: value[:40],
)
def test_what_does_not_fit_is_an_error_that_names_its_path(given: str, error: str) -> None:
    with pytest.raises((ShapeError, DocumentError)) as raised:
        read(given)

    text = str(raised.value)
    assert error in (f"the request {text}" if isinstance(raised.value, DocumentError) else text)
    assert text.isprintable()


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ('{"short_real": 1.5}', '{"shortReal": "1.5"}'),
        ('{"signed": "9223372036854775807"}', '{"signed": 9223372036854775807}'),
        ('{"signed": 1e3}', '{"signed": 1000}'),
        ('{"small": "1.0"}', '{"small": 1}'),
        ('{"color": "COLOR_BLUE"}', '{"color": 2}'),
        ('{"raw": "_-8"}', '{"raw": "/+8="}'),
        ('{"user": null, "many": null, "color": null, "when": null}', "{}"),
        ('{"text": null, "number": 1}', '{"number": 1}'),
        ('{"when": "2020-01-01T01:00:00.5+01:00"}', '{"when": "2020-01-01T00:00:00.500Z"}'),
        ('{"maybe": ""}', '{"maybe": ""}'),
        ('{"any": {}}', '{"any": {}}'),
    ],
)
def test_what_json_can_say_in_two_ways_is_the_same(given: str, same: str) -> None:
    assert read(given) == read(same)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("google.protobuf.Duration", '"-1.500s"'),
        ("google.protobuf.FieldMask", '"user.displayName,photo"'),
        ("google.protobuf.Struct", '{"a": [null, true, 1, "x", {"b": {}}], "c": -0.5}'),
        ("google.protobuf.Value", "null"),
        ("google.protobuf.ListValue", "[[], [[]]]"),
        ("google.protobuf.Int64Value", '"-9223372036854775808"'),
        ("google.protobuf.BytesValue", '"AA=="'),
        ("google.protobuf.Empty", "{}"),
        ("google.protobuf.Any", '{"@type": "a/google.protobuf.Any", "value": {}}'),
        ("google.protobuf.Any", '{"@type": "a/google.protobuf.Empty"}'),
    ],
)
def test_messages_with_a_form_of_their_own_have_it_both_ways(name: str, text: str) -> None:
    assert written(read(text, name), name) == json.loads(text)


def test_the_type_in_an_any_that_nobody_knows_is_named() -> None:
    with pytest.raises(UnknownTypeError, match=r"any: the type not\.There is not known") as raised:
        read('{"any": {"@type": "a/not.There"}}')

    assert raised.value.name == "not.There"


def test_the_largest_number_of_32_bits_is_one() -> None:
    text = '{"shortReal": 3.4028235e+38}'

    assert written(read(text)) == json.loads(text)


def test_what_is_in_an_any_of_a_type_that_nobody_knows_goes_both_ways_as_bytes() -> None:
    text = '{"any": {"@type": "a/b.C", "@base64": "AAE="}}'
    writer = Writer(FILES)

    assert writer.read(kind(EVERYTHING), read(text)) == json.loads(text)
    assert writer.unknown == {"b.C"}


@pytest.mark.parametrize("seconds", [253_402_300_800, -(1 << 63)])
def test_a_time_out_of_range_is_shown_as_it_has_come(seconds: int) -> None:
    data = users_pb2.User(created={"seconds": seconds}).SerializeToString()

    assert written(data, USER) == {"created": {"seconds": str(seconds)}}


def nested_any(depth: int) -> str:
    return '{"@type": "a/google.protobuf.Any", "value": ' * depth + "{}" + "}" * depth


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("google.protobuf.Value", "[" * 200 + "]" * 200),
        ("google.protobuf.Any", nested_any(200)),
        ("mesh.test.users.v1.Everything.Inner", '{"inner":' * 200 + "{}" + "}" * 200),
    ],
)
def test_a_request_that_is_nested_too_deeply_is_refused(name: str, text: str) -> None:
    with pytest.raises(ShapeError, match="is nested more than 100 deep"):
        read(text, name)


def test_an_answer_of_anys_in_anys_is_not_followed_without_end() -> None:
    from google.protobuf.any_pb2 import Any as AnyMessage

    inner = AnyMessage()
    for _ in range(200):
        outer = AnyMessage()
        outer.Pack(inner)
        inner = outer

    with pytest.raises(TooLargeError, match="nested more than 100 deep"):
        written(inner.SerializeToString(), "google.protobuf.Any")


def test_an_answer_of_too_many_values_is_not_made_into_json() -> None:
    data = b"\x72" + b"\xc1\x84\x3d" + b"\x01" * (MAX_VALUES + 1)  # field 14, packed

    with pytest.raises(TooLargeError, match=f"more than {MAX_VALUES} values"):
        written(data)


@pytest.mark.parametrize("defaults", [False, True])
def test_values_count_wherever_they_are(defaults: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_VALUES", 100)
    user = users_pb2.User() if defaults else users_pb2.User(id=1, name="x", nickname="x", role="ROLE_ADMIN")
    given = users_pb2.Everything(by_number=dict.fromkeys(range(20), user))

    with pytest.raises(TooLargeError, match="more than 100 values"):
        written(given.SerializeToString(), defaults=defaults)
