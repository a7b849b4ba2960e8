"""What is no plain data, and where it is: looked for only where something cannot travel."""

from collections.abc import Iterator
from typing import Any

from collector_mesh.domain.model.errors import InvalidCallError, is_a, is_unicode, kind_of
from collector_mesh.domain.model.texts import visible

DEPTH = 32
"""Dicts and lists in each other: protobuf reads messages that are 100 deep, and a dict takes three of them."""

LARGEST = 1 << 53
"""Numbers travel as doubles, which have every whole number up to here."""

MOST_VALUES = 100_000
"""Values in dicts and lists, all together: they are read in Python, while the event loop waits, at about 1 us each."""

TOO_MANY = f"plain data has more than {MOST_VALUES} values: send a message class, or bytes in one"

ALLOWED = "dict with str keys, list, str, int, float, bool and None"
"""What plain data is, as errors say it."""

_MAX_KEY = 40
"""Characters of a key in a path."""

_MAX_PATH = 200
"""Characters of a path; of a longer one the end is told."""


class PlainDataError(InvalidCallError):
    """There is something in plain data that cannot travel; the text names it by its path."""


def flaw_in(value: object, error: Exception) -> PlainDataError:
    """The error that names what in a value cannot travel.

    Args:
        value: the value.
        error: what has come of an attempt to write it; told where nothing is found.
    """
    path: list[str] = []
    try:
        found = _search(value, path, [])
    except Exception as other:  # noqa: BLE001  # it may have changed meanwhile, in another thread
        found, error = "", other
    if not found:
        return PlainDataError(f"plain data cannot be written: {visible(str(error)) or type(error).__name__}")
    return PlainDataError(f"{shown_path(path)}: {found}" if path else found)


def shown_path(path: list[str]) -> str:
    """Where something is, as `order.lines[3].price`."""
    text = "".join(path).removeprefix(".")
    return text if len(text) <= _MAX_PATH else f"...{text[-_MAX_PATH:]}"


def at_key(key: str) -> str:
    """The part of a path that a key is."""
    if key.isidentifier() and len(key) <= _MAX_KEY:
        return f".{key}"
    return f"[{visible(key, _MAX_KEY)!r}]" if key.isprintable() else f"['{visible(key, _MAX_KEY)}']"


def _search(value: Any, path: list[str], within: list[object]) -> str:
    """What is wrong at the first place where something is, which the path leads to then; empty if nothing is."""
    if not is_a(value, dict, list):
        return _flaw_of(value)
    if any(value is outer for outer in within):
        return f"the {type(value).__name__} contains itself"
    if len(within) >= DEPTH:
        return f"plain data may be {DEPTH} levels deep"
    within.append(value)
    for step, inner in _steps(value):
        if isinstance(step, tuple):
            return f"a key is {kind_of(step[0])}, only str is allowed"
        path.append(step)
        if found := _search(inner, path, within):
            return found
        path.pop()
    within.pop()
    return ""


def _steps(value: Any) -> Iterator[tuple[str | tuple[object], object]]:
    """What is in a dict or list, each with its part of the path; in place of that a key that is no text, in a tuple."""
    if is_a(value, list):
        for number, inner in enumerate(list.__iter__(value)):
            yield f"[{number}]", inner
    elif is_a(value, dict):
        for key, inner in dict.items(value):
            if not is_a(key, str):
                yield (key,), inner
            elif not is_unicode(text := str.__str__(key)):
                yield at_key(text), _LoneSurrogate()
            else:
                yield at_key(text), inner


class _LoneSurrogate:
    """In place of the value of a key that cannot be sent."""


def _flaw_of(value: Any) -> str:
    """What is wrong with something that holds nothing; empty if nothing is."""
    if value is None or is_a(value, bool):
        return ""
    if is_a(value, str):
        return (
            ""
            if is_unicode(str.__str__(value))
            else "the text has a lone surrogate, which is no valid Unicode"
        )
    if is_a(value, int):
        if -LARGEST <= int.__add__(value, 0) <= LARGEST:
            return ""
        return (
            "the int is beyond 2^53 (9007199254740992), which plain data cannot carry exactly: send it as str"
        )
    if is_a(value, float):
        number = float.__add__(value, 0.0)
        return "" if number - number == 0.0 else f"{number} is no number that JSON has"
    if is_a(value, _LoneSurrogate):
        return "the key has a lone surrogate, which is no valid Unicode"
    return f"{kind_of(value)} is no plain data, allowed are {ALLOWED}"
