"""The allow list, read from a TOML file."""

import tomllib
from pathlib import Path
from typing import Self

from collector_mesh.domain.serving.allow_list import ENTRY_FORM, AllowedMethods


class AllowListError(ValueError):
    """A file that is no allow list; the text names the file and the line."""


class AllowList(AllowedMethods):
    """A validator that allows what is on its list and refuses everything else.

    Args:
        entries: each `namespace/Service.Method`, `namespace/Service.*` or `namespace/*`.

    Raises:
        ValueError: an entry is of no such form; the text names it.
    """

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a file with one key, `allow`: a list of entries.

        Raises:
            AllowListError: the file cannot be read, or is no such list; the text names the line.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise AllowListError(f"{path}: cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise AllowListError(f"{path}, line {line}: is not UTF-8") from error
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise AllowListError(f"{path}, {_where(error, text)}") from error
        for key in data:
            if key != "allow":
                line = _line_of(text, key)
                raise AllowListError(f"{path}, line {line}: unknown key {key!r}, the only one is 'allow'")
        entries = data.get("allow")
        if not isinstance(entries, list):
            line = _line_of(text, "allow")
            raise AllowListError(f"{path}, line {line}: 'allow' must be a list of texts like {ENTRY_FORM}")
        for entry in entries:
            line = _line_of(text, str(entry))
            if not isinstance(entry, str):
                raise AllowListError(f"{path}, line {line}: {entry!r} is not a text like {ENTRY_FORM}")
            try:
                AllowedMethods([entry])
            except ValueError as error:
                raise AllowListError(f"{path}, line {line}: {error}") from None
        return cls(entries)


def _where(error: tomllib.TOMLDecodeError, text: str) -> str:
    """The place that the parser names, at the front."""
    message, _, place = str(error).rpartition(" (at ")
    if place.startswith("line "):
        line = place.removeprefix("line ").partition(",")[0]
        return f"line {line}: {message}"
    return f"line {text.count(chr(10)) + 1}: {message or error}"


def _line_of(text: str, found: str) -> int:
    """The line that holds something, which the parser does not tell; comments do not count."""
    for number, line in enumerate(text.splitlines(), 1):
        if found in line.partition("#")[0]:
            return number
    return 1
