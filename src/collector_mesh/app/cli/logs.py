"""Logs of the command line: on stderr, one line a record, for people or for programs."""

import logging
import sys
from functools import partial

from collector_mesh.adapters.telemetry.configuring import LEVELS as _LEVELS
from collector_mesh.adapters.telemetry.formats import FORMATTERS
from collector_mesh.adapters.telemetry.records import MAX_MESSAGE, PACKAGE, as_text

FORMATS = tuple(FORMATTERS)
LEVELS = tuple(_LEVELS)


def configure(log_format: str, level: str, *, named: str = "") -> None:
    """Have what is logged in this process go to stderr.

    The level is that of this package. Others are told at info at most: what libraries say of their own
    work is for those who work on them.

    Args:
        log_format: one of `FORMATS`.
        level: one of `LEVELS`.
        named: the collector that lines are of which do not say so themselves, where several processes write to one place.
    """
    handler = logging.StreamHandler(sys.stderr)
    if named:
        handler.addFilter(partial(_name, named))
    handler.setFormatter(FORMATTERS[log_format]())
    logging.basicConfig(handlers=[handler], force=True)
    set_level(level)


def set_level(level: str) -> None:
    """Have another level from now on."""
    wanted = _LEVELS[level]
    logging.getLogger().setLevel(max(wanted, logging.INFO))
    logging.getLogger(PACKAGE).setLevel(wanted)


def _name(collector_id: str, record: logging.LogRecord) -> bool:
    """Have a record say which collector it is of."""
    facts = getattr(record, "facts", None)
    if not isinstance(facts, dict):
        record.msg, record.args = f"{record.getMessage()} collector_id={collector_id}", None
    elif "collector_id" not in facts:
        facts["collector_id"] = collector_id
        record.msg, record.args = "%s %s", (getattr(record, "event", ""), as_text(facts, MAX_MESSAGE))
    return True
