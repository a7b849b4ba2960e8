"""Makes an attrs class of plain data, with everything that is wrong with it at once."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, TypeVar, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override

from collector_mesh.app.cli.problems import got
from collector_mesh.domain.model.errors import MAX_QUOTED, MeshError

T = TypeVar("T")

Path = tuple[str, ...]
"""Where a value stands: `("settings", "max_running")`."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?|\.[0-9]+|inf)")
_BOOLEANS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@attrs.frozen
class Words:
    """A text that stands for a value of whatever type is wanted: flags and the environment have nothing else."""

    text: str


class UnfitError(ValueError):
    """Data are not what the class wants.

    Attributes:
        problems: where, and what; the text begins with the name of the field, or is a sentence of its own.
    """

    def __init__(self, problems: list[tuple[Path, str]]) -> None:
        super().__init__("; ".join(text for _, text in problems))
        self.problems = problems


def structured(data: Mapping[str, Any], kind: type[T]) -> T:
    """An instance of an attrs class.

    Every field is read and checked by itself. The class would do that in one go, and stop at the first.

    Args:
        data: the fields by name, those of fields that are attrs classes likewise; values are those of TOML, or `Words`.
        kind: the class.

    Raises:
        UnfitError: something is of the wrong type or out of range.
    """
    try:
        return _converter().structure(data, kind)
    except cattrs.BaseValidationError as error:
        raise UnfitError(list(_problems(error, ()))) from error


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(int, _whole_number)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(bool, _boolean)
    converter.register_structure_hook_func(partial(_is_made_of, tuple), _texts)
    converter.register_structure_hook_func(partial(_is_made_of, Mapping), _table)
    converter.register_structure_hook_factory(attrs.has, partial(_by_field, converter=converter))
    return converter


def _is_made_of(origin: object, kind: object) -> bool:
    found: object = get_origin(kind)
    return found is origin


def _by_field(kind: Any, *, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    overrides = {
        field.name: override(struct_hook=_checked(field, converter.get_structure_hook(field.type)))
        for field in attrs.fields(kind)
    }
    return make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, **overrides)  # type: ignore[arg-type]  # the names of fields are not those of its own arguments


def _checked(field: "attrs.Attribute[Any]", hook: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _kind: Any) -> Any:
        try:
            made = hook(value, field.type)
        except _WrongTypeError as error:
            raise ValueError(_better(field, error) or f"{field.name} {error}") from error
        if field.validator is not None:
            field.validator(None, field, made)
        return made

    return structure


def _better(field: "attrs.Attribute[Any]", error: "_WrongTypeError") -> str:
    """What the validator says of a value of the wrong type, which names the range too; empty where it says nothing."""
    try:
        # The validator of a list looks at its items, which a text has too.
        if field.validator is not None and not _is_made_of(tuple, field.type):
            value = error.value
            field.validator(None, field, value[:MAX_QUOTED] if isinstance(value, str) else value)
    except (ValueError, MeshError) as said:
        return str(said)
    except Exception:  # noqa: BLE001  # many expect the right type
        return ""
    return ""


def _problems(group: cattrs.BaseValidationError, path: Path) -> Iterator[tuple[Path, str]]:
    for error in group.exceptions:
        notes = getattr(error, "__notes__", ())
        names = [note.name for note in notes if isinstance(note, cattrs.AttributeValidationNote)]
        where = (*path, *names)
        if isinstance(error, cattrs.BaseValidationError):
            yield from _problems(error, where)
        else:
            for text in getattr(error, "texts", (str(error),)):
                yield where, text


class _WrongTypeError(ValueError):
    """A value is of the wrong type; the text says what it must be, `value` is what it is."""

    def __init__(self, wanted: str, value: object) -> None:
        self.value = value.text if isinstance(value, Words) else value
        super().__init__(f"must be {wanted}, got {got(self.value)}")


def _text(value: object, _kind: Any) -> str:
    if isinstance(value, Words):
        return value.text
    if isinstance(value, str):
        return value
    raise _WrongTypeError("a text", value)


def _whole_number(value: object, _kind: Any) -> int:
    if isinstance(value, Words) and _WHOLE.fullmatch(value.text):
        return int(value.text)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _WrongTypeError("a whole number", value)


def _number(value: object, _kind: Any) -> float:
    if isinstance(value, Words) and _NUMBER.fullmatch(value.text):
        return float(value.text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _WrongTypeError("a number", value)


def _boolean(value: object, _kind: Any) -> bool:
    if isinstance(value, Words) and value.text.lower() in _BOOLEANS:
        return _BOOLEANS[value.text.lower()]
    if isinstance(value, bool):
        return value
    raise _WrongTypeError("true or false", value)


def _texts(value: object, _kind: Any) -> tuple[str, ...]:
    if isinstance(value, Words):
        # Where lines are broken, commas are signs like others.
        parts = value.text.splitlines() if "\n" in value.text else value.text.split(",")
        return tuple(part.strip() for part in parts if part.strip())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _WrongTypeError("a list of texts", value)


def _table(value: object, _kind: Any) -> Mapping[str, Any]:
    found = value
    if isinstance(value, Words):
        try:
            found = json.loads(value.text)
        except (ValueError, RecursionError):
            raise _WrongTypeError("a JSON object", value) from None
    if isinstance(found, dict):
        return found
    raise _WrongTypeError("a JSON object" if isinstance(value, Words) else "a table", value)
