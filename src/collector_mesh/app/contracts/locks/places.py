"""Where the lock file of a module is, and what is in it."""

import stat
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from collector_mesh.app.contracts.errors import LockFileError
from collector_mesh.app.contracts.locks.lock import MAX_LOCK_BYTES
from collector_mesh.domain.model.errors import attribute_of, clipped, text_of

SUFFIX = ".lock.json"


def path_of(module_name: str, given: str = "") -> str:
    """The path of the lock file of a module, empty for a module that is in no file.

    It stands beside the module: `shop_api.py` has `shop_api.lock.json`, a package `__init__.lock.json`.

    Args:
        module_name: as it was imported.
        given: the path that the contract names, from the folder of the module; empty if it names none.

    Raises:
        LockFileError: the contract names one, and its module is in no file.
    """
    file = attribute_of(sys.modules.get(module_name), "__file__")
    if type(file) is not str or not file:
        if given:
            raise LockFileError(
                f"lock={given!r}: the module {module_name} is in no file, so the path leads nowhere"
            )
        return ""
    own = Path(file)
    return str(own.parent / given) if given else str(own.with_name(own.name.partition(".")[0] + SUFFIX))


def data_at(path: str, module_name: str) -> bytes | None:
    """What is in a lock file, None if there is none.

    A module in an archive is asked for the files beside it.

    Args:
        path: of the lock file.
        module_name: of the module that it belongs to.

    Raises:
        LockFileError: it is there and cannot be read.
    """
    try:
        state = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return _in_archive(path, sys.modules.get(module_name))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(state.st_mode):
        raise LockFileError(f"{path} is no file: the lock file of {module_name} has its place there")
    try:
        with Path(path).open("rb") as stream:
            # One more than may be there tells whether there is too much.
            return stream.read(MAX_LOCK_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error


def _in_archive(path: str, module: ModuleType | None) -> bytes | None:
    loader: Any = attribute_of(attribute_of(module, "__spec__"), "loader")
    get_data = attribute_of(loader, "get_data")
    if not callable(get_data):
        return None
    try:
        data: bytes = get_data(path)
    except (FileNotFoundError, NotADirectoryError, KeyError):
        return None
    except OSError as error:
        # So says zipimport that a file is not in the archive.
        if not error.errno:
            return None
        raise _unreadable(path, error) from error
    return data


def _unreadable(path: str, error: Exception) -> LockFileError:
    return LockFileError(f"{path} cannot be read: {clipped(text_of(error))}")


def importable_name(module_name: str) -> str:
    """The name under which a command can import a module, also one that is run as a program."""
    if module_name != "__main__":
        return module_name
    module = sys.modules.get(module_name)
    name = attribute_of(attribute_of(module, "__spec__"), "name")
    if type(name) is str:
        return name.removesuffix(".__main__")
    file = attribute_of(module, "__file__")
    return Path(file).stem if type(file) is str else module_name
