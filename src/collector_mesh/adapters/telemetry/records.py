"""Log records of this package: a constant word and its facts, both in the message, whoever formats it."""

import json
import logging
import traceback
from collections.abc import Mapping
from itertools import islice
from typing import Any

from collector_mesh.domain.model.errors import is_a, shown
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.texts import visible

PACKAGE = "collector_mesh"

MAX_MESSAGE = 4096
"""Longest message of a record that is shown, in characters."""

_LOGGER = logging.getLogger(PACKAGE)

_MAX_LINES = 100
"""Lines of a traceback that are shown: an exception's text can have any number."""

_MAX_ITEMS = (100, 10)
"""Items of a list or mapping that a record has, and of one in another; deeper ones are told by their text."""

_APART = frozenset(' "=')
"""What would be taken for the end of a value, or of its name."""


def log(
    level: int, word: str, facts: Mapping[str, object] | None = None, error: BaseException | None = None
) -> None:
    """Log one record: its message is the word and the facts as `key=value`.

    The record has the attributes `event`, the word, and `facts`, a dict. All texts in them are of one line, without
    anything unprintable, and bounded. An error is a fact too, as its class and its text, beside the traceback.
    """
    if not _LOGGER.isEnabledFor(level):
        return
    told = {name: plain(value) for name, value in (facts or {}).items()}
    if error is not None:
        told["error"] = visible(_class_and_text(error))
    record = _LOGGER.makeRecord(
        PACKAGE,
        level,
        *_LOGGER.findCaller(stacklevel=2)[:2],
        "%s %s" if told else "%s",
        (word, as_text(told, MAX_MESSAGE)) if told else (word,),
        None if error is None else (type(error), error, error.__traceback__),
        extra={"event": word, "facts": told},
    )
    if record.exc_info:
        # Formatters take it as it is. Indented, so that no text of an exception looks like a line of its own.
        record.exc_text = "\n".join(f"    {line}" for line in traceback_of(record))
    _LOGGER.handle(record)


def traceback_of(record: logging.LogRecord) -> list[str]:
    """The lines of the traceback of a record, escaped; of many, the first and the last ones."""
    if not record.exc_info or not record.exc_info[0]:
        return []
    try:
        whole = "".join(traceback.format_exception(*record.exc_info))
    except Exception:  # noqa: BLE001  # an exception of a user's may be anything
        return []
    lines = [visible(line) for line in whole.splitlines()]
    if len(lines) <= _MAX_LINES:
        return lines
    half = _MAX_LINES // 2
    return [*lines[:half], f"... {len(lines) - 2 * half} lines ...", *lines[-half:]]


def plain(value: object, depth: int = 0) -> Any:
    """A fact as JSON has it, without anything that does harm where it is read; much of it came from elsewhere."""
    # The names of a method are a tuple; its text is what people know it by.
    if is_a(value, str, MethodKey):
        return visible(shown(value))
    if value is None or type(value) in {bool, int, float}:
        return value
    if is_a(value, dict) or isinstance(value, Mapping):
        if depth < len(_MAX_ITEMS):
            items = islice(value.items(), _MAX_ITEMS[depth])  # type: ignore[attr-defined]  # just looked
            return {visible(shown(key)): plain(inner, depth + 1) for key, inner in items}
    elif is_a(value, tuple, list) and depth < len(_MAX_ITEMS):
        most, items = _MAX_ITEMS[depth], list(value)  # type: ignore[call-overload]  # just looked
        more = [f"and {len(items) - most} more"] if len(items) > most else []
        return [plain(inner, depth + 1) for inner in items[:most]] + more
    return visible(shown(value))


def as_text(facts: Mapping[str, Any], most: int) -> str:
    """Facts as `key=value`, in at most so many characters."""
    return visible(" ".join(f"{key}={_value(value)}" for key, value in facts.items()), most)


def _value(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or _APART & set(text) else text


def _class_and_text(error: BaseException) -> str:
    text, name = shown(error), type(error).__name__
    return f"{name}: {text}" if text and text != name else name
