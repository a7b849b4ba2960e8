"""How log records look: one line each, for people or for programs."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from collector_mesh.adapters.telemetry.records import MAX_MESSAGE, PACKAGE, traceback_of
from collector_mesh.domain.model.texts import visible


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, event, and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        line: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        if record.name == PACKAGE and hasattr(record, "event") and hasattr(record, "facts"):
            line |= {"event": record.event, **record.facts}
        else:
            line["event"] = _message(record)
        if record.name != PACKAGE and not record.name.startswith(f"{PACKAGE}."):
            line["logger"] = record.name
        if lines := traceback_of(record):
            line["traceback"] = "\n".join(lines)
        return json.dumps(line)


class PrettyFormatter(logging.Formatter):
    """Time, level, event, and the facts as key=value; tracebacks below."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        line = f"{_time(record):%H:%M:%S.%f}"[:-3]
        line += f" {record.levelname.lower():7} {_message(record)}"
        # Indented, so that no text of an exception looks like a line of its own.
        return "\n    ".join([line, *traceback_of(record)])


FORMATTERS: Mapping[str, type[logging.Formatter]] = MappingProxyType(
    {"pretty": PrettyFormatter, "json": JsonFormatter}
)
"""What logs look like, by name."""


def _message(record: logging.LogRecord) -> str:
    """Of others a text that may be long."""
    return visible(record.getMessage(), MAX_MESSAGE)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
