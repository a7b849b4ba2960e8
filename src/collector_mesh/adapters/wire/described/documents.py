"""JSON as a person has typed it: exact numbers, no key twice, one document."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

from collector_mesh.adapters.wire.described.scalars import real_of
from collector_mesh.adapters.wire.described.shapes import ShapeError, below, quoted
from collector_mesh.domain.model.texts import visible


class DocumentError(ValueError):
    """A text that is no JSON; the text of the error says why, to follow what it is that was read."""


class Object(dict[str, Any]):
    """An object of JSON that knows whether a key has stood there twice."""

    twice: str | None = None


def parsed(text: str, *, number: Callable[[str], Any] = Decimal) -> Any:
    """One JSON document: objects as `Object`, whole numbers as int.

    Args:
        text: of the document.
        number: what a number with a fraction or an exponent becomes.

    Raises:
        DocumentError: it is none, there are several, or it is nested too deeply.
    """
    if not text.strip():
        raise DocumentError("is empty: {} is a message without fields")
    try:
        return json.loads(text, parse_constant=_refused, parse_float=number, object_pairs_hook=_object)
    except RecursionError as error:
        raise DocumentError("is nested too deeply") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        if error.msg == "Extra data":
            raise DocumentError(f"has more than one JSON document: the second begins at {where}") from error
        raise DocumentError(f"is no JSON: {visible(error.msg)} at {where}") from error
    except (ValueError, ArithmeticError) as error:
        raise DocumentError(f"is no JSON: {visible(str(error))}") from error


def plain(value: Any, path: str = "") -> Any:
    """A document as plain data of Python.

    Raises:
        ShapeError: a key stands there twice, a number is too large, or it is nested too deeply.
    """
    try:
        return _plain(value, path)
    except RecursionError as error:
        raise ShapeError("", "is nested too deeply") from error


def _plain(value: Any, path: str) -> Any:
    if isinstance(value, Object):
        if value.twice is not None:
            raise ShapeError(path, f"the key {quoted(value.twice)} stands there twice")
        return {key: _plain(item, below(path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, f"{path}[{position}]") for position, item in enumerate(value)]
    return real_of(value, path) if isinstance(value, Decimal) else value


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON has")


def _object(pairs: list[tuple[str, Any]]) -> Object:
    made = Object(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                made.twice = key
                break
            seen.add(key)
    return made
