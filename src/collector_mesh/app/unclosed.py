"""Tells of what was started and is gone, or ends with the program, without having been stopped."""

import os
import warnings
import weakref

from collector_mesh.app.outside import outside


class Unclosed:
    """Warns where something that was started is never stopped. It does not keep it alive.

    The warning names the line of the program that has started it. A process that was forked from the one that has started
    it has nothing to stop, and is not warned.

    Args:
        owner: what was started.
        what: its name in the warning.
    """

    __slots__ = ("_finalizer",)

    def __init__(self, owner: object, what: str) -> None:
        starter = outside()
        where = starter.f_code.co_filename, starter.f_lineno
        self._finalizer = weakref.finalize(owner, _warn, what, os.getpid(), *where)

    def settle(self) -> None:
        """It is being stopped."""
        self._finalizer.detach()


def _warn(what: str, process: int, file: str, line: int) -> None:
    if os.getpid() == process:
        text = f"{what} was started and never stopped: leave its 'with', or stop or close it"
        warnings.warn_explicit(text, ResourceWarning, file, line)
