"""Lists, tuples and dicts of a value, as they are: whatever else has items is refused."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collector_mesh.app.contracts.types.scalars import wrong
from collector_mesh.domain.model.errors import is_a

_TEXTS = (str, bytes, bytearray, memoryview)


def as_items(value: Any, many: str) -> Iterable[Any]:
    """The items of a value that is annotated as a list, a tuple or a sequence.

    Raises:
        FlawError: it is something else.
    """
    if type(value) is list and many != "tuple":
        return value
    if is_a(value, tuple) and many != "list":
        return tuple.__iter__(value)
    if is_a(value, list) and many != "tuple":
        return list.__iter__(value)
    if many == "sequence" and isinstance(value, Sequence) and not is_a(value, *_TEXTS):
        return [value[at] for at in range(len(value))]
    raise wrong(value, many)


def as_dict(value: Any) -> Mapping[Any, Any]:
    """A value that is annotated as a dict.

    Raises:
        FlawError: it is something else.
    """
    if is_a(value, dict):
        return value if type(value) is dict else dict(dict.items(value))
    if isinstance(value, Mapping) and not is_a(value, type):
        return {key: value[key] for key in value}
    raise wrong(value, "dict")
