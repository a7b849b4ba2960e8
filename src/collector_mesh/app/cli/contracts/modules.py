"""The contracts of the modules that a user names."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.objects import imported, is_module_name
from collector_mesh.app.contracts.errors import ContractError, LockFileError
from collector_mesh.app.contracts.locks.contracts import contracts_of, lockable
from collector_mesh.app.contracts.locks.states import Lockable
from collector_mesh.app.services.lifespan import reason_of

T = TypeVar("T")


def module_of(name: str) -> ModuleType:
    """A module that a user names. What it prints goes to stderr, since stdout is for what the command writes.

    Raises:
        CommandError: it is no name of a module, or it cannot be imported.
    """
    # `shop_api.py` could be the module `py` of a package.
    if not is_module_name(name) or (name.endswith(".py") and Path(name).is_file()):
        raise CommandError(f"MODULE must be the name of a module, as shop.api, got {name!r}{_advice(name)}")
    with redirect_stdout(sys.stderr):
        return imported(name, name)


def _advice(name: str) -> str:
    module, colon, _ = name.partition(":")
    if colon and is_module_name(module):
        return f": give {module}, as all contracts of a module are locked together"
    path = Path(name)
    parts = (*path.parts[:-1], path.stem)
    is_path = path.suffix == ".py" and all(part.isidentifier() for part in parts)
    return f": give {'.'.join(parts)}" if is_path else ""


def lockables(name: str) -> list[Lockable]:
    """The contracts that a module defines.

    Raises:
        CommandError: it cannot be imported, or defines none.
    """
    module = module_of(name)
    found = contracts_of(module)
    if not found:
        raise CommandError(f"{name} defines no contracts{_elsewhere(module)}")
    return [used(partial(lockable, kind)) for kind in found]


def _elsewhere(module: ModuleType) -> str:
    """Where the contracts are defined that a module only imports."""
    names = sorted({kind.__module__ for kind in contracts_of(module, defined=False)})
    return f"; those in it are from {', '.join(names)}" if names else ""


def used(use: Callable[[], T]) -> T:
    """What comes of a contract.

    Raises:
        CommandError: it cannot be used, or its lock file cannot.
    """
    try:
        return use()
    except LockFileError as error:
        # The command was right.
        raise CommandError(str(error), EXIT_FAILED) from error
    except ContractError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # SystemExit too: an annotation, or a class that it names, may do anything.
        raise CommandError(f"a contract cannot be used: {reason_of(error)}") from error
