"""Models of pydantic, where the user has imported it: what they consist of, and what their errors say."""

import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import attrs

from collector_mesh.domain.model.errors import attribute_of, is_a, shown

_MOST_ERRORS = 100
"""Of one model that are looked at."""


@attrs.frozen
class PydanticField:
    """A field of a model; `argument` is what the model reads it by."""

    name: str
    argument: str
    hint: Any
    has_default: bool
    json_name: str


@attrs.frozen(eq=False)
class Told:
    """What a model says of itself."""

    fields: tuple[PydanticField, ...]
    make: Callable[[Any], Any]
    flaws: tuple[tuple[str, str], ...]


def is_model(kind: type) -> bool:
    """Whether a class is a model of pydantic, of version 2."""
    base = attribute_of(sys.modules.get("pydantic"), "BaseModel")
    return is_a(base, type) and kind is not base and issubclass(kind, base)  # type: ignore[arg-type]  # just looked


def stands_for(hint: Any) -> Any:
    """The type of the values that a type of pydantic's own is for, for those that are no types of values themselves."""
    if getattr(hint, "__module__", "") == "pydantic.types" and getattr(hint, "__name__", "") in {
        "AwareDatetime",
        "PastDatetime",
        "FutureDatetime",
    }:
        from datetime import datetime

        return datetime
    if getattr(hint, "__module__", "") == "pydantic.types" and hint.__name__ in {"PastDate", "FutureDate"}:
        from datetime import date

        return date
    return hint


def told_by(kind: Any) -> Told:
    """What a model consists of."""
    flaws: list[tuple[str, str]] = []
    if not kind.__pydantic_complete__:
        try:
            kind.model_rebuild()
        except Exception as error:  # noqa: BLE001  # it depends on what its annotations say
            return Told((), kind, (("", f"is not complete: {shown(error).partition(chr(10))[0]}"),))
    config = kind.model_config
    if config.get("extra") == "allow":
        flaws.append(("", "allows extra fields, whose types are not known"))
    if attribute_of(kind, "__pydantic_root_model__") is True:
        flaws.append(("", "is a RootModel, which has no fields: name the type that it holds"))
    fields = []
    for name, field in kind.model_fields.items():
        if field.exclude:
            if field.is_required():
                flaws.append((name, "is excluded from what the model writes, and has no default"))
            continue
        if config.get("use_enum_values") and _names_enum(field.annotation):
            flaws.append((name, "is an enum whose members become their values (use_enum_values)"))
        told = field_of(name, field, config)
        if told is None:
            flaws.append((name, "is read by a path: allow the model to be read by names (populate_by_name)"))
        else:
            fields.append(told)
    return Told(tuple(fields), kind.model_validate, tuple(flaws))


def field_of(name: str, field: Any, config: Any) -> PydanticField | None:
    """A field of a model, or of a dataclass of pydantic's; None if it can be read by a path only."""
    by_name = config.get("populate_by_name") or (
        # Before version 2.11 it says nothing.
        "validate_by_name" in sys.modules["pydantic"].ConfigDict.__annotations__
        and (config.get("validate_by_name") or config.get("validate_by_alias") is False)
    )
    argument = name if by_name else _argument_of(name, field)
    if argument is None:
        return None
    alias = field.serialization_alias or field.alias
    json_name = alias if isinstance(alias, str) and alias != name else ""
    return PydanticField(name, argument, field.annotation, not field.is_required(), json_name)


def dataclass_fields(kind: type) -> Mapping[str, PydanticField | None]:
    """What pydantic knows of the fields of a dataclass of its own; empty for any other dataclass."""
    infos = attribute_of(kind, "__pydantic_fields__") if "pydantic" in sys.modules else None
    if type(infos) is not dict:
        return {}
    config = attribute_of(kind, "__pydantic_config__") or {}
    return {name: field_of(name, info, config) for name, info in infos.items()}


def _names_enum(hint: Any) -> bool:
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        return issubclass(hint, Enum)
    return any(_names_enum(each) for each in typing.get_args(hint))


def _argument_of(name: str, field: Any) -> str | None:
    """The key by which a model reads a field; None if there is none."""
    alias = field.validation_alias
    if alias is None:
        return name
    for choice in getattr(alias, "choices", (alias,)):
        if isinstance(choice, str):
            return choice
    return None


def generic_of(kind: Any) -> tuple[type, tuple[Any, ...]] | None:
    """The generic model and its arguments, of which a model is made as `Page[Order]`; None for any other."""
    metadata = vars(kind).get("__pydantic_generic_metadata__") or {}
    origin = metadata.get("origin")
    return (origin, tuple(metadata.get("args", ()))) if origin is not None else None


def is_meant(hint: Any, kind: Any) -> bool:
    """Whether pydantic's note of a generic model that was being made stands for a model: it is left in annotations."""
    noted = attribute_of(hint, "type_ref")
    if type(hint).__name__ != "PydanticRecursiveRef" or not isinstance(noted, str) or not is_model(kind):
        return False
    generic = generic_of(kind)
    if generic is None:
        return False
    # Of the model and of its arguments it has the identities.
    origin, arguments = generic
    inner = noted.partition("[")[2]
    return noted.startswith(f"{origin.__module__}.{origin.__qualname__}:{id(origin)}[") and all(
        str(id(each)) in inner for each in arguments
    )


def flaws_in(error: BaseException) -> Iterator[tuple[str, str]] | None:
    """What an error of pydantic says, each with the path of the field; None for any other error."""
    base = attribute_of(sys.modules.get("pydantic_core"), "ValidationError")
    if not is_a(base, type) or not isinstance(error, base):  # type: ignore[arg-type]  # just looked
        return None
    found: Any = error
    return _told(found.errors(include_url=False, include_context=False, include_input=False)[:_MOST_ERRORS])


def _told(errors: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for each in errors:
        first, *others = each["loc"] or ("",)
        # What is further inside may be a key of a dict, which is a value.
        inside = (f"[{part}]" if isinstance(part, int) else "[...]" for part in others)
        yield (f".{first}" if first else "") + "".join(inside), str(each["msg"])
