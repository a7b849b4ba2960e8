"""What the history says of a change."""

from collector_mesh.domain.registry.edits import edits_of_file
from collector_mesh.domain.registry.schema import Field, File, Message


def with_json_name(name: str) -> File:
    return File("a.proto", messages=(Message("M", (Field("a", 1, "string", json_name=name),)),))


def test_words_stand_as_they_are_and_the_text_of_others_is_escaped() -> None:
    assert edits_of_file(with_json_name("a"), with_json_name("b")) == (
        "M: field a (1) has the JSON name b, was a",
    )
    (told,) = edits_of_file(with_json_name("a"), with_json_name("\x1b[31m\n" + "x" * 1000))
    assert told.startswith("M: field a (1) has the JSON name '\\x1b[31m\\nxxx")
    assert told.isprintable()
    assert len(told) < 200
