"""Where a page begins, as text: what a caller gets with one page and gives for the next."""

import re

from collector_mesh.domain.model.errors import InvalidCallError, kind_of, quoted
from collector_mesh.domain.model.names import NAME
from collector_mesh.domain.ports.registry_store import Position
from collector_mesh.domain.registry.limits import FILE_NAME, MAX_PAGE

_POSITION = re.compile(
    rf"(?P<created>[1-9][0-9]{{0,17}})(?:/(?P<namespace>{NAME.pattern})/(?P<name>{FILE_NAME.pattern}))?"
)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")

_LAST = "~"
"""Comes after all names, of which none has it."""


def limit_of(limit: object) -> int:
    """How many entries a page has.

    Raises:
        InvalidCallError: less than one, or too many.
        TypeError: it is no whole number.
    """
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(f"limit must be an int, got {kind_of(limit)}")
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidCallError(f"limit must be between 1 and {MAX_PAGE}, got {limit}")
    return limit


def position_text(position: Position) -> str:
    """A position as text."""
    return f"{position.created}/{position.namespace}/{position.name}"


def position_of(after: str) -> Position | None:
    """The position in a text, None if that is empty.

    Raises:
        InvalidCallError: it is none.
    """
    if not after:
        return None
    found = _POSITION.fullmatch(after)
    if found is None:
        raise _malformed(after)
    return Position(int(found["created"]), found["namespace"] or _LAST, found["name"] or _LAST)


def without_names(after: str) -> str:
    """A position for somebody who may not see its namespace: the end of what came with the same write, which is all there."""
    return after.partition("/")[0]


def number_of(after: str) -> int:
    """The number of a change in a text, 0 if that is empty.

    Raises:
        InvalidCallError: it is none.
    """
    if not after:
        return 0
    if not _NUMBER.fullmatch(after):
        raise _malformed(after)
    return int(after)


def _malformed(after: str) -> InvalidCallError:
    return InvalidCallError(f"after must be what came with the page before, got {quoted(after)}")
