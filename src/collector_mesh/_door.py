"""How the public doors resolve their names: on first use, so that nobody pays for what is not used."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def door(module: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and the `__dir__` of a module that holds names and no code.

    Args:
        module: the name of the module.
        homes: its public names, each with the module that it comes from.
    """

    def resolve(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[module], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[module]), *homes})

    return resolve, names
