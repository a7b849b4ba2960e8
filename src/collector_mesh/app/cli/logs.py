"""Logs of the command line: on stderr, one line a record, for people or for programs."""

import logging
import sys

from collector_mesh.adapters.telemetry.configuring import LEVELS as _LEVELS
from collector_mesh.adapters.telemetry.formats import FORMATTERS
from collector_mesh.adapters.telemetry.records import PACKAGE

FORMATS = tuple(FORMATTERS)
LEVELS = tuple(_LEVELS)


def configure(log_format: str, level: str) -> None:
    """Have what is logged in this process go to stderr.

    The level is that of this package. Others are told at info at most: what libraries say of their own
    work is for those who work on them.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATTERS[log_format]())
    wanted = _LEVELS[level]
    logging.basicConfig(level=max(wanted, logging.INFO), handlers=[handler], force=True)
    logging.getLogger(PACKAGE).setLevel(wanted)
