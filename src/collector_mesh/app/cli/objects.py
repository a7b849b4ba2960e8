"""Objects that a user names as MODULE:OBJECT."""

import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from collector_mesh.app.cli.errors import CommandError
from collector_mesh.domain.model.errors import shown


def load(reference: str, *, option: str) -> Any:
    """Import an object; the current directory is importable.

    Args:
        reference: MODULE:OBJECT, where OBJECT may have dots.
        option: what the user has given it as, for the error.

    Raises:
        CommandError: there is no such module or object, or the module cannot be imported.
    """
    module_name, colon, path = reference.partition(":")
    if not colon or not is_module_name(module_name) or not is_module_name(path):
        raise CommandError(f"{option} must be MODULE:OBJECT, got {reference!r}")
    found: Any = imported(module_name, f"{option} {reference}")
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise CommandError(f"{option} {reference}: {module_name} has no {path}") from error
        except Exception as error:
            why = f"{type(error).__name__}: {shown(error)}"
            raise CommandError(f"{option} {reference}: cannot get {path}: {why}") from error
    return found


def is_module_name(name: str) -> bool:
    """Whether a text can be the name of a module."""
    return all(map(str.isidentifier, name.split(".")))


def imported(module_name: str, where: str) -> ModuleType:
    """Import a module; the current directory is importable.

    Args:
        module_name: its full name.
        where: what the user has named it in, for the error.

    Raises:
        CommandError: there is no such module, or it cannot be imported.
    """
    # The current directory may be gone.
    with suppress(OSError):
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
    try:
        return import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module_name.partition(".")[0]
        why = "there is no such module" if missing else f"{type(error).__name__}: {shown(error)}"
        raise CommandError(f"{where}: cannot import {module_name}: {why}") from error
