"""Reads a lock file; people edit and merge it, so nothing in it is believed unseen."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from collector_mesh.app.contracts.errors import LockFileError
from collector_mesh.app.contracts.locks.checks import contract_of_node
from collector_mesh.app.contracts.locks.lock import FORMAT, MAX_LOCK_BYTES, Lock
from collector_mesh.app.contracts.locks.node import Node
from collector_mesh.domain.model.errors import quoted

_MARKER = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: |\r?$)", re.MULTILINE)
_MISSING = re.compile(r'(["\w}\]])(?=\r?\n[ \t]*["\[\d])')
_TOO_MANY = re.compile(r",(\s*[}\]])")
_MOST_LINES = 5
_RESTORE = "restore it from version control"


class _TwiceError(ValueError):
    """A name stands twice in an object."""


def lock_of(data: bytes, where: str, *, mends: bool = False) -> Lock:
    """What is in a lock file.

    Args:
        data: the file.
        where: its path, for errors.
        mends: whether to set commas that are missing at the ends of lines, and to take away those that are too many: lines
            of both sides of a merge come to that.

    Raises:
        LockFileError: it cannot be used; the text says where in the file, what is allowed, and what to do.
    """
    if len(data) > MAX_LOCK_BYTES:
        raise LockFileError(
            f"{where} has more than {MAX_LOCK_BYTES} bytes, which no lock file has: {_RESTORE}"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LockFileError(f"{where} is no text in UTF-8 (byte {error.start}): {_RESTORE}") from error
    if (marker := _MARKER.search(text)) is not None:
        line = _line(text, marker.start())
        raise LockFileError(
            f"{where}, line {line}: the marker of a merge conflict. Keep the members of both sides, delete the markers;"
            " where two members have one number, delete the one that nobody uses yet. Then lock the contract again"
        )
    value, is_mended = _parsed(text, where, mends=mends)
    top = Node(where, (), value)
    _check_format(top)
    top.only("format", "contracts")
    contracts = top.part("contracts").items()
    return Lock({key: contract_of_node(key, node) for key, node in contracts}, is_mended)


def _parsed(text: str, where: str, *, mends: bool) -> tuple[Any, bool]:
    """The value, and whether it had to be mended."""
    try:
        return _loaded(text, mends=mends)
    except _TwiceError as error:
        name = str(error)
        lines = [number for number, line in enumerate(text.splitlines(), 1) if f"{json.dumps(name)}:" in line]
        at = f" (lines {', '.join(map(str, lines[:_MOST_LINES]))})" if lines else ""
        raise LockFileError(
            f"{where}: {quoted(name)} stands twice in one object{at}. Delete the one that nobody uses yet, and lock the"
            " contract again"
        ) from error
    except json.JSONDecodeError as error:
        raise LockFileError(
            f"{where}, line {error.lineno}: this is no JSON: {error.msg}. Mend it, or {_RESTORE}"
        ) from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or objects in objects without end.
        raise LockFileError(f"{where} is no lock file: {_RESTORE}") from error


def _loaded(text: str, *, mends: bool) -> tuple[Any, bool]:
    try:
        return _json(text), False
    except json.JSONDecodeError:
        # No text in a lock file has the end of a line in it.
        mended = _TOO_MANY.sub(r"\1", _MISSING.sub(r"\1,", text))
        with suppress(json.JSONDecodeError):
            if mends and mended != text:
                return _json(mended), True
        # The line that it names is one of the file.
        raise


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _TwiceError(name)
            seen.add(name)
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _check_format(top: Node) -> None:
    version = top.part("format").number(1, (1 << 31) - 1)
    if version > FORMAT:
        raise LockFileError(
            f"{top.where} is of format {version}, from a later version of collector-mesh; this one reads {FORMAT}."
            " Install the version that wrote it"
        )
