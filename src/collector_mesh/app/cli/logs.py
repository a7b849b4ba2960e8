"""Logs of the command line: on stderr, one line a record, for people or for programs."""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from collector_mesh.domain.model.texts import visible

PACKAGE = "collector_mesh"
FORMATS = ("pretty", "json")
LEVELS = ("debug", "info", "warning", "error")


_MAX_LINES = 100
"""Lines of a traceback that are shown: an exception's text can have any number."""

_MAX_MESSAGE = 4096
"""Longest message of a library, in characters."""

_APART = frozenset(' "=')
"""What would be taken for the end of a value, or of its name."""


def configure(log_format: str, level: str) -> None:
    """Have what is logged in this process go to stderr.

    The level is that of this package. Others are told at info at most: what libraries say of their own
    work is for those who work on them.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _PrettyFormatter())
    wanted: int = getattr(logging, level.upper())
    logging.basicConfig(level=max(wanted, logging.INFO), handlers=[handler], force=True)
    logging.getLogger(PACKAGE).setLevel(wanted)


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {name: _safe(value) for name, value in getattr(record, "facts", {}).items()}


def _safe(value: object) -> Any:
    """A fact without anything that does harm where it is read; much of it came from elsewhere."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, int | float | None):
        return value
    if isinstance(value, Mapping):
        return {visible(str(key)): _safe(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_safe(inner) for inner in value]
    return visible(str(value))


def _traceback(record: logging.LogRecord) -> list[str]:
    """Its lines; of many, the first and the last ones."""
    if not record.exc_info or not record.exc_info[0]:
        return []
    whole = "".join(traceback.format_exception(*record.exc_info))
    lines = [visible(line) for line in whole.splitlines()]
    if len(lines) <= _MAX_LINES:
        return lines
    half = _MAX_LINES // 2
    return [*lines[:half], f"... {len(lines) - 2 * half} lines ...", *lines[-half:]]


def _message(record: logging.LogRecord) -> str:
    """Of this package a word, of others a text, which may be long."""
    return visible(record.getMessage(), _MAX_MESSAGE)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, event, and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": _message(record),
            **_facts(record),
        }
        if record.name != PACKAGE and not record.name.startswith(f"{PACKAGE}."):
            line["logger"] = record.name
        if lines := _traceback(record):
            line["traceback"] = "\n".join(lines)
        return json.dumps(line)


class _PrettyFormatter(logging.Formatter):
    """Time, level, event, and the facts as key=value; tracebacks below."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{key}={_shown(value)}" for key, value in _facts(record).items())
        line = f"{_time(record):%H:%M:%S.%f}"[:-3]
        line += f" {record.levelname.lower():7} {_message(record)}"
        if facts:
            line += f" {facts}"
        # Indented, so that no text of an exception looks like a line of its own.
        return "\n    ".join([line, *_traceback(record)])


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or _APART & set(text) else text
