"""The page of the logs has every word with its level and all of its fields, as the code has them."""

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from collector_mesh.adapters.telemetry.formats import JsonFormatter
from collector_mesh.adapters.telemetry.logs import _NAMES, _WORDS
from collector_mesh.adapters.telemetry.records import PACKAGE, log
from collector_mesh.domain.model import events

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "logs.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|$", re.MULTILINE)

OF_VERDICTS = ["peer", "reason", "code", "executed", "seconds"]
"""What the line has in the place of the verdict of an attempt."""


def fields_of(kind: type[events.Event]) -> list[str]:
    names = [field.name for field in attrs.fields(kind) if field.name not in {"times", "verdict"}]
    more = OF_VERDICTS if kind is events.AttemptFailed else []
    return sorted({*(_NAMES.get(name, name) for name in names), *more})


def words_of_events() -> Iterator[tuple[str, str, list[str]]]:
    for kind, (word, level) in _WORDS.items():
        yield word, logging.getLevelName(level).lower(), fields_of(kind)


def logged_directly() -> Iterator[tuple[str, str, list[str] | None]]:
    """The words that no event stands for; without fields where these are made elsewhere."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "import log\n" not in text and "import PACKAGE, log\n" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log"):
                continue
            level, word, *facts = node.args
            if not isinstance(word, ast.Constant):
                continue
            names = [keyword.arg or "" for keyword in node.keywords]
            if facts and not isinstance(facts[0], ast.Dict):
                yield str(word.value), ast.unparse(level).rpartition(".")[2].lower(), None
                continue
            keys = facts[0].keys if facts and isinstance(facts[0], ast.Dict) else []
            names += [str(key.value) for key in keys if isinstance(key, ast.Constant)]
            yield str(word.value), ast.unparse(level).rpartition(".")[2].lower(), sorted(names)


def told() -> dict[tuple[str, str], list[str]]:
    """What the page says: the fields of each word at each level; each line of a command has a row of its own."""
    rows: dict[tuple[str, str], list[str]] = {}
    for word, level, fields in ROW.findall(PAGE.read_text(encoding="utf-8")):
        rows.setdefault((word, level), []).extend(re.findall(r"`(\w+)`", fields))
    return {key: sorted(set(fields)) for key, fields in rows.items()}


@pytest.mark.parametrize(("word", "level", "fields"), [*words_of_events()])
def test_every_event_has_a_row_with_its_fields(word: str, level: str, fields: list[str]) -> None:
    missing = [name for name in fields if name not in told().get((word, level), [])]

    assert missing == []


def test_every_line_of_the_command_has_a_row_with_its_fields() -> None:
    rows = told()
    missing = [
        (word, level, fields)
        for word, level, fields in logged_directly()
        if (word, level) not in rows or not set(fields or ()) <= set(rows[word, level])
    ]

    assert missing == []


def test_the_page_has_no_word_and_no_field_that_no_line_has() -> None:
    known: dict[tuple[str, str], set[str]] = {}
    open_ended = set()
    for word, level, fields in (*words_of_events(), *logged_directly()):
        known.setdefault((word, level), set()).update(fields or ())
        if fields is None:
            open_ended.add((word, level))
    odd = {
        key: sorted(set(fields) - known.get(key, set()))
        for key, fields in told().items()
        if key not in open_ended and not set(fields) <= known.get(key, set())
    }

    assert (odd, set(told()) - known.keys()) == ({}, set())


def test_a_line_of_json_begins_with_the_fields_that_every_line_has(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, PACKAGE):
        log(logging.INFO, "call_ended", {"method": "n/S.M", "code": 200}, ValueError("odd"))
    line = json.loads(JsonFormatter().format(caplog.records[-1]))

    assert list(line) == ["time", "level", "event", "method", "code", "error", "traceback"]
    assert (line["level"], line["event"], line["error"]) == ("info", "call_ended", "ValueError: odd")
