"""Has what a program's collectors log go to stderr."""

import logging
import sys
from collections.abc import Mapping
from types import MappingProxyType

from collector_mesh.adapters.telemetry.formats import FORMATTERS
from collector_mesh.adapters.telemetry.records import PACKAGE
from collector_mesh.domain.model.errors import kind_of, quoted

LEVELS: Mapping[str, int] = MappingProxyType(
    {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
)
"""The levels of logs, by name."""


def configure_logs(format: str = "pretty", level: str | int = "info") -> None:  # noqa: A002  # as the flag is called
    """Have what this package logs go to stderr, as `collector-mesh serve` does.

    Without it its records go where the program's logging sends them, as those of any library. The handlers of the
    program stay as they are, and get the records too, but for those that write to stderr themselves. What others
    log is their own business. To be called as often as you like: the last call counts.

    Args:
        format: `"pretty"`, a line for people, or `"json"`, an object in each line.
        level: `"debug"`, `"info"`, `"warning"` or `"error"`, or the same as a number of `logging`.

    Raises:
        TypeError: an argument is of another type.
        ValueError: it is none of these; the text names them.
    """
    formatter = FORMATTERS[_choice("format", format, tuple(FORMATTERS))]()
    number = _level(level)
    logger = logging.getLogger(PACKAGE)
    mine = [handler for handler in logger.handlers if isinstance(handler, _ToStderr)]
    passes_on = mine[0].passes_on if mine else logger.propagate
    for handler in mine:
        logger.removeHandler(handler)
    ours = _ToStderr(passes_on=passes_on)
    ours.setFormatter(formatter)
    logger.addHandler(ours)
    # Passed on by the handler, which knows who would write the same to the same place.
    logger.propagate = False
    logger.setLevel(number)


class _ToStderr(logging.Handler):
    """Writes to whatever stderr is at the time, and passes records on to the handlers of the program.

    Args:
        passes_on: whether they get records of this package at all.
    """

    def __init__(self, *, passes_on: bool) -> None:
        super().__init__()
        self.passes_on = passes_on

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        try:
            # A program without a terminal may have none.
            if sys.stderr is not None:
                sys.stderr.write(f"{self.format(record)}\n")
                sys.stderr.flush()
        except Exception:  # noqa: BLE001  # as every handler: what cannot be logged is nobody's failure
            self.handleError(record)

    def handle(self, record: logging.LogRecord) -> bool:
        """See `logging.Handler`."""
        is_shown = bool(super().handle(record))
        if self.passes_on:
            for handler in logging.getLogger().handlers:
                if record.levelno >= handler.level and not _writes_to_stderr(handler):
                    handler.handle(record)
        return is_shown


def _writes_to_stderr(handler: logging.Handler) -> bool:
    stream = getattr(handler, "stream", None)
    return stream is not None and (stream is sys.stderr or stream is sys.__stderr__)


def _level(level: str | int) -> int:
    if type(level) is int:
        if level not in LEVELS.values():
            allowed = ", ".join(f"{number} ({name})" for name, number in LEVELS.items())
            raise ValueError(f"level must be one of {allowed}, got {level}")
        return level
    return LEVELS[_choice("level", level, tuple(LEVELS))]


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    texts = ", ".join(map(repr, allowed))
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {texts}, got {kind_of(value)}")
    if value.lower() not in allowed:
        raise ValueError(f"{name} must be one of {texts}, got {quoted(value)}")
    return value.lower()
