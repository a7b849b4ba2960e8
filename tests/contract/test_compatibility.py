"""Our verdicts on changes of interfaces, held against those of `buf breaking`; docs/registry.md has what differs, and so has this."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest
from tests.registry.changes import CHANGES, made
from tests.registry.oracle import CATEGORIES, Change, broken_rules, buf, categories

from collector_mesh.domain.registry.compatibility import differences
from collector_mesh.domain.registry.rules import RULES, Level
from collector_mesh.domain.registry.schema import (
    Field,
    File,
    Message,
    Method,
    Reserved,
    Schema,
    Service,
    Syntax,
)

COUNT = int(os.environ.get("COMPATIBILITY_CHANGES", "200"))
SEED = int(os.environ.get("COMPATIBILITY_SEED", "0"))
IN_ONE_RUN = 250
"""Changes that buf is told of at once; a run takes some 0.3 s, whatever is in it."""

PAGE = Path(__file__).parents[2] / "docs" / "registry.md"

LEVELS: tuple[Level, ...] = ("wire_json", "wire")


@pytest.fixture(scope="session")
def command() -> str:
    found = buf()
    if found is None:
        assert os.environ.get("COMPATIBILITY_BUF") != "required", "buf is not installed"
        pytest.skip("buf is not installed; it comes with buf-bin, which the extra 'dev' has")
    return found


def _is_of_editions(change: Change) -> bool:
    return any(file.syntax == "editions" for schema in (change.old, change.new) for file in schema.files)


def _changes_syntax(change: Change) -> bool:
    before = {file.name: file.syntax for file in change.old.files}
    return any(before.get(file.name) != file.syntax for file in change.new.files)


@attrs.frozen
class Differing:
    """A difference from buf.

    Attributes:
        text: as docs/registry.md has it.
        applies: whether a change may be one.
        ours: rules that only we find then.
        theirs: rules that only buf finds then.
    """

    text: str
    applies: Callable[[Change], bool]
    ours: frozenset[str] = frozenset()
    theirs: frozenset[str] = frozenset()


EXCEPTIONS = (
    Differing(
        "A service is removed: `service_removed`. buf says so in FILE and PACKAGE alone.",
        lambda _change: True,
        ours=frozenset({"service_removed"}),
    ),
    Differing(
        "A method is removed: `method_removed`. buf says so in FILE and PACKAGE alone.",
        lambda _change: True,
        ours=frozenset({"method_removed"}),
    ),
    Differing(
        "In a file of editions a field is added or removed that is required by `features.field_presence`: "
        "`required_field_added`, `required_field_removed`. buf looks at the label of proto2 alone.",
        _is_of_editions,
        ours=frozenset({"required_field_added", "required_field_removed"}),
    ),
    Differing(
        "A file of proto2 becomes one of editions, or the other way round, and a field stays required: no difference. "
        "buf takes it for removed or added (`MESSAGE_SAME_REQUIRED_FIELDS`).",
        _changes_syntax,
        theirs=frozenset({"MESSAGE_SAME_REQUIRED_FIELDS"}),
    ),
)


def disagreement(change: Change, theirs: frozenset[str], level: Level) -> str:
    """What one finds and not the other, empty for nothing; but for what is known to differ."""
    ours = {one.rule for one in differences(change.old, change.new, level=level)}
    known = [one for one in EXCEPTIONS if one.applies(change)]
    ours_only = {
        rule.name for rule in RULES if rule.name in ours and not theirs & frozenset(rule.buf)
    }.difference(*(one.ours for one in known))
    found = {name for rule in RULES if rule.name in ours for name in rule.buf}
    theirs_only = (theirs - found).difference(*(one.theirs for one in known))
    if not ours_only and not theirs_only:
        return ""
    return f"{change.name} {level} {list(change.made)}: only here {sorted(ours_only)}, only buf {sorted(theirs_only)}"


def test_each_rule_of_buf_is_one_of_ours_at_the_same_level(command: str) -> None:
    known = categories(command)

    for level in LEVELS:
        wanted = {name for name, where in known.items() if CATEGORIES[level] in where}
        at_level = [
            rule for rule in RULES if not rule.is_ours and (level == "wire_json" or not rule.is_of_json)
        ]
        other = {"wire_json": "FIELD_WIRE_COMPATIBLE", "wire": "FIELD_WIRE_JSON_COMPATIBLE"}[level]
        ours = {name for rule in at_level for name in rule.buf if not name.startswith(other)}
        assert ours == wanted
    assert not any(
        known[name] & frozenset(CATEGORIES.values()) for rule in RULES if rule.is_ours for name in rule.buf
    )


def test_verdicts_are_those_of_buf(command: str, tmp_path: Path) -> None:
    known = categories(command)
    wrong: list[str] = []
    kinds: set[str] = set()
    for first in range(SEED, SEED + COUNT, IN_ONE_RUN):
        changes = [made(seed) for seed in range(first, min(first + IN_ONE_RUN, SEED + COUNT))]
        theirs = broken_rules(command, tmp_path, changes)
        kinds.update(kind for change in changes for kind in change.made)
        for change in changes:
            for level in LEVELS:
                of_level = frozenset(rule for rule in theirs[change.name] if CATEGORIES[level] in known[rule])
                wrong.append(disagreement(change, of_level, level))

    assert not [one for one in wrong if one], f"seeds from {SEED}"
    assert len(CHANGES) > COUNT or kinds == CHANGES.keys()


def required(name: str, syntax: Syntax, *fields: Field, reserved: Reserved | None = None) -> Schema:
    message = Message(f"{name}.M", fields, reserved or Reserved(), is_json=syntax != "proto2")
    return Schema((File(f"{name}.proto", name, syntax, messages=(message,)),))


def service(name: str, *services: Service) -> Schema:
    return Schema((File(f"{name}.proto", name, messages=(Message(f"{name}.M"),), services=services),))


FIELD = Field("id", 1, "string", cardinality="required", json_name="id")

EXAMPLES: Mapping[str, tuple[Schema, Schema]] = {
    "e0": (service("e0", Service("e0.S")), service("e0")),
    "e1": (
        service("e1", Service("e1.S", (Method("Do", "e1.M", "e1.M"),))),
        service("e1", Service("e1.S")),
    ),
    "e2": (required("e2", "editions"), required("e2", "editions", FIELD)),
    "e3": (required("e3", "proto2", FIELD), required("e3", "editions", FIELD)),
}


@pytest.mark.parametrize("index", range(len(EXCEPTIONS)))
def test_what_differs_from_buf_still_does(command: str, tmp_path: Path, index: int) -> None:
    change = Change(f"e{index}", *EXAMPLES[f"e{index}"], ("by hand",))

    theirs = broken_rules(command, tmp_path, [change])[change.name]

    ours = {one.rule for one in differences(change.old, change.new)}
    assert ours <= EXCEPTIONS[index].ours
    assert theirs == EXCEPTIONS[index].theirs
    assert bool(ours) != bool(theirs)


def section(title: str) -> str:
    """The text of a section of the page."""
    found = re.search(
        rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"docs/registry.md has no section {title!r}"
    return found[1]


def test_the_page_lists_what_differs_from_buf() -> None:
    listed = [
        " ".join(item.split())
        for item in re.findall(r"^- (.*(?:\n  .*)*)", section("Where buf says otherwise"), re.MULTILINE)
    ]

    assert listed == [one.text for one in EXCEPTIONS]


def test_the_page_lists_the_rules() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", section("The rules"), re.MULTILINE)

    assert rows == [
        (
            rule.name,
            rule.meaning,
            "wire_json" if rule.is_of_json else "both",
            ", ".join(f"`{name}`" for name in rule.buf),
        )
        for rule in RULES
    ]
