import attrs
import pytest

from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.registry.closure import MAX_FILES, linked
from collector_mesh.domain.registry.schema import (
    Enum,
    EnumValue,
    Extension,
    Field,
    File,
    Message,
    Method,
    Service,
)

ZERO = (EnumValue("ZERO", 0),)


def of(name: str, type_name: str, kind: str = "message") -> Message:
    """A message with one field."""
    field = Field("f", 1, "enum" if kind == "enum" else "message", type_name, "repeated", json_name="f")
    return Message(name, (field,))


def test_files_come_after_those_that_they_import_and_once() -> None:
    low = File("low.proto", "p", messages=(Message("p.M"),))
    high = File("high.proto", "p", imports=("low.proto",), messages=(of("p.N", "p.M"),))

    schema = linked([high, low, low])

    assert schema.files == (low, high)
    assert list(schema.messages) == ["p.M", "p.N"]


def test_what_is_missing_is_named_with_who_wants_it() -> None:
    file = File("a.proto", imports=tuple(f"{number}.proto" for number in range(12)))

    with pytest.raises(InvalidCallError, match=r"'0\.proto' \(imported by 'a\.proto'\), .* and 2 more"):
        linked([file])


def test_what_is_missing_is_asked_for_with_what_that_needs() -> None:
    files = {"b.proto": File("b.proto", imports=("c.proto",)), "c.proto": File("c.proto")}

    schema = linked([File("a.proto", imports=("b.proto",))], find=files.get)

    assert [file.name for file in schema.files] == ["c.proto", "b.proto", "a.proto"]


def test_whoever_is_asked_cannot_go_on_for_ever() -> None:
    def find(name: str) -> File:
        return File(name, imports=(f"x{name}",))

    with pytest.raises(InvalidCallError, match=f"more than {MAX_FILES} files"):
        linked([find("a")], find=find)


def test_two_files_of_one_name_are_the_same_or_none() -> None:
    with pytest.raises(InvalidCallError, match=r"two files that are not the same have the name 'a\.proto'"):
        linked([File("a.proto"), File("a.proto", "p")])


def test_files_that_import_each_other_are_refused() -> None:
    with pytest.raises(InvalidCallError, match="imports itself, by itself or by others"):
        linked([File("a", imports=("b",)), File("b", imports=("c",)), File("c", imports=("a",))])


@pytest.mark.parametrize(
    ("one", "other", "problem"),
    [
        (
            File("a", "p", messages=(Message("p.M"),)),
            File("b", "p", messages=(Message("p.M"),)),
            "'p.M' is defined twice, as a message in 'a' and as a message in 'b'",
        ),
        (
            File("a", "p", messages=(Message("p.M"),)),
            File("b", "p", enums=(Enum("p.E", (EnumValue("M", 0),)),)),
            "as a message in 'a' and as a value in 'b'",
        ),
        (
            File("a", "p", messages=(Message("p.M"),)),
            File("b", "p.M.q"),
            "'p.M' is a message in 'a' and a package in 'b'",
        ),
    ],
)
def test_files_that_contradict_each_other_are_refused(one: File, other: File, problem: str) -> None:
    with pytest.raises(InvalidCallError, match=problem.replace(".", r"\.")):
        linked([one, other])


BASE = File(
    "base",
    "p",
    messages=(Message("p.M", extensions=((100, 199),)), Message("p.Entry", is_map_entry=True)),
    enums=(
        Enum("p.E", ZERO),
        Enum("p.Closed", (EnumValue("C", 0),), is_closed=True),
        Enum("p.One", (EnumValue("ONE", 1),), is_closed=True),
    ),
    services=(Service("p.S"),),
)


def with_message(message: Message) -> File:
    return File("a", "p", imports=("base",), messages=(message,))


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (with_message(of("p.N", "p.X")), "'p.X', which the file 'a' uses, is nowhere"),
        (with_message(of("p.N", "p.E")), "'p.N.f' in 'a' needs a message, and 'p.E' is an enum"),
        (with_message(of("p.N", "p.M", "enum")), "'p.N.f' in 'a' needs an enum, and 'p.M' is a message"),
        (with_message(of("p.N", "p.S")), "and 'p.S' is a service"),
        (with_message(of("p.N", "p.Entry")), "'p.Entry', which is the entry of a map"),
        (
            attrs.evolve(with_message(of("p.N", "p.M")), imports=()),
            "'p.M' is in the file 'base', which 'a' does not",
        ),
        (
            File("a", "p", imports=("base",), services=(Service("p.T", (Method("Do", "p.E", "p.M"),)),)),
            "'p.T.Do' in 'a' needs a message, and 'p.E' is an enum",
        ),
        (
            File("a", "p", imports=("base",), services=(Service("p.T", (Method("Do", "p.M", "p.Entry"),)),)),
            "'p.T.Do' in 'a' has the type 'p.Entry', which is the entry of a map",
        ),
        (
            with_message(Message("p.N", (Field("f", 1, "enum", "p.E", "optional", default="NONE"),))),
            "has the default 'NONE', which is no value of 'p.E'",
        ),
        (
            with_message(Message("p.N", (Field("f", 1, "enum", "p.Closed", "implicit"),))),
            "an enum of proto2: fields of proto3, and others that cannot be absent, must have open ones",
        ),
        (
            with_message(
                Message("p.N", (Field("value", 2, "enum", "p.One", "optional"),), is_map_entry=True)
            ),
            "the first value of an enum in a map must be 0",
        ),
        (
            attrs.evolve(with_message(Message("p.N", (Field("m", 1, "group", "p.M"),))), syntax="proto2"),
            "'p.N.m' in 'a' is a group of the message 'p.M': it must stand beside it",
        ),
        (
            File("a", "p", imports=("base",), extensions=(Extension("p.M", Field("p.x", 7, "int32")),)),
            "'p.x' in 'a' has the number 7, which 'p.M' does not have for extensions",
        ),
        (
            File(
                "a",
                "p",
                imports=("base",),
                extensions=(
                    Extension("p.M", Field("p.x", 100, "int32")),
                    Extension("p.M", Field("p.y", 100, "int32")),
                ),
            ),
            "two extensions of one message have the same number",
        ),
    ],
)
def test_a_name_must_lead_to_what_is_needed(file: File, problem: str) -> None:
    with pytest.raises(InvalidCallError) as caught:
        linked([file, BASE])

    assert problem in str(caught.value)


def test_only_public_imports_are_seen_through_others() -> None:
    base = File("base", "p", messages=(Message("p.M"),))
    hidden = File("middle", imports=("base",))
    shown = attrs.evolve(hidden, public_imports=("base",))
    file = File("a", imports=("middle",), messages=(of("N", "p.M"),))

    assert linked([file, shown, base]).messages.keys() == {"N", "p.M"}
    with pytest.raises(InvalidCallError, match=r"'p\.M' is in the file 'base', which 'a' does not import"):
        linked([file, hidden, base])


SCOPES = File(
    "scopes",
    "a.b",
    messages=(Message("a.b.M"), Message("a.b.M.N"), Message("a.b.N"), Message("a.b.M.N.O")),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.b.M.Here/N", "a.b.M.N"),
        ("a.b.Here/N", "a.b.N"),
        ("a.b.M/N.O", "a.b.M.N.O"),
        ("a.b/M.N", "a.b.M.N"),
        ("a.b.M/b.N", "a.b.N"),
        ("/a.b.N", "a.b.N"),
        ("a.b.M/a.b.M", "a.b.M"),
    ],
)
def test_a_name_that_is_not_in_full_is_looked_for_from_the_inside_out(name: str, found: str) -> None:
    file = File("file", "a.b", imports=("scopes",), messages=(of("a.b.User", name),))

    assert linked([file, SCOPES]).messages["a.b.User"].fields[0].type_name == found


def test_the_rest_of_a_name_is_only_looked_for_where_its_first_part_is() -> None:
    # As protobuf does: N is found in M, and there is no X in it, though there is one in the N outside.
    outer = attrs.evolve(SCOPES, messages=(*SCOPES.messages, Message("a.b.N.X")))
    file = File("file", "a.b", imports=("scopes",), messages=(of("a.b.User", "a.b.M/N.X"),))

    with pytest.raises(InvalidCallError, match=r"'N\.X', .* is nowhere \(it stands for 'a\.b\.M\.N\.X'\)"):
        linked([file, outer])


def test_there_are_not_more_definitions_than_can_be_looked_at() -> None:
    values = tuple(EnumValue(f"V{number}", number) for number in range(50_000))
    files = [File(f"{index}", enums=(Enum(f"E{index}", values),)) for index in range(5)]

    with pytest.raises(InvalidCallError, match="more than 200000 messages, fields, values and methods"):
        linked(files)
