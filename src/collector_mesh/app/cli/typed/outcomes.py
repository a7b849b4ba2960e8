"""How the outcome of a command is printed: for people, and for programs."""

import base64
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError, tell
from collector_mesh.domain.model.errors import text_of
from collector_mesh.domain.model.routing_keys import HANDLED_BY_KEY
from collector_mesh.domain.model.status import Metadata
from collector_mesh.domain.model.texts import escaped, visible

_MAX_TEXT = 2048
"""Characters of what a server says that are shown; programs get all of it."""


class CallError(CommandError):
    """A call has ended with another status than OK.

    Args:
        text: in one line, for people.
        data: the same for programs.
        notes: further lines for people.
    """

    def __init__(self, text: str, data: dict[str, Any], notes: tuple[str, ...] = ()) -> None:
        super().__init__(text, EXIT_FAILED)
        self.data = data
        self.notes = notes


def print_json(value: Any) -> None:
    """Print data on stdout as JSON that any terminal and any locale can take."""
    sys.stdout.write(json_text(value, encoding=sys.stdout.encoding or "ascii") + "\n")


def json_text(value: Any, *, encoding: str = "utf-8", indent: int | None = 2) -> str:
    """Data as JSON, in which nothing steers a terminal or turns the direction of writing."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    if not text.replace("\n", "").isprintable():
        text = "".join(sign if sign.isprintable() or sign == "\n" else _escape(sign) for sign in text)
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return json.dumps(value, indent=indent)
    return text


def _escape(sign: str) -> str:
    # As JSON has it, also where it takes two.
    return json.dumps(sign)[1:-1] if ord(sign) > 0x7F else f"\\u{ord(sign):04x}"


def pairs_of(metadata: Metadata) -> list[list[str]]:
    """Metadata for programs: pairs, a binary value in base64."""
    return [[key, _text(value)] for key, value in metadata]


def metadata_lines(title: str, metadata: Metadata) -> list[str]:
    """Metadata for people."""
    if not metadata:
        return [f"{title}: none"]
    return [
        f"{title}:",
        *(f"  {visible(key)}: {visible(_text(value), _MAX_TEXT)}" for key, value in metadata),
    ]


def _text(value: str | bytes) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def handled_by(*metadata: Metadata) -> str:
    """Which collector has run a method; empty if nobody says so."""
    for key, value in (pair for each in metadata for pair in each):
        if key == HANDLED_BY_KEY and isinstance(value, str):
            return value
    return ""


def how(address: str, who: str, seconds: float) -> str:
    """Who has handled a call, and how long it took."""
    return f"{f'handled by {visible(who)}' if who else f'from {address}'}, in {_duration(seconds)}"


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def said(text: str) -> str:
    """What a server says, as people may see it."""
    return visible(text, _MAX_TEXT)


def note(*lines: str) -> None:
    """Print lines on stderr."""
    # Whoever does not read them has the result.
    with suppress(OSError):
        print(*map(escaped, lines), sep="\n", file=sys.stderr, flush=True)


def guarded(run: Callable[[], int], *, as_json: bool, is_machine: bool) -> int:
    """Run a command, and tell its error in the form that the user wants.

    Args:
        run: gives the exit status.
        as_json: whether an error is JSON on stderr.
        is_machine: whether the outcome of a call is one object on stdout, whatever it is.
    """
    try:
        return _run(run)
    except CommandError as error:
        data = error.data if isinstance(error, CallError) else {"status": _kind(error), "message": str(error)}
        if is_machine and isinstance(error, CallError):
            print_json(data)
        if as_json:
            note(json_text(data, indent=None, encoding=sys.stderr.encoding or "ascii"))
            return error.status
        if isinstance(error, CallError):
            status = tell(error)
            if error.notes:
                note(*error.notes)
            return status
        raise


def _run(run: Callable[[], int]) -> int:
    try:
        return run()
    except (CommandError, OSError):
        raise
    except Exception as error:
        # What comes from servers may be anything, and what nobody has thought of is one line, too.
        raise CommandError(
            f"unexpected {type(error).__name__}: {visible(text_of(error))}", EXIT_FAILED
        ) from error


def _kind(error: CommandError) -> str:
    return "FAILED" if error.status == EXIT_FAILED else "USAGE"
